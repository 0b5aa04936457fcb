export const KINDS = ['provider', 'api', 'mcp', 'environment_variable'] as const;
