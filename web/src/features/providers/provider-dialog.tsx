import { zodResolver } from '@hookform/resolvers/zod';
import { Plus, X } from 'lucide-react';
import { Controller, useFieldArray, useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { FormError } from '@/components/form-error';
import { PasswordInput } from '@/components/password-input';
import { Button } from '@/components/ui/button';
import { Checkbox } from '@/components/ui/checkbox';
import { Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import type { Provider } from '@/lib/api/types';
import { nameRule } from '@/lib/rules';
import { useSaveProvider, useTestProvider } from './queries';

const KINDS = ['llm', 'text-embedding', 'rerank'] as const;

interface ProviderDialogProps {
  provider: Provider | null;
  onClose: () => void;
  onSaved: () => void;
}

export function ProviderDialog({ provider, onClose, onSaved }: ProviderDialogProps) {
  const { t } = useTranslation();
  const save = useSaveProvider(provider?.id);
  const test = useTestProvider();
  const range = (min: number, max: number) =>
    z.coerce
      .number<string | number>(t('validation.number'))
      .min(min, t('validation.range', { min, max }))
      .max(max, t('validation.range', { min, max }));
  const schema = z.object({
    name: nameRule(t),
    base_url: z
      .string()
      .trim()
      .regex(/^https?:\/\/[^\s/]+/, t('validation.url')),
    api_key: z.string(),
    timeout_s: range(1, 3600),
    max_retries: range(0, 10),
    models: z.array(
      z.object({
        name: nameRule(t, 255),
        kind: z.enum(KINDS),
        context_size: range(1, 10_000_000),
        vision: z.boolean(),
        tools: z.boolean(),
      }),
    ),
  });
  const form = useForm({
    resolver: zodResolver(schema),
    defaultValues: {
      name: provider?.name ?? '',
      base_url: provider?.base_url ?? '',
      api_key: '',
      timeout_s: (provider?.timeout_ms ?? 120_000) / 1000,
      max_retries: provider?.max_retries ?? 2,
      models: (provider?.models ?? []).map((model) => ({
        name: model.name,
        kind: model.kind,
        context_size: model.context_size,
        vision: model.features.includes('vision'),
        tools: model.features.includes('tools'),
      })),
    },
  });
  const models = useFieldArray({ control: form.control, name: 'models' });
  const { errors } = form.formState;
  const listed = form.watch('models').map((model) => model.name);
  const found = test.data?.ok ? test.data.models.filter((name) => !listed.includes(name)) : [];
  const addModel = (name: string) =>
    models.append({
      name,
      kind: /embed/i.test(name) ? 'text-embedding' : /rerank/i.test(name) ? 'rerank' : 'llm',
      context_size: 32768,
      vision: false,
      tools: false,
    });

  const submit = form.handleSubmit((values) =>
    save.mutate(
      {
        name: values.name,
        base_url: values.base_url.replace(/\/+$/, ''),
        ...(values.api_key ? { api_key: values.api_key } : {}),
        timeout_ms: Math.round(values.timeout_s * 1000),
        max_retries: values.max_retries,
        models: values.models.map(({ vision, tools, ...model }) => {
          const old = provider?.models.find((other) => other.name === model.name);
          const others = old?.features.filter((feature) => feature !== 'vision' && feature !== 'tools') ?? [];
          return {
            ...old,
            ...model,
            features: [...(vision ? (['vision'] as const) : []), ...(tools ? (['tools'] as const) : []), ...others],
          };
        }),
      },
      { onSuccess: onSaved },
    ),
  );

  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t(provider ? 'settings.editProvider' : 'settings.addProvider')}
      description={t('settings.providersText')}
      className="max-w-2xl"
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" form="provider-form" variant="primary" busy={save.isPending}>
            {t('common.save')}
          </Button>
        </>
      }
    >
      <form id="provider-form" noValidate className="space-y-4" onSubmit={submit}>
        <div className="grid gap-4 sm:grid-cols-[1fr_2fr]">
          <Field label={t('settings.providerName')} hint={t('settings.providerNameText')} error={errors.name?.message}>
            {(control) => <Input {...control} autoFocus placeholder="vllm" {...form.register('name')} />}
          </Field>
          <Field label={t('settings.baseUrl')} error={errors.base_url?.message}>
            {(control) => (
              <Input
                {...control}
                type="url"
                className="font-mono"
                placeholder="https://api.example.com/v1"
                {...form.register('base_url')}
              />
            )}
          </Field>
        </div>
        <Field
          label={t('settings.apiKey')}
          optional
          hint={provider?.has_api_key ? t('settings.apiKeyKept') : t('settings.apiKeyText')}
        >
          {(control) => <PasswordInput {...control} autoComplete="off" {...form.register('api_key')} />}
        </Field>
        <div className="grid max-w-sm grid-cols-2 gap-4">
          <Field label={t('settings.timeout')} error={errors.timeout_s?.message}>
            {(control) => <Input {...control} type="number" min={1} {...form.register('timeout_s')} />}
          </Field>
          <Field label={t('settings.retries')} error={errors.max_retries?.message}>
            {(control) => <Input {...control} type="number" min={0} {...form.register('max_retries')} />}
          </Field>
        </div>
        <fieldset className="border-t pt-4">
          <legend className="sr-only">{t('settings.providerModels')}</legend>
          <div className="mb-2 flex items-center gap-2">
            <span className="grow font-medium text-sm">{t('settings.providerModels')}</span>
            {provider && (
              <Button size="xs" busy={test.isPending} onClick={() => test.mutate(provider.id)}>
                {t('settings.test')}
              </Button>
            )}
            <Button size="xs" onClick={() => addModel('')}>
              <Plus />
              {t('settings.addModel')}
            </Button>
          </div>
          {test.data && !test.data.ok && (
            <p className="mb-2 text-danger text-xs">{t('settings.testFailed', { message: test.data.error ?? '' })}</p>
          )}
          {found.length > 0 && (
            <div className="mb-3 rounded-lg bg-sunken p-2.5">
              <p className="mb-1.5 text-ink-2 text-xs">{t('settings.testAdd')}</p>
              <div className="flex max-h-32 flex-wrap gap-1.5 overflow-y-auto">
                {found.map((name) => (
                  <Button key={name} size="xs" className="font-mono" onClick={() => addModel(name)}>
                    <Plus />
                    {name}
                  </Button>
                ))}
              </div>
            </div>
          )}
          <ul className="space-y-2">
            {models.fields.map((model, index) => (
              <li key={model.id} className="rounded-lg border border-line bg-surface p-3">
                <div className="flex flex-wrap gap-2">
                  <Input
                    className="min-w-40 grow basis-0 font-mono"
                    aria-label={`${t('settings.modelName')} ${index + 1}`}
                    placeholder={t('settings.modelName')}
                    aria-invalid={Boolean(errors.models?.[index]?.name)}
                    {...form.register(`models.${index}.name`)}
                  />
                  <Controller
                    control={form.control}
                    name={`models.${index}.kind`}
                    render={({ field }) => (
                      <Select
                        className="w-32"
                        aria-label={t('settings.modelKind')}
                        value={field.value}
                        onValueChange={field.onChange}
                        options={KINDS.map((kind) => ({ value: kind, label: t(`settings.kind_${kind}`) }))}
                      />
                    )}
                  />
                  <Button
                    variant="ghost"
                    size="icon"
                    className="mt-0.5"
                    aria-label={`${t('common.remove')}: ${index + 1}`}
                    onClick={() => models.remove(index)}
                  >
                    <X />
                  </Button>
                </div>
                <div className="mt-2 flex flex-wrap items-center gap-x-5 gap-y-2 text-ink-2 text-xs">
                  <span className="flex items-center gap-2">
                    <label htmlFor={`context-${model.id}`}>{t('settings.contextSize')}</label>
                    <Input
                      id={`context-${model.id}`}
                      type="number"
                      className="h-7 w-26 px-2 text-right tabular-nums"
                      aria-invalid={Boolean(errors.models?.[index]?.context_size)}
                      {...form.register(`models.${index}.context_size`)}
                    />
                  </span>
                  {(['vision', 'tools'] as const).map((feature) => (
                    <Controller
                      key={feature}
                      control={form.control}
                      name={`models.${index}.${feature}`}
                      render={({ field }) => (
                        <span className="flex items-center gap-2">
                          <Checkbox
                            id={`${feature}-${model.id}`}
                            checked={field.value}
                            onCheckedChange={(on) => field.onChange(on === true)}
                          />
                          <label htmlFor={`${feature}-${model.id}`}>
                            {t(feature === 'vision' ? 'settings.seesPictures' : 'settings.callsTools')}
                          </label>
                        </span>
                      )}
                    />
                  ))}
                </div>
                {errors.models?.[index]?.name && (
                  <p role="alert" className="mt-1.5 text-danger text-xs">
                    {errors.models[index].name.message}
                  </p>
                )}
              </li>
            ))}
          </ul>
        </fieldset>
        <FormError error={save.error} />
      </form>
    </Dialog>
  );
}
