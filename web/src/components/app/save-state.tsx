import { Check, CircleAlert, LoaderCircle } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Tooltip } from '@/components/ui/tooltip';
import { errorMessage } from '@/lib/api/errors';
import type { App } from '@/lib/api/types';
import type { Autosave } from '@/lib/use-autosave';

/** Whether the draft is kept, and whether callers have it. */
export function SaveState({ app, draft }: { app: App; draft: Autosave }) {
  const { t } = useTranslation();
  if (draft.status === 'failed') {
    const message = t('app.saveFailed', { message: errorMessage(draft.error, t) });
    return (
      <Tooltip text={message} side="bottom">
        <button
          type="button"
          onClick={() => void draft.flush()}
          className="flex min-w-0 max-w-72 items-center gap-1.5 rounded-md px-1.5 py-1 text-danger text-xs hover:bg-danger-soft"
        >
          <CircleAlert className="size-3.5 shrink-0" aria-hidden />
          <span className="sr-only truncate @6xl:not-sr-only" role="status">
            {message}
          </span>
        </button>
      </Tooltip>
    );
  }
  const saving = draft.status === 'saving' || draft.status === 'dirty';
  const published = app.published_version;
  return (
    <div role="status" className="flex flex-col items-end text-2xs text-ink-3 leading-4">
      <span className="flex items-center gap-1">
        {saving ? (
          <LoaderCircle className="size-3 animate-spin" aria-hidden />
        ) : (
          <Check className="size-3" aria-hidden />
        )}
        <span className="sr-only @6xl:not-sr-only">
          {t(saving ? 'app.saving' : draft.status === 'conflict' ? 'app.unsaved' : 'app.savedDraft')}
        </span>
      </span>
      <span className="hidden @6xl:block">
        {!published
          ? t('app.neverPublished')
          : app.has_unpublished_changes
            ? t('app.changes')
            : t('app.publishedState', { number: published.number })}
      </span>
    </div>
  );
}

export function ConflictDialog({ draft }: { draft: Autosave }) {
  const { t } = useTranslation();
  return (
    <Dialog
      open={draft.status === 'conflict'}
      onOpenChange={() => undefined}
      title={t('app.conflictTitle')}
      description={t('app.conflictText')}
      footer={
        <>
          <Button onClick={() => void draft.keepMine()}>{t('app.conflictOverwrite')}</Button>
          <Button variant="primary" onClick={() => void draft.takeTheirs()}>
            {t('app.conflictReload')}
          </Button>
        </>
      }
    />
  );
}
