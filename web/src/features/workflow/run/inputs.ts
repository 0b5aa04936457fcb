// The form that a workflow begins with, as its draft has it. Pure.
import type { FileFieldRules } from '@/components/file-field';
import { acceptedExtensions, bareExtension, FILE_KINDS, type FileKind, type TransferMethod } from '@/lib/files';
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
  rules: FileFieldRules | null;
}

const TYPES = ['text-input', 'paragraph', 'select', 'number', 'checkbox', 'file', 'file-list', 'json_object'] as const;

/** Which files may be given, from what the DSL says of them. */
export function fileRules(data: Data, limit: number): FileFieldRules {
  const kinds = list(data.allowed_file_types).filter((kind): kind is FileKind => FILE_KINDS.includes(kind as FileKind));
  const extensions = list(data.allowed_file_extensions).map((one) => bareExtension(String(one)));
  const named = list(data.allowed_file_upload_methods) as TransferMethod[];
  const methods: TransferMethod[] = named.length > 0 ? named : ['local_file', 'remote_url'];
  return { extensions: acceptedExtensions({ kinds, extensions, methods, limit }), methods, number_limit: limit };
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
export function chatFiles(config: Config): FileFieldRules | null {
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
