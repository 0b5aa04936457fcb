import { useQuery } from '@tanstack/react-query';
import { ChartNoAxesColumn, Info, Table2 } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { PageBody, Panel } from '@/components/page';
import { PeriodPicker } from '@/components/period-picker';
import { EmptyState, ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { Tooltip } from '@/components/ui/tooltip';
import type { App } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import type { Period } from '@/lib/period';
import { Chart, type Series } from './chart';
import { type Bucket, type Figures, MONITORING_PERIODS, type Statistics, statisticsQuery, timeZone } from './queries';

interface MonitoringPageProps {
  app: App;
  period: Period;
  table: boolean;
  onChange: (change: Partial<Period> & { table?: boolean | undefined }) => void;
}

/** How much an app was used, how well, and what that took. */
export function MonitoringPage({ app, period, table, onChange }: MonitoringPageProps) {
  const { t } = useTranslation();
  const { data, error, isPlaceholderData, refetch } = useQuery(statisticsQuery(app.id, period));
  const isEmpty = data && data.total.count === 0 && data.total.likes + data.total.dislikes === 0;
  return (
    <PageBody className="pt-5 sm:px-6">
      <div className="mb-4 flex flex-wrap items-center gap-3">
        <PeriodPicker
          value={period}
          options={MONITORING_PERIODS}
          onChange={(next) => onChange({ from: undefined, to: undefined, ...next })}
        />
        <span className="text-ink-3 text-xs">{t('monitoring.timeZone', { zone: timeZone() })}</span>
        <Button
          className="ml-auto"
          variant="ghost"
          aria-pressed={table}
          onClick={() => onChange({ table: table ? undefined : true })}
        >
          {table ? <ChartNoAxesColumn /> : <Table2 />}
          {t(table ? 'monitoring.asChart' : 'monitoring.asTable')}
        </Button>
      </div>
      {error ? (
        <Panel>
          <ErrorState error={error} onRetry={() => void refetch()} />
        </Panel>
      ) : !data ? (
        <div className="grid gap-4 md:grid-cols-2 xl:grid-cols-3" aria-busy>
          {[0, 1, 2, 3, 4, 5].map((n) => (
            <Skeleton key={n} className="h-60 rounded-xl" />
          ))}
        </div>
      ) : isEmpty ? (
        <Panel>
          <EmptyState
            icon={<ChartNoAxesColumn />}
            title={t('monitoring.emptyTitle')}
            text={t('monitoring.emptyText')}
          />
        </Panel>
      ) : (
        <div className={cn('transition-opacity', isPlaceholderData && 'opacity-60')}>
          {table ? <FigureTable app={app} data={data} /> : <Cards app={app} data={data} />}
        </div>
      )}
    </PageBody>
  );
}

interface Formats {
  count: (value: number) => string;
  seconds: (value: number) => string;
  speed: (value: number) => string;
  money: (value: number) => string;
  percent: (value: number) => string;
}

function useFormats(currency: string | null | undefined): Formats {
  const { t, i18n } = useTranslation();
  const number = (options: Intl.NumberFormatOptions) => new Intl.NumberFormat(i18n.language, options);
  const compact = number({ notation: 'compact', maximumFractionDigits: 1 });
  const tenth = number({ maximumFractionDigits: 1 });
  const money = number({ style: 'currency', currency: currency ?? 'USD', maximumSignificantDigits: 3 });
  const percent = number({ style: 'percent', maximumFractionDigits: 0 });
  return {
    count: (value) => compact.format(value),
    seconds: (value) => (value === 0 ? '0' : value < 1 ? `${Math.round(value * 1000)} ms` : `${tenth.format(value)} s`),
    speed: (value) => t('monitoring.speedValue', { rate: tenth.format(value) }),
    money: (value) => money.format(value),
    percent: (value) => percent.format(value),
  };
}

/** Hours, or days, as an axis and a readout name them. */
function usePlaces(data: Statistics) {
  const { i18n } = useTranslation();
  const isHour = data.interval === 'hour';
  const short = new Intl.DateTimeFormat(
    i18n.language,
    isHour ? { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } : { month: 'short', day: 'numeric' },
  );
  const long = new Intl.DateTimeFormat(i18n.language, {
    dateStyle: 'medium',
    ...(isHour ? { timeStyle: 'short' as const } : {}),
  });
  return data.data.map((bucket) => {
    const start = new Date(bucket.start);
    return { short: short.format(start), long: long.format(start) };
  });
}

const satisfaction = ({ likes, dislikes }: Figures) => (likes + dislikes > 0 ? likes / (likes + dislikes) : null);

function Cards({ app, data }: { app: App; data: Statistics }) {
  const { t } = useTranslation();
  const formats = useFormats(data.currency);
  const places = usePlaces(data);
  const { total, previous } = data;
  const isWorkflow = app.mode === 'workflow';
  const isChat = !isWorkflow && app.mode !== 'completion';
  const of = (pick: (bucket: Bucket) => number | null | undefined) => data.data.map((bucket) => pick(bucket) ?? null);
  const chart = (title: string, kind: 'bars' | 'lines', format: (value: number) => string, series: Series[]) => (
    <Chart label={title} kind={kind} series={series} places={places} format={format} />
  );
  const count = t(isWorkflow ? 'monitoring.runs' : 'monitoring.answers');
  const latency = t(isWorkflow ? 'monitoring.latencyRuns' : 'monitoring.latency');
  return (
    <div className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">
      <Card
        title={count}
        value={formats.count(total.count)}
        now={total.count}
        before={previous.count}
        note={
          total.failures > 0
            ? t('monitoring.failedShare', { share: formats.percent(total.failures / Math.max(total.count, 1)) })
            : null
        }
      >
        {chart(count, 'bars', formats.count, [
          { name: t('monitoring.succeeded'), color: 'accent', values: of((b) => b.count - b.failures) },
          { name: t('monitoring.failures'), color: 'danger', values: of((b) => b.failures) },
        ])}
      </Card>
      <Card
        title={t('monitoring.users')}
        text={t('monitoring.usersText')}
        value={formats.count(total.active_users)}
        now={total.active_users}
        before={previous.active_users}
      >
        {chart(t('monitoring.users'), 'bars', formats.count, [
          { name: t('monitoring.users'), color: 'accent', values: of((b) => b.active_users) },
        ])}
      </Card>
      {isChat && (
        <Card
          title={t('monitoring.conversations')}
          value={formats.count(total.conversations)}
          now={total.conversations}
          before={previous.conversations}
        >
          {chart(t('monitoring.conversations'), 'bars', formats.count, [
            { name: t('monitoring.conversations'), color: 'accent', values: of((b) => b.conversations) },
          ])}
        </Card>
      )}
      <Card
        title={t('monitoring.tokens')}
        value={formats.count(total.total_tokens)}
        now={total.total_tokens}
        before={previous.total_tokens}
      >
        {chart(
          t('monitoring.tokens'),
          'bars',
          formats.count,
          isWorkflow
            ? [{ name: t('monitoring.tokens'), color: 'accent', values: of((b) => b.total_tokens) }]
            : [
                { name: t('monitoring.prompt'), color: 'soft', values: of((b) => b.prompt_tokens) },
                { name: t('monitoring.completion'), color: 'accent', values: of((b) => b.completion_tokens) },
              ],
        )}
      </Card>
      {data.currency && (
        <Card title={t('monitoring.cost')} value={formats.money(total.cost)} now={total.cost} before={previous.cost}>
          {chart(t('monitoring.cost'), 'bars', formats.money, [
            { name: t('monitoring.cost'), color: 'accent', values: of((b) => b.cost) },
          ])}
        </Card>
      )}
      <Card
        title={latency}
        text={t('monitoring.p95Text')}
        value={known(total.latency_median_s, formats.seconds)}
        now={total.latency_median_s}
        before={previous.latency_median_s}
      >
        {chart(latency, 'lines', formats.seconds, [
          { name: t('monitoring.p95'), color: 'soft', values: of((b) => b.latency_p95_s) },
          { name: t('monitoring.median'), color: 'accent', values: of((b) => b.latency_median_s) },
        ])}
      </Card>
      {!isWorkflow && (
        <>
          <Card
            title={t('monitoring.firstToken')}
            value={known(total.first_token_s, formats.seconds)}
            now={total.first_token_s}
            before={previous.first_token_s}
          >
            {chart(t('monitoring.firstToken'), 'lines', formats.seconds, [
              { name: t('monitoring.median'), color: 'accent', values: of((b) => b.first_token_s) },
            ])}
          </Card>
          <Card
            title={t('monitoring.speed')}
            value={known(total.tokens_per_second, formats.speed)}
            now={total.tokens_per_second}
            before={previous.tokens_per_second}
          >
            {chart(t('monitoring.speed'), 'lines', (value) => formats.count(value), [
              { name: t('monitoring.speed'), color: 'accent', values: of((b) => b.tokens_per_second) },
            ])}
          </Card>
          <Card
            title={t('monitoring.feedback')}
            text={t('monitoring.feedbackText')}
            value={known(satisfaction(total), formats.percent)}
            now={satisfaction(total)}
            before={satisfaction(previous)}
          >
            {chart(t('monitoring.feedback'), 'bars', formats.count, [
              { name: t('monitoring.likes'), color: 'accent', values: of((b) => b.likes) },
              { name: t('monitoring.dislikes'), color: 'warn', values: of((b) => b.dislikes) },
            ])}
          </Card>
        </>
      )}
    </div>
  );
}

const known = (value: number | null | undefined, format: (value: number) => string) =>
  value === null || value === undefined ? '–' : format(value);

interface CardProps {
  title: string;
  text?: string;
  value: string;
  now: number | null | undefined;
  before: number | null | undefined;
  note?: string | null;
  children: ReactNode;
}

function Card({ title, text, value, now, before, note, children }: CardProps) {
  return (
    <section className="min-w-0 rounded-xl border bg-surface p-4 shadow-1">
      <h2 className="flex items-center gap-1.5 text-ink-2 text-sm">
        {title}
        {text && (
          <Tooltip text={text}>
            <button type="button" aria-label={text} className="text-ink-3">
              <Info className="size-3.5" aria-hidden />
            </button>
          </Tooltip>
        )}
      </h2>
      <p className="mt-0.5 mb-5 flex flex-wrap items-baseline gap-x-2.5">
        <span className="font-semibold text-2xl tabular-nums tracking-tight">{value}</span>
        <Change now={now} before={before} />
        {note && <span className="text-danger text-xs">{note}</span>}
      </p>
      {children}
    </section>
  );
}

function Change({ now, before }: { now: number | null | undefined; before: number | null | undefined }) {
  const { t, i18n } = useTranslation();
  if (!now) return null;
  if (!before) return <span className="text-ink-3 text-xs">{t('monitoring.new')}</span>;
  const change = new Intl.NumberFormat(i18n.language, {
    style: 'percent',
    maximumFractionDigits: 0,
    signDisplay: 'exceptZero',
  }).format(now / before - 1);
  return <span className="text-ink-3 text-xs tabular-nums">{t('monitoring.before', { change })}</span>;
}

/** All figures as numbers. */
function FigureTable({ app, data }: { app: App; data: Statistics }) {
  const { t } = useTranslation();
  const formats = useFormats(data.currency);
  const places = usePlaces(data);
  const isWorkflow = app.mode === 'workflow';
  const columns: [string, (figures: Figures) => string][] = [
    [t(isWorkflow ? 'monitoring.runs' : 'monitoring.answers'), (f) => formats.count(f.count)],
    [t('monitoring.failures'), (f) => formats.count(f.failures)],
    [t('monitoring.users'), (f) => formats.count(f.active_users)],
    [t('monitoring.tokens'), (f) => formats.count(f.total_tokens)],
    ...(data.currency
      ? [[t('monitoring.cost'), (f: Figures) => formats.money(f.cost)] as [string, (f: Figures) => string]]
      : []),
    [t('monitoring.median'), (f) => known(f.latency_median_s, formats.seconds)],
    [t('monitoring.p95'), (f) => known(f.latency_p95_s, formats.seconds)],
    ...(isWorkflow
      ? []
      : ([
          [t('monitoring.firstToken'), (f) => known(f.first_token_s, formats.seconds)],
          [t('monitoring.speed'), (f) => known(f.tokens_per_second, formats.speed)],
          [t('monitoring.likes'), (f) => formats.count(f.likes)],
          [t('monitoring.dislikes'), (f) => formats.count(f.dislikes)],
        ] as [string, (figures: Figures) => string][])),
  ];
  return (
    <Panel className="overflow-x-auto">
      <table className="w-full text-right text-sm tabular-nums">
        <thead>
          <tr className="border-b text-ink-3 text-xs">
            <th scope="col" className="px-4 py-2 text-left font-normal">
              {t(data.interval === 'hour' ? 'monitoring.hour' : 'monitoring.day')}
            </th>
            {columns.map(([title]) => (
              <th key={title} scope="col" className="whitespace-nowrap px-4 py-2 font-normal">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y">
          {data.data.map((bucket, index) => (
            <tr key={bucket.start} className={cn(bucket.count === 0 && 'text-ink-3')}>
              <th scope="row" className="whitespace-nowrap px-4 py-1.5 text-left font-normal">
                {places[index]?.long}
              </th>
              {columns.map(([title, cell]) => (
                <td key={title} className="whitespace-nowrap px-4 py-1.5">
                  {cell(bucket)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
