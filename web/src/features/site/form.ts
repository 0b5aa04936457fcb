import { bareExtension, type ChosenFile, type FileKind, type FileRules, type TransferMethod } from '@/lib/files';
import type { OpenedSite } from './api';

type FieldType = 'text-input' | 'paragraph' | 'select' | 'number' | 'checkbox' | 'file' | 'file-list' | 'json_object';

export interface Field {
  type: FieldType;
  variable: string;
  label: string;
  required: boolean;
  maxLength: number | null;
  options: string[];
  initial: string | boolean;
  files: FileRules | null;
}

export interface SiteForm {
  fields: Field[];
  opening: string;
  suggestions: string[];
  followUps: boolean;
  /** What a message may carry; null: nothing. */
  files: FileRules | null;
}

type Raw = Record<string, unknown>;
const record = (value: unknown): Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : {};
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown) => (typeof value === 'string' ? value : '');
const texts = (value: unknown) => list(value).filter((one): one is string => typeof one === 'string');
const positive = (value: unknown) => (typeof value === 'number' && value > 0 ? value : null);

const METHODS: TransferMethod[] = ['local_file', 'remote_url'];

function rulesOf(raw: Raw, limit: number): FileRules {
  const methods = texts(raw.allowed_file_upload_methods) as TransferMethod[];
  return {
    kinds: texts(raw.allowed_file_types) as FileKind[],
    extensions: texts(raw.allowed_file_extensions).map(bareExtension),
    methods: methods.length > 0 ? methods : METHODS,
    limit,
  };
}

function messageFiles(raw: Raw): FileRules | null {
  const image = record(raw.image);
  if (raw.enabled === true) return rulesOf(raw, positive(raw.number_limits) ?? positive(image.number_limits) ?? 3);
  if (image.enabled !== true) return null;
  const methods = { allowed_file_upload_methods: image.transfer_methods, allowed_file_types: ['image'] };
  return rulesOf(methods, positive(image.number_limits) ?? 3);
}

function toField(entry: unknown): Field | null {
  const [found] = Object.entries(record(entry));
  if (!found) return null;
  const body = record(found[1]);
  const type = (found[0] === 'external_data_tool' ? 'text-input' : found[0]) as FieldType;
  const limit = type === 'file' ? 1 : (positive(body.max_length) ?? 5);
  const initial = body.default;
  return {
    type,
    variable: text(body.variable),
    label: text(body.label) || text(body.variable),
    required: body.required === true,
    maxLength: positive(body.max_length),
    options: texts(body.options),
    initial:
      type === 'checkbox'
        ? initial === true || initial === 'true'
        : typeof initial === 'string' || typeof initial === 'number'
          ? String(initial)
          : initial
            ? JSON.stringify(initial)
            : '',
    files: type === 'file' || type === 'file-list' ? rulesOf(body, limit) : null,
  };
}

export function readForm(site: OpenedSite): SiteForm {
  const raw = record(site.parameters);
  return {
    fields: list(raw.user_input_form).flatMap((entry) => toField(entry) ?? []),
    opening: text(raw.opening_statement),
    suggestions: texts(raw.suggested_questions).filter((one) => one.trim()),
    followUps: record(raw.suggested_questions_after_answer).enabled === true,
    files: messageFiles(record(raw.file_upload)),
  };
}

export interface Values {
  texts: Record<string, string | boolean>;
  files: Record<string, ChosenFile[]>;
}

export function initialValues(fields: Field[]): Values {
  return {
    texts: Object.fromEntries(fields.filter((field) => !field.files).map((field) => [field.variable, field.initial])),
    files: Object.fromEntries(fields.filter((field) => field.files).map((field) => [field.variable, []])),
  };
}

export type Problem = 'required' | 'uploading' | 'json' | 'number';

/** What keeps the form from being sent, by variable. */
export function problemsOf(fields: Field[], values: Values): Record<string, Problem> {
  const problems: Record<string, Problem> = {};
  for (const field of fields) {
    const value = values.texts[field.variable];
    if (field.files) {
      const files = values.files[field.variable] ?? [];
      if (files.some((file) => !file.sent && !file.error)) problems[field.variable] = 'uploading';
      else if (field.required && !files.some((file) => file.sent)) problems[field.variable] = 'required';
    } else if (field.type === 'checkbox') continue;
    else if (String(value ?? '').trim() === '') {
      if (field.required) problems[field.variable] = 'required';
    } else if (field.type === 'number' && !Number.isFinite(Number(value))) problems[field.variable] = 'number';
    else if (field.type === 'json_object' && !isObject(String(value))) problems[field.variable] = 'json';
  }
  return problems;
}

function isObject(source: string): boolean {
  try {
    const value: unknown = JSON.parse(source);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** What goes over the wire: optional blanks are left out. */
export function wireInputs(fields: Field[], values: Values): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const field of fields) {
    const sent = (values.files[field.variable] ?? []).flatMap((file) => file.sent ?? []);
    const value = values.texts[field.variable];
    if (field.type === 'file') {
      if (sent[0]) out[field.variable] = sent[0];
    } else if (field.type === 'file-list') {
      if (sent.length > 0) out[field.variable] = sent;
    } else if (field.type === 'checkbox') out[field.variable] = value === true;
    else if (String(value ?? '').trim() === '') continue;
    else if (field.type === 'number') out[field.variable] = Number(value);
    else if (field.type === 'json_object') out[field.variable] = JSON.parse(String(value));
    else out[field.variable] = value;
  }
  return out;
}

/** The inputs of a line of a table, by the columns' names; a checkbox is on when it says so. */
export function inputsOfRow(fields: Field[], header: string[], row: string[]): Values {
  const values = initialValues(fields);
  for (const [index, name] of header.entries()) {
    const wanted = name.trim();
    const field = fields.find((one) => one.variable === wanted) ?? fields.find((one) => one.label === wanted);
    const cell = row[index] ?? '';
    if (!field || field.files) continue;
    values.texts[field.variable] = field.type === 'checkbox' ? /^(true|1|yes|on)$/i.test(cell.trim()) : cell;
  }
  return values;
}

/** Texts with the form's values in the places of `{{variable}}`. */
export function filled(source: string, values: Values): string {
  return source.replace(/\{\{([A-Za-z_]\w*)\}\}/g, (whole, name: string) => {
    const value = values.texts[name];
    return value === undefined || value === '' ? whole : String(value);
  });
}
