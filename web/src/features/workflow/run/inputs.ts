// The form that a workflow begins with, as its draft has it. Pure.
import type { FormFileRules } from '@/components/form/queries';
import {
  type Config,
  type Data,
  isEntry,
  list,
  number,
  parentOf,
  type RawNode,
  record,
  records,
  text,
  typeOf,
} from '../graph/types';

export interface InputField {
  variable: string;
  label: string;
  type: 'text-input' | 'paragraph' | 'select' | 'number' | 'checkbox' | 'file' | 'file-list' | 'json_object';
  required: boolean;
  hidden: boolean;
  maxLength: number | undefined;
  options: string[];
  initial: unknown;
  rules: FormFileRules | null;
}

const TYPES = ['text-input', 'paragraph', 'select', 'number', 'checkbox', 'file', 'file-list', 'json_object'] as const;

const EXTENSIONS: Record<string, string[]> = {
  image: ['jpg', 'jpeg', 'png', 'webp', 'gif', 'svg'],
  video: ['mp4', 'mov', 'mpeg', 'webm'],
  audio: ['mp3', 'm4a', 'wav', 'amr', 'mpga'],
  document: [
    'txt',
    'markdown',
    'md',
    'mdx',
    'pdf',
    'html',
    'htm',
    'xlsx',
    'xls',
    'vtt',
    'properties',
    'doc',
    'docx',
    'csv',
    'eml',
    'msg',
    'ppt',
    'pptx',
    'xml',
    'epub',
    'odt',
  ],
};
const MAX_MB: Record<string, number> = { image: 10, document: 15, audio: 50, video: 100, custom: 15 };

/** Which files may be given, from what the DSL says of them. */
export function fileRules(data: Data, limit: number): FormFileRules {
  const kinds = list(data.allowed_file_types).map(String);
  const custom = list(data.allowed_file_extensions).map((one) => String(one).replace(/^\./, '').toLowerCase());
  const methods = list(data.allowed_file_upload_methods).map(String);
  const all = kinds.flatMap((kind) => (kind === 'custom' ? custom : (EXTENSIONS[kind] ?? [])));
  return {
    extensions: kinds.includes('custom') && custom.length === 0 ? [] : all,
    methods: (methods.length > 0 ? methods : ['local_file', 'remote_url']) as FormFileRules['methods'],
    number_limit: limit,
    max_mb: Math.max(...(kinds.length > 0 ? kinds : ['custom']).map((kind) => MAX_MB[kind] ?? 15)),
  };
}

export function fieldsOfStart(config: Config): InputField[] {
  const start = config.graph.nodes.find((node) => typeOf(node) === 'start' && !parentOf(node));
  return records(start?.data.variables).flatMap((field) => {
    const variable = text(field.variable);
    const type = TYPES.find((one) => one === field.type) ?? 'text-input';
    if (!variable) return [];
    const isFile = type === 'file' || type === 'file-list';
    return [
      {
        variable,
        label: text(field.label) || variable,
        type,
        required: field.required === true,
        hidden: field.hide === true,
        maxLength: type === 'text-input' || type === 'paragraph' ? number(field.max_length, 0) || undefined : undefined,
        options: list(field.options).map(String),
        initial: field.default,
        rules: isFile ? fileRules(field, type === 'file' ? 1 : number(field.max_length, 5) || 5) : null,
      },
    ];
  });
}

/** Where runs of the draft may begin, when it is not at a start node. */
export const triggersOf = (config: Config): RawNode[] =>
  config.graph.nodes.filter((node) => isEntry(typeOf(node)) && typeOf(node) !== 'start' && !parentOf(node));

/** Files that come with a question, from the features of a chatflow. */
export function chatFiles(config: Config): FormFileRules | null {
  const upload = record(record(config.features).file_upload);
  const image = record(upload.image);
  if (upload.enabled !== true && image.enabled !== true) return null;
  const legacy = upload.enabled !== true;
  return fileRules(
    legacy || list(upload.allowed_file_types).length === 0
      ? { allowed_file_types: ['image'], allowed_file_upload_methods: image.transfer_methods }
      : upload,
    number(legacy ? image.number_limits : upload.number_limits, 3),
  );
}

export const initialOf = (fields: InputField[]): Data =>
  Object.fromEntries(
    fields.map((field) => [
      field.variable,
      field.type === 'checkbox'
        ? field.initial === true || field.initial === 'true'
        : field.rules
          ? []
          : String(field.initial ?? ''),
    ]),
  );
