// The configuration of a chat or completion app: `model_config` of the DSL. What is unknown here is kept as it came.

import { bareExtension, FILE_KINDS, type FileKind, type FileRules, type TransferMethod } from './files';

export const FIELD_TYPES = [
  'text-input',
  'paragraph',
  'select',
  'number',
  'checkbox',
  'file',
  'file-list',
  'json_object',
] as const;
export type FieldType = (typeof FIELD_TYPES)[number];

/** One entry of the app's form. */
export interface FormField {
  type: FieldType;
  variable: string;
  label: string;
  required: boolean;
  /** Characters, or files of a list. */
  max_length?: number;
  options?: string[];
  default?: string | number | boolean | Record<string, unknown> | null;
  allowed_file_types?: FileKind[];
  allowed_file_extensions?: string[];
  allowed_file_upload_methods?: TransferMethod[];
  /** A JSON Schema that values of JSON fields fit, or its text. */
  json_schema?: unknown;
}

export interface CompletionParams {
  temperature?: number;
  top_p?: number;
  max_tokens?: number;
  presence_penalty?: number;
  frequency_penalty?: number;
  seed?: number;
  stop?: string[];
  [other: string]: unknown;
}

export interface ModelChoice {
  provider: string;
  name: string;
  mode: string;
  completion_params: CompletionParams;
}

/** The older form of upload settings, pictures only; kept equal to the newer one around it. */
interface ImageUpload {
  enabled: boolean;
  number_limits: number;
  detail: 'low' | 'high';
  transfer_methods: TransferMethod[];
}

export interface FileUpload extends Record<string, unknown> {
  enabled: boolean;
  /** Empty: every kind. */
  allowed_file_types: FileKind[];
  /** What `custom` stands for. */
  allowed_file_extensions: string[];
  allowed_file_upload_methods: TransferMethod[];
  number_limits: number;
  image: ImageUpload;
}

/** What is suggested after an answer: with instructions and a model of its own, or the server's and the app's. */
export interface FollowUps extends Record<string, unknown> {
  enabled: boolean;
  prompt?: string;
  model?: ModelChoice;
}

interface ModerationSide {
  enabled: boolean;
  preset_response: string;
}

interface Moderation {
  enabled: boolean;
  type: string;
  config: { keywords: string; inputs_config: ModerationSide; outputs_config: ModerationSide };
}

export interface PromptMessage {
  role: 'system' | 'user' | 'assistant';
  text: string;
}

export type AgentStrategy = 'function_call' | 'react';

export interface AgentTool {
  enabled: boolean;
  provider_type: string;
  provider_id: string;
  provider_name: string;
  tool_name: string;
  tool_label: string;
  tool_parameters: Record<string, unknown>;
}

interface AgentMode {
  strategy: AgentStrategy;
  max_iteration: number;
  tools: AgentTool[];
}

/** What chatflows and basic apps have in common: the settings beside prompt or graph. */
export interface FeatureConfig {
  opening_statement: string;
  suggested_questions: string[];
  suggested_questions_after_answer: FollowUps;
  sensitive_word_avoidance: Moderation;
  file_upload: FileUpload;
}

export interface AppConfig extends FeatureConfig {
  model: ModelChoice;
  pre_prompt: string;
  prompt_type: 'simple' | 'advanced';
  chat_prompt_config: { prompt: PromptMessage[] };
  completion_prompt_config: { prompt: { text: string } } & Record<string, unknown>;
  user_input_form: Record<string, unknown>[];
  memory: { window: { enabled: boolean; size: number } } & Record<string, unknown>;
  agent_mode: AgentMode & Record<string, unknown>;
  [other: string]: unknown;
}

type Raw = Record<string, unknown>;

const record = (value: unknown): Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : {};
const text = (value: unknown, otherwise = '') => (typeof value === 'string' ? value : otherwise);
const flag = (value: unknown) => value === true;
const number = (value: unknown, otherwise: number) =>
  typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

const kinds = (value: unknown) => list(value).filter((kind): kind is FileKind => FILE_KINDS.includes(kind as FileKind));
const methods = (value: unknown): TransferMethod[] => {
  const found = list(value).filter((m): m is TransferMethod => m === 'local_file' || m === 'remote_url');
  return found.length > 0 ? found : ['local_file', 'remote_url'];
};
const strings = (value: unknown) => list(value).filter((one): one is string => typeof one === 'string');

function parseModel(raw: unknown): ModelChoice {
  const model = record(raw);
  return {
    ...model,
    provider: text(model.provider, 'local'),
    name: text(model.name, 'default'),
    mode: text(model.mode, 'chat'),
    completion_params: record(model.completion_params) as CompletionParams,
  };
}

function parseUpload(raw: unknown): FileUpload {
  const upload = record(raw);
  const image = record(upload.image);
  // The older form allows pictures only; where both are there the newer one counts.
  const isNew = flag(upload.enabled);
  const enabled = isNew || flag(image.enabled);
  const types = isNew ? kinds(upload.allowed_file_types) : (['image'] satisfies FileKind[]);
  const limit = isNew
    ? number(upload.number_limits, number(image.number_limits, 3))
    : number(image.number_limits, number(upload.number_limits, 3));
  return withUpload({ ...upload, image: { ...image, detail: image.detail === 'low' ? 'low' : 'high' } } as FileUpload, {
    enabled,
    allowed_file_types: types,
    allowed_file_extensions: strings(upload.allowed_file_extensions),
    allowed_file_upload_methods: methods(isNew ? upload.allowed_file_upload_methods : image.transfer_methods),
    number_limits: limit,
  });
}

/** Writes upload settings where old and new readers look. */
export function withUpload(
  upload: FileUpload,
  patch: Partial<Omit<FileUpload, 'image'>>,
  detail?: 'low' | 'high',
): FileUpload {
  const next = { ...upload, ...patch } as FileUpload;
  return {
    ...next,
    image: {
      ...next.image,
      enabled: next.enabled && takesKind(next, 'image'),
      number_limits: next.number_limits,
      detail: detail ?? next.image.detail,
      transfer_methods: next.allowed_file_upload_methods,
    },
  };
}

export const takesKind = (upload: FileUpload, kind: FileKind) =>
  upload.allowed_file_types.length === 0 || upload.allowed_file_types.includes(kind);

/** What a message may carry; null when uploads are off. */
export const uploadRules = (upload: FileUpload): FileRules | null =>
  upload.enabled
    ? {
        kinds: upload.allowed_file_types,
        extensions: upload.allowed_file_extensions.map(bareExtension),
        methods: upload.allowed_file_upload_methods,
        limit: upload.number_limits,
      }
    : null;

/** What a file field takes. */
export const fieldRules = (field: FormField): FileRules => ({
  kinds: field.allowed_file_types ?? [],
  extensions: (field.allowed_file_extensions ?? []).map(bareExtension),
  methods: methods(field.allowed_file_upload_methods),
  limit: field.type === 'file-list' ? field.max_length || 10 : 1,
});

/** The settings beside prompt or graph; what is unknown in them is kept. */
export function parseFeatures(raw: Raw): FeatureConfig {
  const { prompt, model, ...followUps } = record(raw.suggested_questions_after_answer);
  const moderation = record(raw.sensitive_word_avoidance);
  const moderationConfig = record(moderation.config);
  const side = (value: unknown): ModerationSide => {
    const r = record(value);
    return { enabled: flag(r.enabled), preset_response: text(r.preset_response) };
  };
  return {
    opening_statement: text(raw.opening_statement),
    suggested_questions: strings(raw.suggested_questions),
    suggested_questions_after_answer: {
      ...followUps,
      enabled: flag(followUps.enabled),
      ...(text(prompt) ? { prompt: text(prompt) } : {}),
      ...(text(record(model).name) ? { model: parseModel(model) } : {}),
    },
    sensitive_word_avoidance: {
      ...moderation,
      enabled: flag(moderation.enabled),
      type: text(moderation.type) || 'keywords',
      config: {
        ...moderationConfig,
        keywords: text(moderationConfig.keywords),
        inputs_config: side(moderationConfig.inputs_config),
        outputs_config: side(moderationConfig.outputs_config),
      },
    },
    file_upload: parseUpload(raw.file_upload),
  };
}

export function parseConfig(raw: Raw): AppConfig {
  const memory = record(raw.memory);
  const window = record(memory.window);
  const chatPrompt = list(record(raw.chat_prompt_config).prompt).map((entry) => {
    const message = record(entry);
    const role = message.role === 'user' || message.role === 'assistant' ? message.role : 'system';
    return { role, text: text(message.text) } satisfies PromptMessage;
  });
  const completion = record(raw.completion_prompt_config);
  const agent = record(raw.agent_mode);
  const tools = list(agent.tools).map((entry): AgentTool => {
    const tool = record(entry);
    return {
      ...tool,
      enabled: tool.enabled !== false,
      provider_type: text(tool.provider_type, 'builtin'),
      provider_id: text(tool.provider_id),
      provider_name: text(tool.provider_name),
      tool_name: text(tool.tool_name),
      tool_label: text(tool.tool_label),
      tool_parameters: record(tool.tool_parameters),
    };
  });
  return {
    ...raw,
    ...parseFeatures(raw),
    model: parseModel(raw.model),
    pre_prompt: text(raw.pre_prompt),
    prompt_type: raw.prompt_type === 'advanced' ? 'advanced' : 'simple',
    chat_prompt_config: { ...record(raw.chat_prompt_config), prompt: chatPrompt },
    completion_prompt_config: {
      ...completion,
      prompt: { ...record(completion.prompt), text: text(record(completion.prompt).text) },
    },
    user_input_form: list(raw.user_input_form).map(record),
    memory: { ...memory, window: { ...window, enabled: flag(window.enabled), size: number(window.size, 10) } },
    agent_mode: {
      ...agent,
      strategy: ['react', 'cot', 'react_router'].includes(text(agent.strategy)) ? 'react' : 'function_call',
      max_iteration: number(agent.max_iteration, 10),
      tools,
    },
  };
}

/** The form's entries that this console can edit; others (external data) stay in the config untouched. */
export function fieldsOf(config: AppConfig): FormField[] {
  return config.user_input_form.flatMap((entry) => {
    const field = toField(entry);
    return field ? [field] : [];
  });
}

function toField(entry: Raw): FormField | null {
  const type = FIELD_TYPES.find((t) => t in entry);
  if (!type) return null;
  const body = record(entry[type]);
  return {
    ...body,
    type,
    variable: text(body.variable),
    label: text(body.label) || text(body.variable),
    required: flag(body.required),
    ...(typeof body.max_length === 'number' ? { max_length: body.max_length } : {}),
    ...(type === 'select' ? { options: strings(body.options) } : {}),
    ...(type === 'file' || type === 'file-list'
      ? {
          allowed_file_types: kinds(body.allowed_file_types),
          allowed_file_extensions: strings(body.allowed_file_extensions),
          allowed_file_upload_methods: methods(body.allowed_file_upload_methods),
        }
      : {}),
  };
}

export function withFields(config: AppConfig, fields: FormField[]): AppConfig {
  const others = config.user_input_form.filter((entry) => toField(entry) === null);
  const entries = fields.map(({ type, ...body }) => ({ [type]: body }));
  return { ...config, user_input_form: [...entries, ...others] };
}

export function withAgent(config: AppConfig, agent: Partial<AgentMode>): AppConfig {
  return { ...config, agent_mode: { ...config.agent_mode, enabled: true, ...agent } };
}

export const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,29}$/;
const REFERENCE = /\{\{([A-Za-z_][A-Za-z0-9_]{0,29})\}\}/g;

/** Names that the prompt uses, in order, once each. */
export function referencedVariables(config: AppConfig): string[] {
  const texts =
    config.prompt_type === 'advanced'
      ? [...config.chat_prompt_config.prompt.map((m) => m.text), config.completion_prompt_config.prompt.text]
      : [config.pre_prompt];
  const names = [...texts, config.opening_statement].flatMap((t) => [...t.matchAll(REFERENCE)].map((m) => m[1] ?? ''));
  return [...new Set(names)];
}

export function newField(variable: string): FormField {
  return { type: 'text-input', variable, label: variable, required: true, max_length: 256 };
}

/** What the form starts with. */
export function initialInputs(fields: FormField[]): Record<string, unknown> {
  return Object.fromEntries(
    fields.map((field) => {
      if (field.type === 'checkbox') return [field.variable, field.default === true || field.default === 'true'];
      if (field.type === 'file' || field.type === 'file-list') return [field.variable, []];
      return [field.variable, field.default ?? ''];
    }),
  );
}
