import { useTranslation } from 'react-i18next';
import { Input } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { outputsOf } from '../graph/outputs';
import { type Data, number, record, records, text } from '../graph/types';
import type { NodeKind } from '../nodes/kind';
import { Fold, NumberField, Toggle } from './parts';

interface Props {
  kind: NodeKind;
  data: Data;
  set: (change: Data | ((data: Data) => Data), step?: string) => void;
  disabled: boolean;
}

const STRATEGIES = ['none', 'default-value', 'fail-branch'] as const;

/** What happens when the node fails: tried again, a branch of its own, values in the place of its own. */
export function ErrorHandling({ kind, data, set, disabled }: Props) {
  const { t } = useTranslation();
  const retry = record(data.retry_config);
  const strategy = STRATEGIES.find((one) => one === data.error_strategy) ?? 'none';
  const hasRetry = kind.retries && retry.retry_enabled === true;
  const setRetry = (patch: Data, step?: string) =>
    set(
      (d) => ({ ...d, retry_config: { max_retries: 3, retry_interval: 1000, ...record(d.retry_config), ...patch } }),
      step,
    );
  const choose = (next: (typeof STRATEGIES)[number]) =>
    set((d) => {
      const { error_strategy: _, default_value: __, ...rest } = d;
      if (next === 'none') return rest;
      return {
        ...rest,
        error_strategy: next,
        ...(next === 'default-value' ? { default_value: defaultsOf(rest) } : {}),
      };
    });
  return (
    <Fold title={t('studio.errors.title')} isOpen={hasRetry || strategy !== 'none'}>
      <div className="space-y-3.5">
        {kind.retries && (
          <Toggle
            label={t('studio.errors.retry')}
            hint={t('studio.errors.retryText')}
            checked={retry.retry_enabled === true}
            disabled={disabled}
            onChange={(retry_enabled) => setRetry({ retry_enabled })}
          >
            <NumberField
              label={t('studio.errors.times')}
              value={number(retry.max_retries, 3)}
              min={1}
              max={10}
              onChange={(max_retries) => setRetry({ max_retries }, 'retries')}
              disabled={disabled}
            />
            <NumberField
              label={t('studio.errors.interval')}
              unit="ms"
              value={number(retry.retry_interval, 1000)}
              min={100}
              max={60_000}
              step={100}
              onChange={(retry_interval) => setRetry({ retry_interval }, 'interval')}
              disabled={disabled}
            />
          </Toggle>
        )}
        {kind.catches && (
          <div className="space-y-2">
            <p className="font-medium text-sm">{t('studio.errors.strategy')}</p>
            <Select
              aria-label={t('studio.errors.strategy')}
              value={strategy}
              onValueChange={(next) => choose(next as (typeof STRATEGIES)[number])}
              disabled={disabled}
              options={[
                { value: 'none', label: t('studio.errors.none'), hint: t('studio.errors.noneText') },
                { value: 'default-value', label: t('studio.errors.defaults'), hint: t('studio.errors.defaultsText') },
                { value: 'fail-branch', label: t('studio.errors.branch'), hint: t('studio.errors.branchText') },
              ]}
            />
            {strategy === 'default-value' &&
              records(data.default_value).map((one, i) => (
                <div key={text(one.key)} className="flex items-center gap-2">
                  <code className="w-28 shrink-0 truncate font-mono text-accent-ink text-xs">{text(one.key)}</code>
                  <Input
                    aria-label={text(one.key)}
                    className="h-8 px-2 font-mono text-xs"
                    value={typeof one.value === 'string' ? one.value : JSON.stringify(one.value ?? '')}
                    disabled={disabled}
                    onChange={(event) =>
                      set(
                        (d) => ({
                          ...d,
                          default_value: records(d.default_value).map((old, other) =>
                            other === i ? { ...old, value: typed(event.target.value, text(old.type)) } : old,
                          ),
                        }),
                        `default${i}`,
                      )
                    }
                  />
                  <span className="w-20 shrink-0 truncate font-mono text-2xs text-ink-3">{text(one.type)}</span>
                </div>
              ))}
          </div>
        )}
      </div>
    </Fold>
  );
}

const ZERO: Record<string, unknown> = { string: '', number: 0, boolean: false, object: '{}' };

/** A value for each thing that the node gives. */
function defaultsOf(data: Data): Data[] {
  const { error_strategy: _, ...bare } = data;
  return outputsOf(bare).variables.map(({ name, type }) => ({
    key: name,
    type,
    value: ZERO[type] ?? (type.startsWith('array') ? '[]' : ''),
  }));
}

/** Numbers as numbers once they are; the server reads the rest as JSON. */
function typed(value: string, type: string): unknown {
  if (type === 'number' && value.trim() !== '' && Number.isFinite(Number(value))) return Number(value);
  return value;
}
