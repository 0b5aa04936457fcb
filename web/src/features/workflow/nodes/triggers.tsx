import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { triggersQuery } from '@/components/app/queries';
import { CopyIcon } from '@/components/copy';
import { Badge } from '@/components/ui/badge';
import { Input } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { Select } from '@/components/ui/select';
import { formatDate } from '@/lib/format';
import { AddButton, Empty, NumberField, RemoveButton, replaced, Section, without } from '../fields/parts';
import { ScopeOf } from '../fields/scope';
import { TemplateField } from '../fields/template-field';
import { outputsOf } from '../graph/outputs';
import { type Data, list, number, record, records, text, titleOf } from '../graph/types';
import { useStudio } from '../store';
import type { NodeKind, PanelProps, SummaryProps } from './kind';
import { Course } from './summary';

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head'] as const;
const CONTENT_TYPES = [
  'application/json',
  'multipart/form-data',
  'application/x-www-form-urlencoded',
  'text/plain',
  'application/octet-stream',
] as const;

export const triggerWebhook: NodeKind = {
  type: 'trigger-webhook',
  defaults: () => ({
    method: 'post',
    content_type: 'application/json',
    headers: [],
    params: [],
    body: [],
    status_code: 200,
    response_body: '',
  }),
  Summary: ({ data }: SummaryProps) => (
    <Course>
      <span className="font-mono font-semibold text-2xs">{text(data.method).toUpperCase()}</span>
      <span className="min-w-0 truncate text-ink-3">{text(data.content_type)}</span>
    </Course>
  ),
  Panel: WebhookPanel,
};

/** What the server made of a trigger: its addresses, its next time. */
function useTrigger(nodeId: string) {
  const appId = useStudio((studio) => studio.appId);
  const { data } = useQuery(triggersQuery(appId));
  return data?.find((trigger) => trigger.node_id === nodeId);
}

function WebhookPanel({ id, data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const trigger = useTrigger(id);
  const own = {
    id,
    title: titleOf({ id, data }),
    type: 'trigger-webhook',
    variables: outputsOf(data).variables,
    isOpen: false,
  };
  return (
    <>
      <Section title={t('studio.webhook.address')} hint={t('studio.webhook.addressText')}>
        {trigger?.webhook_url ? (
          <div className="space-y-1.5">
            <Address label={t('studio.webhook.published')} url={trigger.webhook_url} />
            {trigger.webhook_debug_url && <Address label={t('studio.webhook.draft')} url={trigger.webhook_debug_url} />}
          </div>
        ) : (
          <Empty>{t('studio.webhook.notYet')}</Empty>
        )}
      </Section>
      <Section title={t('studio.http.request')}>
        <div className="flex gap-1.5">
          <Select
            size="sm"
            className="w-24 shrink-0 px-2 font-mono text-xs"
            aria-label={t('studio.http.method')}
            value={text(data.method).toLowerCase() || 'get'}
            onValueChange={(method) => set({ ...data, method })}
            disabled={disabled}
            options={METHODS.map((method) => ({ value: method, label: method.toUpperCase() }))}
          />
          <Select
            size="sm"
            aria-label={t('studio.webhook.contentType')}
            value={text(data.content_type).toLowerCase() || 'application/json'}
            onValueChange={(content_type) => set({ ...data, content_type })}
            disabled={disabled}
            options={CONTENT_TYPES.map((type) => ({ value: type, label: type }))}
          />
        </div>
      </Section>
      <Declared
        list="params"
        types={['string', 'number', 'boolean']}
        title={t('studio.http.params')}
        data={data}
        set={set}
        disabled={disabled}
      />
      <Declared
        list="headers"
        types={['string']}
        title={t('studio.http.headers')}
        data={data}
        set={set}
        disabled={disabled}
      />
      <Declared
        list="body"
        types={['string', 'number', 'boolean', 'object', 'array[string]', 'array[number]', 'array[object]', 'file']}
        title={t('studio.http.body')}
        data={data}
        set={set}
        disabled={disabled}
      />
      <Section title={t('studio.webhook.answer')} hint={t('studio.webhook.answerText')}>
        <div className="space-y-2">
          <NumberField
            label={t('studio.webhook.status')}
            value={number(data.status_code, 200)}
            min={200}
            max={399}
            onChange={(status_code) => set({ ...data, status_code }, 'status')}
            disabled={disabled}
          />
          <ScopeOf nodeId={id} sources={[own]}>
            <TemplateField
              label={t('studio.http.body')}
              value={text(data.response_body)}
              onChange={(response_body) => set({ ...data, response_body }, 'answer')}
              disabled={disabled}
            />
          </ScopeOf>
        </div>
      </Section>
    </>
  );
}

function Address({ label, url }: { label: string; url: string }) {
  return (
    <div className="flex items-center gap-2 rounded-md border bg-sunken/60 py-1 pr-1 pl-2.5">
      <span className="shrink-0 text-ink-3 text-xs">{label}</span>
      <code className="min-w-0 grow truncate font-mono text-2xs">{url}</code>
      <CopyIcon text={url} />
    </div>
  );
}

interface DeclaredProps extends Pick<PanelProps, 'data' | 'set' | 'disabled'> {
  list: 'params' | 'headers' | 'body';
  types: readonly string[];
  title: string;
}

function Declared({ list: key, types, title, data, set, disabled }: DeclaredProps) {
  const { t } = useTranslation();
  const items = records(data[key]);
  const write = (next: Data[], step?: string) => set({ ...data, [key]: next }, step);
  return (
    <Section
      title={title}
      action={
        <AddButton
          label={t('common.add')}
          disabled={disabled}
          onClick={() => write([...items, { name: '', type: 'string', required: false }])}
        />
      }
    >
      {items.length > 0 && (
        <ul className="space-y-1.5">
          {items.map((item, i) => (
            <li key={i} className="flex items-center gap-1.5">
              <Input
                aria-label={`${title}: ${t('studio.schema.name')} ${i + 1}`}
                placeholder={t('studio.schema.name')}
                className="h-8 grow px-2 font-mono text-xs"
                value={text(item.name)}
                disabled={disabled}
                onChange={(event) => write(replaced(items, i, { ...item, name: event.target.value }), `${key}${i}`)}
              />
              {types.length > 1 && (
                <Select
                  size="sm"
                  className="w-28 shrink-0 px-2 text-xs"
                  aria-label={t('editor.variableType')}
                  value={text(item.type) || 'string'}
                  onValueChange={(type) => write(replaced(items, i, { ...item, type }))}
                  disabled={disabled}
                  options={types.map((type) => ({ value: type, label: type }))}
                />
              )}
              <button
                type="button"
                aria-pressed={item.required === true}
                disabled={disabled}
                onClick={() => write(replaced(items, i, { ...item, required: item.required !== true }))}
                className="shrink-0"
              >
                <Badge tone={item.required === true ? 'accent' : 'neutral'}>
                  {t(item.required === true ? 'editor.variableRequired' : 'common.optional')}
                </Badge>
              </button>
              <RemoveButton label={text(item.name)} onClick={() => write(without(items, i))} disabled={disabled} />
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

export const triggerSchedule: NodeKind = {
  type: 'trigger-schedule',
  defaults: () => ({
    mode: 'visual',
    frequency: 'daily',
    visual_config: { on_minute: 0, time: '9:00 AM', weekdays: ['mon'], monthly_days: [1] },
    cron_expression: '',
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC',
  }),
  Summary: ScheduleSummary,
  Panel: SchedulePanel,
};

const FREQUENCIES = ['hourly', 'daily', 'weekly', 'monthly'] as const;
const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const frequencyOf = (data: Data) => FREQUENCIES.find((one) => one === data.frequency) ?? 'daily';

function ScheduleSummary({ data }: SummaryProps) {
  const { t } = useTranslation();
  const visual = record(data.visual_config);
  return (
    <Course>
      {data.mode === 'cron' ? (
        <code className="truncate font-mono">{text(data.cron_expression)}</code>
      ) : (
        <span className="truncate">
          {t(`studio.schedule.${frequencyOf(data)}`)} {frequencyOf(data) === 'hourly' ? '' : text(visual.time)}
        </span>
      )}
      <span className="ml-auto min-w-0 truncate text-ink-3">{text(data.timezone)}</span>
    </Course>
  );
}

/** `9:05 PM` ↔ `21:05`. */
function clock(time: string): string {
  const match = /^(\d{1,2}):(\d{2})\s*([AP]M)?$/i.exec(time.trim());
  if (!match) return '00:00';
  const hours = Number(match[1]) % (match[3] ? 12 : 24);
  const late = match[3]?.toUpperCase() === 'PM' ? 12 : 0;
  return `${String(hours + late).padStart(2, '0')}:${match[2]}`;
}
function twelve(time: string): string {
  const [hours = '0', minutes = '00'] = time.split(':');
  const hour = Number(hours);
  return `${hour % 12 === 0 ? 12 : hour % 12}:${minutes} ${hour < 12 ? 'AM' : 'PM'}`;
}

const ZONES = () => (typeof Intl.supportedValuesOf === 'function' ? Intl.supportedValuesOf('timeZone') : ['UTC']);

function SchedulePanel({ id, data, set, disabled }: PanelProps) {
  const { t, i18n } = useTranslation();
  const trigger = useTrigger(id);
  const visual = record(data.visual_config);
  const frequency = frequencyOf(data);
  const put = (patch: Data, step?: string) => set({ ...data, visual_config: { ...visual, ...patch } }, step);
  const weekdays = list(visual.weekdays).map(String);
  const days = list(visual.monthly_days).map(String);
  const toggle = (all: string[], one: string) =>
    all.includes(one) ? all.filter((other) => other !== one) : [...all, one];
  const isCron = data.mode === 'cron';
  return (
    <>
      <Section
        title={t('studio.schedule.when')}
        action={
          <Segmented
            label={t('studio.schedule.when')}
            value={isCron ? 'cron' : 'visual'}
            onChange={(mode) => set({ ...data, mode })}
            disabled={disabled}
            options={[
              { value: 'visual', label: t('studio.schedule.visual') },
              { value: 'cron', label: 'Cron' },
            ]}
          />
        }
      >
        {isCron ? (
          <>
            <Input
              aria-label={t('studio.schedule.cron')}
              className="font-mono"
              placeholder="0 9 * * 1-5"
              value={text(data.cron_expression)}
              disabled={disabled}
              onChange={(event) => set({ ...data, cron_expression: event.target.value }, 'cron')}
            />
            <p className="mt-1 text-ink-3 text-xs">{t('studio.schedule.cronText')}</p>
          </>
        ) : (
          <div className="space-y-3">
            <Select
              aria-label={t('studio.schedule.frequency')}
              value={frequency}
              onValueChange={(next) =>
                set({
                  ...data,
                  frequency: next,
                  visual_config: {
                    ...visual,
                    ...(next === 'weekly' && weekdays.length === 0 ? { weekdays: ['mon'] } : {}),
                    ...(next === 'monthly' && days.length === 0 ? { monthly_days: [1] } : {}),
                  },
                })
              }
              disabled={disabled}
              options={FREQUENCIES.map((one) => ({ value: one, label: t(`studio.schedule.${one}`) }))}
            />
            {frequency === 'hourly' ? (
              <NumberField
                label={t('studio.schedule.minute')}
                value={number(visual.on_minute, 0)}
                min={0}
                max={59}
                onChange={(on_minute) => put({ on_minute }, 'minute')}
                disabled={disabled}
              />
            ) : (
              <div className="flex items-center justify-between gap-3 text-sm">
                <label htmlFor="schedule-time">{t('studio.schedule.time')}</label>
                <Input
                  id="schedule-time"
                  type="time"
                  className="h-8 w-32"
                  value={clock(text(visual.time))}
                  disabled={disabled}
                  onChange={(event) => put({ time: twelve(event.target.value) }, 'time')}
                />
              </div>
            )}
            {frequency === 'weekly' && (
              <div className="flex flex-wrap gap-1">
                {WEEKDAYS.map((day) => (
                  <Day
                    key={day}
                    label={t(`studio.schedule.days.${day}`)}
                    isOn={weekdays.includes(day)}
                    onToggle={() => put({ weekdays: toggle(weekdays, day) })}
                    disabled={disabled}
                  />
                ))}
              </div>
            )}
            {frequency === 'monthly' && (
              <div className="grid grid-cols-8 gap-1">
                {[...Array.from({ length: 31 }, (_, i) => String(i + 1)), 'last'].map((day) => (
                  <Day
                    key={day}
                    label={day === 'last' ? t('studio.schedule.last') : day}
                    isOn={days.includes(day)}
                    onToggle={() =>
                      put({ monthly_days: toggle(days, day).map((one) => (one === 'last' ? one : Number(one))) })
                    }
                    disabled={disabled}
                  />
                ))}
              </div>
            )}
          </div>
        )}
      </Section>
      <Section title={t('studio.schedule.zone')}>
        <Select
          aria-label={t('studio.schedule.zone')}
          value={text(data.timezone) || 'UTC'}
          onValueChange={(timezone) => set({ ...data, timezone })}
          disabled={disabled}
          options={[...new Set([text(data.timezone) || 'UTC', 'UTC', ...ZONES()])].map((zone) => ({
            value: zone,
            label: zone,
          }))}
        />
        <p className="mt-2 text-ink-3 text-xs">
          {trigger?.next_fire_at
            ? t('studio.schedule.next', { date: formatDate(trigger.next_fire_at, i18n.language) })
            : t('studio.schedule.notYet')}
        </p>
        {trigger?.error && <p className="mt-2 text-danger text-xs">{trigger.error}</p>}
      </Section>
    </>
  );
}

function Day({
  label,
  isOn,
  onToggle,
  disabled,
}: {
  label: string;
  isOn: boolean;
  onToggle: () => void;
  disabled: boolean;
}) {
  return (
    <button
      type="button"
      aria-pressed={isOn}
      disabled={disabled}
      onClick={onToggle}
      className="h-7 min-w-8 rounded border border-line px-1 text-xs hover:bg-hover aria-pressed:border-accent aria-pressed:bg-accent-soft aria-pressed:text-accent-ink"
    >
      {label}
    </button>
  );
}

/** From other servers: shown as it came, since there are no plugins here. */
export const triggerPlugin: NodeKind = { type: 'trigger-plugin', defaults: () => ({}), Panel: PluginPanel };

function PluginPanel({ data }: PanelProps) {
  const { t } = useTranslation();
  return (
    <Section title={t('studio.plugin.title')} hint={t('studio.plugin.text')}>
      <dl className="space-y-1 text-xs">
        {['provider_id', 'event_name', 'plugin_id'].map((key) => (
          <div key={key} className="flex gap-2">
            <dt className="w-28 shrink-0 text-ink-3">{key}</dt>
            <dd className="min-w-0 truncate font-mono">{text(data[key])}</dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}
