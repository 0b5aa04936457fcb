import { useQuery } from '@tanstack/react-query';
import { ChevronDown, FlaskConical, MessageSquarePlus, Plus, X } from 'lucide-react';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { AskBox } from '@/components/ask-box';
import { AttachButtons } from '@/components/files/attach-buttons';
import { ChosenFiles } from '@/components/files/chosen-files';
import { DropZone } from '@/components/files/drop-zone';
import { findModel, ModelPicker } from '@/components/model-picker';
import { Parameters } from '@/components/parameters';
import { Button } from '@/components/ui/button';
import { Textarea } from '@/components/ui/input';
import { Tooltip } from '@/components/ui/tooltip';
import { modelsQuery } from '@/lib/api/queries';
import type { Model } from '@/lib/api/types';
import type { CompletionParams, ModelChoice } from '@/lib/app-config';
import { cn } from '@/lib/cn';
import type { Content } from './answer-stream';
import { Column } from './column';
import { useDataPictures } from './pictures';
import { MAX_COLUMNS } from './search';
import { useColumns } from './use-columns';

const idOf = ({ provider, name }: { provider: string; name: string }) => `${provider}/${name}`;

function choiceOf(id: string): ModelChoice {
  const at = id.indexOf('/');
  return { provider: id.slice(0, at), name: id.slice(at + 1), mode: 'chat', completion_params: {} };
}

/** The first model that can answer and has no column yet. */
function nextModel(models: Model[], taken: string[]): string | undefined {
  const names = taken.map((id) => {
    const model = findModel(models, choiceOf(id));
    return model ? idOf(model) : id;
  });
  const usable = models.filter((model) => model.kind === 'llm' && !['refused', 'failed'].includes(model.status));
  return usable.map(idOf).find((id) => !names.includes(id));
}

interface PlaygroundPageProps {
  models: string[];
  onModels: (models: string[]) => void;
}

export function PlaygroundPage({ models: ids, onModels }: PlaygroundPageProps) {
  const { t } = useTranslation();
  const { data: models } = useQuery(modelsQuery);
  const { columns, busy, ask, stop, clear } = useColumns();
  const pictures = useDataPictures();
  const [system, setSystem] = useState('');
  const [systemOpen, setSystemOpen] = useState(false);
  const [params, setParams] = useState<CompletionParams>({ temperature: 0.7, max_tokens: 512 });
  const [query, setQuery] = useState('');
  const composer = useRef<HTMLTextAreaElement>(null);
  const started = Object.values(columns).some((exchanges) => exchanges.length > 0);
  const another = nextModel(models ?? [], ids);
  const sizes = ids.map((id) => findModel(models, choiceOf(id))?.context_size ?? 4096);

  const submit = () => {
    const text = query.trim();
    if ((!text && pictures.files.length === 0) || busy) return;
    const question: Content =
      pictures.files.length === 0
        ? text
        : [
            ...pictures.files.map((picture) => ({ type: 'image_url' as const, image_url: { url: picture.src } })),
            ...(text ? [{ type: 'text' as const, text }] : []),
          ];
    ask(ids, system, question, params);
    setQuery('');
    pictures.clear();
    setSystemOpen(false);
    composer.current?.focus();
  };

  return (
    <DropZone
      rules={pictures.rules}
      onFiles={pictures.addFiles}
      aria-label={t('nav.playground')}
      className="flex h-full flex-col"
    >
      <header className="@container flex min-h-14 shrink-0 flex-wrap items-center gap-2 border-b px-5 py-2">
        <h1 className="flex items-center gap-2 font-semibold text-base">
          <FlaskConical className="size-4.5 text-ink-3" aria-hidden />
          {t('nav.playground')}
        </h1>
        <span className="ml-auto" />
        <Button variant="ghost" size="md" aria-expanded={systemOpen} onClick={() => setSystemOpen(!systemOpen)}>
          {t('playground.system')}
          {system.trim() && <span className="size-1.5 rounded-full bg-accent" aria-hidden />}
          <ChevronDown className={cn('transition-transform', systemOpen && 'rotate-180')} />
        </Button>
        <Parameters params={params} onChange={setParams} contextSize={Math.min(...sizes)} disabled={false} />
        <Tooltip
          text={ids.length >= MAX_COLUMNS ? t('playground.atMost', { count: MAX_COLUMNS }) : t('playground.addText')}
        >
          <Button
            size="md"
            disabled={ids.length >= MAX_COLUMNS || !another}
            onClick={() => another && onModels([...ids, another])}
          >
            <Plus />
            {t('playground.add')}
          </Button>
        </Tooltip>
        <Tooltip text={t('preview.restart')}>
          <Button variant="ghost" size="icon" aria-label={t('preview.restart')} disabled={!started} onClick={clear}>
            <MessageSquarePlus />
          </Button>
        </Tooltip>
      </header>
      {systemOpen && (
        <div className="shrink-0 border-b bg-sunken/60 px-5 py-3">
          <Textarea
            autoFocus
            rows={3}
            aria-label={t('playground.system')}
            placeholder={t('playground.systemPlaceholder')}
            value={system}
            onChange={(event) => setSystem(event.target.value)}
          />
        </div>
      )}
      <div
        className="grid min-h-0 grow auto-rows-[minmax(18rem,1fr)] grid-cols-1 gap-px overflow-y-auto bg-line md:grid-cols-[repeat(var(--columns),minmax(17rem,1fr))] md:overflow-x-auto"
        style={{ '--columns': ids.length } as React.CSSProperties}
      >
        {ids.map((id, index) => (
          <Column
            key={id}
            exchanges={columns[id] ?? []}
            model={findModel(models, choiceOf(id))}
            picker={
              <>
                <ModelPicker
                  choice={choiceOf(id)}
                  disabled={busy}
                  onChange={(choice) => {
                    const next = idOf(choice);
                    if (!ids.includes(next)) onModels(ids.map((old, other) => (other === index ? next : old)));
                  }}
                />
                {ids.length > 1 && (
                  <Button
                    variant="ghost"
                    size="icon"
                    aria-label={`${t('common.remove')}: ${id}`}
                    onClick={() => onModels(ids.filter((other) => other !== id))}
                  >
                    <X />
                  </Button>
                )}
              </>
            }
          />
        ))}
      </div>
      <div className="shrink-0 border-t bg-canvas px-5 py-3.5">
        <AskBox
          value={query}
          onChange={setQuery}
          placeholder={t('playground.placeholder')}
          isBusy={busy}
          canSend={query.trim() !== '' || pictures.files.length > 0}
          onSend={submit}
          onStop={stop}
          onPasteFiles={pictures.addFiles}
          fieldRef={composer}
          files={<ChosenFiles files={pictures.files} onRemove={pictures.remove} className="px-3 pt-3" />}
        >
          <AttachButtons attachments={pictures} />
          <span className="ml-1 hidden text-2xs text-ink-3 sm:inline">{t('playground.kept')}</span>
        </AskBox>
      </div>
    </DropZone>
  );
}
