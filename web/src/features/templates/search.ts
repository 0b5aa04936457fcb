export const CATEGORIES = ['vision', 'documents', 'writing', 'agents', 'workflows'] as const;

export interface TemplatesFilter {
  keyword?: string;
  category?: (typeof CATEGORIES)[number];
}
