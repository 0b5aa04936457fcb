import { describe, expect, it } from 'vitest';
import {
  fieldRules,
  fieldsOf,
  newField,
  parseConfig,
  referencedVariables,
  uploadRules,
  withAgent,
  withFields,
  withUpload,
} from './app-config';

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

  it('reads an agent and keeps what it does not know of its tools', () => {
    const tool = { enabled: true, provider_id: 'time', tool_name: 'weekday', credential_id: 'x' };
    const config = parseConfig({ agent_mode: { strategy: 'cot', max_iteration: 3, tools: [tool, 5], prompt: null } });
    expect(config.agent_mode).toMatchObject({ strategy: 'react', max_iteration: 3, prompt: null });
    expect(config.agent_mode.tools[0]).toMatchObject({ ...tool, provider_type: 'builtin', tool_parameters: {} });
    expect(parseConfig({}).agent_mode).toMatchObject({ strategy: 'function_call', max_iteration: 10, tools: [] });
    expect(withAgent(config, { max_iteration: 9 }).agent_mode).toMatchObject({ enabled: true, max_iteration: 9 });
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
      { external_data_tool: { label: 'Doc', variable: 'doc' } },
    ],
  });

  it('edits what it knows and leaves the rest in place', () => {
    const fields = fieldsOf(config);
    expect(fields).toHaveLength(1);
    const next = withFields(config, [...fields, newField('name')]);
    expect(next.user_input_form).toEqual([
      { select: { label: 'Tone', variable: 'tone', required: true, options: ['dry', 'warm'], hide: true } },
      { 'text-input': { label: 'name', variable: 'name', required: true, max_length: 256 } },
      { external_data_tool: { label: 'Doc', variable: 'doc' } },
    ]);
  });

  it('finds the variables that are used', () => {
    const used = parseConfig({ pre_prompt: '{{a}} {{#context#}} {{b}} {{a}} {{ c }}', opening_statement: 'Hi {{d}}' });
    expect(referencedVariables(used)).toEqual(['a', 'b', 'd']);
  });
});

describe('upload settings', () => {
  it('are written where old and new readers look', () => {
    const { file_upload } = parseConfig({});
    const next = withUpload(
      file_upload,
      {
        enabled: true,
        allowed_file_types: ['image', 'video'],
        number_limits: 2,
        allowed_file_upload_methods: ['local_file'],
      },
      'low',
    );
    expect(next).toMatchObject({
      enabled: true,
      allowed_file_types: ['image', 'video'],
      allowed_file_upload_methods: ['local_file'],
      number_limits: 2,
      image: { enabled: true, detail: 'low', number_limits: 2, transfer_methods: ['local_file'] },
    });
    expect(withUpload(next, { allowed_file_types: ['document'] }).image.enabled).toBe(false);
  });

  it('of the older form allow pictures only', () => {
    const { file_upload } = parseConfig({
      file_upload: { image: { enabled: true, number_limits: 2, detail: 'low', transfer_methods: ['remote_url'] } },
    });
    expect(uploadRules(file_upload)).toEqual({ kinds: ['image'], extensions: [], methods: ['remote_url'], limit: 2 });
    expect(file_upload.image.detail).toBe('low');
  });

  it('of the newer form win, without kinds take every one, and can be off', () => {
    const both = { enabled: true, number_limits: 5, image: { enabled: true, number_limits: 2 } };
    expect(uploadRules(parseConfig({ file_upload: both }).file_upload)).toMatchObject({ kinds: [], limit: 5 });
    const custom = { enabled: true, allowed_file_types: ['custom', 'bogus'], allowed_file_extensions: ['.STEP'] };
    expect(uploadRules(parseConfig({ file_upload: custom }).file_upload)).toMatchObject({
      kinds: ['custom'],
      extensions: ['step'],
    });
    expect(uploadRules(parseConfig({}).file_upload)).toBeNull();
  });

  it('of file fields take one file, those of lists several', () => {
    const [one, many] = fieldsOf(
      parseConfig({
        user_input_form: [
          { file: { variable: 'a', allowed_file_types: ['document'] } },
          { 'file-list': { variable: 'b', max_length: 4, allowed_file_upload_methods: ['local_file'] } },
        ],
      }),
    );
    expect(one && fieldRules(one)).toEqual({
      kinds: ['document'],
      extensions: [],
      methods: ['local_file', 'remote_url'],
      limit: 1,
    });
    expect(many && fieldRules(many)).toMatchObject({ kinds: [], methods: ['local_file'], limit: 4 });
  });
});

describe('follow-up questions', () => {
  it('keep instructions and a model of their own, and nothing where there are none', () => {
    const of = (raw: object) => parseConfig({ suggested_questions_after_answer: raw }).suggested_questions_after_answer;
    expect(of({ enabled: true, prompt: null, model: null })).toEqual({ enabled: true });
    expect(of({ enabled: true, prompt: 'P', model: { provider: 'x', name: 'y', extra: 1 } })).toEqual({
      enabled: true,
      prompt: 'P',
      model: { provider: 'x', name: 'y', mode: 'chat', completion_params: {}, extra: 1 },
    });
  });
});
