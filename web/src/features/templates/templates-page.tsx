import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Eye, LayoutTemplate, SearchX } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { AppIcon } from '@/components/app-icon';
import { Page } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { SearchInput } from '@/components/ui/search-input';
import { Segmented } from '@/components/ui/segmented';
import { Skeleton } from '@/components/ui/skeleton';
import { api, unwrap } from '@/lib/api/client';
import { templatesQuery } from '@/lib/api/queries';
import type { App, Template } from '@/lib/api/types';
import { CATEGORIES, type TemplatesFilter } from './search';

interface TemplatesPageProps {
  filter: TemplatesFilter;
  onFilter: (filter: TemplatesFilter) => void;
  canEdit: boolean;
  onCreated: (app: App) => void;
}

/** A template's words in the language of the console. */
function textsOf(template: Template, language: string) {
  return template.texts[language] ?? template.texts['en-US'] ?? { name: template.id, description: '' };
}

function matches(template: Template, { keyword = '', category }: TemplatesFilter) {
  const words = Object.values(template.texts).flatMap((text) => [text.name, text.description]);
  const found = words.join('\n').toLowerCase().includes(keyword.trim().toLowerCase());
  return found && (!category || template.category === category || (category === 'vision' && template.vision));
}

export function TemplatesPage({ filter, onFilter, canEdit, onCreated }: TemplatesPageProps) {
  const { t, i18n } = useTranslation();
  const templates = useQuery(templatesQuery);
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: (template: Template) =>
      unwrap(
        api.POST('/api/templates/{template_id}/apps', {
          params: { path: { template_id: template.id } },
          body: textsOf(template, i18n.language),
        }),
      ),
    onSuccess: (app) => {
      toast.success(t('templates.created', { name: app.name }));
      void client.invalidateQueries({ queryKey: ['apps'] });
      onCreated(app);
    },
  });
  const shown = (templates.data ?? []).filter((template) => matches(template, filter));
  return (
    <Page wide title={t('templates.title')} text={t('templates.text')}>
      <div className="mb-5 flex flex-wrap items-center gap-2.5">
        <SearchInput
          label={t('templates.search')}
          value={filter.keyword ?? ''}
          onChange={(keyword) => {
            const { keyword: _, ...rest } = filter;
            onFilter(keyword ? { ...rest, keyword } : rest);
          }}
        />
        <div className="max-w-full overflow-x-auto">
          <Segmented<'all' | (typeof CATEGORIES)[number]>
            label={t('templates.category')}
            value={filter.category ?? 'all'}
            onChange={(category) => {
              const { category: _, ...rest } = filter;
              onFilter(category === 'all' ? rest : { ...rest, category });
            }}
            options={[
              { value: 'all', label: t('apps.filterAll') },
              ...CATEGORIES.map((category) => ({ value: category, label: t(`templates.category_${category}`) })),
            ]}
          />
        </div>
      </div>
      {templates.isError ? (
        <ErrorState error={templates.error} onRetry={() => void templates.refetch()} />
      ) : templates.isSuccess && shown.length === 0 ? (
        <EmptyState icon={<SearchX />} title={t('apps.noMatchTitle')} text={t('apps.noMatchText')}>
          <Button onClick={() => onFilter({})}>{t('apps.clearFilter')}</Button>
        </EmptyState>
      ) : (
        <ul
          className="grid auto-rows-fr grid-cols-[repeat(auto-fill,minmax(17.5rem,1fr))] gap-3.5"
          aria-busy={templates.isPending || undefined}
        >
          {templates.isPending
            ? Array.from({ length: 8 }, (_, index) => (
                <li key={index} className="h-42 rounded-xl border border-line bg-surface p-4">
                  <Skeleton className="size-10 rounded-lg" />
                  <Skeleton className="mt-4 h-3 w-full" />
                  <Skeleton className="mt-2 h-3 w-3/5" />
                </li>
              ))
            : shown.map((template) => (
                <TemplateCard
                  key={template.id}
                  template={template}
                  canEdit={canEdit}
                  busy={create.isPending && create.variables.id === template.id}
                  onUse={() => !create.isPending && create.mutate(template)}
                />
              ))}
        </ul>
      )}
    </Page>
  );
}

function TemplateCard({
  template,
  canEdit,
  busy,
  onUse,
}: {
  template: Template;
  canEdit: boolean;
  busy: boolean;
  onUse: () => void;
}) {
  const { t, i18n } = useTranslation();
  const { name, description } = textsOf(template, i18n.language);
  return (
    <li className="group flex min-h-42 flex-col rounded-xl border border-line bg-surface p-4 shadow-1 transition-[border-color,box-shadow] hover:border-line-strong hover:shadow-2">
      <div className="flex items-start gap-3">
        <AppIcon app={{ ...template, name, icon_type: 'emoji' }} />
        <div className="min-w-0 grow">
          <h2 className="truncate font-semibold text-base leading-5">{name}</h2>
          <p className="mt-0.5 text-ink-3 text-xs">{t(`modes.${template.mode}`)}</p>
        </div>
        {template.vision && (
          <Badge tone="accent">
            <Eye aria-hidden />
            {t('editor.vision')}
          </Badge>
        )}
      </div>
      <p className="mt-3 mb-3 line-clamp-3 text-ink-2 text-sm">{description}</p>
      {canEdit && (
        <Button
          className="mt-auto self-start"
          busy={busy}
          aria-label={`${t('templates.use')}: ${name}`}
          onClick={onUse}
        >
          {!busy && <LayoutTemplate />}
          {t('templates.use')}
        </Button>
      )}
    </li>
  );
}
