// Files among the values of workflows, in Dify's shape.

export interface FileValue {
  dify_model_identity: '__dify__file__';
  type?: string;
  url?: string | null;
  remote_url?: string | null;
  filename?: string | null;
}

const isFile = (value: unknown): value is FileValue =>
  (value as Partial<FileValue> | null | undefined)?.dify_model_identity === '__dify__file__';

/** A file, or a list of nothing else. */
export const isFiles = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 && value.every(isFile) : isFile(value);

/** The files in a value, however deep. */
export function filesIn(value: unknown, depth = 0): FileValue[] {
  if (depth > 4 || typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.slice(0, 50).flatMap((item) => filesIn(item, depth + 1));
  if (isFile(value)) return [value];
  return Object.values(value).flatMap((item) => filesIn(item, depth + 1));
}
