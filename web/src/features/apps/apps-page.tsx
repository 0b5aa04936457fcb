import { useInfiniteQuery } from '@tanstack/react-query';
import { FileUp, LayoutGrid, Plus, Search, SearchX, X } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { Page } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { appsQuery } from '@/lib/api/queries';
import type { App } from '@/lib/api/types';
import { AppCard, AppCardSkeleton } from './app-card';
import { CreateAppDialog } from './app-form';
import { ImportAppDialog } from './import-dialog';

const MODES = ['chat', 'completion', 'agent-chat', 'advanced-chat', 'workflow'] as const;

export interface AppsFilter {
  keyword?: string;
  mode?: (typeof MODES)[number];
}

interface AppsPageProps {
  filter: AppsFilter;
  onFilter: (filter: AppsFilter) => void;
  canEdit: boolean;
  onOpen: (app: App) => void;
}

export function AppsPage({ filter, onFilter, canEdit, onOpen }: AppsPageProps) {
  const { t } = useTranslation();
  const apps = useInfiniteQuery(appsQuery(filter));
  const [dialog, setDialog] = useState<'create' | 'import' | null>(null);
  const [keyword, setKeyword] = useState(filter.keyword ?? '');
  const filtered = Boolean(filter.keyword || filter.mode);
  const list = apps.data?.pages.flatMap((page) => page.data) ?? [];

  useEffect(() => {
    if (keyword.trim() === (filter.keyword ?? '')) return;
    const timer = setTimeout(() => {
      const { keyword: _, ...rest } = filter;
      onFilter(keyword.trim() ? { ...rest, keyword: keyword.trim() } : rest);
    }, 250);
    return () => clearTimeout(timer);
  }, [keyword, filter, onFilter]);

  const clear = () => {
    setKeyword('');
    onFilter({});
  };
  const empty = apps.isSuccess && list.length === 0;
  const actions = canEdit && (
    <>
      <Button size="md" onClick={() => setDialog('import')}>
        <FileUp />
        {t('apps.import')}
      </Button>
      <Button size="md" variant="primary" onClick={() => setDialog('create')}>
        <Plus />
        {t('apps.new')}
      </Button>
    </>
  );

  return (
    <Page wide title={t('apps.title')} actions={empty && !filtered ? undefined : actions}>
      {!(empty && !filtered) && (
        <div className="mb-5 flex flex-wrap items-center gap-3">
          <div className="relative w-full max-w-72">
            <Search className="pointer-events-none absolute top-2.5 left-2.5 size-4 text-ink-3" aria-hidden />
            <Input
              type="search"
              aria-label={t('apps.search')}
              placeholder={t('apps.search')}
              className="pr-8 pl-8.5 [&::-webkit-search-cancel-button]:hidden"
              value={keyword}
              onChange={(event) => setKeyword(event.target.value)}
            />
            {keyword && (
              <Button
                variant="ghost"
                size="icon-xs"
                className="absolute top-1.25 right-1.25"
                aria-label={t('apps.clearFilter')}
                onClick={() => setKeyword('')}
              >
                <X />
              </Button>
            )}
          </div>
          <div className="max-w-full overflow-x-auto">
            <Segmented<'all' | (typeof MODES)[number]>
              label={t('apps.filter')}
              value={filter.mode ?? 'all'}
              onChange={(mode) => {
                const { mode: _, ...rest } = filter;
                onFilter(mode === 'all' ? rest : { ...rest, mode });
              }}
              options={[
                { value: 'all', label: t('apps.filterAll') },
                ...MODES.map((mode) => ({ value: mode, label: t(`modes.${mode}`) })),
              ]}
            />
          </div>
        </div>
      )}
      {apps.isError ? (
        <ErrorState error={apps.error} onRetry={() => void apps.refetch()} />
      ) : empty ? (
        filtered ? (
          <EmptyState icon={<SearchX />} title={t('apps.noMatchTitle')} text={t('apps.noMatchText')}>
            <Button onClick={clear}>{t('apps.clearFilter')}</Button>
          </EmptyState>
        ) : (
          <EmptyState
            icon={<LayoutGrid />}
            title={t('apps.emptyTitle')}
            text={t('apps.emptyText')}
            className="rounded-xl border border-line-strong border-dashed bg-surface/50 py-20"
          >
            {actions}
          </EmptyState>
        )
      ) : (
        <>
          <div className="grid grid-cols-[repeat(auto-fill,minmax(17.5rem,1fr))] gap-3.5" aria-busy={apps.isPending}>
            {apps.isPending
              ? Array.from({ length: 8 }, (_, index) => <AppCardSkeleton key={index} />)
              : list.map((app) => (
                  <AppCard key={app.id} app={app} canEdit={canEdit} onDuplicated={() => void apps.refetch()} />
                ))}
          </div>
          {apps.hasNextPage && (
            <div className="mt-6 flex justify-center">
              <Button busy={apps.isFetchingNextPage} onClick={() => void apps.fetchNextPage()}>
                {t('common.loadMore')}
              </Button>
            </div>
          )}
        </>
      )}
      {dialog === 'create' && <CreateAppDialog onClose={() => setDialog(null)} onCreated={onOpen} />}
      {dialog === 'import' && (
        <ImportAppDialog
          onClose={() => setDialog(null)}
          onImported={(app) => {
            toast.success(t('apps.importDone', { name: app.name }));
            onOpen(app);
          }}
        />
      )}
    </Page>
  );
}
