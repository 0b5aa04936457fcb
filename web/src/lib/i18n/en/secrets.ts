export const secrets = {
  title: 'Secrets',
  text: 'Credentials that providers, tools and workflows of this workspace hold. They are sealed: nobody can read a value back, only replace it where it is used.',
  kind: 'Kind',
  kind_provider: 'Model provider',
  kind_api: 'OpenAPI tools',
  kind_mcp: 'MCP server',
  kind_environment_variable: 'Environment variable',
  kinds_provider: 'Model providers',
  kinds_api: 'OpenAPI tools',
  kinds_mcp: 'MCP servers',
  kinds_environment_variable: 'Environment variables',
  place_provider: 'Model providers',
  place_api: 'Tools',
  place_mcp: 'Tools',
  changed: 'Changed {{ago}}',
  since: 'Since {{date}}',
  empty: 'No secrets yet',
  emptyText:
    'Keys of providers and tools, and environment variables of type secret, are listed here once there are any.',
  noneOfKind: 'None of this kind',
  instanceKey:
    'This server seals them with its instance key: <code>instance.key</code> in the data directory, or what <code>ASHLAR_INSTANCE_KEY</code> sets. A backup without it can’t open them: they would have to be entered again.',
} as const;
