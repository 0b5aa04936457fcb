import { useTranslation } from 'react-i18next';
import { Checkbox } from '@/components/ui/checkbox';
import { Field } from '@/components/ui/field';
import { Input, Textarea } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import type { ToolParameter } from '@/lib/api/types';
import { choicesOf, kindOf } from '@/lib/tool-values';

type ToolValues = Record<string, unknown>;

interface ToolFieldsProps {
  parameters: ToolParameter[];
  /** Text as typed, booleans as such. */
  values: ToolValues;
  onChange: (values: ToolValues) => void;
  disabled?: boolean;
}

/** A form for what a tool takes, made of the schemas of its parameters. */
export function ToolFields({ parameters, values, onChange, disabled = false }: ToolFieldsProps) {
  const { t } = useTranslation();
  return (
    <div className="grid gap-3.5">
      {parameters.map((parameter) => {
        const value = values[parameter.name];
        const set = (next: unknown) => onChange({ ...values, [parameter.name]: next });
        const kind = kindOf(parameter.schema);
        if (kind === 'boolean')
          return (
            <span key={parameter.name} className="flex items-start gap-2.5 text-sm">
              <Checkbox
                id={`tool-${parameter.name}`}
                className="mt-0.5"
                disabled={disabled}
                checked={value === true}
                onCheckedChange={(on) => set(on === true)}
              />
              <label htmlFor={`tool-${parameter.name}`}>
                <span className="font-medium">{parameter.label || parameter.name}</span>
                {parameter.description && <span className="block text-ink-3 text-xs">{parameter.description}</span>}
              </label>
            </span>
          );
        const text = value === undefined || value === null ? '' : String(value);
        const choices = choicesOf(parameter.schema);
        return (
          <Field
            key={parameter.name}
            label={parameter.label || parameter.name}
            optional={!parameter.required}
            hint={parameter.description || undefined}
          >
            {(control) =>
              choices ? (
                <Select
                  {...control}
                  disabled={disabled}
                  value={text}
                  onValueChange={set}
                  options={[
                    ...(parameter.required ? [] : [{ value: '', label: t('editor.noDefault') }]),
                    ...choices.map((choice) => ({ value: choice, label: choice })),
                  ]}
                />
              ) : kind === 'number' || kind === 'integer' ? (
                <Input
                  {...control}
                  type="number"
                  step={kind === 'integer' ? 1 : 'any'}
                  disabled={disabled}
                  value={text}
                  onChange={(event) => set(event.target.value)}
                />
              ) : (
                <Textarea
                  {...control}
                  rows={kind === 'json' ? 4 : 1}
                  spellCheck={kind !== 'json'}
                  className={kind === 'json' ? 'font-mono text-xs' : 'field-sizing-content max-h-40 min-h-9'}
                  placeholder={kind === 'json' ? '{ }' : undefined}
                  disabled={disabled}
                  value={text}
                  onChange={(event) => set(event.target.value)}
                />
              )
            }
          </Field>
        );
      })}
    </div>
  );
}
