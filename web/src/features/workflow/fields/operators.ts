// Which comparisons make sense for which type, in the words of the DSL.
export const UNARY: ReadonlySet<string> = new Set(['empty', 'not empty', 'null', 'not null', 'exists', 'not exists']);

const TEXT = ['contains', 'not contains', 'start with', 'end with', 'is', 'is not', 'empty', 'not empty'];
const NUMBER = ['=', '≠', '>', '<', '≥', '≤', 'empty', 'not empty'];
const LIST = ['contains', 'not contains', 'empty', 'not empty'];

export function operatorsOf(type: string): string[] {
  switch (type) {
    case 'string':
    case 'secret':
      return TEXT;
    case 'number':
      return NUMBER;
    case 'boolean':
      return ['is', 'is not'];
    case 'file':
      return ['exists', 'not exists'];
    case 'array[file]':
      return ['contains', 'not contains', 'all of', 'empty', 'not empty'];
    case 'object':
      return ['empty', 'not empty'];
    case 'array':
    case 'array[string]':
    case 'array[number]':
    case 'array[boolean]':
    case 'array[object]':
      return LIST;
    default:
      return [...TEXT, ...NUMBER.slice(0, 6), 'null', 'not null'];
  }
}

/** Of an attribute of files. */
export function attributeOperators(attribute: string): string[] {
  if (attribute === 'size') return ['=', '≠', '>', '<', '≥', '≤'];
  if (attribute === 'type' || attribute === 'transfer_method') return ['in', 'not in'];
  return TEXT;
}

/** What an attribute of files may be; none: any text. */
export const ATTRIBUTE_VALUES: Record<string, readonly string[]> = {
  type: ['image', 'document', 'audio', 'video', 'custom'],
  transfer_method: ['local_file', 'remote_url'],
};
