import { useQuery } from '@tanstack/react-query';
import { CircleSlash, ExternalLink, FileQuestion, PanelLeft, RotateCw, WifiOff } from 'lucide-react';
import { lazy, type ReactNode, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { AppIcon } from '@/components/app-icon';
import { LanguageMenu, ThemePicker } from '@/components/appearance';
import { Mark } from '@/components/mark';
import { Markdown } from '@/components/markdown';
import { EmptyState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { ApiError, errorMessage } from '@/lib/api/errors';
import { headTokens, parseColor } from '@/lib/brand';
import { cn } from '@/lib/cn';
import type { RenderForm } from './answer-view';
import { type OpenedSite, SiteClient, siteQuery } from './api';
import { ChatSite } from './chat-site';
import { ConversationList } from './conversation-list';
import { useFace } from './use-face';

const TaskSite = lazy(() => import('./task-site').then(({ TaskSite }) => ({ default: TaskSite })));

interface SitePageProps {
  code: string;
  /** What the link says is open; none: a new conversation. */
  conversation: string | undefined;
  onConversation: (conversation: string | undefined, replace: boolean) => void;
  renderForm: RenderForm;
}

/** The page of a published app, for anyone with the link. */
export function SitePage({ code, conversation, onConversation, renderForm }: SitePageProps) {
  const { t } = useTranslation();
  const { data: site, error, isFetching, refetch } = useQuery(siteQuery(code));
  useFace(site);
  if (site) {
    return (
      <OpenSite
        site={site}
        code={code}
        conversation={conversation}
        onConversation={onConversation}
        renderForm={renderForm}
      />
    );
  }
  const status = error instanceof ApiError ? error.status : 0;
  return (
    <main className="flex min-h-full items-center justify-center">
      {!error ? (
        <div className="w-full max-w-xl space-y-4 p-6" aria-busy>
          <Skeleton className="h-8 w-1/2" />
          <Skeleton className="h-40" />
        </div>
      ) : status === 404 ? (
        <EmptyState icon={<FileQuestion />} title={t('site.missingTitle')} text={t('site.missingText')} />
      ) : status === 400 ? (
        <EmptyState icon={<CircleSlash />} title={t('site.unpublishedTitle')} text={t('site.unpublishedText')} />
      ) : (
        <EmptyState icon={<WifiOff />} title={t('site.failedTitle')} text={errorMessage(error, t)}>
          <Button busy={isFetching} onClick={() => void refetch()}>
            <RotateCw />
            {t('common.retry')}
          </Button>
        </EmptyState>
      )}
    </main>
  );
}

const isFramed = () => window.self !== window.top;

/** The bubble of the page around (`embed.js`) listens; other pages do not mind. */
const askToClose = () => window.parent.postMessage('ashlar:close', '*');

/** Does something on Escape, unless what is open above has taken it. */
function useEscape(act: (() => void) | null) {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !event.defaultPrevented && !event.isComposing) latest.current?.();
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);
}

function OpenSite({ site, code, conversation, onConversation, renderForm }: SitePageProps & { site: OpenedSite }) {
  const { t } = useTranslation();
  const client = useMemo(() => new SiteClient(code, site.visitor), [code, site.visitor]);
  const [listOpen, setListOpen] = useState(false);
  // a conversation that has just begun here goes on here: its new id mounts nothing anew
  const begun = useRef<string | null>(null);
  const [mount, setMount] = useState(0);
  const isChat = site.mode !== 'completion' && site.mode !== 'workflow';
  const framed = isFramed();
  useEffect(() => {
    if (begun.current === (conversation ?? null)) return;
    begun.current = conversation ?? null;
    setMount((n) => n + 1);
  }, [conversation]);
  const open = (next: string | undefined) => {
    setListOpen(false);
    if (next === conversation) {
      // a new conversation in place of one that has no id yet
      if (!next) setMount((n) => n + 1);
      return;
    }
    onConversation(next, false);
  };
  const color = parseColor(site.site.chat_color_theme);
  useEscape(listOpen ? () => setListOpen(false) : framed ? askToClose : null);
  const { custom_disclaimer: disclaimer, copyright, privacy_policy: privacy } = site.site;
  return (
    <div className="flex h-dvh flex-col bg-canvas">
      <header
        className="flex h-13 shrink-0 items-center gap-2 border-b bg-surface px-2 text-ink sm:px-4"
        style={color && !site.site.chat_color_theme_inverted ? headTokens(color) : undefined}
      >
        {isChat && (
          <Button
            variant="ghost"
            size="icon"
            className={cn(!framed && 'md:hidden')}
            aria-label={t('site.showConversations')}
            aria-expanded={listOpen}
            onClick={() => setListOpen(!listOpen)}
          >
            <PanelLeft />
          </Button>
        )}
        <AppIcon app={site.app} size="sm" />
        <p className="min-w-0 truncate font-semibold">{site.site.title}</p>
        <span className="ml-auto flex items-center gap-1">
          {framed ? (
            <Button variant="ghost" size="icon" asChild>
              <a href={`/a/${code}`} target="_blank" rel="noopener" aria-label={t('site.openNew')}>
                <ExternalLink />
              </a>
            </Button>
          ) : (
            <>
              <LanguageMenu />
              <span className="max-sm:hidden">
                <ThemePicker compact />
              </span>
            </>
          )}
        </span>
      </header>
      <div className="relative flex min-h-0 grow">
        {isChat && (
          <>
            {listOpen && (
              <button
                type="button"
                aria-label={t('common.close')}
                className={cn('absolute inset-0 z-20 bg-black/30', !framed && 'md:hidden')}
                onClick={() => setListOpen(false)}
              />
            )}
            <aside
              className={cn(
                'z-30 w-64 shrink-0 border-r bg-sidebar max-md:absolute max-md:inset-y-0 max-md:left-0',
                framed && 'absolute inset-y-0 left-0',
                !listOpen && (framed ? 'hidden' : 'max-md:hidden'),
              )}
            >
              <ConversationList client={client} open={conversation} onOpen={open} />
            </aside>
          </>
        )}
        <div className="flex min-w-0 grow flex-col">
          <main className="min-h-0 grow">
            {isChat ? (
              <ChatSite
                key={mount}
                site={site}
                client={client}
                conversation={conversation}
                onBegun={(id) => {
                  begun.current = id;
                  onConversation(id, true);
                }}
                renderForm={renderForm}
              />
            ) : (
              <Suspense fallback={null}>
                <TaskSite site={site} client={client} renderForm={renderForm} />
              </Suspense>
            )}
          </main>
          <footer className="flex shrink-0 flex-wrap items-center justify-center gap-x-3 gap-y-0.5 px-4 pb-2 text-2xs text-ink-3">
            {disclaimer && (
              <span className="[&_p]:m-0">
                <Markdown text={disclaimer} />
              </span>
            )}
            {copyright && <span>© {copyright}</span>}
            {privacy && <Policy text={privacy}>{t('site.privacy')}</Policy>}
            <span className="inline-flex items-center gap-1">
              {t('site.madeWith')}
              <Mark className="size-3" />
              Ashlar
            </span>
          </footer>
        </div>
      </div>
    </div>
  );
}

/** A link, or a text that is none. */
function Policy({ text, children }: { text: string; children: ReactNode }) {
  if (!/^https?:\/\//.test(text)) return <span>{text}</span>;
  return (
    <a href={text} target="_blank" rel="noopener noreferrer" className="underline underline-offset-2">
      {children}
    </a>
  );
}
