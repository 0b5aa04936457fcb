import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query';
import { ChevronRight, ScrollText } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { CodeBlock } from '@/components/code-block';
import { Panel, Section } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { api, unwrap } from '@/lib/api/client';
import type { AuditEntry } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { formatAgo, formatDate } from '@/lib/format';

const auditQuery = infiniteQueryOptions({
  queryKey: ['audit-log'],
  queryFn: ({ pageParam, signal }) =>
    unwrap(
      api.GET('/api/audit-log', {
        params: { query: { limit: 50, ...(pageParam ? { cursor: pageParam } : {}) } },
        signal,
      }),
    ),
  initialPageParam: '',
  getNextPageParam: (page) => page.next_cursor || undefined,
  staleTime: 0,
});

/** Who did what in this workspace. */
export function AuditPage() {
  const { t } = useTranslation();
  const log = useInfiniteQuery(auditQuery);
  const entries = log.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <Section title={t('workspace.audit')} text={t('workspace.auditText')}>
      <Panel className="overflow-hidden">
        {log.isPending ? (
          <div className="space-y-3 p-5">
            {Array.from({ length: 6 }, (_, index) => (
              <Skeleton key={index} className="h-6" />
            ))}
          </div>
        ) : log.isError ? (
          <ErrorState error={log.error} onRetry={() => void log.refetch()} />
        ) : entries.length === 0 ? (
          <EmptyState icon={<ScrollText />} title={t('workspace.auditEmpty')} />
        ) : (
          <ol className="divide-y">
            {entries.map((entry) => (
              <Entry key={entry.id} entry={entry} />
            ))}
          </ol>
        )}
      </Panel>
      {log.hasNextPage && (
        <div className="mt-4 flex justify-center">
          <Button busy={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>
            {t('common.loadMore')}
          </Button>
        </div>
      )}
    </Section>
  );
}

function Entry({ entry }: { entry: AuditEntry }) {
  const { t, i18n } = useTranslation();
  const [open, setOpen] = useState(false);
  const detail = (entry.detail ?? {}) as Record<string, unknown>;
  const key = `audit.${entry.action.replace('.', '_')}` as 'audit.app_create';
  const action = t(key, { defaultValue: entry.action });
  const target = entry.target_type === 'session' ? '' : entry.target_id;
  const name = typeof detail.name === 'string' ? detail.name : target;
  return (
    <li>
      <button
        type="button"
        aria-expanded={open}
        className="flex w-full items-center gap-3 px-4 py-2.5 text-left text-sm hover:bg-hover"
        onClick={() => setOpen(!open)}
      >
        <ChevronRight
          className={cn('size-4 shrink-0 text-ink-3 transition-transform', open && 'rotate-90')}
          aria-hidden
        />
        <span className="min-w-0 grow truncate">
          <span className="font-medium">{entry.account_name ?? t('workspace.auditCommand')}</span>{' '}
          <span className="text-ink-2">{action}</span> <span className="text-ink-3">{name}</span>
        </span>
        <time
          dateTime={entry.created_at}
          title={formatDate(entry.created_at, i18n.language)}
          className="shrink-0 text-ink-3 text-xs"
        >
          {formatAgo(entry.created_at, i18n.language)}
        </time>
      </button>
      {open && (
        <div className="space-y-2 px-4 pt-1.5 pb-3.5 pl-11 text-xs">
          <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1">
            <Fact name={t('workspace.auditWhen')} value={formatDate(entry.created_at, i18n.language)} />
            {entry.account_email && <Fact name={t('auth.email')} value={entry.account_email} />}
            {entry.ip && <Fact name="IP" value={entry.ip} />}
            <Fact name={t('workspace.auditTarget')} value={`${entry.target_type} ${entry.target_id}`} />
          </dl>
          {Object.keys(detail).length > 0 && <CodeBlock code={JSON.stringify(detail, null, 2)} />}
        </div>
      )}
    </li>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt className="text-ink-3">{name}</dt>
      <dd className="break-all">{value}</dd>
    </>
  );
}
