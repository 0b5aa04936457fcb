// The text of a note. Files keep it as the state of a rich text editor (Lexical); here it is plain text.
import { list, record, text } from './types';

export function noteText(kept: unknown): string {
  const source = text(kept);
  if (!source.trimStart().startsWith('{')) return source;
  try {
    return list(record(record(JSON.parse(source)).root).children)
      .map(lines)
      .join('\n')
      .trimEnd();
  } catch {
    return source;
  }
}

function lines(value: unknown): string {
  const node = record(value);
  if (node.type === 'linebreak') return '\n';
  if (typeof node.text === 'string') return node.text;
  const inner = list(node.children).map(lines);
  return node.type === 'list' ? inner.map((line) => `• ${line}`).join('\n') : inner.join('');
}

/** Plain text as the rich text editor of other consoles reads it: a paragraph for each line. */
export function keptNote(plain: string): string {
  const paragraph = (line: string) => ({
    children: line ? [{ detail: 0, format: 0, mode: 'normal', style: '', text: line, type: 'text', version: 1 }] : [],
    direction: 'ltr',
    format: '',
    indent: 0,
    type: 'paragraph',
    version: 1,
    textFormat: 0,
  });
  const root = {
    children: plain.split('\n').map(paragraph),
    direction: 'ltr',
    format: '',
    indent: 0,
    type: 'root',
    version: 1,
  };
  return JSON.stringify({ root });
}
