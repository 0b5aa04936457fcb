import type { AppMode } from '@/lib/api/types';
import type { reference } from '@/lib/i18n/en/reference';
import type { Lang } from './examples';

type TextKey = keyof typeof reference;
type GroupKey = Extract<TextKey, `group_${string}`>;

export interface Endpoint {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below `/v1`; `{…}` stands for what an earlier answer gave. */
  path: string;
  text: TextKey;
  query?: Record<string, string>;
  body?: Record<string, unknown>;
  /** A form with a file in place of JSON. */
  upload?: boolean;
  /** The answer is a stream of events. */
  stream?: boolean;
}

export interface Group {
  title: GroupKey;
  endpoints: Endpoint[];
}

const USER = 'user-1';
const user = { user: USER };

/** Every endpoint that an app of this mode answers at, with the app's own inputs. */
export function endpointsOf(mode: AppMode, inputs: Record<string, unknown>, question: string): Group[] {
  const isChat = mode !== 'completion' && mode !== 'workflow';
  const runs: Endpoint[] = [
    { method: 'GET', path: '/workflows/run/{workflow_run_id}', text: 'runDetail' },
    { method: 'GET', path: '/workflow/{workflow_run_id}/events', text: 'runFollow', query: user, stream: true },
  ];
  const ask: Group = isChat
    ? {
        title: 'group_ask',
        endpoints: [
          {
            method: 'POST',
            path: '/chat-messages',
            text: 'chat',
            body: { inputs, query: question, response_mode: 'streaming', conversation_id: '', ...user },
            stream: true,
          },
          { method: 'POST', path: '/chat-messages/{task_id}/stop', text: 'stop', body: user },
          { method: 'GET', path: '/chat-messages/{task_id}/events', text: 'follow', query: user, stream: true },
          ...(mode === 'advanced-chat' ? runs : []),
        ],
      }
    : mode === 'completion'
      ? {
          title: 'group_ask',
          endpoints: [
            {
              method: 'POST',
              path: '/completion-messages',
              text: 'completion',
              body: { inputs, response_mode: 'streaming', ...user },
              stream: true,
            },
            { method: 'POST', path: '/completion-messages/{task_id}/stop', text: 'stop', body: user },
            { method: 'GET', path: '/completion-messages/{task_id}/events', text: 'follow', query: user, stream: true },
          ],
        }
      : {
          title: 'group_run',
          endpoints: [
            {
              method: 'POST',
              path: '/workflows/run',
              text: 'run',
              body: { inputs, response_mode: 'streaming', ...user },
              stream: true,
            },
            {
              method: 'POST',
              path: '/workflows/{workflow_id}/run',
              text: 'runVersion',
              body: { inputs, response_mode: 'blocking', ...user },
            },
            { method: 'POST', path: '/workflows/tasks/{task_id}/stop', text: 'stop', body: user },
            ...runs,
            { method: 'GET', path: '/workflows/logs', text: 'runLogs', query: { page: '1', limit: '20' } },
          ],
        };
  const conversations: Group = {
    title: 'group_conversations',
    endpoints: [
      { method: 'GET', path: '/conversations', text: 'conversations', query: { ...user, limit: '20' } },
      { method: 'DELETE', path: '/conversations/{conversation_id}', text: 'conversationDelete', body: user },
      {
        method: 'POST',
        path: '/conversations/{conversation_id}/name',
        text: 'conversationName',
        body: { name: '', auto_generate: true, ...user },
      },
      { method: 'GET', path: '/conversations/{conversation_id}/variables', text: 'variables', query: user },
      {
        method: 'PUT',
        path: '/conversations/{conversation_id}/variables/{variable_id}',
        text: 'variableUpdate',
        body: { value: 'new value', ...user },
      },
    ],
  };
  const messages: Group = {
    title: 'group_messages',
    endpoints: [
      ...(isChat
        ? ([
            {
              method: 'GET',
              path: '/messages',
              text: 'messages',
              query: { conversation_id: '{conversation_id}', ...user, limit: '20' },
            },
            { method: 'GET', path: '/messages/{message_id}/suggested', text: 'suggested', query: user },
          ] satisfies Endpoint[])
        : []),
      {
        method: 'POST',
        path: '/messages/{message_id}/feedbacks',
        text: 'feedback',
        body: { rating: 'like', content: 'Just right', ...user },
      },
      { method: 'GET', path: '/app/feedbacks', text: 'feedbacks', query: { page: '1', limit: '20' } },
    ],
  };
  const files: Group = {
    title: 'group_files',
    endpoints: [
      { method: 'POST', path: '/files/upload', text: 'upload', upload: true },
      { method: 'GET', path: '/files/{file_id}/preview', text: 'filePreview' },
    ],
  };
  const forms: Group = {
    title: 'group_forms',
    endpoints: [
      { method: 'GET', path: '/form/human_input/{form_token}', text: 'formGet' },
      {
        method: 'POST',
        path: '/form/human_input/{form_token}',
        text: 'formAnswer',
        body: { inputs: {}, action: 'approve', ...user },
      },
    ],
  };
  const content = { question, answer: 'At six.' };
  const annotations: Group = {
    title: 'group_annotations',
    endpoints: [
      { method: 'GET', path: '/apps/annotations', text: 'annotations', query: { page: '1', limit: '20' } },
      { method: 'POST', path: '/apps/annotations', text: 'annotationCreate', body: content },
      { method: 'PUT', path: '/apps/annotations/{annotation_id}', text: 'annotationUpdate', body: content },
      { method: 'DELETE', path: '/apps/annotations/{annotation_id}', text: 'annotationDelete' },
      {
        method: 'POST',
        path: '/apps/annotation-reply/enable',
        text: 'annotationReply',
        body: { score_threshold: 0.9, embedding_provider_name: '', embedding_model_name: '' },
      },
      { method: 'GET', path: '/apps/annotation-reply/enable/status/{job_id}', text: 'annotationReplyStatus' },
    ],
  };
  const app: Group = {
    title: 'group_app',
    endpoints: [
      { method: 'GET', path: '/parameters', text: 'parameters' },
      { method: 'GET', path: '/info', text: 'info' },
      { method: 'GET', path: '/meta', text: 'meta' },
      { method: 'GET', path: '/site', text: 'site' },
      { method: 'GET', path: '/end-users/{end_user_id}', text: 'endUser' },
    ],
  };
  const openai: Group = {
    title: 'group_openai',
    endpoints: [
      {
        method: 'POST',
        path: '/chat/completions',
        text: 'openai',
        body: { model: 'app', messages: [{ role: 'user', content: question }], stream: true },
        stream: true,
      },
    ],
  };
  return [
    ask,
    ...(isChat ? [conversations] : []),
    ...(mode === 'workflow' ? [] : [messages]),
    files,
    ...(mode === 'workflow' || mode === 'advanced-chat' ? [forms] : []),
    ...(isChat ? [annotations] : []),
    app,
    ...(mode === 'workflow' ? [] : [openai]),
  ];
}

const shellQuote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
/** JSON as each language writes it. */
const literal = {
  python: (value: unknown, indent: string) =>
    JSON.stringify(value, null, 4)
      .replace(/: true\b/g, ': True')
      .replace(/: false\b/g, ': False')
      .replace(/: null\b/g, ': None')
      .replace(/\n/g, `\n${indent}`),
  javascript: (value: unknown, indent: string) =>
    JSON.stringify(value, null, 2)
      .replace(/^(\s*)"([A-Za-z_]\w*)": /gm, '$1$2: ')
      .replace(/\n/g, `\n${indent}`),
};

/** A call of one endpoint that runs as it is, once the places in braces are filled. */
export function snippet(
  { method, path, query, body, upload, stream }: Endpoint,
  lang: Lang,
  origin: string,
  key: string,
) {
  const search = query
    ? `?${Object.entries(query)
        .map(([name, value]) => `${name}=${value}`)
        .join('&')}`
    : '';
  const url = `${origin}/v1${path}${search}`;
  if (lang === 'curl') {
    const lines = [
      `curl ${stream ? '-N ' : ''}${method === 'GET' ? '' : `-X ${method} `}${shellQuote(url)}`,
      `-H ${shellQuote(`Authorization: Bearer ${key}`)}`,
      ...(upload ? ["-F 'file=@picture.png'", `-F 'user=${USER}'`] : []),
      ...(body ? ["-H 'Content-Type: application/json'", `-d ${shellQuote(JSON.stringify(body, null, 2))}`] : []),
    ];
    return lines.join(' \\\n  ');
  }
  if (lang === 'python') {
    const args = [
      `"${url}"`,
      `headers={"Authorization": "Bearer ${key}"}`,
      ...(upload ? ['files={"file": open("picture.png", "rb")}', `data={"user": "${USER}"}`] : []),
      ...(body ? [`json=${literal.python(body, '    ')}`] : []),
      ...(stream ? ['stream=True'] : []),
    ];
    const read = stream
      ? 'for line in response.iter_lines():\n    print(line.decode())'
      : method === 'DELETE'
        ? 'print(response.status_code)'
        : path.endsWith('/preview')
          ? 'open("picture.png", "wb").write(response.content)'
          : 'print(response.json())';
    return `# pip install requests
import requests

response = requests.${method.toLowerCase()}(
    ${args.join(',\n    ')},
)
response.raise_for_status()
${read}`;
  }
  const isJson = Boolean(body);
  const head = upload
    ? `import { openAsBlob } from "node:fs";

const form = new FormData();
form.append("file", await openAsBlob("picture.png", { type: "image/png" }), "picture.png");
form.append("user", "${USER}");

`
    : '';
  const headers = isJson
    ? `{\n    Authorization: "Bearer ${key}",\n    "Content-Type": "application/json",\n  }`
    : `{ Authorization: "Bearer ${key}" }`;
  const options = [
    ...(method === 'GET' ? [] : [`method: "${method}"`]),
    `headers: ${headers}`,
    ...(upload ? ['body: form'] : []),
    ...(isJson ? [`body: JSON.stringify(${literal.javascript(body, '  ')})`] : []),
  ];
  const read = stream
    ? `for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
  process.stdout.write(chunk);
}`
    : method === 'DELETE'
      ? 'console.log(response.status);'
      : path.endsWith('/preview')
        ? 'const picture = await response.blob();\nconsole.log(picture.type, picture.size);'
        : 'console.log(await response.json());';
  return `${head}const response = await fetch("${url}", {
  ${options.join(',\n  ')},
});
${read}`;
}
