import { type Dispatch, type SetStateAction, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { FileField } from '@/components/file-field';
import { Checkbox } from '@/components/ui/checkbox';
import { Field } from '@/components/ui/field';
import { Input, Textarea } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { type FormField, fieldRules } from '@/lib/app-config';
import { acceptedExtensions, type ChosenFile, fileAt } from '@/lib/files';
import { jsonObject } from '@/lib/json';

/** By variable: text of fields, `ChosenFile[]` of file fields, a boolean of checkboxes. */
export type Inputs = Record<string, unknown>;

interface InputsFormProps {
  fields: FormField[];
  values: Inputs;
  /** What was touched so far changes; uploads end later, so the change is a function. */
  onChange: Dispatch<SetStateAction<Inputs>>;
}

/** The app's form as callers would fill it in. */
export function InputsForm({ fields, values, onChange }: InputsFormProps) {
  const { t } = useTranslation();
  const set = (name: string, value: unknown) => onChange((old) => ({ ...old, [name]: value }));
  return (
    <div className="grid grid-cols-1 gap-3.5">
      {fields.map((field) => {
        const value = values[field.variable];
        const text = textOf(value);
        if (field.type === 'checkbox') {
          return (
            <span key={field.variable} className="flex items-center gap-2.5 text-sm">
              <Checkbox
                id={`input-${field.variable}`}
                checked={value === true}
                onCheckedChange={(on) => set(field.variable, on === true)}
              />
              <label htmlFor={`input-${field.variable}`} className="font-medium">
                {field.label}
              </label>
            </span>
          );
        }
        if (field.type === 'file' || field.type === 'file-list') {
          return <FilesInput key={field.variable} field={field} files={filesOf(value)} onChange={onChange} />;
        }
        if (field.type === 'json_object') {
          return (
            <JsonInput key={field.variable} field={field} text={text} onChange={(next) => set(field.variable, next)} />
          );
        }
        return (
          <Field key={field.variable} label={field.label} optional={!field.required}>
            {(control) =>
              field.type === 'select' ? (
                <Select
                  {...control}
                  value={text}
                  onValueChange={(next) => set(field.variable, next)}
                  options={[
                    ...(field.required ? [] : [{ value: '', label: t('editor.noDefault') }]),
                    ...(field.options ?? []).map((option) => ({ value: option, label: option })),
                  ]}
                />
              ) : field.type === 'paragraph' ? (
                <Textarea
                  {...control}
                  rows={3}
                  value={text}
                  {...(field.max_length ? { maxLength: field.max_length } : {})}
                  onChange={(event) => set(field.variable, event.target.value)}
                />
              ) : (
                <Input
                  {...control}
                  type={field.type === 'number' ? 'number' : 'text'}
                  step="any"
                  value={text}
                  {...(field.max_length && field.type !== 'number' ? { maxLength: field.max_length } : {})}
                  onChange={(event) => set(field.variable, event.target.value)}
                />
              )
            }
          </Field>
        );
      })}
    </div>
  );
}

interface JsonInputProps {
  field: FormField;
  text: string;
  onChange: (text: string) => void;
}

function JsonInput({ field, text, onChange }: JsonInputProps) {
  const { t } = useTranslation();
  const [left, setLeft] = useState(false);
  const bad = left && text.trim() !== '' && !jsonObject(text);
  return (
    <Field label={field.label} optional={!field.required} error={bad ? t('features.jsonBad') : undefined}>
      {(control) => (
        <Textarea
          {...control}
          rows={3}
          className="font-mono text-xs"
          spellCheck={false}
          placeholder="{}"
          value={text}
          onChange={(event) => onChange(event.target.value)}
          onBlur={() => setLeft(true)}
        />
      )}
    </Field>
  );
}

interface FilesInputProps {
  field: FormField;
  files: ChosenFile[];
  onChange: Dispatch<SetStateAction<Inputs>>;
}

function FilesInput({ field, files, onChange }: FilesInputProps) {
  const rules = fieldRules(field);
  return (
    <Field label={field.label} optional={!field.required}>
      {(control) => (
        <FileField
          id={control.id}
          label={field.label}
          describedBy={control['aria-describedby']}
          invalid={false}
          rules={{ methods: rules.methods, extensions: acceptedExtensions(rules), number_limit: rules.limit }}
          files={files}
          sentOf={(url) => fileAt(url, rules)}
          onChange={(update) => onChange((old) => ({ ...old, [field.variable]: update(filesOf(old[field.variable])) }))}
        />
      )}
    </Field>
  );
}

const filesOf = (value: unknown): ChosenFile[] => (Array.isArray(value) ? (value as ChosenFile[]) : []);
const textOf = (value: unknown) =>
  typeof value === 'string'
    ? value
    : typeof value === 'number'
      ? String(value)
      : typeof value === 'object' && value !== null
        ? JSON.stringify(value, null, 2)
        : '';

/** What goes over the wire: numbers as numbers, files by their ids, optional blanks left out. */
export function wireInputs(fields: FormField[], values: Inputs): Inputs {
  const out: Inputs = {};
  for (const field of fields) {
    const value = values[field.variable];
    if (field.type === 'checkbox') out[field.variable] = value === true;
    else if (field.type === 'file' || field.type === 'file-list') {
      const sent = filesOf(value).flatMap((file) => file.sent ?? []);
      if (field.type === 'file-list' && sent.length > 0) out[field.variable] = sent;
      else if (sent[0]) out[field.variable] = sent[0];
    } else if (value === '' || value === undefined || value === null) continue;
    else if (field.type === 'json_object') out[field.variable] = jsonObject(textOf(value));
    else out[field.variable] = field.type === 'number' ? Number(value) : value;
  }
  return out;
}

/** Fields that can't go out as they are, by their label: required ones still empty, files on their way, JSON that is none. */
export function missingInputs(fields: FormField[], values: Inputs): string[] {
  return fields
    .filter((field) => {
      const value = values[field.variable];
      if (field.type === 'checkbox') return false;
      if (field.type === 'file' || field.type === 'file-list') {
        const files = filesOf(value);
        const waits = files.some((file) => !file.sent && !file.error);
        return waits || (field.required && !files.some((file) => file.sent));
      }
      const text = textOf(value).trim();
      if (field.type === 'json_object' && text !== '') return !jsonObject(text);
      return field.required && text === '';
    })
    .map((field) => field.label);
}
