import type { TFunction } from 'i18next';
import { type Dispatch, type SetStateAction, useId } from 'react';
import { useTranslation } from 'react-i18next';
import { FileField } from '@/components/file-field';
import { Checkbox } from '@/components/ui/checkbox';
import { Field } from '@/components/ui/field';
import { Input, Textarea } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import type { ChosenFile } from '@/lib/files';
import { CodeField } from '../fields/code-field';
import { type Data, text } from '../graph/types';
import type { InputField } from './inputs';

interface InputsFormProps {
  fields: InputField[];
  values: Data;
  setValues: Dispatch<SetStateAction<Data>>;
  /** After a try: which ones keep the run from beginning. */
  problems: Record<string, string>;
}

/** The form of the start node, with files and objects. */
export function InputsForm({ fields, values, setValues, problems }: InputsFormProps) {
  return (
    <div className="space-y-3.5">
      {fields.map((field) => (
        <Entry
          key={field.variable}
          field={field}
          value={values[field.variable]}
          problem={problems[field.variable]}
          setValues={setValues}
        />
      ))}
    </div>
  );
}

interface EntryProps {
  field: InputField;
  value: unknown;
  problem: string | undefined;
  setValues: InputsFormProps['setValues'];
}

function Entry({ field, value, problem, setValues }: EntryProps) {
  const { t } = useTranslation();
  const id = useId();
  const put = (next: unknown) => setValues((all) => ({ ...all, [field.variable]: next }));
  if (field.type === 'checkbox') {
    return (
      <span className="flex items-center gap-2.5 text-sm">
        <Checkbox id={id} checked={value === true} onCheckedChange={(on) => put(on === true)} />
        <label htmlFor={id} className="font-medium">
          {field.label}
        </label>
      </span>
    );
  }
  if (field.type === 'json_object') {
    return (
      <CodeField
        label={field.label}
        language="json"
        value={text(value)}
        onChange={put}
        minRows={4}
        problem={problem ?? null}
        disabled={false}
      />
    );
  }
  return (
    <Field label={field.label} optional={!field.required} error={problem}>
      {(control) =>
        field.rules ? (
          <FileField
            id={control.id}
            label={field.label}
            describedBy={control['aria-describedby']}
            invalid={Boolean(problem)}
            rules={field.rules}
            files={value as ChosenFile[]}
            onChange={(update) =>
              setValues((all) => ({
                ...all,
                [field.variable]: update((all[field.variable] as ChosenFile[] | undefined) ?? []),
              }))
            }
          />
        ) : field.type === 'select' ? (
          <Select
            {...control}
            value={text(value)}
            onValueChange={put}
            options={[
              ...(field.required ? [] : [{ value: '', label: t('editor.noDefault') }]),
              ...field.options.map((option) => ({ value: option, label: option })),
            ]}
          />
        ) : field.type === 'paragraph' ? (
          <Textarea
            {...control}
            rows={3}
            className="field-sizing-content max-h-72"
            value={text(value)}
            {...(field.maxLength ? { maxLength: field.maxLength } : {})}
            onChange={(event) => put(event.target.value)}
          />
        ) : (
          <Input
            {...control}
            type={field.type === 'number' ? 'number' : 'text'}
            step="any"
            value={text(value)}
            {...(field.maxLength && field.type !== 'number' ? { maxLength: field.maxLength } : {})}
            onChange={(event) => put(event.target.value)}
          />
        )
      }
    </Field>
  );
}

/** What keeps the run from beginning, by field. */
export function problemsOf(fields: InputField[], values: Data, t: TFunction): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { variable, required, rules, type } of fields) {
    const value = values[variable];
    if (rules) {
      const files = value as ChosenFile[];
      if (files.some((file) => !file.sent && !file.error)) found[variable] = t('form.stillUploading');
      else if (required && !files.some((file) => file.sent)) found[variable] = t('form.fileNeeded');
    } else if (type === 'checkbox') continue;
    else if (required && text(value).trim() === '') found[variable] = t('validation.required');
    else if (type === 'json_object' && text(value).trim() !== '' && parsed(text(value)) === undefined)
      found[variable] = t('studio.fields.badJson');
  }
  return found;
}

/** What goes over the wire: numbers as numbers, optional blanks left out. */
export function wireOf(fields: InputField[], values: Data): Data {
  const out: Data = {};
  for (const { variable, type, rules } of fields) {
    const value = values[variable];
    if (rules) {
      const files = (value as ChosenFile[]).flatMap((file) => file.sent ?? []);
      if (type === 'file-list' && files.length > 0) out[variable] = files;
      else if (files[0]) out[variable] = files[0];
    } else if (type === 'checkbox') out[variable] = value === true;
    else if (text(value) === '') continue;
    else out[variable] = type === 'number' ? Number(value) : type === 'json_object' ? parsed(text(value)) : value;
  }
  return out;
}

function parsed(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    return undefined;
  }
}
