import { useQueryClient } from '@tanstack/react-query';
import { RefreshCw, ThumbsDown, ThumbsUp } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { AppIcon } from '@/components/app-icon';
import { AskBox } from '@/components/ask-box';
import { CopyIcon } from '@/components/copy';
import { AttachButtons } from '@/components/files/attach-buttons';
import { ChosenFiles } from '@/components/files/chosen-files';
import { DropZone } from '@/components/files/drop-zone';
import { FileList, fileOf, type ShownFile } from '@/components/files/file-list';
import { useAttachments } from '@/components/files/use-attachments';
import { Markdown } from '@/components/markdown';
import { ErrorState } from '@/components/states';
import { Suggestion } from '@/components/suggestion';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { errorMessage } from '@/lib/api/errors';
import { cn } from '@/lib/cn';
import type { Attachment, SentFile } from '@/lib/files';
import { useStickToEnd } from '@/lib/use-stick-to-end';
import { type AnswerState, ofHistory } from './answer';
import { AnswerView, type RenderForm } from './answer-view';
import type { OpenedSite, SiteClient } from './api';
import { filled, initialValues, type Problem, problemsOf, readForm, wireInputs } from './form';
import { InputsForm } from './inputs-form';
import { useAnswer } from './use-answer';

interface Turn {
  key: string;
  query: string;
  files: ShownFile[];
  /** What goes over the wire, to ask again. */
  sent: SentFile[];
  answer: AnswerState;
  rating: 'like' | 'dislike' | null;
  followUps: string[];
}

interface ChatSiteProps {
  site: OpenedSite;
  client: SiteClient;
  /** The conversation that is shown; none: a new one. */
  conversation: string | undefined;
  /** A new conversation has got its id. */
  onBegun: (conversation: string) => void;
  renderForm: RenderForm;
}

/** One conversation. Mount it anew for another. */
export function ChatSite({ site, client, conversation, onBegun, renderForm }: ChatSiteProps) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const form = useMemo(() => readForm(site), [site]);
  const { ask, goOn, stop } = useAnswer(client, 'chat');
  const id = useRef(conversation);
  const [turns, setTurns] = useState<Turn[]>([]);
  const [earlier, setEarlier] = useState<{ state: 'loading' | 'ready' | 'failed'; hasMore: boolean; error?: unknown }>({
    state: conversation ? 'loading' : 'ready',
    hasMore: false,
  });
  const [values, setValues] = useState(() => initialValues(form.fields));
  const [problems, setProblems] = useState<Record<string, Problem>>({});
  const [query, setQuery] = useState('');
  const field = useRef<HTMLTextAreaElement>(null);
  const [chosen, setChosen] = useState<Attachment[]>([]);
  const attachments = useAttachments(form.files, client.upload, chosen, setChosen);
  const scroller = useStickToEnd(turns);
  const last = turns.at(-1);
  const isBusy = last?.answer.status === 'waiting' || last?.answer.status === 'streaming';

  const patch = useCallback(
    (key: string, change: (turn: Turn) => Turn) =>
      setTurns((all) => all.map((turn) => (turn.key === key ? change(turn) : turn))),
    [],
  );

  const load = useCallback(
    async (firstId?: string) => {
      if (!id.current) return;
      try {
        const page = await client.messages(id.current, firstId);
        const found = page.data.map(
          (message): Turn => ({
            key: message.id,
            query: message.query,
            files: message.message_files
              .filter((file) => file.belongs_to === 'user')
              .map(({ type, url, filename }) => fileOf({ type, url, name: filename })),
            sent: [],
            answer: ofHistory(message),
            rating: message.feedback?.rating ?? null,
            followUps: [],
          }),
        );
        setTurns((all) => [...found, ...all.filter((turn) => !found.some((one) => one.key === turn.key))]);
        setEarlier({ state: 'ready', hasMore: page.has_more });
        const open = found.at(-1);
        if (!firstId && open?.answer.status === 'paused' && open.answer.runId)
          void goOn(open.answer, (answer) => patch(open.key, (turn) => ({ ...turn, answer })));
      } catch (error) {
        setEarlier({ state: 'failed', hasMore: false, error });
      }
    },
    [client, goOn, patch],
  );
  // one that begins here has its turns
  const [first] = useState(conversation);
  useEffect(() => {
    if (first) void load();
  }, [first, load]);

  /** False: it was not sent. */
  const send = (text: string, files: ShownFile[], sent: SentFile[]): boolean => {
    const wanted = text.trim();
    if (!wanted || isBusy) return false;
    if (!id.current) {
      const wrong = problemsOf(form.fields, values);
      setProblems(wrong);
      if (Object.keys(wrong).length > 0) {
        scroller.current?.scrollTo({ top: 0, behavior: 'smooth' });
        return false;
      }
    }
    const key = `new-${Date.now()}`;
    const blank: Turn = {
      key,
      query: wanted,
      files,
      sent,
      answer: { text: '', status: 'waiting', thoughts: [], steps: [], forms: [], files: [], outputs: null },
      rating: null,
      followUps: [],
    };
    setTurns((all) => [...all.map((turn) => ({ ...turn, followUps: [] })), blank]);
    const question = {
      query: wanted,
      inputs: wireInputs(form.fields, values),
      ...(sent.length > 0 ? { files: sent } : {}),
      ...(id.current ? { conversation_id: id.current } : {}),
    };
    void ask(question, (answer) => {
      patch(key, (turn) => ({ ...turn, answer }));
      if (!id.current && answer.conversationId) {
        id.current = answer.conversationId;
        onBegun(answer.conversationId);
      }
    }).then(async (answer) => {
      void queries.invalidateQueries({ queryKey: ['site-conversations', client.code] });
      if (answer.status !== 'done' || !form.followUps || !answer.messageId) return;
      const followUps = await client.suggested(answer.messageId).catch(() => []);
      patch(key, (turn) => ({ ...turn, followUps }));
    });
    return true;
  };

  const rate = (turn: Turn, rating: 'like' | 'dislike') => {
    const next = turn.rating === rating ? null : rating;
    if (!turn.answer.messageId) return;
    patch(turn.key, (one) => ({ ...one, rating: next }));
    client.rate(turn.answer.messageId, next).then(
      () => next && toast.success(t('site.rated')),
      (error: unknown) => {
        patch(turn.key, (one) => ({ ...one, rating: turn.rating }));
        toast.error(errorMessage(error, t));
      },
    );
  };

  const submit = () => {
    if (attachments.isUploading) return;
    const { sent } = attachments;
    if (
      !send(
        query,
        sent,
        sent.map((file) => file.sent),
      )
    )
      return;
    setQuery('');
    attachments.clear();
    field.current?.focus();
  };

  const isNew = !conversation && turns.length === 0;
  const showForm = form.fields.length > 0 && isNew;
  return (
    <DropZone
      rules={form.files}
      onFiles={attachments.addFiles}
      aria-label={site.site.title}
      className="flex h-full min-h-0 flex-col"
    >
      <div ref={scroller} className="min-h-0 grow overflow-y-auto">
        <div className="mx-auto flex min-h-full max-w-3xl flex-col px-4 py-6 sm:px-6">
          {earlier.state === 'loading' && (
            <div className="space-y-4" aria-busy>
              <Skeleton className="ml-auto h-10 w-1/2" />
              <Skeleton className="h-24" />
            </div>
          )}
          {earlier.state === 'failed' && (
            <ErrorState
              error={earlier.error}
              onRetry={() => {
                setEarlier({ state: 'loading', hasMore: false });
                void load();
              }}
            />
          )}
          {earlier.hasMore && (
            <div className="mb-4 flex justify-center">
              <Button variant="ghost" onClick={() => void load(turns[0]?.answer.messageId)}>
                {t('site.earlier')}
              </Button>
            </div>
          )}
          {isNew && !form.opening && (
            <div className={cn('flex flex-col items-center text-center', showForm ? 'mb-6' : 'm-auto py-8')}>
              <AppIcon app={site.app} size="lg" />
              <h1 className="mt-4 font-semibold text-xl tracking-tight">{site.site.title}</h1>
              {site.site.description && <p className="mt-1 max-w-md text-ink-2">{site.site.description}</p>}
            </div>
          )}
          {showForm && (
            <section className="mb-6 rounded-xl border bg-surface p-4 shadow-1 sm:p-5">
              <h2 className="font-semibold text-base">{t('site.form')}</h2>
              <p className="mt-0.5 mb-4 text-ink-3 text-sm">{t('site.formText')}</p>
              <InputsForm
                client={client}
                fields={form.fields}
                values={values}
                problems={problems}
                onChange={(update) => {
                  setValues(update);
                  setProblems({});
                }}
              />
            </section>
          )}
          {isNew && form.opening && site.site.description && (
            <p className="mx-auto mb-6 max-w-md text-center text-ink-3 text-sm">{site.site.description}</p>
          )}
          {form.opening && (!conversation || turns.length > 0) && !earlier.hasMore && (
            <div className="flex gap-3">
              <AppIcon app={site.app} size="sm" />
              <div className="min-w-0 grow pt-0.5 text-base">
                <Markdown text={filled(form.opening, values)} />
              </div>
            </div>
          )}
          {isNew && form.suggestions.length > 0 && (
            <div className="mt-4 flex flex-wrap gap-2 sm:pl-10">
              {form.suggestions.map((question, index) => (
                <Suggestion key={index} text={question} onPick={() => send(question, [], [])} />
              ))}
            </div>
          )}
          <div className={cn('flex flex-col gap-7', form.opening && turns.length > 0 && 'mt-7')} aria-live="polite">
            {turns.map((turn) => (
              <article key={turn.key} className="flex flex-col gap-4">
                <div className="flex flex-col items-end gap-2">
                  <span className="sr-only">{t('site.you')}</span>
                  <FileList files={turn.files} className="justify-end" />
                  <p className="max-w-[88%] whitespace-pre-wrap break-words rounded-2xl rounded-br-md bg-bubble px-3.5 py-2 text-base text-bubble-fg">
                    {turn.query}
                  </p>
                </div>
                <div className="flex gap-3">
                  <AppIcon app={site.app} size="sm" />
                  <div className="min-w-0 grow pt-0.5">
                    <AnswerView
                      answer={turn.answer}
                      showSteps={site.site.show_workflow_steps}
                      renderForm={renderForm}
                    />
                    {['done', 'stopped', 'failed'].includes(turn.answer.status) && (
                      <div className="-ml-1.5 mt-1.5 flex items-center gap-0.5 text-ink-3">
                        {turn.answer.text && <CopyIcon text={turn.answer.text} label={t('site.copyAnswer')} />}
                        {turn.answer.messageId &&
                          (['like', 'dislike'] as const).map((rating) => (
                            <Button
                              key={rating}
                              variant="ghost"
                              size="icon-xs"
                              aria-label={t(rating === 'like' ? 'site.good' : 'site.bad')}
                              aria-pressed={turn.rating === rating}
                              className={cn(turn.rating === rating && 'bg-accent-soft text-accent-ink')}
                              onClick={() => rate(turn, rating)}
                            >
                              {rating === 'like' ? <ThumbsUp /> : <ThumbsDown />}
                            </Button>
                          ))}
                        {turn === last && turn.answer.status !== 'done' && (
                          <Button variant="ghost" size="xs" onClick={() => send(turn.query, turn.files, turn.sent)}>
                            <RefreshCw />
                            {t('site.again')}
                          </Button>
                        )}
                      </div>
                    )}
                  </div>
                </div>
              </article>
            ))}
          </div>
          {last && last.followUps.length > 0 && !isBusy && (
            <div className="mt-4 flex flex-col items-start gap-2 sm:pl-10">
              <p className="text-ink-3 text-xs">{t('site.followUps')}</p>
              {last.followUps.map((question, index) => (
                <Suggestion key={index} text={question} onPick={() => send(question, [], [])} />
              ))}
            </div>
          )}
        </div>
      </div>
      <div className="shrink-0 px-3 pb-3 sm:px-6 sm:pb-4">
        <AskBox
          value={query}
          onChange={setQuery}
          placeholder={site.site.input_placeholder || t('site.placeholder')}
          isBusy={isBusy}
          canSend={query.trim() !== '' && !attachments.isUploading}
          onSend={submit}
          onStop={stop}
          onPasteFiles={attachments.takesFiles ? attachments.addFiles : undefined}
          fieldRef={field}
          files={<ChosenFiles files={chosen} onRemove={attachments.remove} className="px-3 pt-3" />}
        >
          <AttachButtons attachments={attachments} />
        </AskBox>
      </div>
    </DropZone>
  );
}
