import { useQuery } from '@tanstack/react-query';
import { createFileRoute, Outlet, redirect } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Sidebar } from '@/features/shell/sidebar';
import { sessionQuery, setupQuery } from '@/lib/api/queries';
import { nearestLanguage, setLanguage } from '@/lib/i18n';
import { recall, remember } from '@/lib/storage';
import { setTheme } from '@/lib/theme';

export const Route = createFileRoute('/_console')({
  beforeLoad: async ({ context, location }) => {
    const session = await context.queryClient.ensureQueryData(sessionQuery);
    if (session) return { session };
    const setup = await context.queryClient.ensureQueryData(setupQuery);
    if (setup.needed) throw redirect({ to: '/setup', replace: true });
    throw redirect({ to: '/sign-in', search: location.href === '/apps' ? {} : { to: location.href }, replace: true });
  },
  component: Console,
});

const KEY = 'ashlar.sidebar';

function Console() {
  const { t } = useTranslation();
  const context = Route.useRouteContext();
  const { data } = useQuery(sessionQuery);
  const session = data ?? context.session;
  const narrow = useNarrow();
  const [choice, setChoice] = useState(() => recall(KEY));
  const collapsed = narrow || choice === 'collapsed';
  const { theme, language } = session.account;

  // The account's taste travels with it to other browsers.
  useEffect(() => setTheme(theme), [theme]);
  useEffect(() => setLanguage(nearestLanguage(language)), [language]);

  return (
    <div className="flex h-full min-h-0">
      <a
        href="#content"
        className="-translate-y-20 fixed top-2 left-2 z-80 rounded-md bg-ink px-3 py-1.5 text-canvas text-sm focus:translate-y-0"
      >
        {t('nav.skip')}
      </a>
      <Sidebar
        session={session}
        collapsed={collapsed}
        onToggle={() => {
          const next = collapsed ? 'open' : 'collapsed';
          remember(KEY, next);
          setChoice(next);
        }}
      />
      <main id="content" tabIndex={-1} className="min-w-0 grow outline-none">
        <Outlet />
      </main>
    </div>
  );
}

function useNarrow() {
  const [narrow, setNarrow] = useState(() => window.matchMedia('(max-width: 1023px)').matches);
  useEffect(() => {
    const media = window.matchMedia('(max-width: 1023px)');
    const update = () => setNarrow(media.matches);
    media.addEventListener('change', update);
    return () => media.removeEventListener('change', update);
  }, []);
  return narrow;
}
