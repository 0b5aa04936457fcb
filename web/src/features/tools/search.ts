export const TYPES = ['builtin', 'api', 'mcp', 'workflow'] as const;
export type Type = (typeof TYPES)[number];

export interface ToolsFilter {
  type?: Type;
  keyword?: string;
  /** The provider that is open. */
  open?: string;
}
