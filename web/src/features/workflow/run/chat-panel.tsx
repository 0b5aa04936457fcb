import { ListTree, MessageSquarePlus, Paperclip, X } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { AskBox } from '@/components/ask-box';
import { FileField } from '@/components/file-field';
import { Markdown } from '@/components/markdown';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Tooltip } from '@/components/ui/tooltip';
import { errorMessage } from '@/lib/api/errors';
import { fetchFollowUps } from '@/lib/api/follow-ups';
import { cn } from '@/lib/cn';
import type { ChosenFile } from '@/lib/files';
import { type Data, list, record, text } from '../graph/types';
import { useStudio } from '../store';
import { WaitingForms } from './forms';
import { chatFiles, fieldsOfStart, initialOf } from './inputs';
import { InputsForm, problemsOf, wireOf } from './inputs-form';
import { RunBadge } from './run-panel';
import type { Runner } from './runner';
import { type Run, seconds } from './state';
import { useRun } from './store';
import { Trace } from './trace';

interface Turn {
  key: number;
  query: string;
  files: string[];
  run: Run | null;
  error: unknown;
  followUps: string[];
}

interface ChatPanelProps {
  appId: string;
  runner: Runner;
  flush: () => Promise<boolean>;
  onGo: (nodeId: string) => void;
  onReplay: (run: Run, nodeId: string) => void;
  onClose: () => void;
}

let nextKey = 1;

/** A conversation with a chatflow's draft; the canvas shows the turn that was asked last. */
export function ChatPanel({ appId, runner, flush, onGo, onReplay, onClose }: ChatPanelProps) {
  const { t } = useTranslation();
  const config = useStudio((studio) => studio.config);
  const fields = useMemo(() => fieldsOfStart(config).filter((field) => !field.hidden), [config]);
  const rules = useMemo(() => chatFiles(config), [config]);
  const features = record(config.features);
  const [turns, setTurns] = useState<Turn[]>([]);
  const [query, setQuery] = useState('');
  const [files, setFiles] = useState<ChosenFile[]>([]);
  const [attaching, setAttaching] = useState(false);
  const [touched, setTouched] = useState<Data>({});
  const [tried, setTried] = useState(false);
  const [formOpen, setFormOpen] = useState(true);
  const [traced, setTraced] = useState<number | null>(null);
  const conversation = useRef<string | undefined>(undefined);
  const composer = useRef<HTMLTextAreaElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const values = useMemo(() => ({ ...initialOf(fields), ...touched }), [fields, touched]);
  const problems = problemsOf(fields, values, t);
  const last = turns.at(-1);
  const busy = last?.run?.status === 'running';
  const setValues: typeof setTouched = (change) =>
    setTouched((old) => (typeof change === 'function' ? change({ ...initialOf(fields), ...old }) : change));
  const patch = useCallback(
    (key: number, change: Partial<Turn>) =>
      setTurns((all) => all.map((turn) => (turn.key === key ? { ...turn, ...change } : turn))),
    [],
  );
  // a newer turn, or more of it, is what people look at
  // biome-ignore lint/correctness/useExhaustiveDependencies: scrolled whenever the turns change
  useEffect(() => {
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  }, [turns]);

  const ask = async (question: string) => {
    setTried(true);
    if (!question.trim() || busy) return;
    if (Object.keys(problems).length > 0) return setFormOpen(true);
    const sent = files.flatMap((file) => file.sent ?? []);
    const key = nextKey++;
    setTurns((all) => [
      ...all,
      {
        key,
        query: question,
        files: files.filter((file) => file.sent).map((file) => file.name),
        run: null,
        error: null,
        followUps: [],
      },
    ]);
    setQuery('');
    setFiles([]);
    setAttaching(false);
    setFormOpen(false);
    if (!(await flush())) return patch(key, { error: new Error('not saved') });
    let messageId = '';
    const body: Data = {
      query: question,
      inputs: wireOf(fields, values),
      files: sent,
      ...(conversation.current ? { conversation_id: conversation.current } : {}),
    };
    await runner
      .ask(
        body,
        (run) => patch(key, { run }),
        (event) => {
          if (typeof event.conversation_id === 'string') conversation.current = event.conversation_id;
          if (typeof event.message_id === 'string') messageId = event.message_id;
        },
      )
      .catch((error: unknown) => patch(key, { error }));
    if (record(features.suggested_questions_after_answer).enabled === true && messageId) {
      void fetchFollowUps(appId, messageId, new AbortController().signal)
        .then((followUps) => patch(key, { followUps }))
        .catch(() => undefined);
    }
  };
  const restart = () => {
    runner.clear();
    conversation.current = undefined;
    setTurns([]);
    setFormOpen(true);
    composer.current?.focus();
  };
  const suggestions = list(features.suggested_questions)
    .map(String)
    .filter((one) => one.trim());
  const opening = text(features.opening_statement);
  const shownTrace = turns.find((turn) => turn.key === traced)?.run ?? null;
  return (
    <section aria-label={t('preview.title')} className="flex h-full min-h-0 flex-col">
      <header className="flex h-12 shrink-0 items-center gap-1 border-b pr-2 pl-4">
        <h2 className="mr-auto font-semibold text-sm">{t('preview.title')}</h2>
        {fields.length > 0 && (
          <Button variant="ghost" size="sm" aria-expanded={formOpen} onClick={() => setFormOpen(!formOpen)}>
            {t('preview.form')}
          </Button>
        )}
        <Tooltip text={t('preview.restart')}>
          <Button
            variant="ghost"
            size="icon"
            aria-label={t('preview.restart')}
            disabled={turns.length === 0}
            onClick={restart}
          >
            <MessageSquarePlus />
          </Button>
        </Tooltip>
        <Button variant="ghost" size="icon" aria-label={t('common.close')} onClick={onClose}>
          <X />
        </Button>
      </header>
      {fields.length > 0 && formOpen && (
        <div className="max-h-[45%] shrink-0 overflow-y-auto border-b bg-sunken/60 px-4 py-3.5">
          <InputsForm fields={fields} values={values} setValues={setValues} problems={tried ? problems : {}} />
        </div>
      )}
      <div ref={scroller} className="min-h-0 grow space-y-4 overflow-y-auto px-4 py-4">
        {opening && <Markdown text={opening} />}
        {turns.length === 0 && suggestions.length > 0 && (
          <div className="flex flex-wrap gap-1.5">
            {suggestions.map((one, i) => (
              <Button
                key={i}
                size="sm"
                className="h-auto max-w-full whitespace-normal py-1.5 text-left"
                onClick={() => void ask(one)}
              >
                {one}
              </Button>
            ))}
          </div>
        )}
        {turns.length === 0 && !opening && (
          <p className="pt-10 text-center text-ink-3 text-sm">{t('studio.run.chatEmpty')}</p>
        )}
        {turns.map((turn) => (
          <TurnView
            key={turn.key}
            turn={turn}
            isLast={turn === last}
            onAnswered={() => void runner.follow().catch((error: unknown) => patch(turn.key, { error }))}
            onTrace={() => setTraced(turn.key)}
            onShow={() => turn.run && useRun.getState().show(turn.run)}
          />
        ))}
        {last && last.followUps.length > 0 && !busy && (
          <div className="flex flex-col items-start gap-1.5">
            {last.followUps.map((one, i) => (
              <Button
                key={i}
                size="sm"
                className="h-auto max-w-full whitespace-normal py-1.5 text-left"
                onClick={() => void ask(one)}
              >
                {one}
              </Button>
            ))}
          </div>
        )}
      </div>
      <div className="mx-3 mb-3 shrink-0">
        <AskBox
          value={query}
          onChange={setQuery}
          placeholder={t('preview.placeholder')}
          isBusy={busy}
          canSend={query.trim() !== '' && files.every((file) => file.sent || file.error)}
          onSend={() => void ask(query)}
          onStop={runner.stop}
          fieldRef={composer}
          files={
            rules &&
            attaching && (
              <div className="px-2.5 pt-2.5">
                <Attach rules={rules} files={files} setFiles={setFiles} />
              </div>
            )
          }
        >
          {rules && (
            <Button
              variant="ghost"
              size="icon"
              aria-label={t('studio.run.attach')}
              aria-expanded={attaching}
              onClick={() => setAttaching(!attaching)}
            >
              <Paperclip />
            </Button>
          )}
        </AskBox>
      </div>
      {shownTrace && (
        <Dialog
          open
          onOpenChange={() => setTraced(null)}
          variant="side"
          title={t('studio.run.trace')}
          className="max-w-lg"
        >
          <div className="-mx-5">
            <Trace
              appId={appId}
              run={shownTrace}
              isStored={false}
              onGo={(nodeId) => {
                setTraced(null);
                onGo(nodeId);
              }}
              onReplay={(nodeId) => {
                setTraced(null);
                onReplay(shownTrace, nodeId);
              }}
            />
          </div>
        </Dialog>
      )}
    </section>
  );
}

interface TurnViewProps {
  turn: Turn;
  isLast: boolean;
  onAnswered: () => void;
  onTrace: () => void;
  onShow: () => void;
}

function TurnView({ turn, isLast, onAnswered, onTrace, onShow }: TurnViewProps) {
  const { t } = useTranslation();
  const { run, error } = turn;
  const failure = error ?? null;
  return (
    <article className="space-y-2.5">
      <div className="flex flex-col items-end gap-1">
        {turn.files.map((name) => (
          <span key={name} className="max-w-[85%] truncate text-ink-3 text-xs">
            {name}
          </span>
        ))}
        <p className="max-w-[85%] whitespace-pre-wrap break-words rounded-2xl rounded-br-md bg-accent-soft px-3.5 py-2 text-ink text-sm">
          {turn.query}
        </p>
      </div>
      <div className="space-y-2" aria-live={isLast ? 'polite' : undefined}>
        {run?.text ? (
          <Markdown text={run.text} />
        ) : (
          run?.status === 'running' && <p className="text-ink-3 text-sm">{t('preview.running')}</p>
        )}
        {isLast && run?.status === 'paused' && <WaitingForms forms={run.forms} onAnswered={onAnswered} />}
        {(failure || run?.error) && (
          <p
            role="alert"
            className="whitespace-pre-wrap break-words rounded-lg bg-danger-soft px-3 py-2 text-danger text-sm"
          >
            {failure ? errorMessage(failure, t) : run?.error}
          </p>
        )}
        {run && run.status !== 'running' && (
          <div className="flex flex-wrap items-center gap-1.5 text-2xs text-ink-3 tabular-nums">
            <RunBadge run={run} />
            {run.elapsedS !== null && seconds(run.elapsedS)}
            {run.tokens > 0 && ` · ${t('studio.run.tokens', { count: run.tokens })}`}
            <Button variant="ghost" size="xs" className={cn('ml-auto')} onClick={onTrace}>
              <ListTree />
              {t('studio.run.trace')}
            </Button>
            {!isLast && (
              <Button variant="ghost" size="xs" onClick={onShow}>
                {t('studio.run.onCanvas')}
              </Button>
            )}
          </div>
        )}
      </div>
    </article>
  );
}

interface AttachProps {
  rules: NonNullable<ReturnType<typeof chatFiles>>;
  files: ChosenFile[];
  setFiles: (update: (files: ChosenFile[]) => ChosenFile[]) => void;
}

function Attach({ rules, files, setFiles }: AttachProps) {
  const { t } = useTranslation();
  return (
    <FileField
      id="chat-files"
      label={t('studio.run.attach')}
      describedBy={undefined}
      invalid={false}
      rules={rules}
      files={files}
      onChange={setFiles}
    />
  );
}
