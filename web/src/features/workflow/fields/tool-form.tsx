import { useTranslation } from 'react-i18next';
import { Segmented } from '@/components/ui/segmented';
import { Select } from '@/components/ui/select';
import { type Data, list, record, selectorOf, text } from '../graph/types';
import type { ToolParameter } from '../queries';
import { SelectorField } from './selector-field';
import { TemplateField } from './template-field';

interface ToolFormProps {
  parameters: readonly ToolParameter[];
  /** `{type, value}` or the value itself, by name. */
  values: Data;
  onChange: (values: Data, step?: string) => void;
  disabled: boolean;
}

/** The arguments of a tool, each as its schema asks for it. */
export function ToolForm({ parameters, values, onChange, disabled }: ToolFormProps) {
  return (
    <div className="space-y-3">
      {parameters.map((parameter) => (
        <Argument
          key={parameter.name}
          parameter={parameter}
          given={values[parameter.name]}
          onChange={(value) => onChange({ ...values, [parameter.name]: value }, parameter.name)}
          disabled={disabled}
        />
      ))}
    </div>
  );
}

const KINDS = new Set(['mixed', 'variable', 'constant']);

/** An argument as files write it: typed, or the bare value. */
function read(given: unknown): { kind: string; value: unknown } {
  const typed = record(given);
  if ('type' in typed && KINDS.has(text(typed.type))) return { kind: text(typed.type), value: typed.value };
  return { kind: 'constant', value: given };
}

interface ArgumentProps {
  parameter: ToolParameter;
  given: unknown;
  onChange: (value: Data) => void;
  disabled: boolean;
}

function Argument({ parameter, given, onChange, disabled }: ArgumentProps) {
  const { t } = useTranslation();
  const { kind, value } = read(given);
  const schema = record(parameter.schema);
  const type = text(schema.type, 'string');
  const choices = list(schema.enum).map(String);
  const takesVariable = type === 'object' || type === 'array';
  const isVariable = kind === 'variable';
  const fallback = schema.default;
  const label = parameter.label || parameter.name;
  return (
    <div>
      <div className="mb-1 flex items-center gap-2">
        <span className="min-w-0 truncate font-medium text-sm">{label}</span>
        {parameter.required && (
          <span className="text-danger" title={t('editor.variableRequired')}>
            *<span className="sr-only">{t('editor.variableRequired')}</span>
          </span>
        )}
        <span className="font-mono text-2xs text-ink-3">{type}</span>
        {!choices.length && type !== 'boolean' && (
          <Segmented
            className="ml-auto scale-90"
            label={`${label}: ${t('studio.fields.source')}`}
            value={isVariable ? 'variable' : 'text'}
            disabled={disabled}
            onChange={(next) =>
              onChange(next === 'variable' ? { type: 'variable', value: [] } : { type: 'mixed', value: '' })
            }
            options={[
              { value: 'text', label: t('studio.fields.text') },
              { value: 'variable', label: t('studio.fields.variable') },
            ]}
          />
        )}
      </div>
      {isVariable ? (
        <SelectorField
          label={label}
          value={selectorOf(value)}
          types={takesVariable ? undefined : type === 'string' ? undefined : [type === 'integer' ? 'number' : type]}
          onChange={(selector) => onChange({ type: 'variable', value: selector })}
          disabled={disabled}
        />
      ) : choices.length > 0 || type === 'boolean' ? (
        <Select
          size="sm"
          aria-label={label}
          value={
            value === undefined || value === null ? (fallback === undefined ? '' : String(fallback)) : String(value)
          }
          placeholder={t('studio.fields.choose')}
          onValueChange={(next) => onChange({ type: 'constant', value: type === 'boolean' ? next === 'true' : next })}
          disabled={disabled}
          options={
            choices.length > 0
              ? choices.map((choice) => ({ value: choice, label: choice }))
              : [
                  { value: 'true', label: t('studio.cond.yes') },
                  { value: 'false', label: t('studio.cond.no') },
                ]
          }
        />
      ) : (
        <TemplateField
          isLine
          label={label}
          placeholder={fallback === undefined || fallback === null ? '' : String(fallback)}
          value={typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value)}
          onChange={(next) => onChange({ type: 'mixed', value: next })}
          disabled={disabled}
        />
      )}
      {parameter.description && <p className="mt-1 line-clamp-3 text-ink-3 text-xs">{parameter.description}</p>}
    </div>
  );
}
