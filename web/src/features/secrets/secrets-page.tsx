import { queryOptions, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Braces, LockKeyhole, Plug, Variable, Waypoints } from 'lucide-react';
import { Trans, useTranslation } from 'react-i18next';
import { Panel, Section } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Segmented } from '@/components/ui/segmented';
import { Skeleton } from '@/components/ui/skeleton';
import { api, unwrap } from '@/lib/api/client';
import type { Secret } from '@/lib/api/types';
import { formatAgo, formatDate, formatDay } from '@/lib/format';
import { KINDS } from './kinds';

type Kind = Secret['kind'];

const ICONS = { provider: Waypoints, api: Braces, mcp: Plug, environment_variable: Variable } as const;
/** From here on the list can be narrowed to a kind. */
const MANY = 9;

const secretsQuery = queryOptions({
  queryKey: ['secrets'],
  queryFn: async ({ signal }) => (await unwrap(api.GET('/api/secrets', { signal }))).data,
  staleTime: 0,
});

interface SecretsPageProps {
  kind: Kind | undefined;
  onKind: (kind: Kind | undefined) => void;
}

/** Which secrets the workspace keeps and where each can be replaced; never their values. */
export function SecretsPage({ kind, onKind }: SecretsPageProps) {
  const { t } = useTranslation();
  const secrets = useQuery(secretsQuery);
  const all = secrets.data ?? [];
  const kinds = KINDS.filter((one) => one === kind || all.some((secret) => secret.kind === one));
  const shown = kind ? all.filter((secret) => secret.kind === kind) : all;
  return (
    <Section title={t('secrets.title')} text={t('secrets.text')}>
      {all.length > 0 && (kind || (all.length >= MANY && kinds.length > 1)) && (
        <div className="mb-3 max-w-full overflow-x-auto">
          <Segmented<Kind | 'all'>
            label={t('secrets.kind')}
            value={kind ?? 'all'}
            onChange={(next) => onKind(next === 'all' ? undefined : next)}
            options={[
              { value: 'all', label: t('apps.filterAll') },
              ...kinds.map((one) => ({ value: one, label: t(`secrets.kinds_${one}`) })),
            ]}
          />
        </div>
      )}
      <Panel>
        {secrets.isPending ? (
          <div className="space-y-3 p-5">
            <Skeleton className="h-9" />
            <Skeleton className="h-9" />
            <Skeleton className="h-9" />
          </div>
        ) : secrets.isError ? (
          <ErrorState error={secrets.error} onRetry={() => void secrets.refetch()} />
        ) : all.length === 0 ? (
          <EmptyState icon={<LockKeyhole />} title={t('secrets.empty')} text={t('secrets.emptyText')}>
            <Button asChild>
              <Link to="/models/providers">{t('secrets.place_provider')}</Link>
            </Button>
            <Button asChild>
              <Link to="/tools">{t('nav.tools')}</Link>
            </Button>
          </EmptyState>
        ) : shown.length === 0 ? (
          <p className="px-4 py-8 text-center text-ink-3 text-sm">{t('secrets.noneOfKind')}</p>
        ) : (
          <ul className="@container divide-y">
            {shown.map((secret) => (
              <SecretRow key={`${secret.kind}/${secret.id}/${secret.name}`} secret={secret} />
            ))}
          </ul>
        )}
      </Panel>
      <p className="mt-3 max-w-2xl text-ink-3 text-xs">
        <Trans i18nKey="secrets.instanceKey" components={{ code: <code className="font-mono text-ink-2" /> }} />
      </p>
    </Section>
  );
}

function SecretRow({ secret }: { secret: Secret }) {
  const { t, i18n } = useTranslation();
  const Icon = ICONS[secret.kind];
  return (
    <li className="grid grid-cols-[auto_minmax(0,1fr)] items-center gap-x-3 gap-y-1 px-4 py-3 @sm:grid-cols-[auto_minmax(0,1fr)_minmax(0,10rem)] @2xl:grid-cols-[auto_minmax(0,1fr)_11rem_10rem]">
      <span className="flex size-8.5 items-center justify-center rounded-lg bg-hover text-ink-2 [&_svg]:size-4">
        <Icon aria-hidden />
      </span>
      <div className="min-w-0">
        <p className="truncate font-medium text-sm" title={secret.name}>
          {secret.kind === 'environment_variable' ? <code className="font-mono">{secret.name}</code> : secret.name}
        </p>
        <p className="truncate text-ink-3 text-xs">
          {t(`secrets.kind_${secret.kind}`)}
          {secret.headers.length > 0 && (
            <>
              {' · '}
              <code className="font-mono">{secret.headers.join(', ')}</code>
            </>
          )}
        </p>
        {!secret.is_readable && <p className="text-danger text-xs">{t('secrets.unreadable')}</p>}
      </div>
      <div className="col-start-2 @sm:col-start-auto @sm:text-right @2xl:contents">
        <p className="truncate text-sm @2xl:text-left">
          <Place secret={secret} />
        </p>
        <p className="flex flex-wrap gap-x-3 text-ink-3 text-xs @sm:flex-col @2xl:text-right">
          <time dateTime={secret.updated_at} title={formatDate(secret.updated_at, i18n.language)}>
            {t(secret.app ? 'secrets.appChanged' : 'secrets.changed', {
              ago: formatAgo(secret.updated_at, i18n.language),
            })}
          </time>
          {secret.created_at && (
            <span>{t('secrets.since', { date: formatDay(secret.created_at, i18n.language) })}</span>
          )}
        </p>
      </div>
    </li>
  );
}

/** The page where a new value can be given. */
function Place({ secret: { kind, id, name, app } }: { secret: Secret }) {
  const { t } = useTranslation();
  const className = 'text-accent-ink underline-offset-2 hover:underline';
  if (kind === 'environment_variable')
    return (
      <Link to="/apps/$appId" params={{ appId: id }} search={{ panel: 'variables' }} className={className}>
        {app?.name}
      </Link>
    );
  const label = t(`secrets.place_${kind}`);
  return kind === 'provider' ? (
    <Link to="/models/providers" className={className} aria-label={`${label}: ${name}`}>
      {label}
    </Link>
  ) : (
    <Link to="/tools" search={{ open: id }} className={className} aria-label={`${label}: ${name}`}>
      {label}
    </Link>
  );
}
