import { BookMarked, ChevronDown, MessageSquarePlus } from 'lucide-react';
import { type ReactNode, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { AppIcon } from '@/components/app-icon';
import { AskBox } from '@/components/ask-box';
import { AttachButtons } from '@/components/files/attach-buttons';
import { ChosenFiles } from '@/components/files/chosen-files';
import { DropZone } from '@/components/files/drop-zone';
import { FileList } from '@/components/files/file-list';
import { Markdown } from '@/components/markdown';
import { Suggestion } from '@/components/suggestion';
import { Button } from '@/components/ui/button';
import { Tooltip } from '@/components/ui/tooltip';
import { api, unwrap } from '@/lib/api/client';
import { errorMessage } from '@/lib/api/errors';
import type { App } from '@/lib/api/types';
import { type AppConfig, fieldsOf, initialInputs, takesKind, uploadRules } from '@/lib/app-config';
import { cn } from '@/lib/cn';
import { useStickToEnd } from '@/lib/use-stick-to-end';
import { Answer } from './answer';
import { type Inputs, InputsForm, missingInputs, wireInputs } from './inputs-form';
import { useMessageFiles } from './use-message-files';
import { type Turn, usePreview } from './use-preview';

interface ChatPreviewProps {
  app: App;
  config: AppConfig;
}

export function ChatPreview({ app, config }: ChatPreviewProps) {
  const { t } = useTranslation();
  const { turns, busy, ask, stop, reset, clearConversation } = usePreview(app.id, true);
  const rules = uploadRules(config.file_upload);
  const attachments = useMessageFiles(rules);
  const fields = fieldsOf(config);
  const [touched, setTouched] = useState<Inputs>({});
  const values = { ...initialInputs(fields), ...touched };
  const missing = missingInputs(fields, values);
  const [formOpen, setFormOpen] = useState(true);
  const [query, setQuery] = useState('');
  const composer = useRef<HTMLTextAreaElement>(null);
  const scroller = useStickToEnd(turns);

  const send = (text: string, files = attachments.sent, instead?: number) => {
    const wanted = text.trim();
    if (!wanted || busy) return;
    if (missing.length > 0) {
      setFormOpen(true);
      toast.warning(t('preview.formMissing', { names: missing.join(', ') }));
      return;
    }
    void ask(
      {
        query: wanted,
        inputs: wireInputs(fields, values),
        files: rules ? files : [],
        config,
        followUps: config.suggested_questions_after_answer.enabled,
      },
      instead,
    );
  };
  const submit = () => {
    if (!query.trim() || busy || attachments.isUploading || missing.length > 0) return send(query);
    send(query);
    setQuery('');
    attachments.clear();
    setFormOpen(false);
    composer.current?.focus();
  };
  // The first turn can be asked anew as if it had not been; later ones stay in the model's memory, so they are asked once more.
  const retry = (turn: Turn) => {
    if (turns.length === 1) clearConversation();
    send(turn.query, turn.files, turn.status === 'failed' || turns.length === 1 ? turn.key : undefined);
  };
  const sees = rules !== null && takesKind(config.file_upload, 'image');
  const last = turns.at(-1);
  const suggestions = config.suggested_questions.filter((question) => question.trim());

  return (
    <DropZone
      rules={rules}
      onFiles={attachments.addFiles}
      aria-label={t('preview.title')}
      className="flex h-full min-h-0 flex-col"
    >
      <header className="flex h-12 shrink-0 items-center gap-2 border-b pr-2.5 pl-5">
        <h2 className="font-semibold text-sm">{t('preview.title')}</h2>
        <span className="ml-auto" />
        {fields.length > 0 && (
          <Button variant="ghost" size="sm" aria-expanded={formOpen} onClick={() => setFormOpen(!formOpen)}>
            {t('preview.form')}
            {missing.length > 0 && <span className="size-1.5 rounded-full bg-warn" aria-hidden />}
            <ChevronDown className={cn('transition-transform', formOpen && 'rotate-180')} />
          </Button>
        )}
        <Tooltip text={t('preview.restart')}>
          <Button
            variant="ghost"
            size="icon"
            aria-label={t('preview.restart')}
            disabled={turns.length === 0}
            onClick={() => {
              reset();
              setFormOpen(true);
            }}
          >
            <MessageSquarePlus />
          </Button>
        </Tooltip>
      </header>
      {fields.length > 0 && formOpen && (
        <div className="max-h-[55%] shrink-0 overflow-y-auto border-b bg-sunken/60 px-5 py-4">
          <div className="mx-auto max-w-2xl">
            <InputsForm fields={fields} values={values} onChange={setTouched} />
          </div>
        </div>
      )}
      <div ref={scroller} className="min-h-0 grow overflow-y-auto">
        <div className="mx-auto flex min-h-full max-w-2xl flex-col px-5 py-6">
          {config.opening_statement && (
            <Row app={app}>
              <div className="text-base">
                <Markdown text={fill(config.opening_statement, values)} />
              </div>
            </Row>
          )}
          {turns.length === 0 && suggestions.length > 0 && (
            <div className="mt-3.5 flex flex-wrap gap-2 pl-10">
              {suggestions.map((question, index) => (
                <Suggestion key={index} text={question} onPick={() => send(question)} />
              ))}
            </div>
          )}
          {turns.length === 0 && !config.opening_statement && (
            <div className="m-auto flex max-w-xs flex-col items-center py-8 text-center">
              <AppIcon app={app} size="lg" />
              <p className="mt-4 font-semibold text-base">{t('preview.emptyTitle')}</p>
              <p className="mt-1 text-ink-3 text-sm">
                {t('preview.emptyText')}
                {sees && <span className="block">{t('preview.emptyVision')}</span>}
              </p>
            </div>
          )}
          <div
            className={cn('flex flex-col gap-6', config.opening_statement && turns.length > 0 && 'mt-6')}
            aria-live="polite"
          >
            {turns.map((turn) => (
              <article key={turn.key} className="flex flex-col gap-4">
                <div className="flex flex-col items-end gap-2">
                  <span className="sr-only">{t('preview.you')}</span>
                  <FileList files={turn.files} className="justify-end" />
                  <p className="max-w-[85%] whitespace-pre-wrap break-words rounded-2xl rounded-br-md bg-accent-soft px-3.5 py-2 text-base text-ink">
                    {turn.query}
                  </p>
                </div>
                <Row app={app}>
                  <Answer
                    turn={turn}
                    onRetry={turn === last && !busy ? () => retry(turn) : undefined}
                    actions={turn.status === 'done' && <SaveAnnotation app={app} turn={turn} />}
                  />
                </Row>
              </article>
            ))}
          </div>
          {last?.followUps && last.followUps.length > 0 && !busy && (
            <div className="mt-4 flex flex-col items-start gap-2 pl-10">
              <p className="text-ink-3 text-xs">{t('preview.followUps')}</p>
              {last.followUps.map((question, index) => (
                <Suggestion key={index} text={question} onPick={() => send(question)} />
              ))}
            </div>
          )}
        </div>
      </div>
      <div className="shrink-0 px-5 pb-4">
        <AskBox
          value={query}
          onChange={setQuery}
          placeholder={t(sees ? 'preview.placeholderVision' : 'preview.placeholder')}
          isBusy={busy}
          canSend={query.trim() !== '' && !attachments.isUploading}
          onSend={submit}
          onStop={stop}
          onPasteFiles={attachments.takesFiles ? attachments.addFiles : undefined}
          fieldRef={composer}
          files={<ChosenFiles files={attachments.files} onRemove={attachments.remove} className="px-3 pt-3" />}
        >
          <AttachButtons attachments={attachments} />
          <span className="ml-1 hidden text-2xs text-ink-3 sm:inline">{t('preview.keys')}</span>
        </AskBox>
      </div>
    </DropZone>
  );
}

function Row({ app, children }: { app: App; children: ReactNode }) {
  return (
    <div className="flex gap-3">
      <AppIcon app={app} size="sm" />
      <div className="min-w-0 grow pt-0.5">{children}</div>
    </div>
  );
}

function SaveAnnotation({ app, turn }: { app: App; turn: Turn }) {
  const { t } = useTranslation();
  const [saved, setSaved] = useState(false);
  const save = () =>
    unwrap(
      api.POST('/api/apps/{app_id}/annotations', {
        params: { path: { app_id: app.id } },
        body: { question: turn.query, answer: turn.answer },
      }),
    ).then(
      () => {
        setSaved(true);
        toast.success(t('preview.savedAnnotation'));
      },
      (error: unknown) => toast.error(errorMessage(error, t)),
    );
  if (!app.annotation_reply.enabled) return null;
  return (
    <Tooltip text={t('preview.saveAnnotation')}>
      <Button
        variant="ghost"
        size="icon-xs"
        aria-label={t('preview.saveAnnotation')}
        disabled={saved}
        onClick={() => void save()}
      >
        <BookMarked className={saved ? 'text-accent' : ''} />
      </Button>
    </Tooltip>
  );
}

const fill = (text: string, values: Inputs) =>
  text.replace(/\{\{([A-Za-z_]\w*)\}\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined || value === '' ? whole : String(value);
  });
