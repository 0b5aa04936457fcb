// The configuration of a chat or completion app: `model_config` of the DSL. What is unknown here is kept as it came.

export const FIELD_TYPES = ['text-input', 'paragraph', 'select', 'number', 'checkbox'] as const;
export type FieldType = (typeof FIELD_TYPES)[number];

/** One entry of the app's form. */
export interface FormField {
  type: FieldType;
  variable: string;
  label: string;
  required: boolean;
  max_length?: number;
  options?: string[];
  default?: string | number | boolean | null;
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

export type TransferMethod = 'local_file' | 'remote_url';

export interface Vision {
  enabled: boolean;
  number_limits: number;
  detail: 'low' | 'high';
  transfer_methods: TransferMethod[];
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

export interface AppConfig {
  model: ModelChoice;
  pre_prompt: string;
  prompt_type: 'simple' | 'advanced';
  chat_prompt_config: { prompt: PromptMessage[] };
  completion_prompt_config: { prompt: { text: string } } & Record<string, unknown>;
  user_input_form: Record<string, unknown>[];
  opening_statement: string;
  suggested_questions: string[];
  suggested_questions_after_answer: { enabled: boolean } & Record<string, unknown>;
  sensitive_word_avoidance: Moderation;
  file_upload: { enabled: boolean; image: Vision } & Record<string, unknown>;
  memory: { window: { enabled: boolean; size: number } } & Record<string, unknown>;
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

export function parseConfig(raw: Raw): AppConfig {
  const model = record(raw.model);
  const upload = record(raw.file_upload);
  const image = record(upload.image);
  const moderation = record(raw.sensitive_word_avoidance);
  const moderationConfig = record(moderation.config);
  const side = (value: unknown): ModerationSide => {
    const r = record(value);
    return { enabled: flag(r.enabled), preset_response: text(r.preset_response) };
  };
  const memory = record(raw.memory);
  const window = record(memory.window);
  const chatPrompt = list(record(raw.chat_prompt_config).prompt).map((entry) => {
    const message = record(entry);
    const role = message.role === 'user' || message.role === 'assistant' ? message.role : 'system';
    return { role, text: text(message.text) } satisfies PromptMessage;
  });
  const completion = record(raw.completion_prompt_config);
  const methods = list(image.transfer_methods).filter(
    (m): m is TransferMethod => m === 'local_file' || m === 'remote_url',
  );
  return {
    ...raw,
    model: {
      ...model,
      provider: text(model.provider, 'local'),
      name: text(model.name, 'default'),
      mode: text(model.mode, 'chat'),
      completion_params: record(model.completion_params) as CompletionParams,
    },
    pre_prompt: text(raw.pre_prompt),
    prompt_type: raw.prompt_type === 'advanced' ? 'advanced' : 'simple',
    chat_prompt_config: { ...record(raw.chat_prompt_config), prompt: chatPrompt },
    completion_prompt_config: {
      ...completion,
      prompt: { ...record(completion.prompt), text: text(record(completion.prompt).text) },
    },
    user_input_form: list(raw.user_input_form).map(record),
    opening_statement: text(raw.opening_statement),
    suggested_questions: list(raw.suggested_questions).filter((q): q is string => typeof q === 'string'),
    suggested_questions_after_answer: {
      ...record(raw.suggested_questions_after_answer),
      enabled: flag(record(raw.suggested_questions_after_answer).enabled),
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
    file_upload: {
      ...upload,
      enabled: flag(upload.enabled) || flag(image.enabled),
      image: {
        ...image,
        enabled: flag(image.enabled) || (flag(upload.enabled) && list(upload.allowed_file_types).includes('image')),
        number_limits: number(image.number_limits, number(upload.number_limits, 3)),
        detail: image.detail === 'low' ? 'low' : 'high',
        transfer_methods: methods.length > 0 ? methods : ['local_file', 'remote_url'],
      },
    },
    memory: { ...memory, window: { ...window, enabled: flag(window.enabled), size: number(window.size, 10) } },
  };
}

/** The form's entries that this console can edit; others (files, external data) stay in the config untouched. */
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
    ...(type === 'select' ? { options: list(body.options).filter((o): o is string => typeof o === 'string') } : {}),
  };
}

export function withFields(config: AppConfig, fields: FormField[]): AppConfig {
  const others = config.user_input_form.filter((entry) => toField(entry) === null);
  const entries = fields.map(({ type, ...body }) => ({ [type]: body }));
  return { ...config, user_input_form: [...entries, ...others] };
}

export function withVision(config: AppConfig, vision: Vision): AppConfig {
  const upload = config.file_upload;
  return {
    ...config,
    file_upload: {
      ...upload,
      enabled: vision.enabled,
      allowed_file_types: ['image'],
      allowed_file_upload_methods: vision.transfer_methods,
      number_limits: vision.number_limits,
      image: { ...upload.image, ...vision },
    },
  };
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
      return [field.variable, field.default ?? ''];
    }),
  );
}
