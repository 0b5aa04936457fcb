import { Plus, X } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input, Textarea } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { VARIABLE } from '@/lib/app-config';
import { CodeField } from '../fields/code-field';
import { Check } from '../fields/parts';
import { type Data, list, number, text } from '../graph/types';

const TYPES = ['text-input', 'paragraph', 'select', 'number', 'checkbox', 'file', 'file-list', 'json_object'] as const;
type Type = (typeof TYPES)[number];

interface FormFieldDialogProps {
  field: Data;
  isNew: boolean;
  taken: string[];
  onSave: (field: Data) => void;
  onClose: () => void;
}

/** One field of the form that a workflow begins with. What this dialog does not show stays in the field. */
export function FormFieldDialog({ field: given, isNew, taken, onSave, onClose }: FormFieldDialogProps) {
  const { t } = useTranslation();
  const [field, setField] = useState(given);
  const [tried, setTried] = useState(false);
  const put = (patch: Data) => setField((old) => ({ ...old, ...patch }));
  const type = TYPES.find((one) => one === field.type) ?? 'text-input';
  const name = text(field.variable);
  const options = list(field.options).map(String);
  const isFile = type === 'file' || type === 'file-list';
  const nameProblem = !VARIABLE.test(name)
    ? t('validation.variableName')
    : taken.includes(name)
      ? t('validation.variableTaken')
      : undefined;
  const optionsProblem =
    type === 'select' && options.every((option) => !option.trim()) ? t('validation.options') : undefined;
  const schema =
    typeof field.json_schema === 'string'
      ? field.json_schema
      : field.json_schema
        ? JSON.stringify(field.json_schema, null, 2)
        : '';
  const schemaProblem =
    type === 'json_object' && schema.trim() && !isJson(schema) ? t('studio.fields.badJson') : undefined;
  const save = () => {
    setTried(true);
    if (nameProblem || optionsProblem || schemaProblem) return;
    const label = text(field.label).trim() || name;
    onSave({
      ...field,
      type,
      label,
      ...(type === 'select' ? { options: options.filter((option) => option.trim()) } : {}),
    });
  };
  const choose = (next: Type) =>
    put({
      type: next,
      ...(next === 'text-input' ? { max_length: 256 } : next === 'paragraph' ? { max_length: 4096 } : {}),
      ...(next === 'file-list' ? { max_length: 5 } : {}),
      ...(next.startsWith('file') && !Array.isArray(field.allowed_file_types)
        ? {
            allowed_file_types: ['image'],
            allowed_file_extensions: [],
            allowed_file_upload_methods: ['local_file', 'remote_url'],
          }
        : {}),
      default: next === 'checkbox' ? false : '',
    });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t(isNew ? 'editor.addVariable' : 'editor.editVariable')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button variant="primary" onClick={save}>
            {t(isNew ? 'common.add' : 'common.save')}
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        <Field label={t('editor.variableType')}>
          {(control) => (
            <Select
              {...control}
              value={type}
              onValueChange={(next) => choose(next as Type)}
              options={TYPES.map((one) => ({ value: one, label: t(`studio.start.types.${one}`) }))}
            />
          )}
        </Field>
        <div className="grid gap-3 sm:grid-cols-2">
          <Field
            label={t('editor.variableName')}
            error={tried || (name !== '' && nameProblem) ? nameProblem : undefined}
          >
            {(control) => (
              <Input
                {...control}
                autoFocus
                className="font-mono"
                spellCheck={false}
                value={name}
                onChange={(event) => put({ variable: event.target.value })}
              />
            )}
          </Field>
          <Field label={t('editor.variableLabel')} optional hint={t('editor.variableLabelText')}>
            {(control) => (
              <Input {...control} value={text(field.label)} onChange={(event) => put({ label: event.target.value })} />
            )}
          </Field>
        </div>
        {(type === 'text-input' || type === 'paragraph' || type === 'file-list') && (
          <Field label={t(type === 'file-list' ? 'studio.start.maxFiles' : 'editor.variableMax')}>
            {(control) => (
              <Input
                {...control}
                type="number"
                min={1}
                className="w-32"
                value={number(field.max_length, 0) || ''}
                onChange={(event) => put({ max_length: event.target.valueAsNumber || undefined })}
              />
            )}
          </Field>
        )}
        {type === 'select' && (
          <Field label={t('editor.variableOptions')} error={tried ? optionsProblem : undefined}>
            {() => (
              <div className="space-y-1.5">
                {options.map((option, i) => (
                  <div key={i} className="flex gap-1">
                    <Input
                      aria-label={t('editor.variableOption', { number: i + 1 })}
                      className="h-8"
                      value={option}
                      onChange={(event) =>
                        put({ options: options.map((old, other) => (other === i ? event.target.value : old)) })
                      }
                    />
                    <Button
                      variant="ghost"
                      size="icon"
                      aria-label={`${t('common.remove')}: ${option}`}
                      onClick={() => put({ options: options.filter((_, other) => other !== i) })}
                    >
                      <X />
                    </Button>
                  </div>
                ))}
                <Button variant="ghost" size="xs" onClick={() => put({ options: [...options, ''] })}>
                  <Plus />
                  {t('editor.addOption')}
                </Button>
              </div>
            )}
          </Field>
        )}
        {isFile && <FileRules field={field} put={put} />}
        {type === 'json_object' && (
          <CodeField
            label={t('studio.start.schema')}
            language="json"
            value={schema}
            onChange={(json_schema) => put({ json_schema })}
            minRows={6}
            problem={schemaProblem ?? null}
            disabled={false}
          />
        )}
        {!isFile && type !== 'checkbox' && type !== 'json_object' && (
          <Field label={t('editor.variableDefault')} optional>
            {(control) =>
              type === 'select' ? (
                <Select
                  {...control}
                  value={text(field.default)}
                  onValueChange={(next) => put({ default: next })}
                  options={[
                    { value: '', label: t('editor.noDefault') },
                    ...options.filter((option) => option.trim()).map((option) => ({ value: option, label: option })),
                  ]}
                />
              ) : type === 'paragraph' ? (
                <Textarea
                  {...control}
                  rows={2}
                  value={text(field.default)}
                  onChange={(event) => put({ default: event.target.value })}
                />
              ) : (
                <Input
                  {...control}
                  type={type === 'number' ? 'number' : 'text'}
                  step="any"
                  value={typeof field.default === 'number' ? field.default : text(field.default)}
                  onChange={(event) => put({ default: event.target.value })}
                />
              )
            }
          </Field>
        )}
        <div className="flex flex-wrap gap-x-6 gap-y-2">
          <Check
            label={t('editor.variableRequired')}
            checked={field.required === true}
            onChange={(required) => put({ required })}
          />
          {type === 'checkbox' && (
            <Check
              label={t('studio.start.checked')}
              checked={field.default === true || field.default === 'true'}
              onChange={(on) => put({ default: on })}
            />
          )}
          <Check label={t('studio.start.hidden')} checked={field.hide === true} onChange={(hide) => put({ hide })} />
        </div>
      </div>
    </Dialog>
  );
}

function isJson(source: string): boolean {
  try {
    JSON.parse(source);
    return true;
  } catch {
    return false;
  }
}

const KINDS = ['image', 'document', 'audio', 'video', 'custom'] as const;
const METHODS = ['local_file', 'remote_url'] as const;

/** Which files an input takes, and how. */
export function FileRules({ field, put }: { field: Data; put: (patch: Data) => void }) {
  const { t } = useTranslation();
  const kinds = list(field.allowed_file_types).map(String);
  const methods = list(field.allowed_file_upload_methods).map(String);
  const extensions = list(field.allowed_file_extensions).map(String);
  const toggle = (all: string[], one: string, on: boolean) =>
    on ? [...all, one] : all.filter((other) => other !== one);
  return (
    <fieldset className="space-y-2.5">
      <legend className="mb-1.5 font-medium text-sm">{t('studio.start.files')}</legend>
      <div className="flex flex-wrap gap-x-4 gap-y-1.5">
        {KINDS.map((kind) => (
          <Check
            key={kind}
            label={t(`studio.start.fileKinds.${kind}`)}
            checked={kinds.includes(kind)}
            onChange={(on) => put({ allowed_file_types: toggle(kinds, kind, on) })}
          />
        ))}
      </div>
      {kinds.includes('custom') && (
        <Input
          aria-label={t('studio.start.extensions')}
          placeholder=".csv, .log"
          value={extensions.join(', ')}
          onChange={(event) =>
            put({
              allowed_file_extensions: event.target.value
                .split(',')
                .map((one) => one.trim())
                .filter(Boolean),
            })
          }
        />
      )}
      <div className="flex flex-wrap gap-x-4 gap-y-1.5">
        {METHODS.map((method) => (
          <Check
            key={method}
            label={t(method === 'local_file' ? 'features.local_file' : 'features.remote_url')}
            checked={methods.includes(method)}
            onChange={(on) => put({ allowed_file_upload_methods: toggle(methods, method, on) })}
          />
        ))}
      </div>
    </fieldset>
  );
}
