import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Check, ChevronsUpDown, Cpu, Eye, Search, TriangleAlert, Waypoints } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Badge } from '@/components/ui/badge';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { modelsQuery } from '@/lib/api/queries';
import type { Model } from '@/lib/api/types';
import type { ModelChoice } from '@/lib/app-config';
import { cn } from '@/lib/cn';
import { formatTokens } from '@/lib/format';

/** The catalog's entry for a choice; `local/default` is whatever the server has as its default. */
export function findModel(models: Model[] | undefined, choice: ModelChoice): Model | undefined {
  const llms = models?.filter((model) => model.kind === 'llm') ?? [];
  if (choice.provider === 'local' && choice.name === 'default') return llms.find((model) => model.is_default);
  return llms.find((model) => model.provider === choice.provider && model.name === choice.name);
}

interface ModelPickerProps {
  choice: ModelChoice;
  onChange: (choice: ModelChoice) => void;
  disabled: boolean;
}

export function ModelPicker({ choice, onChange, disabled }: ModelPickerProps) {
  const { t } = useTranslation();
  const { data: models } = useQuery(modelsQuery);
  const [open, setOpen] = useState(false);
  const [search, setSearch] = useState('');
  const byDefault = choice.provider === 'local' && choice.name === 'default';
  const model = findModel(models, choice);
  const theDefault = models?.find((m) => m.kind === 'llm' && m.is_default);
  const wanted = search.trim().toLowerCase();
  const usable = (models ?? []).filter(
    (m) => m.kind === 'llm' && m.status !== 'refused' && `${m.provider} ${m.name}`.toLowerCase().includes(wanted),
  );
  const providers = [...new Set(usable.map((m) => m.provider))].sort((a, b) =>
    a === 'local' ? -1 : b === 'local' ? 1 : a.localeCompare(b),
  );

  const pick = (provider: string, name: string) => {
    onChange({ ...choice, provider, name, mode: choice.mode || 'chat' });
    setOpen(false);
  };

  return (
    <Popover open={open} onOpenChange={setOpen}>
      <PopoverTrigger
        disabled={disabled}
        className="flex h-9 min-w-0 grow items-center gap-2.5 rounded-md border border-line-strong bg-surface px-2.5 text-left shadow-1 transition-colors hover:border-ink-3/60 disabled:opacity-60"
      >
        {models && !model ? (
          <TriangleAlert className="size-4 shrink-0 text-warn" aria-hidden />
        ) : choice.provider === 'local' ? (
          <Cpu className="size-4 shrink-0 text-ink-3" aria-hidden />
        ) : (
          <Waypoints className="size-4 shrink-0 text-ink-3" aria-hidden />
        )}
        <span className="min-w-0 grow truncate">
          <span className="sr-only">{`${t('editor.model')}: `}</span>
          <span className="font-medium text-sm">
            {models && !model ? t('editor.modelMissing', { name: choice.name }) : (model?.name ?? choice.name)}
          </span>
          {choice.provider !== 'local' && <span className="ml-1.5 text-ink-3 text-xs">{choice.provider}</span>}
        </span>
        {byDefault && <Badge className="hidden @md:inline-flex">{t('common.default')}</Badge>}
        {model?.features.includes('vision') && (
          <Badge tone="accent" className="hidden @sm:inline-flex">
            <Eye aria-hidden />
            {t('editor.vision')}
          </Badge>
        )}
        <ChevronsUpDown className="size-3.5 shrink-0 text-ink-3" aria-hidden />
      </PopoverTrigger>
      <PopoverContent
        aria-label={t('editor.model')}
        align="start"
        className="flex w-[max(22rem,var(--radix-popover-trigger-width))] max-w-[calc(100vw-2rem)] flex-col"
      >
        <div className="flex items-center gap-2 border-b px-3">
          <Search className="size-4 text-ink-3" aria-hidden />
          <input
            aria-label={t('editor.searchModels')}
            placeholder={t('editor.searchModels')}
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            className="h-10 grow bg-transparent text-sm outline-none placeholder:text-ink-3"
          />
        </div>
        <div className="max-h-80 overflow-y-auto p-1.5">
          {!wanted && theDefault && (
            <Option selected={byDefault} onSelect={() => pick('local', 'default')}>
              <span className="font-medium">{t('editor.defaultModel')}</span>
              <span className="block text-ink-3 text-xs">
                {t('editor.defaultModelText', { name: theDefault.name })}
              </span>
            </Option>
          )}
          {providers.map((provider) => (
            <div key={provider}>
              <p className="px-2.5 pt-2.5 pb-1 text-ink-3 text-xs">
                {provider === 'local' ? t('editor.local') : provider}
              </p>
              {usable
                .filter((m) => m.provider === provider)
                .map((m) => (
                  <Option key={m.name} selected={!byDefault && m === model} onSelect={() => pick(m.provider, m.name)}>
                    <span className="flex items-center gap-2">
                      <span className="truncate font-medium">{m.name}</span>
                      {m.status !== 'ready' && provider === 'local' && (
                        <Badge tone={m.status === 'failed' ? 'danger' : 'warn'}>
                          {t(`settings.status_${m.status}`)}
                        </Badge>
                      )}
                    </span>
                    <span className="block text-ink-3 text-xs">
                      {[
                        t('editor.context', { size: formatTokens(m.context_size) }),
                        ...m.features.map((feature) =>
                          feature === 'vision' ||
                          feature === 'tools' ||
                          feature === 'structured_output' ||
                          feature === 'image_output'
                            ? t(`editor.${feature}`)
                            : feature,
                        ),
                      ].join(' · ')}
                    </span>
                  </Option>
                ))}
            </div>
          ))}
          {usable.length === 0 && <p className="px-3 py-6 text-center text-ink-3 text-sm">{t('editor.noModels')}</p>}
        </div>
        <Link to="/models" className="border-t px-4 py-2.5 text-accent-ink text-sm hover:bg-hover">
          {t('editor.manageModels')}
        </Link>
      </PopoverContent>
    </Popover>
  );
}

function Option({
  selected,
  onSelect,
  children,
}: {
  selected: boolean;
  onSelect: () => void;
  children: React.ReactNode;
}) {
  return (
    <button
      type="button"
      aria-pressed={selected}
      onClick={onSelect}
      className={cn(
        'flex w-full items-center gap-2 rounded-md px-2.5 py-1.5 text-left text-sm hover:bg-hover',
        selected && 'bg-hover',
      )}
    >
      <span className="min-w-0 grow">{children}</span>
      <Check className={cn('size-4 shrink-0 text-accent', !selected && 'invisible')} aria-hidden />
    </button>
  );
}
