import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Calculator, CloudDownload, Cpu, Ellipsis, Eye, FlaskConical, Trash2, TriangleAlert } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { Panel, Section } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Confirm } from '@/components/ui/dialog';
import { Menu, MenuContent, MenuItem, MenuSeparator, MenuTrigger } from '@/components/ui/menu';
import { Skeleton } from '@/components/ui/skeleton';
import { modelsQuery } from '@/lib/api/queries';
import type { Model } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { formatBytes, formatTokens } from '@/lib/format';
import { PlanDialog } from './plan-dialog';
import { PullDialog } from './pull-dialog';
import { Pulls } from './pulls';
import { useDeleteModel, useSwitchModel } from './queries';

interface ModelsPageProps {
  admin: boolean;
  canTry: boolean;
}

/** The models of this machine and of the workspace's providers. */
export function ModelsPage({ admin, canTry }: ModelsPageProps) {
  const { t } = useTranslation();
  const models = useQuery(modelsQuery);
  const change = useSwitchModel();
  const remove = useDeleteModel();
  const [unloading, setUnloading] = useState<Model | null>(null);
  const [deleting, setDeleting] = useState<Model | null>(null);
  const [dialog, setDialog] = useState<'pull' | { plan: string } | null>(null);
  const local = models.data?.filter((model) => model.provider === 'local') ?? [];
  const remote = models.data?.filter((model) => model.provider !== 'local') ?? [];

  const load = (name: string) =>
    change.mutate({ name, load: true }, { onSuccess: () => toast.success(t('settings.loadStarted', { name })) });

  return (
    <>
      {admin && <Pulls onRetry={() => setDialog('pull')} />}
      <Section
        title={t('settings.local')}
        text={t('settings.localText')}
        actions={
          admin && (
            <div className="flex gap-2">
              <Button onClick={() => setDialog({ plan: '' })}>
                <Calculator />
                {t('models.plan')}
              </Button>
              <Button variant="primary" onClick={() => setDialog('pull')}>
                <CloudDownload />
                {t('models.pull')}
              </Button>
            </div>
          )
        }
      >
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
                const usable = model.status !== 'refused';
                return (
                  <ModelRow key={model.name} model={model}>
                    {admin && (model.status === 'available' || model.status === 'failed') && (
                      <Button busy={busy} onClick={() => load(model.name)}>
                        {t('settings.load')}
                      </Button>
                    )}
                    {admin && model.status === 'ready' && (
                      <Button variant="ghost" busy={busy} onClick={() => setUnloading(model)}>
                        {t('settings.unload')}
                      </Button>
                    )}
                    {(admin || (canTry && model.kind === 'llm')) && (
                      <Menu>
                        <MenuTrigger asChild>
                          <Button
                            variant="ghost"
                            size="icon"
                            className="text-ink-3"
                            aria-label={`${t('common.more')}: ${model.name}`}
                          >
                            <Ellipsis />
                          </Button>
                        </MenuTrigger>
                        <MenuContent>
                          {canTry && model.kind === 'llm' && usable && (
                            <MenuItem asChild>
                              <Link to="/playground" search={{ models: [`local/${model.name}`] }}>
                                <FlaskConical />
                                {t('models.try')}
                              </Link>
                            </MenuItem>
                          )}
                          {admin && model.kind === 'llm' && usable && (
                            <MenuItem onSelect={() => setDialog({ plan: model.name })}>
                              <Calculator />
                              {t('models.planThis')}
                            </MenuItem>
                          )}
                          {admin && (
                            <>
                              <MenuSeparator />
                              <MenuItem danger disabled={!model.deletable} onSelect={() => setDeleting(model)}>
                                <Trash2 />
                                {model.deletable ? t('models.delete') : t('models.builtIn')}
                              </MenuItem>
                            </>
                          )}
                        </MenuContent>
                      </Menu>
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
              <Link to="/models/providers">{t('settings.providersTitle')}</Link>
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
      {dialog === 'pull' && <PullDialog onClose={() => setDialog(null)} />}
      {typeof dialog === 'object' && dialog && <PlanDialog model={dialog.plan} onClose={() => setDialog(null)} />}
      <Confirm
        open={unloading !== null}
        onOpenChange={() => setUnloading(null)}
        title={t('settings.unloadTitle', { name: unloading?.name ?? '' })}
        text={t('settings.unloadText')}
        action={t('settings.unload')}
        danger
        busy={change.isPending}
        onConfirm={() =>
          unloading &&
          change.mutate(
            { name: unloading.name, load: false },
            {
              onSuccess: () => {
                toast.success(t('settings.unloaded', { name: unloading.name }));
                setUnloading(null);
              },
            },
          )
        }
      />
      <Confirm
        open={deleting !== null}
        onOpenChange={() => setDeleting(null)}
        title={t('models.deleteTitle', { name: deleting?.name ?? '' })}
        text={t('models.deleteText', { size: formatBytes(deleting?.weight_bytes ?? 0) })}
        action={t('common.delete')}
        danger
        busy={remove.isPending}
        onConfirm={() =>
          deleting &&
          remove.mutate(deleting.name, {
            onSuccess: () => {
              toast.success(t('models.deleted', { name: deleting.name }));
              setDeleting(null);
            },
          })
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

function ModelRow({ model, children }: { model: Model; children?: ReactNode }) {
  const { t } = useTranslation();
  const local = model.provider === 'local';
  const facts = [
    local ? null : model.provider,
    model.parent ? t('settings.adapterOf', { name: model.parent }) : model.architecture,
    model.context_size > 0 ? t('editor.context', { size: formatTokens(model.context_size) }) : null,
    model.weight_bytes ? t('models.onDisk', { size: formatBytes(model.weight_bytes) }) : null,
    model.memory_bytes ? t('settings.memory', { size: formatBytes(model.memory_bytes) }) : null,
  ].filter(Boolean);
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-3">
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
