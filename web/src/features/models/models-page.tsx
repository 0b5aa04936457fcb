import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Cpu, Eye, TriangleAlert } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { Panel, Section } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Confirm } from '@/components/ui/dialog';
import { Skeleton } from '@/components/ui/skeleton';
import { api, unwrap } from '@/lib/api/client';
import { modelsQuery } from '@/lib/api/queries';
import type { Model } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { formatBytes, formatTokens } from '@/lib/format';

function useSwitchModel() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ name, load }: { name: string; load: boolean }) =>
      load
        ? unwrap(api.POST('/api/models/local/{name}/load', { params: { path: { name } } }))
        : unwrap(api.POST('/api/models/local/{name}/unload', { params: { path: { name } } })),
    onSettled: () => client.invalidateQueries({ queryKey: modelsQuery.queryKey }),
  });
}

export function ModelsPage({ admin }: { admin: boolean }) {
  const { t } = useTranslation();
  const models = useQuery(modelsQuery);
  const change = useSwitchModel();
  const [asked, setAsked] = useState<Model | null>(null);
  const local = models.data?.filter((model) => model.provider === 'local') ?? [];
  const remote = models.data?.filter((model) => model.provider !== 'local') ?? [];

  return (
    <>
      <Section title={t('settings.local')} text={t('settings.localText')}>
        <Panel>
          {models.isPending ? (
            <div className="space-y-3 p-5">
              <Skeleton className="h-10" />
              <Skeleton className="h-10" />
            </div>
          ) : models.isError ? (
            <ErrorState error={models.error} onRetry={() => void models.refetch()} />
          ) : local.length === 0 ? (
            <EmptyState
              icon={<Cpu />}
              title={t('settings.localEmpty')}
              text={t('settings.localEmptyText', { command: 'ashlar model pull' })}
            />
          ) : (
            <ul className="divide-y">
              {local.map((model) => {
                const busy = change.isPending && change.variables.name === model.name;
                return (
                  <ModelRow key={model.name} model={model}>
                    {admin && (model.status === 'available' || model.status === 'failed') && (
                      <Button
                        busy={busy}
                        onClick={() =>
                          change.mutate(
                            { name: model.name, load: true },
                            { onSuccess: () => toast.success(t('settings.loadStarted', { name: model.name })) },
                          )
                        }
                      >
                        {t('settings.load')}
                      </Button>
                    )}
                    {admin && model.status === 'ready' && (
                      <Button variant="ghost" busy={busy} onClick={() => setAsked(model)}>
                        {t('settings.unload')}
                      </Button>
                    )}
                  </ModelRow>
                );
              })}
            </ul>
          )}
        </Panel>
      </Section>
      <Section
        title={t('settings.remote')}
        actions={
          admin && (
            <Button asChild>
              <Link to="/settings/providers">{t('settings.providersTitle')}</Link>
            </Button>
          )
        }
      >
        <Panel>
          {remote.length === 0 ? (
            <p className="px-4 py-5 text-ink-3 text-sm">{t('settings.remoteEmpty')}</p>
          ) : (
            <ul className="divide-y">
              {remote.map((model) => (
                <ModelRow key={`${model.provider}/${model.name}`} model={model} />
              ))}
            </ul>
          )}
        </Panel>
      </Section>
      <Confirm
        open={asked !== null}
        onOpenChange={() => setAsked(null)}
        title={t('settings.unloadTitle', { name: asked?.name ?? '' })}
        text={t('settings.unloadText')}
        action={t('settings.unload')}
        danger
        busy={change.isPending}
        onConfirm={() =>
          asked &&
          change.mutate(
            { name: asked.name, load: false },
            {
              onSuccess: () => {
                toast.success(t('settings.unloaded', { name: asked.name }));
                setAsked(null);
              },
            },
          )
        }
      />
    </>
  );
}

const DOTS: Record<Model['status'], string> = {
  ready: 'bg-ok',
  available: 'bg-line-strong',
  loading: 'bg-warn animate-pulse',
  failed: 'bg-danger',
  refused: 'bg-danger',
};

function ModelRow({ model, children }: { model: Model; children?: React.ReactNode }) {
  const { t } = useTranslation();
  const local = model.provider === 'local';
  const facts = [
    local ? null : model.provider,
    model.architecture,
    model.context_size > 0 ? t('editor.context', { size: formatTokens(model.context_size) }) : null,
    model.memory_bytes ? t('settings.memory', { size: formatBytes(model.memory_bytes) }) : null,
  ].filter(Boolean);
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
      <span className={cn('size-2 shrink-0 rounded-full', DOTS[model.status])} aria-hidden />
      <div className="min-w-48 grow basis-0">
        <p className="flex flex-wrap items-center gap-2">
          <span className="break-all font-medium text-sm">{model.name}</span>
          {model.is_default && <Badge tone="accent">{t('settings.isDefault')}</Badge>}
          <Badge>{t(`settings.kind_${model.kind}`)}</Badge>
          {model.features.includes('vision') && (
            <Badge>
              <Eye aria-hidden />
              {t('editor.vision')}
            </Badge>
          )}
        </p>
        <p className="text-ink-3 text-xs">{facts.join(' · ')}</p>
        {model.reason && model.status !== 'ready' && (
          <p className="mt-1 flex items-start gap-1.5 text-danger text-xs">
            <TriangleAlert className="mt-0.5 size-3.5 shrink-0" aria-hidden />
            {model.reason}
          </p>
        )}
      </div>
      {local && <span className="text-ink-2 text-sm">{t(`settings.status_${model.status}`)}</span>}
      {children}
    </li>
  );
}
