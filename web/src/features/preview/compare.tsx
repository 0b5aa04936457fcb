import { useQuery } from '@tanstack/react-query';
import { ArrowUp, CheckCheck, FilePenLine, MessageSquarePlus, Play, Plus, Square, X } from 'lucide-react';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { AttachButtons } from '@/components/files/attach-buttons';
import { ChosenFiles } from '@/components/files/chosen-files';
import { DropZone } from '@/components/files/drop-zone';
import { FileList } from '@/components/files/file-list';
import type { SentAttachment } from '@/components/files/use-attachments';
import { findModel, ModelPicker } from '@/components/model-picker';
import { Parameters } from '@/components/parameters';
import { Button } from '@/components/ui/button';
import { Textarea } from '@/components/ui/input';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { Tooltip } from '@/components/ui/tooltip';
import { modelsQuery } from '@/lib/api/queries';
import type { App } from '@/lib/api/types';
import { type AppConfig, fieldsOf, initialInputs, type ModelChoice, uploadRules } from '@/lib/app-config';
import { Answer } from './answer';
import { type Inputs, InputsForm, missingInputs, wireInputs } from './inputs-form';
import { useMessageFiles } from './use-message-files';
import { usePreview } from './use-preview';

const MAX_COLUMNS = 4;

/** What a column changes in the draft. */
export interface Variant {
  model: ModelChoice;
  pre_prompt: string;
}

interface Column extends Variant {
  key: number;
}

interface Asked {
  n: number;
  query: string;
  inputs: Inputs;
  files: SentAttachment[];
}

interface CompareProps {
  app: App;
  config: AppConfig;
  onClose: () => void;
  /** Puts a column's model and prompt into the draft. */
  onUse: (variant: Variant) => void;
}

let nextKey = 1;
const columnOf = (variant: Variant): Column => ({ ...variant, key: nextKey++ });

/** The same question to up to four models or prompts, side by side. */
export function Compare({ app, config, onClose, onUse }: CompareProps) {
  const { t } = useTranslation();
  const { data: models } = useQuery(modelsQuery);
  const [columns, setColumns] = useState<Column[]>(() => {
    const own = { model: config.model, pre_prompt: config.pre_prompt };
    return [columnOf(own), columnOf(own)];
  });
  const [asked, setAsked] = useState<Asked | null>(null);
  const [stopped, setStopped] = useState(0);
  const [working, setWorking] = useState<ReadonlySet<number>>(new Set());
  const [query, setQuery] = useState('');
  const [touched, setTouched] = useState<Inputs>({});
  const chat = app.mode !== 'completion';
  const rules = uploadRules(config.file_upload);
  const attachments = useMessageFiles(rules);
  const fields = fieldsOf(config);
  const values = { ...initialInputs(fields), ...touched };
  const busy = working.size > 0;

  const onBusy = useCallback((key: number, on: boolean) => {
    setWorking((keys) => {
      if (keys.has(key) === on) return keys;
      const next = new Set(keys);
      if (on) next.add(key);
      else next.delete(key);
      return next;
    });
  }, []);
  const set = (key: number, patch: Partial<Variant>) =>
    setColumns((all) => all.map((column) => (column.key === key ? { ...column, ...patch } : column)));
  const submit = () => {
    const missing = missingInputs(fields, values);
    if (busy || attachments.isUploading || (chat && !query.trim())) return;
    if (missing.length > 0) {
      toast.warning(t('preview.formMissing', { names: missing.join(', ') }));
      return;
    }
    const inputs = wireInputs(fields, values);
    setAsked({
      n: (asked?.n ?? 0) + 1,
      query: chat ? query.trim() : typeof inputs.query === 'string' ? inputs.query : '',
      inputs,
      files: config.file_upload.enabled ? attachments.sent : [],
    });
    if (chat) {
      setQuery('');
      attachments.clear();
    }
  };

  return (
    <DropZone
      rules={rules}
      onFiles={attachments.addFiles}
      aria-label={t('agent.compare')}
      className="flex h-full min-h-0 flex-col"
    >
      <header className="flex h-12 shrink-0 items-center gap-2 border-b px-5">
        <h2 className="font-semibold text-sm">{t('agent.compare')}</h2>
        <span className="hidden text-ink-3 text-xs sm:inline">{t('agent.compareText')}</span>
        <span className="ml-auto" />
        <Button
          disabled={columns.length >= MAX_COLUMNS || busy}
          onClick={() => setColumns([...columns, columnOf(columns.at(-1) ?? config)])}
        >
          <Plus />
          {t('playground.add')}
        </Button>
        <Tooltip text={t('preview.restart')}>
          <Button
            variant="ghost"
            size="icon"
            aria-label={t('preview.restart')}
            disabled={!asked}
            onClick={() => {
              setAsked(null);
              setWorking(new Set());
              setColumns(columns.map(columnOf));
            }}
          >
            <MessageSquarePlus />
          </Button>
        </Tooltip>
        <Button variant="ghost" size="icon" aria-label={t('agent.compareClose')} onClick={onClose}>
          <X />
        </Button>
      </header>
      <div
        className="grid min-h-0 grow auto-rows-[minmax(16rem,1fr)] grid-cols-1 gap-px overflow-y-auto bg-line md:grid-cols-[repeat(var(--columns),minmax(17rem,1fr))] md:overflow-x-auto"
        style={{ '--columns': columns.length } as React.CSSProperties}
      >
        {columns.map((column) => (
          <CompareColumn
            key={column.key}
            app={app}
            config={config}
            column={column}
            contextSize={findModel(models, column.model)?.context_size}
            asked={asked}
            stopped={stopped}
            busy={busy}
            onBusy={onBusy}
            onChange={(patch) => set(column.key, patch)}
            onUse={() => onUse(column)}
            onRemove={columns.length > 1 ? () => setColumns(columns.filter((c) => c.key !== column.key)) : undefined}
          />
        ))}
      </div>
      <form
        className="shrink-0 space-y-3 border-t bg-canvas px-5 py-3.5"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        {fields.length > 0 && (
          <div className="mx-auto max-h-48 max-w-3xl overflow-y-auto">
            <InputsForm fields={fields} values={values} onChange={setTouched} />
          </div>
        )}
        <div className="mx-auto max-w-3xl rounded-xl border border-line-strong bg-surface shadow-2 focus-within:border-accent">
          <ChosenFiles files={attachments.files} onRemove={attachments.remove} className="px-3 pt-3" />
          {chat && (
            <textarea
              rows={1}
              aria-label={t('preview.placeholder')}
              placeholder={t('preview.placeholder')}
              value={query}
              onChange={(event) => setQuery(event.target.value)}
              onKeyDown={(event) => {
                if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
                  event.preventDefault();
                  submit();
                }
              }}
              className="field-sizing-content max-h-32 min-h-10 w-full resize-none bg-transparent px-3.5 pt-2.5 text-base outline-none placeholder:text-ink-3"
            />
          )}
          <div className="flex items-center gap-0.5 px-2 py-2">
            <AttachButtons attachments={attachments} />
            {busy ? (
              <Button className="ml-auto" onClick={() => setStopped(stopped + 1)}>
                <Square className="size-3.5! fill-current" />
                {t('common.stop')}
              </Button>
            ) : (
              <Button
                type="submit"
                variant="primary"
                className="ml-auto"
                disabled={attachments.isUploading || (chat && !query.trim())}
              >
                {chat ? <ArrowUp /> : <Play />}
                {t(chat ? 'common.send' : 'preview.run')}
              </Button>
            )}
          </div>
        </div>
      </form>
    </DropZone>
  );
}

interface CompareColumnProps {
  app: App;
  config: AppConfig;
  column: Column;
  contextSize: number | undefined;
  asked: Asked | null;
  stopped: number;
  busy: boolean;
  onBusy: (key: number, busy: boolean) => void;
  onChange: (patch: Partial<Variant>) => void;
  onUse: () => void;
  onRemove: (() => void) | undefined;
}

function CompareColumn({
  app,
  config,
  column,
  contextSize,
  asked,
  stopped,
  busy,
  onBusy,
  onChange,
  onUse,
  onRemove,
}: CompareColumnProps) {
  const { t } = useTranslation();
  const { turns, busy: working, ask, stop } = usePreview(app.id, app.mode !== 'completion');
  const latest = useRef({ config, column });
  latest.current = { config, column };
  const scroller = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!asked) return;
    const { config: base, column: variant } = latest.current;
    const tried = { ...base, model: variant.model, pre_prompt: variant.pre_prompt };
    const { query, inputs, files } = asked;
    void ask({ query, inputs, files, config: tried, followUps: false });
  }, [asked, ask]);
  useEffect(() => {
    if (stopped > 0) stop();
  }, [stopped, stop]);
  useEffect(() => onBusy(column.key, working), [column.key, working, onBusy]);
  useEffect(() => () => onBusy(column.key, false), [column.key, onBusy]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it follows what is written
  useLayoutEffect(() => {
    if (scroller.current) scroller.current.scrollTop = scroller.current.scrollHeight;
  }, [turns]);

  const changed = column.pre_prompt !== config.pre_prompt;
  return (
    <article aria-label={column.model.name} className="flex min-h-0 flex-col bg-canvas">
      <div className="@container flex shrink-0 items-center gap-1 border-b bg-surface px-3 py-2">
        <ModelPicker
          choice={column.model}
          disabled={busy}
          onChange={(model) => onChange({ model: { ...column.model, ...model } })}
        />
        <Parameters
          params={column.model.completion_params}
          onChange={(completion_params) => onChange({ model: { ...column.model, completion_params } })}
          contextSize={contextSize}
          disabled={busy}
        />
        {config.prompt_type === 'simple' && (
          <Popover>
            <Tooltip text={t('agent.otherPrompt')}>
              <PopoverTrigger asChild>
                <Button variant={changed ? 'soft' : 'ghost'} size="icon" aria-label={t('agent.otherPrompt')}>
                  <FilePenLine />
                </Button>
              </PopoverTrigger>
            </Tooltip>
            <PopoverContent
              aria-label={t('agent.otherPrompt')}
              align="end"
              className="w-96 max-w-[calc(100vw-2rem)] p-3"
            >
              <Textarea
                rows={9}
                aria-label={t('editor.prompt')}
                value={column.pre_prompt}
                onChange={(event) => onChange({ pre_prompt: event.target.value })}
              />
              {changed && (
                <Button
                  variant="ghost"
                  size="xs"
                  className="mt-2"
                  onClick={() => onChange({ pre_prompt: config.pre_prompt })}
                >
                  {t('editor.reset')}
                </Button>
              )}
            </PopoverContent>
          </Popover>
        )}
        <Tooltip text={t('agent.useVariant')}>
          <Button variant="ghost" size="icon" aria-label={t('agent.useVariant')} disabled={busy} onClick={onUse}>
            <CheckCheck />
          </Button>
        </Tooltip>
        {onRemove && (
          <Button
            variant="ghost"
            size="icon"
            aria-label={`${t('common.remove')}: ${column.model.name}`}
            disabled={busy}
            onClick={onRemove}
          >
            <X />
          </Button>
        )}
      </div>
      <div ref={scroller} className="min-h-0 grow space-y-4 overflow-y-auto px-4 py-4" aria-live="polite">
        {turns.length === 0 && <p className="pt-[10vh] text-center text-ink-3 text-sm">{t('playground.empty')}</p>}
        {turns.map((turn) => (
          <div key={turn.key} className="space-y-3">
            {(turn.query || turn.files.length > 0) && (
              <div className="flex flex-col items-end gap-1.5">
                <FileList files={turn.files} size="sm" className="justify-end" />
                {turn.query && (
                  <p className="max-w-[90%] whitespace-pre-wrap break-words rounded-2xl rounded-br-md bg-accent-soft px-3.5 py-2 text-sm">
                    {turn.query}
                  </p>
                )}
              </div>
            )}
            <Answer turn={turn} />
          </div>
        ))}
      </div>
    </article>
  );
}
