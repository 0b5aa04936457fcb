import type { Translation } from '../translation';

export const secrets: Translation['secrets'] = {
  title: '机密信息',
  text: '本工作区的供应商、工具和工作流所持有的凭据。它们已加密封存：任何人都无法读回原值，只能在使用它的地方替换。',
  kind: '类型',
  kind_provider: '模型供应商',
  kind_api: 'OpenAPI 工具',
  kind_mcp: 'MCP 服务器',
  kind_environment_variable: '环境变量',
  kinds_provider: '模型供应商',
  kinds_api: 'OpenAPI 工具',
  kinds_mcp: 'MCP 服务器',
  kinds_environment_variable: '环境变量',
  place_provider: '模型供应商',
  place_api: '工具',
  place_mcp: '工具',
  changed: '{{ago}}更改',
  appChanged: '应用{{ago}}更改',
  since: '创建于 {{date}}',
  unreadable: '由其他密钥封存，请重新填写',
  empty: '还没有机密信息',
  emptyText: '供应商和工具的密钥，以及机密类型的环境变量，会列在这里。',
  noneOfKind: '没有此类机密',
  instanceKey:
    '服务器用实例密钥封存它们：数据目录中的 <code>instance.key</code>，或 <code>ASHLAR_INSTANCE_KEY</code> 设定的值。备份中若没有它，便无法解开这些机密，只能重新填写。',
};
