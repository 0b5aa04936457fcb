import { type InfiniteData, type UseInfiniteQueryResult, useInfiniteQuery } from '@tanstack/react-query';
import { ScrollText, SearchX, ThumbsDown, ThumbsUp } from 'lucide-react';
import { type ReactNode, useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { PageBody, Panel } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import type { App } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { formatAgo, formatDate, formatTokens } from '@/lib/format';
import { ConversationDrawer, MessageDrawer } from './drawer';
import { Filters } from './filters';
import {
  conversationsQuery,
  type LogConversation,
  type LogMessage,
  messagesQuery,
  type RunSummary,
  runsQuery,
} from './queries';
import { RunDrawer } from './run-drawer';
import { isFiltered, type LogSearch } from './search';
import { seconds } from './trace';

interface LogsPageProps {
  app: App;
  search: LogSearch;
  onSearch: (change: Partial<LogSearch>) => void;
}

/** What an app's callers asked and got. */
export function LogsPage({ app, search, onSearch }: LogsPageProps) {
  const change = useCallback((next: Partial<LogSearch>) => onSearch(next), [onSearch]);
  const open = (id: string) => onSearch({ open: id });
  const close = () => onSearch({ open: undefined });
  const kind = app.mode === 'workflow' ? 'runs' : app.mode === 'completion' ? 'messages' : 'conversations';
  return (
    <PageBody className="pt-5 sm:px-6">
      <Filters app={app} search={search} onSearch={change} />
      {kind === 'runs' ? (
        <Runs app={app} search={search} onOpen={open} />
      ) : kind === 'messages' ? (
        <Messages app={app} search={search} onOpen={open} />
      ) : (
        <Conversations app={app} search={search} onOpen={open} />
      )}
      {search.open &&
        (kind === 'runs' ? (
          <RunDrawer app={app} id={search.open} onClose={close} />
        ) : kind === 'messages' ? (
          <MessageDrawer app={app} id={search.open} onClose={close} />
        ) : (
          <ConversationDrawer app={app} id={search.open} onClose={close} />
        ))}
    </PageBody>
  );
}

interface ListProps {
  app: App;
  search: LogSearch;
  onOpen: (id: string) => void;
}

function Conversations({ app, search, onOpen }: ListProps) {
  const { t } = useTranslation();
  const query = useInfiniteQuery(conversationsQuery(app.id, search));
  return (
    <Rows
      query={query}
      search={search}
      onOpen={onOpen}
      columns={[
        {
          title: t('logs.conversation'),
          cell: (row: LogConversation) => <Question text={row.name} failures={row.failures} />,
        },
        { title: t('logs.user'), cell: (row) => <User row={row} />, from: 'sm' },
        { title: t('logs.source'), cell: (row) => <Source of={row.source} />, from: 'lg' },
        { title: t('logs.messages'), cell: (row) => row.message_count, number: true },
        { title: t('logs.tokens'), cell: (row) => formatTokens(row.total_tokens), number: true, from: 'lg' },
        {
          title: t('logs.feedback'),
          cell: (row) => (
            <span className="inline-flex gap-1">
              <Thumbs likes={row.user_likes + row.member_likes} dislikes={row.user_dislikes + row.member_dislikes} />
              {row.annotations > 0 && <Badge tone="accent">{t('logs.annotated')}</Badge>}
            </span>
          ),
          from: 'md',
        },
        { title: t('logs.last'), cell: (row) => <When iso={row.updated_at} /> },
      ]}
    />
  );
}

function Messages({ app, search, onOpen }: ListProps) {
  const { t } = useTranslation();
  const query = useInfiniteQuery(messagesQuery(app.id, search));
  const asked = (row: LogMessage) =>
    row.query ||
    Object.values(row.inputs)
      .filter((value) => typeof value === 'string')
      .join(' · ');
  return (
    <Rows
      query={query}
      search={search}
      onOpen={onOpen}
      columns={[
        {
          title: t('logs.question'),
          cell: (row: LogMessage) => (
            <>
              <Question text={asked(row)} failures={row.status === 'error' || row.status === 'interrupted' ? 1 : 0} />
              <span className="block max-w-xl truncate text-ink-3 text-xs">{row.answer}</span>
            </>
          ),
        },
        { title: t('logs.user'), cell: (row) => <User row={row} />, from: 'sm' },
        { title: t('logs.source'), cell: (row) => <Source of={row.source} />, from: 'lg' },
        {
          title: t('logs.tokens'),
          cell: (row) => formatTokens(row.prompt_tokens + row.completion_tokens),
          number: true,
          from: 'lg',
        },
        { title: t('logs.took'), cell: (row) => seconds(row.latency_s), number: true, from: 'md' },
        {
          title: t('logs.feedback'),
          cell: (row) => {
            const both = [row.user_feedback?.rating, row.member_feedback?.rating];
            const count = (rating: string) => both.filter((one) => one === rating).length;
            return <Thumbs likes={count('like')} dislikes={count('dislike')} />;
          },
          from: 'md',
        },
        { title: t('logs.when'), cell: (row) => <When iso={row.created_at} /> },
      ]}
    />
  );
}

const RUN_TONES: Record<string, 'neutral' | 'accent' | 'warn' | 'danger'> = {
  succeeded: 'accent',
  failed: 'danger',
  'partial-succeeded': 'warn',
  paused: 'warn',
};

function Runs({ app, search, onOpen }: ListProps) {
  const { t } = useTranslation();
  const query = useInfiniteQuery(runsQuery(app.id, search));
  return (
    <Rows
      query={query}
      search={search}
      onOpen={onOpen}
      columns={[
        {
          title: t('logs.status'),
          cell: (row: RunSummary) => (
            <>
              <Badge tone={RUN_TONES[row.status] ?? 'neutral'}>
                {t(`logs.status_${row.status}` as 'logs.status_failed')}
              </Badge>
              {row.error && <span className="mt-0.5 block max-w-md truncate text-danger text-xs">{row.error}</span>}
            </>
          ),
        },
        {
          title: t('logs.user'),
          cell: (row) => row.created_by?.name || <span className="text-ink-3">{t('logs.nobody')}</span>,
          from: 'sm',
        },
        {
          title: t('logs.trigger'),
          cell: (row) =>
            row.triggered_from === 'app-run' ? (
              <Source of={row.source} />
            ) : (
              <Badge>{t(`logs.trigger_${row.triggered_from}` as 'logs.trigger_webhook')}</Badge>
            ),
          from: 'md',
        },
        { title: t('logs.took'), cell: (row) => seconds(row.elapsed_s), number: true },
        { title: t('logs.steps'), cell: (row) => row.total_steps, number: true, from: 'lg' },
        { title: t('logs.tokens'), cell: (row) => formatTokens(row.total_tokens), number: true, from: 'lg' },
        { title: t('logs.when'), cell: (row) => <When iso={row.created_at} /> },
      ]}
    />
  );
}

interface Column<Row> {
  title: string;
  cell: (row: Row) => ReactNode;
  number?: boolean;
  /** The narrowest screen that shows it. */
  from?: 'sm' | 'md' | 'lg';
}

const FROM = { sm: 'max-sm:hidden', md: 'max-md:hidden', lg: 'max-lg:hidden' } as const;

interface RowsProps<Row> {
  query: UseInfiniteQueryResult<InfiniteData<{ data: Row[] }>>;
  search: LogSearch;
  columns: Column<Row>[];
  onOpen: (id: string) => void;
}

/** A table whose rows open; the first cell holds the button that the keyboard reaches. */
function Rows<Row extends { id: string }>({ query, search, columns, onOpen }: RowsProps<Row>) {
  const { t } = useTranslation();
  if (query.isPending) {
    return (
      <Panel className="space-y-3 p-4">
        {[0, 1, 2, 3, 4, 5].map((n) => (
          <Skeleton key={n} className="h-7" />
        ))}
      </Panel>
    );
  }
  if (query.isError) {
    return (
      <Panel>
        <ErrorState error={query.error} onRetry={() => void query.refetch()} />
      </Panel>
    );
  }
  const rows = query.data.pages.flatMap((page) => page.data);
  if (rows.length === 0) {
    const filtered = isFiltered(search);
    return (
      <Panel>
        <EmptyState
          icon={filtered ? <SearchX /> : <ScrollText />}
          title={t(filtered ? 'logs.noMatchTitle' : 'logs.emptyTitle')}
          text={t(filtered ? 'logs.noMatchText' : 'logs.emptyText')}
        />
      </Panel>
    );
  }
  return (
    <>
      <Panel className="overflow-x-auto">
        <table className="w-full text-left text-sm">
          <thead>
            <tr className="border-b text-ink-3 text-xs">
              {columns.map((column) => (
                <th
                  key={column.title}
                  scope="col"
                  className={cn(
                    'whitespace-nowrap px-4 py-2 font-normal',
                    column.number && 'text-right',
                    column.from && FROM[column.from],
                  )}
                >
                  {column.title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="divide-y">
            {rows.map((row) => (
              <tr key={row.id} className={cn('relative hover:bg-hover', search.open === row.id && 'bg-accent-soft/50')}>
                {columns.map((column, index) => (
                  <td
                    key={column.title}
                    className={cn(
                      'h-11 px-4 py-2',
                      column.number && 'text-right tabular-nums',
                      column.from && FROM[column.from],
                      index > 0 && 'whitespace-nowrap',
                    )}
                  >
                    {index === 0 ? (
                      <button
                        type="button"
                        className="block max-w-full text-left after:absolute after:inset-0"
                        onClick={() => onOpen(row.id)}
                      >
                        {column.cell(row)}
                      </button>
                    ) : (
                      column.cell(row)
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Panel>
      {query.hasNextPage && (
        <div className="mt-4 flex justify-center">
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t('common.loadMore')}
          </Button>
        </div>
      )}
    </>
  );
}

function Question({ text, failures }: { text: string; failures: number }) {
  const { t } = useTranslation();
  return (
    <span className="flex max-w-xl items-center gap-2">
      <span className={cn('line-clamp-2 min-w-0 break-words font-medium', !text && 'font-normal text-ink-3')}>
        {text || t('logs.unnamed')}
      </span>
      {failures > 0 && <Badge tone="danger">{t('logs.failures', { count: failures })}</Badge>}
    </span>
  );
}

function User({ row }: { row: { asked_by?: { name: string } | null } }) {
  const { t } = useTranslation();
  if (!row.asked_by?.name) return <span className="text-ink-3">{t('logs.nobody')}</span>;
  return (
    <span className="block max-w-40 truncate" title={row.asked_by.name}>
      {row.asked_by.name}
    </span>
  );
}

function Source({ of }: { of: string }) {
  const { t } = useTranslation();
  return <Badge>{t(`logs.source_${of}` as 'logs.source_mcp')}</Badge>;
}

function Thumbs({ likes, dislikes }: { likes: number; dislikes: number }) {
  const { t } = useTranslation();
  return (
    <>
      {likes > 0 && (
        <Badge>
          <ThumbsUp aria-label={t('logs.like')} />
          {likes}
        </Badge>
      )}
      {dislikes > 0 && (
        <Badge tone="warn">
          <ThumbsDown aria-label={t('logs.dislike')} />
          {dislikes}
        </Badge>
      )}
    </>
  );
}

function When({ iso }: { iso: string }) {
  const { i18n } = useTranslation();
  return (
    <time dateTime={iso} title={formatDate(iso, i18n.language)} className="whitespace-nowrap text-ink-2">
      {formatAgo(iso, i18n.language)}
    </time>
  );
}
