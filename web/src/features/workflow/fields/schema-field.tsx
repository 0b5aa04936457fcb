import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Input } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { Select } from '@/components/ui/select';
import { type Data, list, record, text } from '../graph/types';
import { CodeField } from './code-field';
import { AddButton, Check, freeName, NameField, RemoveButton } from './parts';

interface SchemaFieldProps {
  label: string;
  value: unknown;
  onChange: (schema: Data, step?: string) => void;
  disabled: boolean;
}

/** A JSON Schema: a list of fields while it is that simple, its text otherwise. */
export function SchemaField({ label, value, onChange, disabled }: SchemaFieldProps) {
  const { t } = useTranslation();
  const schema = record(value);
  const isSimple = simple(schema);
  const [mode, setMode] = useState<'fields' | 'json'>(isSimple ? 'fields' : 'json');
  const [sample, setSample] = useState<string | null>(null);
  return (
    <div className="space-y-2">
      <div className="flex items-center gap-2">
        <Segmented
          label={label}
          value={isSimple ? mode : 'json'}
          onChange={setMode}
          options={[
            ...(isSimple ? ([{ value: 'fields', label: t('studio.schema.fields') }] as const) : []),
            { value: 'json', label: 'JSON Schema' },
          ]}
        />
        {!disabled && (
          <Button variant="ghost" size="xs" className="ml-auto" onClick={() => setSample('')}>
            {t('studio.schema.sample')}
          </Button>
        )}
      </div>
      {isSimple && mode === 'fields' ? (
        <Fields schema={schema} onChange={onChange} disabled={disabled} />
      ) : (
        <SchemaText label={label} schema={schema} onChange={onChange} disabled={disabled} />
      )}
      {sample !== null && (
        <Dialog
          open
          onOpenChange={() => setSample(null)}
          title={t('studio.schema.sample')}
          description={t('studio.schema.sampleText')}
          footer={
            <Button
              variant="primary"
              disabled={parsed(sample) === undefined}
              onClick={() => {
                const from = parsed(sample);
                if (from !== undefined) onChange(schemaOf(from));
                setSample(null);
              }}
            >
              {t('studio.schema.take')}
            </Button>
          }
        >
          <CodeField
            label={t('studio.schema.example')}
            language="json"
            value={sample}
            onChange={setSample}
            minRows={10}
            problem={sample.trim() && parsed(sample) === undefined ? t('studio.fields.badJson') : null}
            disabled={false}
          />
        </Dialog>
      )}
    </div>
  );
}

const TYPES = ['string', 'number', 'boolean', 'array[string]', 'array[number]', 'array[object]', 'object'] as const;

function typeOfProperty(property: Data): string {
  const type = text(property.type, 'string');
  if (type === 'integer') return 'number';
  if (type !== 'array') return type;
  const item = text(record(property.items).type, 'string');
  return `array[${item === 'integer' ? 'number' : item}]`;
}

function withType(property: Data, type: string): Data {
  const { type: _, items: __, enum: ___, ...rest } = property;
  const item = /^array\[(.+)\]$/.exec(type)?.[1];
  return item ? { ...rest, type: 'array', items: { type: item } } : { ...rest, type };
}

/** Whether the list of fields shows all of it. */
function simple(schema: Data): boolean {
  if (Object.keys(schema).length === 0) return true;
  if (schema.type !== 'object' || Object.keys(schema).some((key) => !KNOWN.has(key))) return false;
  return Object.values(record(schema.properties)).every((property) => {
    const one = record(property);
    const inner = record(one.items);
    return (
      Object.keys(one).every((key) => ['type', 'description', 'items', 'enum'].includes(key)) &&
      typeof one.type === 'string' &&
      Object.keys(inner).every((key) => key === 'type')
    );
  });
}

const KNOWN = new Set(['type', 'properties', 'required', 'additionalProperties', 'description', 'title']);

function Fields({
  schema,
  onChange,
  disabled,
}: {
  schema: Data;
  onChange: SchemaFieldProps['onChange'];
  disabled: boolean;
}) {
  const { t } = useTranslation();
  const properties = Object.entries(record(schema.properties));
  const required = list(schema.required).filter((one): one is string => typeof one === 'string');
  const names = properties.map(([name]) => name);
  const write = (next: [string, unknown][], must: string[], step?: string) =>
    onChange(
      { additionalProperties: false, ...schema, type: 'object', properties: Object.fromEntries(next), required: must },
      step,
    );
  return (
    <div className="space-y-2">
      <ul className="space-y-2">
        {properties.map(([name, property], i) => {
          const one = record(property);
          const put = (next: Data, step?: string) =>
            write(
              properties.map((old, other) => (other === i ? [name, next] : old)),
              required,
              step,
            );
          const choices = list(one.enum).map(String);
          return (
            <li key={i} className="space-y-1.5 rounded-lg border border-line bg-sunken/50 p-2">
              <div className="flex items-start gap-1.5">
                <NameField
                  label={t('studio.schema.name')}
                  className="grow"
                  value={name}
                  taken={names.filter((_, other) => other !== i)}
                  onChange={(next) =>
                    write(
                      properties.map((old, other) => (other === i ? [next, property] : old)),
                      required.map((old) => (old === name ? next : old)),
                      `name${i}`,
                    )
                  }
                  disabled={disabled}
                />
                <Select
                  size="sm"
                  className="w-32 shrink-0 px-2"
                  aria-label={t('editor.variableType')}
                  value={typeOfProperty(one)}
                  onValueChange={(type) => put(withType(one, type))}
                  disabled={disabled}
                  options={TYPES.map((type) => ({ value: type, label: type }))}
                />
                <RemoveButton
                  label={name}
                  onClick={() =>
                    write(
                      properties.filter((_, other) => other !== i),
                      required.filter((old) => old !== name),
                    )
                  }
                  disabled={disabled}
                />
              </div>
              <Input
                aria-label={t('studio.schema.description')}
                placeholder={t('studio.schema.description')}
                className="h-8 px-2 text-xs"
                value={text(one.description)}
                disabled={disabled}
                onChange={(event) => put({ ...one, description: event.target.value }, `description${i}`)}
              />
              {one.type === 'string' && choices.length > 0 && (
                <Input
                  aria-label={t('studio.schema.choices')}
                  placeholder={t('studio.schema.choices')}
                  className="h-8 px-2 text-xs"
                  value={choices.join(', ')}
                  disabled={disabled}
                  onChange={(event) => {
                    const { enum: _, ...rest } = one;
                    const next = event.target.value.split(',').map((choice) => choice.trim());
                    put(event.target.value.trim() ? { ...rest, enum: next } : rest, `choices${i}`);
                  }}
                />
              )}
              <Check
                className="text-xs"
                label={t('editor.variableRequired')}
                checked={required.includes(name)}
                disabled={disabled}
                onChange={(on) => write(properties, on ? [...required, name] : required.filter((old) => old !== name))}
              />
            </li>
          );
        })}
      </ul>
      <AddButton
        label={t('studio.schema.add')}
        disabled={disabled}
        onClick={() => {
          const name = freeName('field', names);
          write([...properties, [name, { type: 'string', description: '' }]], [...required, name]);
        }}
      />
    </div>
  );
}

/** The text is the draft's whenever it is JSON. */
function SchemaText({
  label,
  schema,
  onChange,
  disabled,
}: {
  label: string;
  schema: Data;
  onChange: SchemaFieldProps['onChange'];
  disabled: boolean;
}) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? JSON.stringify(schema, null, 2);
  const value = parsed(shown);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return (
    <CodeField
      label={label}
      language="json"
      value={shown}
      onChange={(next) => {
        setTyped(next);
        const now = parsed(next);
        if (typeof now === 'object' && now !== null && !Array.isArray(now)) onChange(now as Data, 'schema');
      }}
      problem={isObject ? null : t('studio.fields.badJson')}
      disabled={disabled}
    />
  );
}

function parsed(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    return undefined;
  }
}

/** What a value looks like, as a schema that it is valid against. */
function schemaOf(value: unknown): Data {
  if (value === null) return { type: 'string' };
  if (Array.isArray(value)) return { type: 'array', items: value.length > 0 ? schemaOf(value[0]) : { type: 'string' } };
  if (typeof value === 'object') {
    const entries = Object.entries(value);
    return {
      type: 'object',
      properties: Object.fromEntries(entries.map(([name, inner]) => [name, schemaOf(inner)])),
      required: entries.map(([name]) => name),
      additionalProperties: false,
    };
  }
  return { type: typeof value };
}
