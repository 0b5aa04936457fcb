import { describe, expect, it } from 'vitest';
import { fieldsOf, newField, parseConfig, referencedVariables, withFields, withVision } from './app-config';

describe('parseConfig', () => {
  it('makes a whole config of nothing, with the server’s default model', () => {
    const config = parseConfig({});
    expect(config.model).toMatchObject({ provider: 'local', name: 'default', mode: 'chat' });
    expect(config.file_upload.image.enabled).toBe(false);
    expect(config.memory.window.enabled).toBe(false);
  });

  it('keeps what it does not know', () => {
    const raw = {
      dataset_configs: { top_k: 4 },
      model: { provider: 'openai', name: 'gpt', mode: 'chat', completion_params: { logit_bias: { 5: 1 } }, extra: 1 },
      file_upload: { enabled: true, fileUploadConfig: { x: 1 }, image: { enabled: true, number_limits: 2 } },
    };
    const config = parseConfig(raw);
    expect(config.dataset_configs).toEqual({ top_k: 4 });
    expect(config.model).toMatchObject({ extra: 1, completion_params: { logit_bias: { 5: 1 } } });
    expect(config.file_upload).toMatchObject({
      fileUploadConfig: { x: 1 },
      image: { enabled: true, number_limits: 2 },
    });
  });

  it('survives values of the wrong type', () => {
    const config = parseConfig({ model: 5, user_input_form: 'x', suggested_questions: [1, 'a'], pre_prompt: null });
    expect(config.user_input_form).toEqual([]);
    expect(config.suggested_questions).toEqual(['a']);
    expect(config.pre_prompt).toBe('');
  });
});

describe('the form', () => {
  const config = parseConfig({
    user_input_form: [
      { select: { label: 'Tone', variable: 'tone', required: true, options: ['dry', 'warm'], hide: true } },
      { file: { label: 'Doc', variable: 'doc' } },
    ],
  });

  it('edits what it knows and leaves the rest in place', () => {
    const fields = fieldsOf(config);
    expect(fields).toHaveLength(1);
    const next = withFields(config, [...fields, newField('name')]);
    expect(next.user_input_form).toEqual([
      { select: { label: 'Tone', variable: 'tone', required: true, options: ['dry', 'warm'], hide: true } },
      { 'text-input': { label: 'name', variable: 'name', required: true, max_length: 256 } },
      { file: { label: 'Doc', variable: 'doc' } },
    ]);
  });

  it('finds the variables that are used', () => {
    const used = parseConfig({ pre_prompt: '{{a}} {{#context#}} {{b}} {{a}} {{ c }}', opening_statement: 'Hi {{d}}' });
    expect(referencedVariables(used)).toEqual(['a', 'b', 'd']);
  });
});

it('writes vision where old and new readers look', () => {
  const config = withVision(parseConfig({}), {
    enabled: true,
    detail: 'low',
    number_limits: 2,
    transfer_methods: ['local_file'],
  });
  expect(config.file_upload).toMatchObject({
    enabled: true,
    allowed_file_types: ['image'],
    allowed_file_upload_methods: ['local_file'],
    number_limits: 2,
    image: { enabled: true, detail: 'low', number_limits: 2, transfer_methods: ['local_file'] },
  });
});
