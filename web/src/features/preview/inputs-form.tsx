import { useTranslation } from 'react-i18next';
import { Checkbox } from '@/components/ui/checkbox';
import { Field } from '@/components/ui/field';
import { Input, Textarea } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import type { FormField } from '@/lib/app-config';

export type Inputs = Record<string, unknown>;

interface InputsFormProps {
  fields: FormField[];
  values: Inputs;
  onChange: (values: Inputs) => void;
}

/** The app's form as callers would fill it in. */
export function InputsForm({ fields, values, onChange }: InputsFormProps) {
  const { t } = useTranslation();
  const set = (name: string, value: unknown) => onChange({ ...values, [name]: value });
  return (
    <div className="grid grid-cols-1 gap-3.5">
      {fields.map((field) => {
        const value = values[field.variable];
        const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
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

/** What goes over the wire: numbers as numbers, optional blanks left out. */
export function wireInputs(fields: FormField[], values: Inputs): Inputs {
  const out: Inputs = {};
  for (const field of fields) {
    const value = values[field.variable];
    if (field.type === 'checkbox') out[field.variable] = value === true;
    else if (value === '' || value === undefined || value === null) continue;
    else out[field.variable] = field.type === 'number' ? Number(value) : value;
  }
  return out;
}

/** Required fields still empty, by their label. */
export function missingInputs(fields: FormField[], values: Inputs): string[] {
  return fields
    .filter(
      (field) => field.required && field.type !== 'checkbox' && String(values[field.variable] ?? '').trim() === '',
    )
    .map((field) => field.label);
}
