import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Cpu } from 'lucide-react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Page, Panel } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { Tooltip } from '@/components/ui/tooltip';
import { engineQuery } from '@/lib/api/queries';
import type { EngineStatus } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { formatBytes, formatTokens } from '@/lib/format';
import { BlockBar, BlockChart, BlockWall } from './blocks';
import { KEPT, remember, type Sample, share } from './rates';

/** Samples of each model, collected while the page is open. */
function useHistory(status: EngineStatus | undefined) {
  const before = useRef<EngineStatus | null>(null);
  const [history, setHistory] = useState<Map<string, Sample[]>>(new Map());
  useEffect(() => {
    if (!status || status.at === before.current?.at) return;
    const old = before.current;
    before.current = status;
    setHistory((kept) => remember(kept, old, status));
  }, [status]);
  return history;
}

export function EnginePage() {
  const { t } = useTranslation();
  const engine = useQuery({ ...engineQuery, refetchInterval: 1000 });
  const history = useHistory(engine.data);
  const status = engine.data;
  return (
    <Page
      wide
      title={t('nav.engine')}
      text={t('engine.text')}
      actions={
        status && (
          <span className="flex items-center gap-2 text-ink-3 text-xs" role="status">
            <span
              className={cn('size-2 rounded-full', engine.isError ? 'bg-danger' : 'animate-pulse bg-ok')}
              aria-hidden
            />
            {t(engine.isError ? 'engine.lost' : 'engine.live')}
          </span>
        )
      }
    >
      {!status ? (
        engine.isError ? (
          <ErrorState error={engine.error} onRetry={() => void engine.refetch()} />
        ) : (
          <div className="space-y-4">
            <Skeleton className="h-24 rounded-xl" />
            <Skeleton className="h-80 rounded-xl" />
          </div>
        )
      ) : (
        <div className="space-y-4">
          <Machine status={status} />
          {status.models.length === 0 && (
            <EmptyState
              icon={<Cpu />}
              title={t('engine.emptyTitle')}
              text={t('engine.emptyText')}
              className="rounded-xl border border-line-strong border-dashed bg-surface/50"
            >
              <Button asChild>
                <Link to="/models">{t('nav.models')}</Link>
              </Button>
            </EmptyState>
          )}
          {status.models.map((model) =>
            model.llm ? (
              <Llm
                key={model.name}
                status={status}
                model={model}
                llm={model.llm}
                history={history.get(model.name) ?? []}
              />
            ) : (
              <Panel key={model.name} className="flex flex-wrap items-center gap-3 px-5 py-3.5">
                <ModelName model={model} />
              </Panel>
            ),
          )}
        </div>
      )}
    </Page>
  );
}

type EngineModel = EngineStatus['models'][number];
type LlmStatus = NonNullable<EngineModel['llm']>;

function ModelName({ model }: { model: EngineModel }) {
  const { t } = useTranslation();
  return (
    <>
      <h2 className="font-semibold text-base">{model.name}</h2>
      <Badge>{t(`settings.kind_${model.kind as 'llm'}`)}</Badge>
      <span className="ml-auto text-ink-3 text-sm tabular-nums">
        {t('settings.memory', { size: formatBytes(model.memory_bytes) })}
      </span>
    </>
  );
}

/** What the machine, and the GPU if models are on one, have in memory. */
function Machine({ status }: { status: EngineStatus }) {
  const { t } = useTranslation();
  const { memory_total_bytes: total, process_bytes: own, memory_available_bytes: available, gpu } = status;
  return (
    <Panel className={cn('grid overflow-hidden', gpu && 'gap-px bg-line lg:grid-cols-2')}>
      <Memory
        title={t(gpu ? 'engine.device_cpu' : `engine.device_${status.device as 'cpu' | 'cuda'}`)}
        text={[status.cpu, t('engine.cores', { count: status.n_cpus })].filter(Boolean).join(' · ')}
        label={t('engine.memoryLabel', { own: formatBytes(own), total: formatBytes(total) })}
        total={total}
        uses={[
          { color: 'bg-accent', name: t('engine.memoryOwn'), bytes: own },
          { color: 'bg-ink-3/60', name: t('engine.memoryOthers'), bytes: Math.max(0, total - available - own) },
        ]}
        free={available}
      />
      {gpu && (
        <Memory
          title={t('engine.device_cuda')}
          text={gpu.name}
          label={t('engine.gpuLabel', {
            used: formatBytes(gpu.memory_used_bytes),
            total: formatBytes(gpu.memory_total_bytes),
          })}
          total={gpu.memory_total_bytes}
          uses={[{ color: 'bg-accent', name: t('engine.gpuUsed'), bytes: gpu.memory_used_bytes }]}
          free={gpu.memory_total_bytes - gpu.memory_used_bytes}
        />
      )}
    </Panel>
  );
}

interface MemoryProps {
  title: string;
  text: string;
  /** For who does not see the blocks. */
  label: string;
  total: number;
  uses: { color: string; name: string; bytes: number }[];
  free: number;
}

function Memory({ title, text, label, total, uses, free }: MemoryProps) {
  const { t } = useTranslation();
  return (
    <section className="bg-surface px-5 py-4">
      <div className="mb-3 flex flex-wrap items-baseline gap-x-4 gap-y-1">
        <h2 className="font-semibold text-base">{title}</h2>
        <p className="text-ink-3 text-sm">{text}</p>
      </div>
      <BlockBar label={label} parts={uses.map(({ color, bytes }) => ({ share: bytes / total, className: color }))} />
      <Legend
        entries={[...uses, { color: 'bg-line', name: t('engine.memoryFree'), bytes: free }].map(
          ({ color, name, bytes }) => ({ color, name, value: formatBytes(bytes) }),
        )}
      />
    </section>
  );
}

function Llm({
  status,
  model,
  llm,
  history,
}: {
  status: EngineStatus;
  model: EngineModel;
  llm: LlmStatus;
  history: Sample[];
}) {
  const { t } = useTranslation();
  const last = history.at(-1);
  const whole = Math.max(1, llm.kv_tokens);
  const spared = share(llm.n_cached_tokens, llm.n_prompt_tokens);
  const pictures = share(llm.n_picture_hits, llm.n_picture_hits + llm.n_picture_misses);
  const percent = (value: number | null) => (value === null ? '–' : `${Math.round(value * 100)}%`);
  return (
    <Panel className="overflow-hidden">
      <div className="flex flex-wrap items-center gap-3 border-b px-5 py-3.5">
        <ModelName model={model} />
      </div>
      <div className="grid gap-px bg-line lg:grid-cols-2">
        <Cell title={t('engine.speed')} hint={t('engine.speedText')} value={`${Math.round(last?.written ?? 0)} tok/s`}>
          <BlockChart
            label={t('engine.speed')}
            unit="tok/s"
            slots={KEPT}
            max={10}
            series={[
              { values: history.map((sample) => sample.written), className: 'fill-accent' },
              { values: history.map((sample) => sample.read), className: 'fill-accent/35' },
            ]}
          />
          <Legend
            entries={[
              { color: 'bg-accent', name: t('engine.written'), value: `${Math.round(last?.written ?? 0)}` },
              { color: 'bg-accent/35', name: t('engine.read'), value: `${Math.round(last?.read ?? 0)}` },
            ]}
          />
        </Cell>
        <Cell
          title={t('engine.kv')}
          hint={t('engine.kvText')}
          value={percent(share(llm.kv_used_tokens, llm.kv_tokens))}
        >
          <BlockWall
            label={t('engine.kvLabel', { used: llm.kv_used_tokens, total: llm.kv_tokens })}
            parts={[
              { share: llm.kv_used_tokens / whole, className: 'bg-accent' },
              { share: Math.max(0, llm.kv_reusable_tokens - llm.kv_used_tokens) / whole, className: 'bg-accent/35' },
            ]}
          />
          <Legend
            entries={[
              { color: 'bg-accent', name: t('engine.kvUsed'), value: formatTokens(llm.kv_used_tokens) },
              { color: 'bg-accent/35', name: t('engine.kvKept'), value: formatTokens(llm.kv_reusable_tokens) },
              {
                color: 'bg-line',
                name: t('engine.kvAll'),
                value: `${formatTokens(llm.kv_tokens)} · ${formatBytes(llm.kv_bytes)}`,
              },
            ]}
          />
        </Cell>
        <Cell title={t('engine.batch')} hint={t('engine.batchText')} value={`${llm.n_running} / ${status.max_running}`}>
          <BlockChart
            label={t('engine.batch')}
            unit=""
            slots={KEPT}
            max={4}
            series={[
              { values: history.map((sample) => sample.running), className: 'fill-accent' },
              { values: history.map((sample) => sample.queued), className: 'fill-warn' },
            ]}
          />
          <Legend
            entries={[
              { color: 'bg-accent', name: t('engine.running'), value: String(llm.n_running) },
              { color: 'bg-warn', name: t('engine.queued'), value: String(llm.n_queued) },
              { name: t('engine.rows'), value: (last?.rows ?? 0).toFixed(1) },
            ]}
          />
        </Cell>
        <div className="grid grid-cols-2 gap-px bg-line sm:grid-cols-3">
          <Figure name={t('engine.prefixHits')} value={percent(spared)} hint={t('engine.prefixHitsText')} />
          <Figure name={t('engine.pictureHits')} value={percent(pictures)} hint={t('engine.pictureHitsText')} />
          <Figure name={t('engine.pictureCache')} value={formatBytes(llm.encoder_bytes)} />
          <Figure name={t('engine.firstToken')} value={seconds(llm.mean_first_token_s)} hint={t('engine.meanText')} />
          <Figure name={t('engine.perToken')} value={seconds(llm.mean_decode_step_s)} hint={t('engine.meanText')} />
          <Figure name={t('engine.queueTime')} value={seconds(llm.mean_queue_s)} hint={t('engine.meanText')} />
          <Figure name={t('engine.finished')} value={llm.n_finished.toLocaleString()} />
          <Figure name={t('engine.brokenOff')} value={(llm.n_cancelled + llm.n_failed).toLocaleString()} />
          <Figure
            name={t('engine.preempted')}
            value={llm.n_preempted.toLocaleString()}
            hint={t('engine.preemptedText')}
          />
        </div>
      </div>
    </Panel>
  );
}

/** 0.0123 → 12 ms */
const seconds = (value: number) =>
  value === 0
    ? '–'
    : value < 1
      ? `${value < 0.01 ? (value * 1000).toFixed(1) : Math.round(value * 1000)} ms`
      : `${value.toFixed(2)} s`;

function Cell({ title, hint, value, children }: { title: string; hint: string; value: string; children: ReactNode }) {
  return (
    <section className="bg-surface px-5 py-4">
      <div className="mb-4 flex items-baseline justify-between gap-3">
        <Tooltip text={hint}>
          <button
            type="button"
            className="cursor-help font-medium text-ink-2 text-sm decoration-dotted underline-offset-4 hover:underline"
          >
            {title}
          </button>
        </Tooltip>
        <span className="font-semibold text-xl tabular-nums">{value}</span>
      </div>
      {children}
    </section>
  );
}

function Figure({ name, value, hint }: { name: string; value: string; hint?: string }) {
  const label = <span className="block text-ink-3 text-xs">{name}</span>;
  return (
    <div className="flex flex-col justify-center bg-surface px-5 py-3.5">
      {hint ? (
        <Tooltip text={hint}>
          <button
            type="button"
            className="cursor-help self-start text-left decoration-dotted underline-offset-4 hover:underline"
          >
            {label}
          </button>
        </Tooltip>
      ) : (
        label
      )}
      <span className="mt-0.5 font-semibold text-lg tabular-nums">{value}</span>
    </div>
  );
}

function Legend({ entries }: { entries: { color?: string; name: string; value: string }[] }) {
  return (
    <dl className="mt-3 flex flex-wrap gap-x-5 gap-y-1 text-xs">
      {entries.map(({ color, name, value }) => (
        <div key={name} className="flex items-center gap-1.5">
          {color && <span className={cn('size-2.5 rounded-[3px]', color)} aria-hidden />}
          <dt className="text-ink-3">{name}</dt>
          <dd className="tabular-nums">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
