import { SlidersHorizontal, X } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/input';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { Slider } from '@/components/ui/slider';
import { Switch } from '@/components/ui/switch';
import type { CompletionParams } from '@/lib/app-config';

const NUMBERS = [
  { key: 'temperature', min: 0, max: 2, step: 0.1, initial: 0.7 },
  { key: 'top_p', min: 0, max: 1, step: 0.05, initial: 0.9 },
  { key: 'max_tokens', min: 1, max: 4096, step: 1, initial: 512 },
  { key: 'presence_penalty', min: -2, max: 2, step: 0.1, initial: 0 },
  { key: 'frequency_penalty', min: -2, max: 2, step: 0.1, initial: 0 },
] as const;

interface ParametersProps {
  params: CompletionParams;
  onChange: (params: CompletionParams) => void;
  /** Bounds the answer's length. */
  contextSize: number | undefined;
  disabled: boolean;
}

export function Parameters({ params, onChange, contextSize, disabled }: ParametersProps) {
  const { t } = useTranslation();
  const set = (key: string, value: number | string[] | undefined) => {
    const { [key]: _, ...rest } = params;
    onChange(value === undefined ? rest : { ...rest, [key]: value });
  };
  const count = Object.values(params).filter(
    (value) => value !== undefined && !(Array.isArray(value) && value.length === 0),
  ).length;
  return (
    <Popover>
      <PopoverTrigger asChild>
        <Button size="md" className="px-3" disabled={disabled}>
          <SlidersHorizontal />
          <span className="@max-sm:sr-only">{t('editor.parameters')}</span>
          {count > 0 && (
            <span className="rounded bg-accent-soft px-1 text-2xs text-accent-ink tabular-nums">{count}</span>
          )}
        </Button>
      </PopoverTrigger>
      <PopoverContent aria-label={t('editor.parameters')} align="end" className="w-88 max-w-[calc(100vw-2rem)] p-4">
        <div className="mb-3 flex items-start justify-between gap-3">
          <div>
            <p className="font-semibold text-sm">{t('editor.parameters')}</p>
            <p className="text-ink-3 text-xs">{t('editor.parametersText')}</p>
          </div>
          <Button variant="ghost" size="xs" disabled={count === 0} onClick={() => onChange({})}>
            {t('editor.reset')}
          </Button>
        </div>
        <div className="space-y-3.5">
          {NUMBERS.map(({ key, min, step, initial, ...limits }) => {
            const value = params[key];
            const on = typeof value === 'number';
            const max =
              key === 'max_tokens'
                ? Math.max(contextSize ?? limits.max, typeof value === 'number' ? value : 0)
                : limits.max;
            return (
              <div key={key}>
                <div className="flex items-center gap-2.5">
                  <Switch
                    aria-label={t(`editor.${key}`)}
                    checked={on}
                    onCheckedChange={(next) => set(key, next ? Math.min(initial, max) : undefined)}
                  />
                  <span className="grow font-medium text-sm">{t(`editor.${key}`)}</span>
                  {on ? (
                    <Input
                      type="number"
                      aria-label={`${t(`editor.${key}`)} (${min}–${max})`}
                      className="h-7 w-20 px-2 text-right tabular-nums"
                      min={min}
                      max={max}
                      step={step}
                      value={value}
                      onChange={(event) => {
                        const next = event.target.valueAsNumber;
                        if (Number.isFinite(next)) set(key, Math.min(max, Math.max(min, next)));
                      }}
                    />
                  ) : (
                    <span className="text-ink-3 text-xs">{t('common.default')}</span>
                  )}
                </div>
                {on && (
                  <Slider
                    aria-label={t(`editor.${key}`)}
                    className="mt-1.5"
                    min={min}
                    max={max}
                    step={step}
                    value={[value]}
                    onValueChange={([next]) => set(key, next)}
                  />
                )}
                <p className="mt-0.5 pl-11 text-ink-3 text-xs">{t(`editor.${key}Text`)}</p>
              </div>
            );
          })}
          <div>
            <div className="flex items-center gap-2.5">
              <Switch
                aria-label={t('editor.seed')}
                checked={typeof params.seed === 'number'}
                onCheckedChange={(next) => set('seed', next ? 42 : undefined)}
              />
              <span className="grow font-medium text-sm">{t('editor.seed')}</span>
              {typeof params.seed === 'number' ? (
                <Input
                  type="number"
                  aria-label={`${t('editor.seed')}: ${params.seed}`}
                  className="h-7 w-28 px-2 text-right tabular-nums"
                  value={params.seed}
                  step={1}
                  onChange={(event) => {
                    const next = event.target.valueAsNumber;
                    if (Number.isSafeInteger(next)) set('seed', next);
                  }}
                />
              ) : (
                <span className="text-ink-3 text-xs">{t('common.default')}</span>
              )}
            </div>
            <p className="mt-0.5 pl-11 text-ink-3 text-xs">{t('editor.seedText')}</p>
          </div>
          <StopSequences
            value={params.stop ?? []}
            onChange={(stop) => set('stop', stop.length > 0 ? stop : undefined)}
          />
        </div>
      </PopoverContent>
    </Popover>
  );
}

const show = (text: string) => text.replaceAll('\n', '↵').replaceAll('\t', '⇥');

function StopSequences({ value, onChange }: { value: string[]; onChange: (value: string[]) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const add = () => {
    const next = text.replaceAll('\\n', '\n').replaceAll('\\t', '\t');
    if (next && !value.includes(next)) onChange([...value, next]);
    setText('');
  };
  return (
    <div className="border-t pt-3.5">
      <p className="font-medium text-sm">{t('editor.stop')}</p>
      <p className="text-ink-3 text-xs">{t('editor.stopText')}</p>
      <div className="mt-1.5 flex flex-wrap gap-1.5">
        {value.map((sequence) => (
          <span
            key={sequence}
            className="inline-flex h-6 items-center gap-1 rounded bg-hover pr-0.5 pl-2 font-mono text-xs"
          >
            {show(sequence)}
            <button
              type="button"
              aria-label={`${t('common.remove')} ${show(sequence)}`}
              className="rounded p-0.5 text-ink-3 hover:bg-hover hover:text-ink"
              onClick={() => onChange(value.filter((other) => other !== sequence))}
            >
              <X className="size-3" />
            </button>
          </span>
        ))}
        {value.length < 4 && (
          <Input
            aria-label={t('editor.stop')}
            className="h-7 px-2 font-mono text-xs"
            placeholder={t('editor.stopPlaceholder')}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onBlur={add}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && !event.nativeEvent.isComposing) add();
            }}
          />
        )}
      </div>
    </div>
  );
}
