import type { Dispatch, SetStateAction } from 'react';
import { useTranslation } from 'react-i18next';
import { FileField } from '@/components/file-field';
import { Checkbox } from '@/components/ui/checkbox';
import { Field as FieldBox } from '@/components/ui/field';
import { Input, Textarea } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { acceptedExtensions, type FileRules, fileAt, kindTaken } from '@/lib/files';
import type { SiteClient } from './api';
import type { Field, Problem, Values } from './form';

interface InputsFormProps {
  client: SiteClient;
  fields: Field[];
  values: Values;
  problems: Record<string, Problem>;
  onChange: Dispatch<SetStateAction<Values>>;
}

const PROBLEMS = {
  required: 'site.required',
  uploading: 'site.stillUploading',
  json: 'site.notJson',
  number: 'site.notNumber',
} as const;

/** The app's form, files included. */
export function InputsForm({ client, fields, values, problems, onChange }: InputsFormProps) {
  const { t } = useTranslation();
  const set = (name: string, value: string | boolean) =>
    onChange((all) => ({ ...all, texts: { ...all.texts, [name]: value } }));
  return (
    <div className="grid grid-cols-1 gap-4">
      {fields.map((field) => {
        const value = values.texts[field.variable];
        const text = typeof value === 'string' ? value : '';
        const problem = problems[field.variable];
        const error = problem && t(PROBLEMS[problem]);
        if (field.type === 'checkbox') {
          return (
            <span key={field.variable} className="flex items-center gap-2.5 text-sm">
              <Checkbox
                id={`site-${field.variable}`}
                checked={value === true}
                onCheckedChange={(on) => set(field.variable, on === true)}
              />
              <label htmlFor={`site-${field.variable}`} className="font-medium">
                {field.label}
              </label>
            </span>
          );
        }
        return (
          <FieldBox key={field.variable} label={field.label} optional={!field.required} error={error}>
            {(control) =>
              field.files ? (
                <FileInput
                  {...control}
                  client={client}
                  name={field.variable}
                  label={field.label}
                  invalid={problem !== undefined}
                  rules={field.files}
                  values={values}
                  onChange={onChange}
                />
              ) : field.type === 'select' ? (
                <Select
                  {...control}
                  value={text}
                  placeholder={t('site.choose')}
                  onValueChange={(next) => set(field.variable, next)}
                  options={[
                    ...(field.required ? [] : [{ value: '', label: t('site.none') }]),
                    ...field.options.map((option) => ({ value: option, label: option })),
                  ]}
                />
              ) : field.type === 'paragraph' || field.type === 'json_object' ? (
                <Textarea
                  {...control}
                  rows={3}
                  className={field.type === 'json_object' ? 'font-mono text-xs' : 'field-sizing-content max-h-[50vh]'}
                  value={text}
                  {...(field.maxLength ? { maxLength: field.maxLength } : {})}
                  onChange={(event) => set(field.variable, event.target.value)}
                />
              ) : (
                <Input
                  {...control}
                  inputMode={field.type === 'number' ? 'decimal' : undefined}
                  value={text}
                  {...(field.maxLength && field.type !== 'number' ? { maxLength: field.maxLength } : {})}
                  onChange={(event) => set(field.variable, event.target.value)}
                />
              )
            }
          </FieldBox>
        );
      })}
    </div>
  );
}

interface FileInputProps {
  client: SiteClient;
  id: string;
  'aria-describedby': string | undefined;
  name: string;
  label: string;
  invalid: boolean;
  rules: FileRules;
  values: Values;
  onChange: Dispatch<SetStateAction<Values>>;
}

function FileInput({ client, id, name, label, invalid, rules, values, onChange, ...aria }: FileInputProps) {
  return (
    <FileField
      id={id}
      label={label}
      describedBy={aria['aria-describedby']}
      invalid={invalid}
      rules={{ methods: rules.methods, extensions: acceptedExtensions(rules), number_limit: rules.limit }}
      files={values.files[name] ?? []}
      onChange={(update) =>
        onChange((all) => ({ ...all, files: { ...all.files, [name]: update(all.files[name] ?? []) } }))
      }
      upload={async (file) => ({
        type: kindTaken(rules, file.name) ?? 'custom',
        transfer_method: 'local_file',
        upload_file_id: await client.upload(file),
      })}
      sentOf={(url) => fileAt(url, rules)}
    />
  );
}
