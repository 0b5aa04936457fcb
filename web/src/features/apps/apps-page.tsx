import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { FileUp, LayoutTemplate, Plus, SearchX, UserRound } from 'lucide-react';
import { type ReactNode, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Wall } from '@/components/mark';
import { Page } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { SearchInput } from '@/components/ui/search-input';
import { Segmented } from '@/components/ui/segmented';
import { Select } from '@/components/ui/select';
import { type AppsFilter, appsQuery } from '@/lib/api/queries';
import type { App } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { AppCard, AppCardSkeleton } from './app-card';
import { CreateAppDialog } from './app-form';
import { ImportAppDialog } from './import-dialog';
import { TagFilter } from './tags';

const MODES = ['chat', 'completion', 'agent-chat', 'advanced-chat', 'workflow'] as const;
const SORTS = ['updated', 'created', 'name'] as const;

interface AppsPageProps {
  filter: AppsFilter;
  onFilter: (filter: AppsFilter) => void;
  canEdit: boolean;
  onOpen: (app: App) => void;
  /** Above the apps, for newcomers. */
  welcome?: ReactNode;
}

export function AppsPage({ filter, onFilter, canEdit, onOpen, welcome }: AppsPageProps) {
  const { t } = useTranslation();
  const apps = useInfiniteQuery(appsQuery(filter));
  const [dialog, setDialog] = useState<'create' | 'import' | null>(null);
  const [keyword, setKeyword] = useState(filter.keyword ?? '');
  const filtered = Boolean(filter.keyword || filter.mode || filter.tag || filter.mine);
  const list = apps.data?.pages.flatMap((page) => page.data) ?? [];
  const set = (patch: { [K in keyof AppsFilter]: AppsFilter[K] | undefined }) => {
    const next = { ...filter, ...patch };
    onFilter(Object.fromEntries(Object.entries(next).filter(([, value]) => value)) as AppsFilter);
  };

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
    onFilter(filter.sort ? { sort: filter.sort } : {});
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
      {welcome}
      {!(empty && !filtered) && (
        <div className="mb-5 flex flex-wrap items-center gap-2.5">
          <SearchInput label={t('apps.search')} value={keyword} onChange={setKeyword} />
          <div className="max-w-full overflow-x-auto">
            <Segmented<'all' | (typeof MODES)[number]>
              label={t('apps.filter')}
              value={filter.mode ?? 'all'}
              onChange={(mode) => set({ mode: mode === 'all' ? undefined : mode })}
              options={[
                { value: 'all', label: t('apps.filterAll') },
                ...MODES.map((mode) => ({ value: mode, label: t(`modes.${mode}`) })),
              ]}
            />
          </div>
          <TagFilter value={filter.tag} onChange={(tag) => set({ tag })} canEdit={canEdit} />
          <Button
            size="md"
            aria-pressed={Boolean(filter.mine)}
            className={cn(filter.mine && 'border-accent-line bg-accent-soft text-accent-ink')}
            onClick={() => set({ mine: filter.mine ? undefined : true })}
          >
            <UserRound />
            {t('home.mine')}
          </Button>
          <Select
            className="ml-auto w-40"
            aria-label={t('home.sort')}
            value={filter.sort ?? 'updated'}
            onValueChange={(sort) => set({ sort: sort === 'updated' ? undefined : (sort as AppsFilter['sort']) })}
            options={SORTS.map((sort) => ({ value: sort, label: t(`home.sort_${sort}`) }))}
          />
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
          <div className="relative overflow-hidden rounded-xl border border-line bg-surface">
            <Wall className="absolute inset-y-0 right-0 hidden h-full w-[64%] text-ink [mask-image:linear-gradient(to_right,transparent,black_30%)] md:block" />
            <EmptyState
              title={t('apps.emptyTitle')}
              text={t('apps.emptyText')}
              className="relative min-h-88 items-start justify-center px-8 text-left sm:px-12 [&>div]:justify-start"
            >
              {canEdit && (
                <Button size="md" variant="primary" onClick={() => setDialog('create')}>
                  <Plus />
                  {t('apps.new')}
                </Button>
              )}
              <Button asChild size="md">
                <Link to="/templates">
                  <LayoutTemplate />
                  {t('templates.browse')}
                </Link>
              </Button>
              {canEdit && (
                <Button size="md" variant="ghost" onClick={() => setDialog('import')}>
                  <FileUp />
                  {t('apps.import')}
                </Button>
              )}
            </EmptyState>
          </div>
        )
      ) : (
        <>
          <div
            className="grid auto-rows-fr grid-cols-[repeat(auto-fill,minmax(17.5rem,1fr))] gap-3.5"
            aria-busy={apps.isPending}
          >
            {apps.isPending
              ? Array.from({ length: 8 }, (_, index) => <AppCardSkeleton key={index} />)
              : list.map((app) => (
                  <AppCard
                    key={app.id}
                    app={app}
                    canEdit={canEdit}
                    onDuplicated={() => void apps.refetch()}
                    onTag={(tag) => set({ tag })}
                  />
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
      {dialog === 'import' && <ImportAppDialog onClose={() => setDialog(null)} onImported={onOpen} />}
    </Page>
  );
}
