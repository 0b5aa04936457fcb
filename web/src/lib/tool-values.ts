// Between what people type into a tool's form and what the tool is called with.
import type { ToolParameter } from './api/types';

type Schema = Record<string, unknown>;

export type Kind = 'string' | 'number' | 'integer' | 'boolean' | 'json';

export function kindOf(schema: unknown): Kind {
  const types = [(schema as Schema | null)?.type].flat().filter((type) => type && type !== 'null');
  if (types.length !== 1) return types.length === 0 ? 'string' : 'json';
  const [type] = types;
  return type === 'string' || type === 'number' || type === 'integer' || type === 'boolean' ? type : 'json';
}

/** The fixed values that a parameter may have; null when it may have any. */
export function choicesOf(schema: unknown): string[] | null {
  const list = (schema as Schema | null)?.enum;
  return Array.isArray(list) ? list.map(String) : null;
}

const shown = (value: unknown) =>
  typeof value === 'object' && value !== null
    ? JSON.stringify(value)
    : typeof value === 'boolean'
      ? value
      : String(value);

/** What a form starts with: what was kept, else the schema's defaults. */
export function initialValues(
  parameters: ToolParameter[],
  kept: Record<string, unknown> = {},
): Record<string, unknown> {
  return Object.fromEntries(
    parameters.flatMap(({ name, schema }) => {
      const value = kept[name] ?? (schema as Schema).default;
      return value === undefined || value === null ? [] : [[name, shown(value)]];
    }),
  );
}

export type Problem = { name: string; problem: 'required' | 'number' | 'json' };

/** The values as the tool takes them, or what is wrong with them. Blank optional ones are left out. */
export function toArguments(
  parameters: ToolParameter[],
  values: Record<string, unknown>,
): { values: Record<string, unknown>; problems: Problem[] } {
  const out: Record<string, unknown> = {};
  const problems: Problem[] = [];
  for (const { name, label, required, schema } of parameters) {
    const value = values[name];
    const kind = kindOf(schema);
    if (kind === 'boolean') {
      if (value !== undefined) out[name] = value === true;
      continue;
    }
    const text = value === undefined || value === null ? '' : String(value);
    const shownName = label || name;
    if (text.trim() === '') {
      if (required) problems.push({ name: shownName, problem: 'required' });
    } else if (kind === 'number' || kind === 'integer') {
      const number = Number(text);
      if (Number.isFinite(number)) out[name] = number;
      else problems.push({ name: shownName, problem: 'number' });
    } else if (kind === 'json') {
      try {
        out[name] = JSON.parse(text);
      } catch {
        problems.push({ name: shownName, problem: 'json' });
      }
    } else out[name] = text;
  }
  return { values: out, problems };
}
