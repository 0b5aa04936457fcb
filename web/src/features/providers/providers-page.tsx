import { useQuery } from '@tanstack/react-query';
import { CircleCheck, CircleX, PencilLine, Plus, Trash2, Waypoints } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { Panel, Section } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Confirm } from '@/components/ui/dialog';
import { Skeleton } from '@/components/ui/skeleton';
import type { Provider } from '@/lib/api/types';
import { ProviderDialog } from './provider-dialog';
import { providersQuery, useDeleteProvider, useTestProvider } from './queries';

export function ProvidersPage() {
  const { t } = useTranslation();
  const providers = useQuery(providersQuery);
  const remove = useDeleteProvider();
  const [editing, setEditing] = useState<Provider | 'new' | null>(null);
  const [asked, setAsked] = useState<Provider | null>(null);
  const add = (
    <Button variant="primary" onClick={() => setEditing('new')}>
      <Plus />
      {t('settings.addProvider')}
    </Button>
  );
  return (
    <Section
      title={t('settings.providersTitle')}
      text={t('settings.providersText')}
      actions={providers.data?.length ? add : undefined}
    >
      <Panel>
        {providers.isPending ? (
          <div className="space-y-3 p-5">
            <Skeleton className="h-10" />
            <Skeleton className="h-10" />
          </div>
        ) : providers.isError ? (
          <ErrorState error={providers.error} onRetry={() => void providers.refetch()} />
        ) : providers.data.length === 0 ? (
          <EmptyState icon={<Waypoints />} title={t('settings.providersEmpty')} text={t('settings.providersEmptyText')}>
            {add}
          </EmptyState>
        ) : (
          <ul className="divide-y">
            {providers.data.map((provider) => (
              <ProviderRow
                key={provider.id}
                provider={provider}
                onEdit={() => setEditing(provider)}
                onDelete={() => setAsked(provider)}
              />
            ))}
          </ul>
        )}
      </Panel>
      {editing && (
        <ProviderDialog
          provider={editing === 'new' ? null : editing}
          onClose={() => setEditing(null)}
          onSaved={() => {
            toast.success(t('settings.providerSaved'));
            setEditing(null);
          }}
        />
      )}
      <Confirm
        open={asked !== null}
        onOpenChange={() => setAsked(null)}
        title={t('settings.providerDeleteTitle', { name: asked?.name ?? '' })}
        text={t('settings.providerDeleteText')}
        action={t('common.delete')}
        danger
        busy={remove.isPending}
        onConfirm={() =>
          asked &&
          remove.mutate(asked.id, {
            onSuccess: () => {
              setAsked(null);
              toast.success(t('settings.providerDeleted'));
            },
          })
        }
      />
    </Section>
  );
}

function ProviderRow({ provider, onEdit, onDelete }: { provider: Provider; onEdit: () => void; onDelete: () => void }) {
  const { t } = useTranslation();
  const test = useTestProvider();
  return (
    <li className="px-4 py-3">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-2">
        <span className="mr-2 flex size-8.5 shrink-0 items-center justify-center rounded-lg bg-hover font-semibold text-ink-2 text-sm">
          {provider.name.slice(0, 1).toUpperCase()}
        </span>
        <div className="min-w-48 grow basis-0">
          <p className="font-medium text-sm">{provider.name}</p>
          <p className="truncate text-ink-3 text-xs">
            <span className="font-mono">{provider.base_url}</span> ·{' '}
            {t('settings.modelCount', { count: provider.models.length })}
          </p>
        </div>
        <Button busy={test.isPending} onClick={() => test.mutate(provider.id)}>
          {t(test.isPending ? 'settings.testing' : 'settings.test')}
        </Button>
        <Button
          variant="ghost"
          size="icon"
          className="text-ink-3"
          aria-label={`${t('common.edit')}: ${provider.name}`}
          onClick={onEdit}
        >
          <PencilLine />
        </Button>
        <Button
          variant="ghost"
          size="icon"
          className="text-ink-3"
          aria-label={`${t('common.delete')}: ${provider.name}`}
          onClick={onDelete}
        >
          <Trash2 />
        </Button>
      </div>
      {test.data && (
        <p
          role="status"
          className={`mt-2 flex items-start gap-1.5 text-xs sm:ml-12.5 ${test.data.ok ? 'text-ink-2' : 'text-danger'}`}
        >
          {test.data.ok ? (
            <CircleCheck className="mt-0.5 size-3.5 shrink-0 text-ok" aria-hidden />
          ) : (
            <CircleX className="mt-0.5 size-3.5 shrink-0" aria-hidden />
          )}
          {test.data.ok
            ? t('settings.testOk', { count: test.data.models.length })
            : t('settings.testFailed', { message: test.data.error ?? '' })}
        </p>
      )}
    </li>
  );
}
