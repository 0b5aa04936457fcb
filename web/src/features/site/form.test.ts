import { describe, expect, it } from 'vitest';
import type { OpenedSite } from './api';
import { initialValues, inputsOfRow, problemsOf, readForm, wireInputs } from './form';

const site = (parameters: Record<string, unknown>) => ({ parameters }) as unknown as OpenedSite;

const FORM = readForm(
  site({
    opening_statement: 'Hi',
    user_input_form: [
      { 'text-input': { variable: 'name', label: 'Name', required: true } },
      { number: { variable: 'n', label: 'How many', default: 3 } },
      { checkbox: { variable: 'short', label: 'Short', default: 'true' } },
      { json_object: { variable: 'extra', label: 'Extra' } },
      {
        'file-list': {
          variable: 'docs',
          label: 'Documents',
          required: true,
          allowed_file_types: ['document'],
          max_length: 2,
        },
      },
    ],
    file_upload: { enabled: false, image: { enabled: true, number_limits: 2, transfer_methods: ['local_file'] } },
  }),
);

describe('the form of a published app', () => {
  it('is read from its parameters', () => {
    expect(FORM.fields.map((field) => [field.type, field.initial])).toEqual([
      ['text-input', ''],
      ['number', '3'],
      ['checkbox', true],
      ['json_object', ''],
      ['file-list', ''],
    ]);
    expect(FORM.files).toEqual({ kinds: ['image'], extensions: [], methods: ['local_file'], limit: 2 });
    expect(FORM.fields[4]?.files).toMatchObject({ kinds: ['document'], limit: 2 });
  });

  it('says what is missing or wrong', () => {
    const values = initialValues(FORM.fields);
    values.texts.extra = '[1]';
    values.texts.n = 'three';
    expect(problemsOf(FORM.fields, values)).toEqual({ name: 'required', n: 'number', extra: 'json', docs: 'required' });
    values.files.docs = [{ key: 1, name: 'a.pdf' }];
    expect(problemsOf(FORM.fields, values).docs).toBe('uploading');
  });

  it('sends numbers, objects and files as such', () => {
    const values = initialValues(FORM.fields);
    values.texts.name = 'Ada';
    values.texts.extra = '{"a": 1}';
    const sent = { type: 'document' as const, transfer_method: 'local_file' as const, upload_file_id: 'f' };
    values.files.docs = [
      { key: 1, name: 'a.pdf', sent },
      { key: 2, name: 'b.pdf', error: 'no' },
    ];
    expect(wireInputs(FORM.fields, values)).toEqual({ name: 'Ada', n: 3, short: true, extra: { a: 1 }, docs: [sent] });
  });

  it('takes lines of a table, by names or labels', () => {
    const { texts } = inputsOfRow(FORM.fields, ['Name', 'short', 'other'], ['Ada', 'no', 'x']);
    expect(texts).toMatchObject({ name: 'Ada', n: '3', short: false });
  });
});
