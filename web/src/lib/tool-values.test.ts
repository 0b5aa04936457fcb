import { expect, it } from 'vitest';
import type { ToolParameter } from './api/types';
import { choicesOf, initialValues, kindOf, toArguments } from './tool-values';

const parameter = (name: string, schema: object, required = false): ToolParameter => ({
  name,
  label: name.toUpperCase(),
  description: '',
  required,
  form: 'llm',
  schema: schema as ToolParameter['schema'],
});

const PARAMETERS = [
  parameter('text', { type: 'string', default: 'hi' }, true),
  parameter('count', { type: 'integer' }),
  parameter('deep', { type: 'boolean', default: true }),
  parameter('filter', { type: ['object', 'null'] }),
  parameter('unit', { enum: ['a', 1] }),
];

it('knows what kind of field a schema wants', () => {
  expect(PARAMETERS.map((p) => kindOf(p.schema))).toEqual(['string', 'integer', 'boolean', 'json', 'string']);
  expect(kindOf({ type: ['string', 'number'] })).toBe('json');
  expect([choicesOf({ enum: ['a', 1] }), choicesOf({})]).toEqual([['a', '1'], null]);
});

it('starts with what was kept, then with defaults', () => {
  expect(initialValues(PARAMETERS)).toEqual({ text: 'hi', deep: true });
  expect(initialValues(PARAMETERS, { text: 'kept', filter: { a: 1 }, deep: false })).toEqual({
    text: 'kept',
    filter: '{"a":1}',
    deep: false,
  });
});

it('gives arguments of the right types, and names what is wrong', () => {
  expect(toArguments(PARAMETERS, { text: ' x ', count: '3', deep: true, filter: '{"a": [1]}', unit: '' })).toEqual({
    values: { text: ' x ', count: 3, deep: true, filter: { a: [1] } },
    problems: [],
  });
  expect(toArguments(PARAMETERS, { text: ' ', count: 'x', filter: '{' }).problems).toEqual([
    { name: 'TEXT', problem: 'required' },
    { name: 'COUNT', problem: 'number' },
    { name: 'FILTER', problem: 'json' },
  ]);
});
