// Which variables a node gives, as far as its data tells: `graph::outputs` of the server, with what lies inside of objects.
import { type Data, list, record, records, text } from './types';

export interface Variable {
  name: string;
  /** As the DSL writes it: `string`, `array[object]`, …; `any` where the data does not tell. */
  type: string;
  children?: Variable[];
}

export const FILE_ATTRIBUTES: Variable[] = [
  { name: 'name', type: 'string' },
  { name: 'type', type: 'string' },
  { name: 'size', type: 'number' },
  { name: 'mime_type', type: 'string' },
  { name: 'extension', type: 'string' },
  { name: 'transfer_method', type: 'string' },
  { name: 'url', type: 'string' },
  { name: 'related_id', type: 'string' },
];

const v = (name: string, type: string, children?: Variable[]): Variable => ({
  name,
  type,
  ...(children ? { children } : type === 'file' ? { children: FILE_ATTRIBUTES } : {}),
});

export interface Outputs {
  variables: Variable[];
  /** There may be more than these. */
  isOpen: boolean;
}

export function outputsOf(data: Data): Outputs {
  const type = text(data.type);
  const given = ofType(type, data);
  const strategy = text(data.error_strategy);
  if (strategy && strategy !== 'none') given.variables.push(v('error_message', 'string'), v('error_type', 'string'));
  return given;
}

function ofType(type: string, data: Data): Outputs {
  const closed = (...variables: Variable[]): Outputs => ({ variables, isOpen: false });
  switch (type) {
    case 'start':
      return closed(
        ...records(data.variables)
          .filter((field) => text(field.variable))
          .map((field) => v(text(field.variable), fieldType(text(field.type)), schemaChildren(field.json_schema))),
      );
    case 'trigger-webhook':
      return closed(
        ...records(data.headers).map((one) => v(text(one.name).replaceAll('-', '_'), typeName(one.type))),
        ...[...records(data.params), ...records(data.body)].map((one) => v(text(one.name), typeName(one.type))),
        v('_webhook_raw', 'object'),
      );
    case 'end':
      return closed(...records(data.outputs).map((one) => v(text(one.variable), typeName(one.value_type))));
    case 'answer':
      return closed(v('answer', 'string'), v('files', 'array[file]'));
    case 'llm': {
      const structured = data.structured_output_switch_on === true || data.structured_output_enabled === true;
      return closed(
        v('text', 'string'),
        v('reasoning_content', 'string'),
        v('usage', 'object'),
        v('finish_reason', 'string'),
        v('files', 'array[file]'),
        ...(structured
          ? [v('structured_output', 'object', schemaChildren(record(data.structured_output).schema))]
          : []),
      );
    }
    case 'knowledge-retrieval':
      return closed(v('result', 'array[object]'));
    case 'question-classifier':
      return closed(
        v('class_name', 'string'),
        v('class_label', 'string'),
        v('class_id', 'string'),
        v('usage', 'object'),
      );
    case 'if-else':
      return closed(v('result', 'boolean'), v('selected_case_id', 'string'));
    case 'code':
      return typeof data.outputs === 'object' && data.outputs !== null
        ? closed(...declared(record(data.outputs)))
        : { variables: [], isOpen: true };
    case 'template-transform':
      return closed(v('output', 'string'));
    case 'http-request':
      return closed(v('status_code', 'number'), v('body', 'string'), v('headers', 'object'), v('files', 'array[file]'));
    case 'tool':
      return {
        isOpen: true,
        variables: [
          v('text', 'string'),
          v('files', 'array[file]'),
          v('json', 'array[object]'),
          ...Object.entries(record(record(data.output_schema).properties)).map(([name, schema]) =>
            ofSchema(name, schema),
          ),
        ],
      };
    case 'agent':
      return {
        isOpen: true,
        variables: [v('text', 'string'), v('files', 'array[file]'), v('json', 'array[object]'), v('usage', 'object')],
      };
    case 'variable-aggregator':
    case 'variable-assigner': {
      const settings = record(data.advanced_settings);
      if (settings.group_enabled !== true) return closed(v('output', typeName(data.output_type)));
      return closed(
        ...records(settings.groups).map((group) =>
          v(text(group.group_name), 'object', [v('output', typeName(group.output_type))]),
        ),
      );
    }
    case 'iteration':
      return closed(v('output', typeName(data.output_type)));
    case 'loop':
      return closed(
        ...records(data.loop_variables).map((one) => v(text(one.label), typeName(one.var_type))),
        v('loop_round', 'number'),
      );
    case 'parameter-extractor':
      return closed(
        ...records(data.parameters).map((one) => v(text(one.name), typeName(one.type))),
        v('__is_success', 'number'),
        v('__reason', 'string'),
        v('__usage', 'object'),
      );
    case 'document-extractor':
      return closed(v('text', data.is_array_file === true ? 'array[string]' : 'string'));
    case 'list-operator':
      return closed(
        v('result', typeName(data.var_type)),
        v('first_record', typeName(data.item_var_type)),
        v('last_record', typeName(data.item_var_type)),
      );
    case 'human-input':
      return closed(
        ...records(data.inputs).map((input) =>
          v(
            text(input.output_variable_name),
            input.type === 'file' ? 'file' : input.type === 'file-list' ? 'array[file]' : 'string',
          ),
        ),
        v('__action_id', 'string'),
        v('__action_value', 'string'),
        v('__rendered_content', 'string'),
      );
    case 'assigner':
    case 'loop-end':
    case 'iteration-start':
    case 'loop-start':
    case 'trigger-schedule':
      return closed();
    default:
      return { variables: [], isOpen: true };
  }
}

/** What a container gives to the nodes inside of it. */
export function innerOutputsOf(data: Data, itemType: string): Variable[] {
  if (data.type === 'iteration') return [v('item', itemType), v('index', 'number')];
  return records(data.loop_variables).map((one) => v(text(one.label), typeName(one.var_type)));
}

/** Of what a list holds: `array[file]` → `file`. */
export const itemType = (type: string): string => /^array\[(.+)\]$/.exec(type)?.[1] ?? 'any';
export const arrayOf = (type: string): string => (type === 'any' ? 'array' : `array[${type}]`);

const FIELD_TYPES: Record<string, string> = {
  number: 'number',
  checkbox: 'boolean',
  file: 'file',
  'file-list': 'array[file]',
  json_object: 'object',
};
export const fieldType = (type: string): string => FIELD_TYPES[type] ?? 'string';

/** Files write types in any case. */
export function typeName(value: unknown): string {
  const type = text(value).toLowerCase();
  if (!type) return 'any';
  return type === 'bool' ? 'boolean' : type === 'select' || type === 'secret' ? 'string' : type;
}

function declared(outputs: Data): Variable[] {
  return Object.entries(outputs).map(([name, output]) => {
    const { type, children } = record(output);
    const inner = declared(record(children));
    return v(name, typeName(type), inner.length > 0 ? inner : undefined);
  });
}

/** The properties of a JSON Schema, or of its text. */
function schemaChildren(given: unknown): Variable[] | undefined {
  let schema = given;
  if (typeof given === 'string') {
    try {
      schema = JSON.parse(given);
    } catch {
      return undefined;
    }
  }
  const properties = Object.entries(record(record(schema).properties));
  return properties.length > 0 ? properties.map(([name, property]) => ofSchema(name, property)) : undefined;
}

function ofSchema(name: string, given: unknown): Variable {
  const schema = record(given);
  const type = text(schema.type) || text(list(schema.type).find((one) => one !== 'null'));
  if (type === 'integer') return v(name, 'number');
  if (type === 'array') {
    const item = text(record(schema.items).type);
    return v(name, item ? `array[${item === 'integer' ? 'number' : item}]` : 'array');
  }
  return v(name, type || 'any', schemaChildren(schema));
}
