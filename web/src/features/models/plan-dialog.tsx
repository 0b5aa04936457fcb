import { useQuery } from '@tanstack/react-query';
import { CircleCheck, CircleX } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { FormError } from '@/components/form-error';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { Skeleton } from '@/components/ui/skeleton';
import { modelsQuery } from '@/lib/api/queries';
import type { ModelPlan } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { formatBytes, formatTokens } from '@/lib/format';
import { type PlanRequest, planQuery } from './queries';

const GIB = 1 << 30;

/** “Will it fit?” for any model: one of this machine, one of the hub, or a shape by its name. */
export function PlanDialog({ model: initial, onClose }: { model: string; onClose: () => void }) {
  const { t } = useTranslation();
  const { data: models } = useQuery(modelsQuery);
  const [model, setModel] = useState(initial);
  const [asked, setAsked] = useState(initial);
  const local = (models ?? []).filter((m) => m.provider === 'local' && m.kind === 'llm' && m.status !== 'refused');
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t('models.planTitle')}
      description={t('models.planText')}
      className="max-w-xl"
      footer={<Button onClick={onClose}>{t('common.close')}</Button>}
    >
      <form
        className="flex items-end gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          setAsked(model.trim());
        }}
      >
        <Field label={t('models.name')} className="grow">
          {(control) => (
            <Input
              {...control}
              list="plan-models"
              spellCheck={false}
              className="font-mono"
              placeholder="Qwen/Qwen3-VL-8B-Instruct"
              value={model}
              onChange={(event) => setModel(event.target.value)}
            />
          )}
        </Field>
        <datalist id="plan-models">
          {[...local.map((m) => m.name), 'qwen3-vl-2b', 'qwen3-vl-8b', 'qwen3-vl-30b-a3b', 'kimi-vl-a3b'].map(
            (name) => (
              <option key={name} value={name} />
            ),
          )}
        </datalist>
        <Button type="submit" size="md" variant="primary" disabled={!model.trim()}>
          {t('models.work')}
        </Button>
      </form>
      <div className="mt-4">{asked && <Plan request={{ model: asked }} />}</div>
    </Dialog>
  );
}

/** What a model takes, as blocks that fill the memory. */
export function Plan({ request }: { request: PlanRequest }) {
  const { t } = useTranslation();
  const [device, setDevice] = useState<'' | 'cpu' | 'cuda'>('');
  const [memory, setMemory] = useState('');
  const gib = Number(memory);
  const plan = useQuery(
    planQuery({
      ...request,
      ...(device ? { device } : {}),
      ...(memory && gib > 0 ? { memory_bytes: Math.round(gib * GIB) } : {}),
    }),
  );
  const { data } = plan;
  return (
    <div className="rounded-lg border border-line bg-sunken/50 p-3.5" aria-live="polite" aria-busy={plan.isFetching}>
      <div className="mb-3 flex flex-wrap gap-2">
        <Select
          size="sm"
          className="w-40"
          aria-label={t('models.device')}
          value={device || (data?.device ?? '')}
          placeholder={t('models.device')}
          onValueChange={(next) => setDevice(next as 'cpu' | 'cuda')}
          options={[
            { value: 'cpu', label: t('models.cpu') },
            { value: 'cuda', label: t('models.gpu') },
          ]}
        />
        <span className="flex items-center gap-1.5">
          <Input
            type="number"
            min={1}
            step="any"
            className="h-8 w-28 text-right tabular-nums"
            aria-label={t('models.memory')}
            placeholder={data?.memory_bytes ? String(Math.round(data.memory_bytes / GIB)) : '24'}
            value={memory}
            onChange={(event) => setMemory(event.target.value)}
          />
          <span className="text-ink-3 text-xs">GiB</span>
        </span>
      </div>
      {plan.isError ? (
        <FormError error={plan.error} />
      ) : data ? (
        <div className={cn('space-y-4', plan.isFetching && 'opacity-60')}>
          <p className="text-ink-3 text-xs">
            {[
              data.architecture,
              t('models.parameters', { count: data.n_parameters, size: formatCount(data.n_parameters) }),
              data.n_active_parameters < data.n_parameters &&
                t('models.active', { size: formatCount(data.n_active_parameters) }),
              t('editor.context', { size: formatTokens(data.context_length) }),
            ]
              .filter(Boolean)
              .join(' · ')}
          </p>
          {data.options.map((option) => (
            <Option key={option.precision} plan={data} option={option} single={data.options.length === 1} />
          ))}
        </div>
      ) : (
        <div className="space-y-2">
          <Skeleton className="h-3 w-2/3" />
          <Skeleton className="h-8" />
        </div>
      )}
    </div>
  );
}

const PARTS = [
  ['weight_bytes', 'weights', 'bg-accent'],
  ['workspace_bytes', 'workspace', 'bg-accent/70'],
  ['encoder_cache_bytes', 'pictures', 'bg-accent/45'],
  ['device_bytes', 'driver', 'bg-ink-3'],
] as const;

function Option({ plan, option, single }: { plan: ModelPlan; option: ModelPlan['options'][number]; single: boolean }) {
  const { t } = useTranslation();
  const { memory_bytes: memory, context_length: context } = plan;
  const kvTokens = option.kv_tokens ?? null;
  const fits = memory == null || (kvTokens ?? 0) >= Math.min(context, 1024);
  const whole = Math.max(memory ?? option.fixed_bytes, option.fixed_bytes);
  const kv = memory == null ? 0 : Math.max(0, memory - option.fixed_bytes);
  const contexts = [1024, 4096, 16_384, 65_536, 262_144].filter(
    (n) => n <= Math.max(context, 1024) && n <= (kvTokens ?? 0),
  );
  const verdict = memory == null ? 'planNoLimit' : fits ? 'fits' : 'fitsNot';
  return (
    <section>
      <h3 className="mb-1.5 flex flex-wrap items-center gap-2 text-sm">
        {memory != null &&
          (fits ? (
            <CircleCheck className="size-4 text-ok" aria-hidden />
          ) : (
            <CircleX className="size-4 text-danger" aria-hidden />
          ))}
        <span className="font-semibold">
          {t(`models.${verdict}`, {
            size: formatBytes(option.fixed_bytes),
            memory: formatBytes(memory ?? 0),
          })}
        </span>
        {!single && <span className="text-ink-3">{t(`models.precision_${option.precision as 'stored' | 'fp8'}`)}</span>}
      </h3>
      <div className="flex h-7 gap-px overflow-hidden rounded-md bg-line" aria-hidden>
        {PARTS.map(([key, , color]) => (
          <span key={key} className={color} style={{ width: `${(option[key] / whole) * 100}%` }} />
        ))}
        <span className="bg-ok/50" style={{ width: `${(kv / whole) * 100}%` }} />
      </div>
      <dl className="mt-2 flex flex-wrap gap-x-5 gap-y-1 text-xs">
        {PARTS.filter(([key]) => option[key] > 0).map(([key, name, color]) => (
          <div key={key} className="flex items-center gap-1.5">
            <span className={cn('size-2.5 rounded-[3px]', color)} aria-hidden />
            <dt className="text-ink-3">{t(`models.part_${name}`)}</dt>
            <dd className="tabular-nums">{formatBytes(option[key])}</dd>
          </div>
        ))}
        <div className="flex items-center gap-1.5">
          <span className="size-2.5 rounded-[3px] bg-ok/50" aria-hidden />
          <dt className="text-ink-3">{t('models.part_kv')}</dt>
          <dd className="tabular-nums">
            {kvTokens === null
              ? t('models.perToken', { size: formatBytes(option.kv_bytes_per_token) })
              : t('models.kvRoom', { size: formatBytes(kv), tokens: formatTokens(kvTokens) })}
          </dd>
        </div>
      </dl>
      {kvTokens !== null && fits && (
        <p className="mt-2 text-ink-2 text-xs">
          {t('models.atOnce')}{' '}
          {contexts.map((n) => (
            <span key={n} className="mr-3 whitespace-nowrap tabular-nums">
              {t('models.atOnceOf', { count: Math.floor(kvTokens / n), size: formatTokens(n) })}
            </span>
          ))}
        </p>
      )}
    </section>
  );
}

function formatCount(n: number) {
  if (n < 1e6) return String(n);
  return n < 1e9 ? `${(n / 1e6).toFixed(1)}M` : `${(n / 1e9).toFixed(1)}B`;
}
