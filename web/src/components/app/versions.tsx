import { useInfiniteQuery } from '@tanstack/react-query';
import { Download, GitCommitVertical, GitCompare, RotateCcw } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { EmptyState, ErrorState } from '@/components/states';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Confirm, Dialog } from '@/components/ui/dialog';
import { Skeleton } from '@/components/ui/skeleton';
import { Tooltip } from '@/components/ui/tooltip';
import type { App, AppVersion } from '@/lib/api/types';
import { formatDate } from '@/lib/format';
import { useExportVersion, useRestore, versionsQuery } from './queries';

interface VersionsProps {
  app: App;
  canEdit: boolean;
  onRestored: (app: App) => void;
  onClose: () => void;
  /** What leads from one version to another; the later one may be the draft. */
  onCompare?: (from: AppVersion, to: AppVersion | 'draft') => void;
}

export function VersionsDrawer({ app, canEdit, onRestored, onClose, onCompare }: VersionsProps) {
  const { t, i18n } = useTranslation();
  const versions = useInfiniteQuery(versionsQuery(app.id));
  const restore = useRestore(app.id);
  const exportVersion = useExportVersion(app);
  const [asked, setAsked] = useState<AppVersion | null>(null);
  const list = versions.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      variant="side"
      title={t('app.history')}
      description={t('app.historyText')}
    >
      {versions.isPending ? (
        <div className="space-y-2.5">
          {[0, 1, 2].map((n) => (
            <Skeleton key={n} className="h-20" />
          ))}
        </div>
      ) : versions.isError ? (
        <ErrorState error={versions.error} onRetry={() => void versions.refetch()} />
      ) : list.length === 0 ? (
        <EmptyState icon={<GitCommitVertical />} title={t('app.historyEmpty')} text={t('app.historyEmptyText')} />
      ) : (
        <ol className="space-y-2">
          {list.map((version, i) => (
            <li key={version.id} className="rounded-lg border border-line bg-surface p-3.5">
              <div className="flex items-center gap-2">
                <span className="font-mono text-ink-3 text-xs tabular-nums">#{version.number}</span>
                <span className="min-w-0 truncate font-medium text-sm">
                  {version.name || t('app.versionNamePlaceholder', { number: version.number })}
                </span>
                {version.current && <Badge tone="accent">{t('app.current')}</Badge>}
              </div>
              {version.note && <p className="mt-1 whitespace-pre-wrap text-ink-2 text-sm">{version.note}</p>}
              <div className="mt-2 flex items-center gap-1 text-ink-3 text-xs">
                <span className="grow truncate">
                  {formatDate(version.created_at, i18n.language)}
                  {version.created_by_name && ` · ${version.created_by_name}`}
                </span>
                {onCompare && (
                  <Tooltip text={t(i === 0 ? 'app.compareDraft' : 'app.compareNext')}>
                    <Button
                      variant="ghost"
                      size="icon-xs"
                      aria-label={`${t(i === 0 ? 'app.compareDraft' : 'app.compareNext')}: ${version.number}`}
                      onClick={() => onCompare(version, list[i - 1] ?? 'draft')}
                    >
                      <GitCompare />
                    </Button>
                  </Tooltip>
                )}
                <Tooltip text={t('app.exportVersion')}>
                  <Button
                    variant="ghost"
                    size="icon-xs"
                    aria-label={`${t('app.exportVersion')}: ${version.number}`}
                    onClick={() => exportVersion.mutate({ id: version.id, number: version.number })}
                  >
                    <Download />
                  </Button>
                </Tooltip>
                {canEdit && (
                  <Button variant="ghost" size="xs" onClick={() => setAsked(version)}>
                    <RotateCcw />
                    {t('app.restore')}
                  </Button>
                )}
              </div>
            </li>
          ))}
        </ol>
      )}
      {versions.hasNextPage && (
        <Button
          className="mt-3 w-full"
          busy={versions.isFetchingNextPage}
          onClick={() => void versions.fetchNextPage()}
        >
          {t('common.loadMore')}
        </Button>
      )}
      <Confirm
        open={asked !== null}
        onOpenChange={() => setAsked(null)}
        title={t('app.restoreTitle', { number: asked?.number ?? 0 })}
        text={t('app.restoreText')}
        action={t('app.restore')}
        busy={restore.isPending}
        onConfirm={() =>
          asked &&
          restore.mutate(asked.id, {
            onSuccess: (restored) => {
              toast.success(t('app.restored', { number: asked.number }));
              setAsked(null);
              onRestored(restored);
              onClose();
            },
          })
        }
      />
    </Dialog>
  );
}
