import { zodResolver } from '@hookform/resolvers/zod';
import { Braces, File, Files, Hash, ListChecks, Plus, SquareCheck, Text, TextInitial, X } from 'lucide-react';
import { Controller, useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input, Textarea } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { Switch } from '@/components/ui/switch';
import { FIELD_TYPES, type FieldType, type FormField, VARIABLE } from '@/lib/app-config';
import { cn } from '@/lib/cn';
import { FILE_KINDS } from '@/lib/files';
import { jsonObject } from '@/lib/json';
import { UploadRules, type UploadRulesValue } from './upload-rules';

export const FIELD_ICONS = {
  'text-input': TextInitial,
  paragraph: Text,
  select: ListChecks,
  number: Hash,
  checkbox: SquareCheck,
  file: File,
  'file-list': Files,
  json_object: Braces,
} as const;

interface VariableDialogProps {
  field: FormField;
  fresh: boolean;
  taken: string[];
  onSave: (field: FormField) => void;
  onClose: () => void;
}

export function VariableDialog({ field, fresh, taken, onSave, onClose }: VariableDialogProps) {
  const { t } = useTranslation();
  const schema = z
    .object({
      type: z.enum(FIELD_TYPES),
      variable: z
        .string()
        .trim()
        .regex(VARIABLE, t('validation.variableName'))
        .refine((name) => !taken.includes(name), t('validation.variableTaken')),
      label: z
        .string()
        .trim()
        .max(64, t('validation.tooLong', { max: 64 })),
      required: z.boolean(),
      max_length: z.coerce
        .number<string | number>(t('validation.number'))
        .int()
        .min(1, t('validation.range', { min: 1, max: 100000 }))
        .max(100000, t('validation.range', { min: 1, max: 100000 })),
      options: z.array(z.object({ text: z.string() })),
      default: z.string(),
      json_schema: z.string().refine((text) => !text.trim() || jsonObject(text) !== null, t('features.jsonBad')),
      allowed_file_types: z.array(z.enum(FILE_KINDS)),
      allowed_file_extensions: z.array(z.string()),
      allowed_file_upload_methods: z.array(z.enum(['local_file', 'remote_url'])),
    })
    .superRefine((values, context) => {
      if (values.type === 'select' && !values.options.some((option) => option.text.trim())) {
        context.addIssue({ code: 'custom', path: ['options'], message: t('validation.options') });
      }
      if (values.type === 'number' && values.default.trim() && !Number.isFinite(Number(values.default))) {
        context.addIssue({ code: 'custom', path: ['default'], message: t('validation.number') });
      }
      if (values.type === 'json_object' && values.default.trim() && !jsonObject(values.default)) {
        context.addIssue({ code: 'custom', path: ['default'], message: t('features.jsonBad') });
      }
    });
  const form = useForm({
    resolver: zodResolver(schema),
    defaultValues: {
      type: field.type,
      variable: field.variable,
      label: field.label,
      required: field.required,
      max_length: field.max_length ?? (field.type === 'file-list' ? 5 : 256),
      options: (field.options?.length ? field.options : ['']).map((text) => ({ text })),
      default: defaultText(field.default),
      json_schema: typeof field.json_schema === 'string' ? field.json_schema : defaultText(field.json_schema),
      allowed_file_types: field.allowed_file_types ?? ['image'],
      allowed_file_extensions: field.allowed_file_extensions ?? [],
      allowed_file_upload_methods: field.allowed_file_upload_methods ?? ['local_file', 'remote_url'],
    },
  });
  const { errors } = form.formState;
  const type = form.watch('type') as FieldType;
  const options = form.watch('options');
  const setOptions = (next: { text: string }[]) =>
    form.setValue('options', next, { shouldDirty: true, shouldValidate: form.formState.isSubmitted });

  const isFile = type === 'file' || type === 'file-list';
  const setType = (next: FieldType) => {
    // the limit counts characters or files
    if ((next === 'file-list') !== (type === 'file-list')) form.setValue('max_length', next === 'file-list' ? 5 : 256);
    form.setValue('type', next, { shouldDirty: true });
  };

  const submit = form.handleSubmit((values) => {
    const { variable, label, required } = values;
    const kept = Object.fromEntries(Object.entries(field).filter(([key]) => !OF_TYPES.includes(key)));
    onSave({
      ...kept,
      type: values.type,
      variable,
      label: label || variable,
      required: values.type === 'checkbox' ? false : required,
      ...partOfType(values),
    });
  });

  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t(fresh ? 'editor.addVariable' : 'editor.editVariable')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button variant="primary" type="submit" form="variable-form">
            {t(fresh ? 'common.add' : 'common.save')}
          </Button>
        </>
      }
    >
      <form
        id="variable-form"
        noValidate
        className="space-y-4"
        onSubmit={(event) => {
          event.stopPropagation();
          void submit(event);
        }}
      >
        <fieldset>
          <legend className="mb-1.5 font-medium text-sm">{t('editor.variableType')}</legend>
          <div className="grid grid-cols-4 gap-1.5">
            {FIELD_TYPES.map((value) => {
              const Icon = FIELD_ICONS[value];
              return (
                <button
                  key={value}
                  type="button"
                  aria-pressed={type === value}
                  onClick={() => setType(value)}
                  className={cn(
                    'flex flex-col items-center gap-1 rounded-lg border border-line-strong px-1 py-2 text-ink-2 text-xs',
                    type === value
                      ? 'border-accent bg-accent-soft/50 text-accent-ink ring-1 ring-accent'
                      : 'hover:bg-sunken',
                  )}
                >
                  <Icon className="size-4" aria-hidden />
                  {t(`fieldTypes.${value}`)}
                </button>
              );
            })}
          </div>
        </fieldset>
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label={t('editor.variableName')} error={errors.variable?.message}>
            {(control) => (
              <Input
                {...control}
                autoFocus={fresh}
                className="font-mono"
                spellCheck={false}
                {...form.register('variable')}
              />
            )}
          </Field>
          <Field
            label={t('editor.variableLabel')}
            optional
            hint={t('editor.variableLabelText')}
            error={errors.label?.message}
          >
            {(control) => <Input {...control} placeholder={form.watch('variable')} {...form.register('label')} />}
          </Field>
        </div>
        {type === 'select' && (
          <fieldset>
            <legend className="mb-1.5 font-medium text-sm">{t('editor.variableOptions')}</legend>
            <div className="space-y-1.5">
              {options.map((option, index) => (
                <div key={index} className="flex gap-1">
                  <Input
                    aria-label={t('editor.variableOption', { number: index + 1 })}
                    value={option.text}
                    onChange={(event) =>
                      setOptions(options.map((old, other) => (other === index ? { text: event.target.value } : old)))
                    }
                  />
                  <Button
                    variant="ghost"
                    size="icon"
                    aria-label={`${t('common.remove')}: ${t('editor.variableOption', { number: index + 1 })}`}
                    disabled={options.length === 1}
                    onClick={() => setOptions(options.filter((_, other) => other !== index))}
                  >
                    <X />
                  </Button>
                </div>
              ))}
            </div>
            {errors.options && (
              <p role="alert" className="mt-1 text-danger text-xs">
                {errors.options.message ?? t('validation.options')}
              </p>
            )}
            <Button variant="ghost" size="xs" className="mt-1.5" onClick={() => setOptions([...options, { text: '' }])}>
              <Plus />
              {t('editor.addOption')}
            </Button>
          </fieldset>
        )}
        {isFile && (
          <div className="space-y-3.5">
            <UploadRules
              value={form.watch()}
              onChange={(patch) => {
                for (const [key, value] of Object.entries(patch)) {
                  form.setValue(key as keyof UploadRulesValue, value as never, { shouldDirty: true });
                }
              }}
            />
          </div>
        )}
        {type === 'json_object' && (
          <Field
            label={t('features.jsonSchema')}
            optional
            hint={t('features.jsonSchemaText')}
            error={errors.json_schema?.message}
          >
            {(control) => (
              <Textarea
                {...control}
                rows={4}
                className="font-mono text-xs"
                spellCheck={false}
                placeholder={'{"type": "object", "required": ["city"]}'}
                {...form.register('json_schema')}
              />
            )}
          </Field>
        )}
        {(type === 'text-input' || type === 'paragraph' || type === 'file-list') && (
          <Field
            label={t(type === 'file-list' ? 'features.maxFiles' : 'editor.variableMax')}
            error={errors.max_length?.message}
            className="max-w-40"
          >
            {(control) => <Input {...control} type="number" min={1} {...form.register('max_length')} />}
          </Field>
        )}
        {!isFile && (
          <Controller
            control={form.control}
            name="default"
            render={({ field: input }) => (
              <>
                {type === 'checkbox' ? (
                  <SwitchRow
                    label={t('editor.variableDefault')}
                    checked={input.value === 'true'}
                    onChange={(on) => input.onChange(on ? 'true' : 'false')}
                  />
                ) : (
                  <Field label={t('editor.variableDefault')} optional error={errors.default?.message}>
                    {(control) =>
                      type === 'select' ? (
                        <Select
                          {...control}
                          value={input.value}
                          onValueChange={input.onChange}
                          options={[
                            { value: '', label: t('editor.noDefault') },
                            ...[...new Set(options.map((o) => o.text.trim()).filter(Boolean))].map((value) => ({
                              value,
                              label: value,
                            })),
                          ]}
                        />
                      ) : type === 'paragraph' || type === 'json_object' ? (
                        <Textarea
                          {...control}
                          rows={2}
                          className={type === 'json_object' ? 'font-mono text-xs' : ''}
                          value={input.value}
                          onChange={input.onChange}
                        />
                      ) : (
                        <Input
                          {...control}
                          inputMode={type === 'number' ? 'decimal' : 'text'}
                          value={input.value}
                          onChange={input.onChange}
                        />
                      )
                    }
                  </Field>
                )}
              </>
            )}
          />
        )}
        {type !== 'checkbox' && (
          <Controller
            control={form.control}
            name="required"
            render={({ field: input }) => (
              <SwitchRow label={t('editor.variableRequired')} checked={input.value} onChange={input.onChange} />
            )}
          />
        )}
      </form>
    </Dialog>
  );
}

/** Keys that only some types have. */
const OF_TYPES = [
  'max_length',
  'options',
  'default',
  'json_schema',
  'allowed_file_types',
  'allowed_file_extensions',
  'allowed_file_upload_methods',
];

interface TypedValues extends UploadRulesValue {
  type: FieldType;
  max_length: number;
  options: { text: string }[];
  default: string;
  json_schema: string;
}

/** What a field of this type has beside name and label. */
function partOfType(values: TypedValues): Partial<FormField> {
  const { allowed_file_types, allowed_file_extensions, allowed_file_upload_methods } = values;
  const files = { allowed_file_types, allowed_file_extensions, allowed_file_upload_methods };
  const text = values.default.trim();
  switch (values.type) {
    case 'number':
      return { default: text ? Number(text) : null };
    case 'checkbox':
      return { default: values.default === 'true' };
    case 'select': {
      const options = [...new Set(values.options.map((option) => option.text.trim()).filter(Boolean))];
      return { options, default: options.includes(values.default) ? values.default : '' };
    }
    case 'json_object':
      return {
        ...(values.json_schema.trim() ? { json_schema: values.json_schema } : {}),
        ...(text ? { default: jsonObject(text) } : {}),
      };
    case 'file':
      return files;
    case 'file-list':
      return { ...files, max_length: values.max_length };
    default:
      return { max_length: values.max_length, default: values.default };
  }
}

const defaultText = (value: unknown) =>
  value === null || value === undefined
    ? ''
    : typeof value === 'object'
      ? JSON.stringify(value, null, 2)
      : String(value);

function SwitchRow({ label, checked, onChange }: { label: string; checked: boolean; onChange: (on: boolean) => void }) {
  return (
    <div className="flex items-center justify-between">
      <span className="font-medium text-sm">{label}</span>
      <Switch aria-label={label} checked={checked} onCheckedChange={onChange} />
    </div>
  );
}
