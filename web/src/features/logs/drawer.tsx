import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { CopyIcon } from '@/components/copy';
import { ErrorState } from '@/components/states';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Skeleton } from '@/components/ui/skeleton';
import type { App } from '@/lib/api/types';
import { formatDate } from '@/lib/format';
import { MessageCard } from './message';
import { conversationMessagesQuery, conversationQuery, messageQuery } from './queries';

interface DrawerProps {
  app: App;
  id: string;
  onClose: () => void;
}

/** A whole conversation, oldest message first; it opens at its end. */
export function ConversationDrawer({ app, id, onClose }: DrawerProps) {
  const { t } = useTranslation();
  const conversation = useQuery(conversationQuery(app.id, id));
  const messages = useInfiniteQuery(conversationMessagesQuery(app.id, id));
  const rows = messages.data?.pages.flatMap((page) => page.data).reverse() ?? [];
  const error = conversation.error ?? messages.error;
  const head = conversation.data;
  return (
    <LogDrawer
      title={head?.name || t('logs.conversation')}
      about={head && <About source={head.source} user={head.asked_by?.name} iso={head.created_at} id={head.id} />}
      onClose={onClose}
    >
      {error ? (
        <ErrorState error={error} onRetry={() => void messages.refetch()} />
      ) : !messages.data ? (
        <Waiting />
      ) : (
        <>
          {messages.hasNextPage && (
            <div className="mb-4 flex justify-center">
              <Button busy={messages.isFetchingNextPage} onClick={() => void messages.fetchNextPage()}>
                {t('logs.earlier')}
              </Button>
            </div>
          )}
          <div className="space-y-4">
            {rows.map((message, index) => (
              <MessageCard key={message.id} app={app} message={message} traceOpen={index === rows.length - 1} />
            ))}
          </div>
        </>
      )}
    </LogDrawer>
  );
}

/** One message of an app without conversations. */
export function MessageDrawer({ app, id, onClose }: DrawerProps) {
  const { t } = useTranslation();
  const { data: message, error, refetch } = useQuery(messageQuery(app.id, id));
  return (
    <LogDrawer
      title={message?.query || t('logs.question')}
      about={
        message && (
          <About source={message.source} user={message.asked_by?.name} iso={message.created_at} id={message.id} />
        )
      }
      onClose={onClose}
    >
      {error ? (
        <ErrorState error={error} onRetry={() => void refetch()} />
      ) : message ? (
        <MessageCard app={app} message={message} traceOpen />
      ) : (
        <Waiting />
      )}
    </LogDrawer>
  );
}

export function LogDrawer({
  title,
  about,
  onClose,
  children,
}: {
  title: string;
  about: ReactNode;
  onClose: () => void;
  children: ReactNode;
}) {
  return (
    <Dialog
      open
      variant="side"
      onOpenChange={(open) => !open && onClose()}
      title={<span className="line-clamp-2 break-words">{title}</span>}
      className="max-w-3xl"
    >
      {about && <div className="mb-4 flex flex-wrap items-center gap-x-3 gap-y-1 text-ink-2 text-xs">{about}</div>}
      {children}
    </Dialog>
  );
}

export function Waiting() {
  return (
    <div className="space-y-3" aria-busy>
      <Skeleton className="h-24" />
      <Skeleton className="h-40" />
    </div>
  );
}

export function About({
  source,
  user,
  iso,
  id,
}: {
  source: string;
  user?: string | undefined;
  iso: string;
  id: string;
}) {
  const { t, i18n } = useTranslation();
  return (
    <>
      <Badge>{t(`logs.source_${source}` as 'logs.source_mcp')}</Badge>
      {user && <span>{t('logs.userIs', { user })}</span>}
      <time dateTime={iso}>{formatDate(iso, i18n.language)}</time>
      <span className="inline-flex items-center gap-0.5 font-mono text-2xs text-ink-3">
        {id.slice(0, 8)}
        <CopyIcon text={id} label={t('logs.copyId')} />
      </span>
    </>
  );
}
