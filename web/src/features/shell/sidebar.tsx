import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import {
  Boxes,
  ChevronsUpDown,
  FlaskConical,
  Gauge,
  LayoutGrid,
  LayoutTemplate,
  LibraryBig,
  LogOut,
  Map as MapIcon,
  PanelLeftClose,
  PanelLeftOpen,
  Settings,
  UserRound,
  Wrench,
} from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { LanguageMenu, ThemePicker } from '@/components/appearance';
import { Mark } from '@/components/mark';
import { Button } from '@/components/ui/button';
import { Menu, MenuChoice, MenuContent, MenuItem, MenuLabel, MenuSeparator, MenuTrigger } from '@/components/ui/menu';
import { Tooltip } from '@/components/ui/tooltip';
import { api, unwrap } from '@/lib/api/client';
import { atLeast, modelsQuery, sessionQuery } from '@/lib/api/queries';
import type { Account, Session } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { formatBytes } from '@/lib/format';

interface SidebarProps {
  session: Session;
  collapsed: boolean;
  onToggle: () => void;
}

export function Sidebar({ session, collapsed, onToggle }: SidebarProps) {
  const { t } = useTranslation();
  const admin = atLeast(session.workspace.role, 'admin');
  const editor = atLeast(session.workspace.role, 'editor');
  return (
    <nav
      aria-label={t('nav.main')}
      className={cn(
        'flex h-full shrink-0 flex-col border-r bg-sidebar transition-[width] duration-150',
        collapsed ? 'w-14 items-center px-2' : 'w-56 px-3',
      )}
    >
      <div
        className={cn(
          'flex h-14 w-full shrink-0 items-center',
          collapsed ? 'justify-center' : 'justify-between pr-0 pl-1.5',
        )}
      >
        <Link
          to="/apps"
          className="inline-flex items-center gap-2 rounded-md font-semibold text-[1.0625rem] tracking-tight"
        >
          <Mark />
          {!collapsed && 'Ashlar'}
          {collapsed && <span className="sr-only">Ashlar</span>}
        </Link>
        {!collapsed && <Toggle collapsed={collapsed} onToggle={onToggle} />}
      </div>
      <WorkspaceSwitcher session={session} collapsed={collapsed} />
      <ul className="mt-3 flex w-full flex-col gap-0.5">
        <NavItem to="/apps" icon={<LayoutGrid />} label={t('nav.apps')} collapsed={collapsed} />
        <NavItem to="/templates" icon={<LayoutTemplate />} label={t('nav.templates')} collapsed={collapsed} />
        {editor && <NavItem to="/tools" icon={<Wrench />} label={t('nav.tools')} collapsed={collapsed} />}
        <NavItem to="/knowledge" icon={<LibraryBig />} label={t('nav.knowledge')} collapsed={collapsed} />
      </ul>
      <ul className="mt-3 flex w-full flex-col gap-0.5 border-t pt-3">
        <NavItem to="/models" icon={<Boxes />} label={t('nav.models')} collapsed={collapsed} />
        {editor && (
          <NavItem to="/playground" icon={<FlaskConical />} label={t('nav.playground')} collapsed={collapsed} />
        )}
        {admin && <NavItem to="/engine" icon={<Gauge />} label={t('nav.engine')} collapsed={collapsed} />}
      </ul>
      <ul className="mt-3 flex w-full flex-col gap-0.5 border-t pt-3">
        <NavItem to="/settings" icon={<Settings />} label={t('nav.settings')} collapsed={collapsed} />
      </ul>
      <div className="mt-auto flex w-full flex-col gap-2 pb-3">
        <EngineStatus collapsed={collapsed} admin={admin} />
        {collapsed && (
          <div className="flex justify-center">
            <Toggle collapsed={collapsed} onToggle={onToggle} />
          </div>
        )}
        <AccountMenu session={session} collapsed={collapsed} />
      </div>
    </nav>
  );
}

function Toggle({ collapsed, onToggle }: { collapsed: boolean; onToggle: () => void }) {
  const { t } = useTranslation();
  const label = collapsed ? t('nav.expand') : t('nav.collapse');
  return (
    <Tooltip text={label} side="right">
      <Button
        variant="ghost"
        size="icon"
        className="text-ink-3"
        aria-label={label}
        aria-expanded={!collapsed}
        onClick={onToggle}
      >
        {collapsed ? <PanelLeftOpen /> : <PanelLeftClose />}
      </Button>
    </Tooltip>
  );
}

interface NavItemProps {
  to: '/apps' | '/templates' | '/tools' | '/knowledge' | '/models' | '/playground' | '/engine' | '/settings';
  icon: ReactNode;
  label: string;
  collapsed: boolean;
}

function NavItem({ to, icon, label, collapsed }: NavItemProps) {
  const link = (
    <Link
      to={to}
      className={cn(
        'flex h-8.5 items-center gap-2.5 rounded-md text-ink-2 text-sm transition-colors hover:bg-hover hover:text-ink data-[status=active]:bg-hover data-[status=active]:font-medium data-[status=active]:text-ink [&_svg]:size-4.25 [&_svg]:shrink-0 [&_svg]:text-ink-3 data-[status=active]:[&_svg]:text-accent',
        collapsed ? 'justify-center' : 'px-2.5',
      )}
    >
      {icon}
      <span className={collapsed ? 'sr-only' : 'truncate'}>{label}</span>
    </Link>
  );
  return (
    <li>
      {collapsed ? (
        <Tooltip text={label} side="right">
          {link}
        </Tooltip>
      ) : (
        link
      )}
    </li>
  );
}

function WorkspaceSwitcher({ session, collapsed }: { session: Session; collapsed: boolean }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const change = useMutation({
    mutationFn: (workspace_id: string) => unwrap(api.PATCH('/api/session', { body: { workspace_id } })),
    onSuccess: async (next) => {
      client.clear();
      client.setQueryData(sessionQuery.queryKey, next);
      await navigate({ to: '/apps' });
    },
  });
  const initial = (
    <span
      className="flex size-6 shrink-0 items-center justify-center rounded bg-accent-soft font-semibold text-accent-ink text-xs"
      aria-hidden
    >
      {session.workspace.name.slice(0, 1).toUpperCase()}
    </span>
  );
  if (session.workspaces.length < 2) {
    return (
      <div
        className={cn('flex h-9 w-full items-center gap-2', collapsed ? 'justify-center' : 'px-1.5')}
        title={session.workspace.name}
      >
        {initial}
        {!collapsed && <span className="truncate font-medium text-sm">{session.workspace.name}</span>}
      </div>
    );
  }
  return (
    <Menu>
      <MenuTrigger
        className={cn(
          'flex h-9 w-full items-center gap-2 rounded-md hover:bg-hover',
          collapsed ? 'justify-center' : 'px-1.5',
        )}
      >
        {initial}
        <span className="sr-only">{`${t('nav.workspaces')}: ${collapsed ? session.workspace.name : ''}`}</span>
        {!collapsed && (
          <>
            <span className="min-w-0 grow truncate text-left font-medium text-sm">{session.workspace.name}</span>
            <ChevronsUpDown className="size-3.5 shrink-0 text-ink-3" aria-hidden />
          </>
        )}
      </MenuTrigger>
      <MenuContent align="start" className="min-w-52">
        <MenuLabel>{t('nav.workspaces')}</MenuLabel>
        {session.workspaces.map((workspace) => (
          <MenuChoice
            key={workspace.id}
            checked={workspace.id === session.workspace.id}
            onCheckedChange={() => workspace.id !== session.workspace.id && change.mutate(workspace.id)}
          >
            {workspace.name}
          </MenuChoice>
        ))}
      </MenuContent>
    </Menu>
  );
}

/** The model inside this very process: whether it is there, and what it takes. */
function EngineStatus({ collapsed, admin }: { collapsed: boolean; admin: boolean }) {
  const { t } = useTranslation();
  const { data } = useQuery(modelsQuery);
  const local = data?.filter((model) => model.provider === 'local' && model.kind === 'llm') ?? [];
  const ready = local.filter((model) => model.status === 'ready');
  const loading = local.find((model) => model.status === 'loading');
  const shown = loading ?? ready.find((model) => model.is_default) ?? ready[0];
  if (!data) return null;
  const memory = ready.reduce((sum, model) => sum + (model.memory_bytes ?? 0), 0);
  const name = shown?.name ?? t('nav.engineNone');
  const dot = (
    <span className="relative flex size-2 shrink-0" aria-hidden>
      {loading && <span className="absolute inline-flex size-full animate-ping rounded-full bg-warn opacity-70" />}
      <span className={cn('relative size-2 rounded-full', loading ? 'bg-warn' : shown ? 'bg-ok' : 'bg-line-strong')} />
    </span>
  );
  const link = (
    <Link
      to={admin ? '/engine' : '/models'}
      className={cn(
        'block rounded-lg border border-line bg-surface/60 transition-colors hover:bg-surface',
        collapsed ? 'mx-auto flex size-9 items-center justify-center' : 'px-3 py-2',
      )}
    >
      {collapsed ? (
        <>
          {dot}
          <span className="sr-only">{`${t('nav.localEngine')}: ${name}`}</span>
        </>
      ) : (
        <>
          <span className="block text-2xs text-ink-3">{t('nav.localEngine')}</span>
          <span className="flex items-center gap-2">
            {dot}
            <span className="min-w-0 truncate font-medium text-ink text-xs">{name}</span>
            {memory > 0 && (
              <span className="ml-auto shrink-0 text-2xs text-ink-3 tabular-nums">{formatBytes(memory)}</span>
            )}
          </span>
        </>
      )}
    </Link>
  );
  return collapsed ? (
    <Tooltip text={name} side="right">
      {link}
    </Tooltip>
  ) : (
    link
  );
}

function AccountMenu({ session, collapsed }: { session: Session; collapsed: boolean }) {
  const editor = atLeast(session.workspace.role, 'editor');
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const keep = useMutation({
    mutationFn: (body: { theme?: Account['theme']; language?: string }) => unwrap(api.PATCH('/api/account', { body })),
    onSuccess: (account) => client.setQueryData(sessionQuery.queryKey, (old) => (old ? { ...old, account } : old)),
  });
  const signOut = useMutation({
    mutationFn: () => unwrap(api.DELETE('/api/session')),
    onSuccess: async () => {
      client.clear();
      client.setQueryData(sessionQuery.queryKey, null);
      await navigate({ to: '/sign-in' });
    },
  });
  return (
    <Menu>
      <MenuTrigger
        className={cn(
          'flex h-10 w-full items-center gap-2.5 rounded-md text-left hover:bg-hover',
          collapsed ? 'justify-center' : 'px-1.5',
        )}
      >
        <span
          className="flex size-6.5 shrink-0 items-center justify-center rounded-full bg-ink font-medium text-2xs text-canvas"
          aria-hidden
        >
          {session.account.name.slice(0, 1).toUpperCase()}
        </span>
        <span className="sr-only">{`${t('nav.userMenu')}: ${collapsed ? session.account.name : ''}`}</span>
        {!collapsed && (
          <>
            <span className="min-w-0 grow truncate text-sm">{session.account.name}</span>
            <ChevronsUpDown className="size-3.5 shrink-0 text-ink-3" aria-hidden />
          </>
        )}
      </MenuTrigger>
      <MenuContent side="top" align="start" className="w-60">
        <MenuLabel>
          <span className="block truncate text-ink-2">{session.account.email}</span>
          {t(`roles.${session.workspace.role}`)} · Ashlar {session.version}
        </MenuLabel>
        <MenuSeparator />
        <MenuItem asChild>
          <Link to="/settings/account">
            <UserRound />
            {t('nav.account')}
          </Link>
        </MenuItem>
        <MenuItem asChild>
          <Link to="/settings">
            <Settings />
            {t('nav.settings')}
          </Link>
        </MenuItem>
        {editor && (
          <MenuItem asChild>
            <Link to="/apps" search={{ tour: 1 }}>
              <MapIcon />
              {t('tour.again')}
            </Link>
          </MenuItem>
        )}
        <MenuSeparator />
        <div className="flex items-center justify-between gap-2 px-1 py-1">
          <LanguageMenu onChange={(language) => keep.mutate({ language })} />
          <ThemePicker compact onChange={(theme) => keep.mutate({ theme })} />
        </div>
        <MenuSeparator />
        <MenuItem onSelect={() => signOut.mutate()}>
          <LogOut />
          {t('nav.signOut')}
        </MenuItem>
      </MenuContent>
    </Menu>
  );
}
