import { Play, Square, X } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { FormError } from '@/components/form-error';
import { Markdown } from '@/components/markdown';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Select } from '@/components/ui/select';
import { CodeField } from '../fields/code-field';
import { type Data, record, titleOf } from '../graph/types';
import { useStudio } from '../store';
import { WaitingForms } from './forms';
import { fieldsOfStart, initialOf, triggersOf } from './inputs';
import { InputsForm, problemsOf, wireOf } from './inputs-form';
import type { Runner } from './runner';
import { type Run, seconds } from './state';
import { useRun } from './store';
import { Trace } from './trace';
import { Values } from './values';

interface RunPanelProps {
  appId: string;
  runner: Runner;
  /** Saves what is not saved yet; false: it could not. */
  flush: () => Promise<boolean>;
  onGo: (nodeId: string) => void;
  onReplay: (run: Run, nodeId: string) => void;
  onClose: () => void;
}

type Tab = 'inputs' | 'result' | 'trace';

/** A whole run of a workflow's draft: its form, what it says, what its nodes did. */
export function RunPanel({ appId, runner, flush, onGo, onReplay, onClose }: RunPanelProps) {
  const { t } = useTranslation();
  const config = useStudio((studio) => studio.config);
  const run = useRun((state) => state.run);
  const fields = useMemo(() => fieldsOfStart(config).filter((field) => !field.hidden), [config]);
  const triggers = useMemo(() => triggersOf(config), [config]);
  const [touched, setTouched] = useState<Data>({});
  const [tried, setTried] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const [chosen, setChosen] = useState<Tab | null>(null);
  const [entry, setEntry] = useState('');
  const [sample, setSample] = useState('{}');
  const values = useMemo(() => ({ ...initialOf(fields), ...touched }), [fields, touched]);
  const shown = run?.isStep ? null : run;
  const busy = shown?.status === 'running';
  const tab: Tab = chosen ?? (shown ? (shown.status === 'failed' && !shown.text ? 'trace' : 'result') : 'inputs');
  const problems = problemsOf(fields, values, t);
  const isTriggered = triggers.length > 0;
  const badSample = isTriggered && parsed(sample) === null;

  const setValues: typeof setTouched = (change) =>
    setTouched((old) => (typeof change === 'function' ? change({ ...initialOf(fields), ...old }) : change));

  const start = async () => {
    setTried(true);
    setFailure(null);
    if (Object.keys(problems).length > 0 || badSample) return setChosen('inputs');
    if (!(await flush())) return setFailure(new Error('not saved'));
    setChosen(null);
    const node = entry || triggers[0]?.id;
    const body: Data = isTriggered
      ? { inputs: parsed(sample) ?? {}, ...(node ? { entry_node_id: node } : {}) }
      : { inputs: wireOf(fields, values) };
    await runner.run(body).catch(setFailure);
  };
  return (
    <section aria-label={t('studio.run.title')} className="flex h-full min-h-0 flex-col">
      <header className="flex h-12 shrink-0 items-center gap-2 border-b pr-2 pl-4">
        <h2 className="font-semibold text-sm">{t('studio.run.title')}</h2>
        {shown && <RunBadge run={shown} />}
        <span className="ml-auto" />
        {busy || shown?.status === 'paused' ? (
          <Button size="sm" onClick={runner.stop}>
            <Square />
            {t('common.stop')}
          </Button>
        ) : (
          <Button variant="primary" size="sm" onClick={() => void start()}>
            <Play />
            {t('preview.run')}
          </Button>
        )}
        <Button variant="ghost" size="icon" aria-label={t('common.close')} onClick={onClose}>
          <X />
        </Button>
      </header>
      <div role="tablist" aria-label={t('studio.run.title')} className="flex shrink-0 gap-5 border-b px-4">
        {(['inputs', 'result', 'trace'] as const).map((one) => (
          <button
            key={one}
            type="button"
            role="tab"
            aria-selected={tab === one}
            onClick={() => setChosen(one)}
            className="-mb-px border-transparent border-b-2 py-2 text-ink-2 text-sm aria-selected:border-accent aria-selected:font-medium aria-selected:text-ink"
          >
            {t(`studio.run.${one}`)}
          </button>
        ))}
      </div>
      <div className="min-h-0 grow overflow-y-auto">
        {failure !== null && (
          <div className="px-4 pt-4">
            <FormError error={failure} />
          </div>
        )}
        {tab === 'inputs' && (
          <div className="p-4">
            {isTriggered ? (
              <div className="space-y-3">
                {triggers.length > 1 && (
                  <Select
                    aria-label={t('studio.run.entry')}
                    value={entry || (triggers[0]?.id ?? '')}
                    onValueChange={setEntry}
                    options={triggers.map((node) => ({ value: node.id, label: titleOf(node) }))}
                  />
                )}
                <CodeField
                  label={t('studio.run.brings')}
                  language="json"
                  value={sample}
                  onChange={setSample}
                  problem={badSample ? t('studio.fields.badJson') : null}
                  disabled={false}
                />
                <p className="text-ink-3 text-xs">{t('studio.run.bringsText')}</p>
              </div>
            ) : fields.length === 0 ? (
              <p className="text-ink-3 text-sm">{t('studio.run.noInputs')}</p>
            ) : (
              <InputsForm fields={fields} values={values} setValues={setValues} problems={tried ? problems : {}} />
            )}
          </div>
        )}
        {tab === 'result' && <Result run={shown} onAnswered={() => void runner.follow().catch(setFailure)} />}
        {tab === 'trace' &&
          (shown ? (
            <Trace
              appId={appId}
              run={shown}
              isStored={false}
              onGo={onGo}
              onReplay={(nodeId) => onReplay(shown, nodeId)}
            />
          ) : (
            <Nothing />
          ))}
      </div>
    </section>
  );
}

function parsed(source: string): Data | null {
  try {
    const value: unknown = JSON.parse(source);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? record(value) : null;
  } catch {
    return null;
  }
}

function Nothing() {
  const { t } = useTranslation();
  return <p className="px-4 py-10 text-center text-ink-3 text-sm">{t('studio.run.nothing')}</p>;
}

const TONES = {
  running: 'accent',
  scheduled: 'neutral',
  paused: 'warn',
  succeeded: 'accent',
  'partial-succeeded': 'warn',
  failed: 'danger',
  stopped: 'neutral',
} as const;

export function RunBadge({ run }: { run: Pick<Run, 'status'> }) {
  const { t } = useTranslation();
  return <Badge tone={TONES[run.status]}>{t(`studio.run.status.${run.status}`)}</Badge>;
}

/** What a run says while it says it, its outputs, and what it cost. */
export function Result({ run, onAnswered }: { run: Run | null; onAnswered?: () => void }) {
  const { t } = useTranslation();
  if (!run) return <Nothing />;
  const isRunning = run.status === 'running';
  const text = run.text.trim();
  return (
    <div className="space-y-3.5 p-4" aria-busy={isRunning}>
      {run.error && (
        <p
          role="alert"
          className="whitespace-pre-wrap break-words rounded-lg bg-danger-soft px-3 py-2 text-danger text-sm"
        >
          {run.error}
        </p>
      )}
      {run.reasoning && (
        <details className="rounded-lg border px-3 py-2 text-ink-2 text-sm">
          <summary className="font-medium text-xs">{t('studio.run.reasoning')}</summary>
          <p className="mt-1.5 whitespace-pre-wrap">{run.reasoning}</p>
        </details>
      )}
      {text && (
        <div aria-live="polite" className="rounded-lg border bg-surface px-3.5 py-3 text-sm shadow-1">
          <Markdown text={run.text} />
        </div>
      )}
      {onAnswered && run.status === 'paused' && <WaitingForms forms={run.forms} onAnswered={onAnswered} />}
      {run.outputs && <Values title={t('studio.run.outputs')} value={run.outputs} isOpen />}
      {isRunning && !text && <p className="text-ink-3 text-sm">{t('preview.running')}</p>}
      {run.elapsedS !== null && (
        <p className="text-2xs text-ink-3 tabular-nums">
          {[
            seconds(run.elapsedS),
            run.tokens > 0 ? t('studio.run.tokens', { count: run.tokens }) : '',
            run.steps > 0 ? t('studio.run.steps', { count: run.steps }) : '',
          ]
            .filter(Boolean)
            .join(' · ')}
        </p>
      )}
    </div>
  );
}
