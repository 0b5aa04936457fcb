import type { Described } from '../translation';

const json = { label: 'JSON', description: 'JSON 文档。' };
const ascii = { label: '仅 ASCII', description: '将其他字符写成 \\u 转义形式。' };

/** What the server says in English about the tools that come with it: by provider, tool and parameter. */
export const builtinTools: Described = {
  time: {
    label: '时间',
    description: '当前时间、时区、时间戳和星期。',
    current_time: {
      label: '当前时间',
      description: '返回某个时区的当前日期和时间。',
      format: { label: '格式', description: '时间的写法，采用 strftime 记法，例如 %Y-%m-%d %H:%M:%S。' },
      timezone: { label: '时区', description: '时区名称，例如 Europe/Berlin。' },
    },
    timezone_conversion: {
      label: '时区转换',
      description: '将一个时区的本地时间转换为另一个时区的本地时间。',
      current_time: { label: '时间', description: '本地时间，例如 2024-01-31 15:30:00。' },
      current_timezone: { label: '原时区', description: '该时间所在的时区，例如 Asia/Shanghai。' },
      target_timezone: { label: '目标时区', description: '要转换到的时区，例如 Asia/Tokyo。' },
    },
    localtime_to_timestamp: {
      label: '本地时间转时间戳',
      description: '将本地时间转换为以秒为单位的 Unix 时间戳。',
      localtime: { label: '本地时间', description: '本地时间，例如 2024-01-31 15:30:00。' },
      timezone: { label: '时区', description: '该时间所在的时区，例如 Asia/Shanghai。' },
    },
    timestamp_to_localtime: {
      label: '时间戳转本地时间',
      description: '将以秒为单位的 Unix 时间戳转换为本地时间。',
      timestamp: { label: '时间戳', description: '自 UTC 1970-01-01 00:00:00 起的秒数。' },
      timezone: { label: '时区', description: '要转换到的时区，例如 Asia/Shanghai。' },
    },
    weekday: {
      label: '星期几',
      description: '返回某个日期是星期几。',
      year: { label: '年', description: '年份，例如 2024。' },
      month: { label: '月', description: '月份，1 到 12。' },
      day: { label: '日', description: '当月的第几天，1 到 31。' },
    },
  },
  maths: {
    label: '数学',
    description: '计算数学表达式。',
    eval_expression: {
      label: '计算表达式',
      description: '计算数学表达式，例如 (1 + 2) * sqrt(16) ** 2。',
      expression: {
        label: '表达式',
        description: '数字、+ - * / // % **、括号，以及 sqrt、sin、log、round 等函数。',
      },
    },
  },
  webscraper: {
    label: '网页',
    description: '读取网页。',
    webscraper: {
      label: '读取网页',
      description: '读取 URL 指向的页面，并以 Markdown 返回正文。',
      url: { label: 'URL', description: '页面地址，以 https:// 或 http:// 开头。' },
      user_agent: { label: '用户代理', description: '向服务器声明的浏览器标识。' },
      generate_summary: { label: '仅摘要', description: '只返回页面自带的摘要。' },
    },
  },
  json_process: {
    label: 'JSON',
    description: '通过 JSON 路径读取和修改 JSON 文档。',
    parse: {
      label: '解析',
      description: '从 JSON 文档中取值。',
      content: json,
      json_filter: { label: 'JSON 路径', description: '取哪些值，例如 $.items[0].name。留空则取整个文档。' },
      ensure_ascii: ascii,
      output_full_parsed_json: { label: '同时返回 JSON', description: '除文本外，也以 JSON 返回这些值。' },
    },
    json_insert: {
      label: '插入',
      description: '向 JSON 路径匹配到的列表和对象中添加值，并替换匹配到的其他值。',
      content: json,
      query: { label: 'JSON 路径', description: '插入位置，例如 $.items。' },
      new_value: { label: '新值', description: '要添加的内容：JSON，否则视为文本。' },
      index: { label: '位置', description: '在列表中的位置；留空则加在末尾。' },
      create_path: { label: '创建路径', description: '是否创建文档中缺少的路径。' },
      ensure_ascii: ascii,
    },
    json_delete: {
      label: '删除',
      description: '删除 JSON 路径匹配到的内容。',
      content: json,
      query: { label: 'JSON 路径', description: '要删除的内容，例如 $.items[0]。' },
      ensure_ascii: ascii,
    },
    json_replace: {
      label: '替换',
      description: '替换 JSON 路径匹配到的内容：值、值中的文本或键。',
      content: json,
      query: { label: 'JSON 路径', description: '要替换的内容，例如 $.items[*].name。' },
      replace_pattern: { label: '被替换的文本', description: '值中要被替换的文本；仅在替换文本时使用。' },
      replace_value: { label: '替换为', description: '替换后的内容。' },
      replace_model: {
        label: '替换对象',
        description: 'pattern：值中的文本；key：键；value：整个值。',
      },
      value_decode: { label: '替换内容是 JSON', description: '替换整个值时，将替换内容按 JSON 读取。' },
      ensure_ascii: ascii,
    },
  },
  regex: {
    label: '正则表达式',
    description: '用正则表达式查找文本。',
    regex_extract: {
      label: '提取',
      description: '列出正则表达式在文本中的所有匹配；如有分组，则列出各分组。',
      content: { label: '文本', description: '要搜索的文本。' },
      expression: { label: '正则表达式', description: '要查找的内容，例如 (\\d+) items。' },
    },
  },
};
