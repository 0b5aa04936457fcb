// Which variables a node reads: `graph::references` of the server, as a walk that can also put others in their place.
import { type Data, type Selector, text } from './types';

/** `{{#node.variable#}}`, with the path as group 1. */
const TEMPLATE = /\{\{#([A-Za-z0-9_]{1,50}(?:\.[A-Za-z_][A-Za-z0-9_]{0,29}){1,10})#\}\}/g;

export interface Reference {
  selector: Selector;
  /** Path inside the node's data. */
  field: string;
}

/** What a node reads, in the data's order, as often as it does. */
export function referencesOf(data: Data): Reference[] {
  const found: Reference[] = [];
  mapReferences(data, (selector, field) => {
    found.push({ selector, field });
    return selector;
  });
  return found;
}

type Change = (selector: Selector, field: string) => Selector;

/** The data with other variables in the place of those it reads; the same object where nothing changes. */
export function mapReferences(data: Data, change: Change): Data {
  let next = data;
  for (const key of usedKeys(data)) {
    if (!(key in data)) continue;
    const value = walk(key, data[key], key, change);
    if (value !== data[key]) next = { ...next, [key]: value };
  }
  return next;
}

function usedKeys(data: Data): string[] {
  switch (text(data.type)) {
    case 'end':
      return ['outputs'];
    case 'answer':
      return ['answer'];
    case 'llm':
      return ['model', 'prompt_template', 'prompt_config', 'context', 'vision', 'memory'];
    case 'knowledge-retrieval':
      return ['query_variable_selector', 'query_attachment_selector', 'metadata_filtering_conditions'];
    case 'question-classifier':
      return ['query_variable_selector', 'model', 'classes', 'instruction', 'instructions', 'memory', 'vision'];
    case 'parameter-extractor':
      return ['query', 'model', 'instruction', 'memory', 'vision'];
    case 'if-else':
      return Array.isArray(data.cases) ? ['cases'] : ['conditions'];
    case 'code':
    case 'template-transform':
      return ['variables'];
    case 'http-request':
      return ['url', 'authorization', 'headers', 'params', 'body'];
    case 'tool':
      return ['tool_configurations', 'tool_parameters'];
    case 'agent':
      return ['agent_parameters', 'memory'];
    case 'variable-aggregator':
    case 'variable-assigner':
      return (data.advanced_settings as Data | null | undefined)?.group_enabled === true
        ? ['advanced_settings']
        : ['variables'];
    case 'assigner':
      return ['assigned_variable_selector', 'input_variable_selector', 'items'];
    case 'iteration':
      return ['iterator_selector', 'output_selector'];
    case 'loop':
      return ['loop_variables', 'break_conditions'];
    case 'document-extractor':
      return ['variable_selector'];
    case 'list-operator':
      return ['variable', 'filter_by', 'extract_by'];
    case 'human-input':
      return ['form_content', 'inputs', 'delivery_methods'];
    default:
      return [];
  }
}

const VALUE_KINDS = ['type', 'value_type', 'input_type'];
const UNUSED = new Set(['jinja2_text', 'schemas', 'paramSchemas', 'params_schema']);

function walk(key: string, value: unknown, path: string, change: Change): unknown {
  if (typeof value === 'string') return mapTemplate(value, path, change);
  if (Array.isArray(value)) {
    if (namesVariable(key) && isSelector(value)) return mapSelector(value, path, change);
    let next = value;
    value.forEach((item, i) => {
      const changed = walk(key, item, `${path}[${i}]`, change);
      if (changed !== item) {
        if (next === value) next = [...value];
        next[i] = changed;
      }
    });
    return next;
  }
  if (typeof value !== 'object' || value === null) return value;
  const map = value as Data;
  if (map.enabled === false || map.type === 'no-auth') return value;
  const isVariable = VALUE_KINDS.some((kind) => map[kind] === 'variable');
  const isJinja = map.edition_type === 'jinja2';
  let next = map;
  for (const [name, inner] of Object.entries(map)) {
    if (UNUSED.has(name) || (isJinja && name === 'text')) continue;
    const at = `${path}.${name}`;
    const changed =
      isVariable && name === 'value' && isSelector(inner)
        ? mapSelector(inner, at, change)
        : walk(name, inner, at, change);
    if (changed !== inner) next = { ...next, [name]: changed };
  }
  return next;
}

const namesVariable = (key: string) =>
  key.endsWith('selector') || key === 'variable' || key === 'variables' || key === 'query' || key === 'file';

const isSelector = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length >= 2 && value.every((part) => typeof part === 'string');

function mapSelector(value: string[], path: string, change: Change): Selector {
  const next = change(value, path);
  return next === value ? value : [...next];
}

function mapTemplate(value: string, path: string, change: Change): string {
  if (!value.includes('{{#')) return value;
  return value.replace(TEMPLATE, (whole, inner: string) => {
    const selector = inner.split('.');
    const next = change(selector, path);
    return next === selector ? whole : template(next);
  });
}

export const template = (selector: Selector): string => `{{#${selector.join('.')}#}}`;
