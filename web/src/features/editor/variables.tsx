import { zodResolver } from '@hookform/resolvers/zod';
import {
  ArrowDown,
  ArrowUp,
  Hash,
  ListChecks,
  PencilLine,
  Plus,
  SquareCheck,
  Text,
  TextInitial,
  Trash2,
  X,
} from 'lucide-react';
import { useState } from 'react';
import { Controller, useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input, Textarea } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { Switch } from '@/components/ui/switch';
import { FIELD_TYPES, type FieldType, type FormField, newField, VARIABLE } from '@/lib/app-config';
import { cn } from '@/lib/cn';
import { Group } from './group';

const ICONS = {
  'text-input': TextInitial,
  paragraph: Text,
  select: ListChecks,
  number: Hash,
  checkbox: SquareCheck,
} as const;

interface VariablesProps {
  fields: FormField[];
  onChange: (fields: FormField[]) => void;
  completion: boolean;
  disabled: boolean;
}

export function Variables({ fields, onChange, completion, disabled }: VariablesProps) {
  const { t } = useTranslation();
  const [editing, setEditing] = useState<{ index: number; field: FormField } | null>(null);

  const move = (index: number, by: number) => {
    const next = [...fields];
    const [field] = next.splice(index, 1);
    if (field) next.splice(index + by, 0, field);
    onChange(next);
  };
  const save = (field: FormField) => {
    if (!editing) return;
    const next = [...fields];
    next[editing.index] = field;
    onChange(next);
    setEditing(null);
  };
  const add = () => {
    let name = 'variable';
    for (let n = 2; fields.some((field) => field.variable === name); n += 1) name = `variable_${n}`;
    setEditing({ index: fields.length, field: { ...newField(name), label: '' } });
  };

  return (
    <Group
      title={t('editor.variables')}
      text={t(completion ? 'editor.variablesTextCompletion' : 'editor.variablesText', { example: '{{name}}' })}
      action={
        !disabled && (
          <Button variant="ghost" size="xs" onClick={add}>
            <Plus />
            {t('editor.addVariable')}
          </Button>
        )
      }
    >
      {fields.length === 0 ? (
        <p className="rounded-lg border border-line border-dashed px-3.5 py-3 text-ink-3 text-sm">
          {t('editor.variablesEmpty', { brace: '{{' })}
        </p>
      ) : (
        <ul className="divide-y rounded-lg border border-line bg-surface shadow-1">
          {fields.map((field, index) => {
            const Icon = ICONS[field.type];
            return (
              <li key={field.variable} className="group/row flex h-10.5 items-center gap-2.5 pr-1.5 pl-3">
                <Icon className="size-4 shrink-0 text-ink-3" aria-hidden />
                <code className="truncate font-mono text-accent-ink text-xs">{field.variable}</code>
                {field.label !== field.variable && (
                  <span className="hidden min-w-0 truncate text-ink-2 text-sm @sm:inline">{field.label}</span>
                )}
                <span className="ml-auto flex shrink-0 items-center gap-0.5">
                  {field.required && (
                    <Badge className="mr-1.5 hidden @md:inline-flex">{t('editor.variableRequired')}</Badge>
                  )}
                  {!disabled && (
                    <>
                      <Button
                        variant="ghost"
                        size="icon-xs"
                        aria-label={`${t('editor.moveUp')}: ${field.variable}`}
                        disabled={index === 0}
                        onClick={() => move(index, -1)}
                      >
                        <ArrowUp />
                      </Button>
                      <Button
                        variant="ghost"
                        size="icon-xs"
                        aria-label={`${t('editor.moveDown')}: ${field.variable}`}
                        disabled={index === fields.length - 1}
                        onClick={() => move(index, 1)}
                      >
                        <ArrowDown />
                      </Button>
                      <Button
                        variant="ghost"
                        size="icon-xs"
                        aria-label={`${t('common.edit')}: ${field.variable}`}
                        onClick={() => setEditing({ index, field })}
                      >
                        <PencilLine />
                      </Button>
                      <Button
                        variant="ghost"
                        size="icon-xs"
                        aria-label={`${t('common.remove')}: ${field.variable}`}
                        onClick={() => onChange(fields.filter((_, other) => other !== index))}
                      >
                        <Trash2 />
                      </Button>
                    </>
                  )}
                </span>
              </li>
            );
          })}
        </ul>
      )}
      {editing && (
        <VariableDialog
          field={editing.field}
          fresh={editing.index === fields.length}
          taken={fields.filter((_, index) => index !== editing.index).map((field) => field.variable)}
          onSave={save}
          onClose={() => setEditing(null)}
        />
      )}
    </Group>
  );
}

interface VariableDialogProps {
  field: FormField;
  fresh: boolean;
  taken: string[];
  onSave: (field: FormField) => void;
  onClose: () => void;
}

function VariableDialog({ field, fresh, taken, onSave, onClose }: VariableDialogProps) {
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
    })
    .superRefine((values, context) => {
      if (values.type === 'select' && !values.options.some((option) => option.text.trim())) {
        context.addIssue({ code: 'custom', path: ['options'], message: t('validation.options') });
      }
      if (values.type === 'number' && values.default.trim() && !Number.isFinite(Number(values.default))) {
        context.addIssue({ code: 'custom', path: ['default'], message: t('validation.number') });
      }
    });
  const form = useForm({
    resolver: zodResolver(schema),
    defaultValues: {
      type: field.type,
      variable: field.variable,
      label: field.label,
      required: field.required,
      max_length: field.max_length ?? 256,
      options: (field.options?.length ? field.options : ['']).map((text) => ({ text })),
      default: field.default === null || field.default === undefined ? '' : String(field.default),
    },
  });
  const { errors } = form.formState;
  const type = form.watch('type') as FieldType;
  const options = form.watch('options');
  const setOptions = (next: { text: string }[]) =>
    form.setValue('options', next, { shouldDirty: true, shouldValidate: form.formState.isSubmitted });

  const submit = form.handleSubmit((values) => {
    const { max_length: _max, options: _options, default: _default, ...kept } = field;
    const text = values.type === 'text-input' || values.type === 'paragraph';
    const choices = values.options.map((option) => option.text.trim()).filter(Boolean);
    const byType =
      values.type === 'number'
        ? values.default.trim()
          ? Number(values.default)
          : null
        : values.type === 'checkbox'
          ? values.default === 'true'
          : values.type === 'select'
            ? choices.includes(values.default)
              ? values.default
              : ''
            : values.default;
    onSave({
      ...kept,
      type: values.type,
      variable: values.variable,
      label: values.label || values.variable,
      required: values.type === 'checkbox' ? false : values.required,
      ...(text ? { max_length: values.max_length } : {}),
      ...(values.type === 'select' ? { options: [...new Set(choices)] } : {}),
      default: byType,
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
          <div className="grid grid-cols-5 gap-1.5">
            {FIELD_TYPES.map((value) => {
              const Icon = ICONS[value];
              return (
                <button
                  key={value}
                  type="button"
                  aria-pressed={type === value}
                  onClick={() => form.setValue('type', value, { shouldDirty: true })}
                  className={cn(
                    'flex flex-col items-center gap-1 rounded-lg border border-line-strong px-1 py-2 text-ink-2 text-xs hover:bg-sunken',
                    type === value && 'border-accent bg-accent-soft/50 text-accent-ink ring-1 ring-accent',
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
        {(type === 'text-input' || type === 'paragraph') && (
          <Field label={t('editor.variableMax')} error={errors.max_length?.message} className="max-w-40">
            {(control) => <Input {...control} type="number" min={1} {...form.register('max_length')} />}
          </Field>
        )}
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
                    ) : type === 'paragraph' ? (
                      <Textarea {...control} rows={2} value={input.value} onChange={input.onChange} />
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

function SwitchRow({ label, checked, onChange }: { label: string; checked: boolean; onChange: (on: boolean) => void }) {
  return (
    <div className="flex items-center justify-between">
      <span className="font-medium text-sm">{label}</span>
      <Switch aria-label={label} checked={checked} onCheckedChange={onChange} />
    </div>
  );
}
