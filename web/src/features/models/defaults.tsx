import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { Panel, Section } from '@/components/page';
import { ErrorState } from '@/components/states';
import { Select } from '@/components/ui/select';
import { Skeleton } from '@/components/ui/skeleton';
import { modelsQuery } from '@/lib/api/queries';
import { useSetDefaults, workspaceQuery } from './queries';

const KINDS = ['llm', 'text-embedding', 'rerank'] as const;
const DEFAULT = '';

/** Which model of each kind is meant when an app or a feature names none. */
export function DefaultModelsPage() {
  const { t } = useTranslation();
  const models = useQuery(modelsQuery);
  const workspace = useQuery(workspaceQuery);
  const save = useSetDefaults();
  if (workspace.isError) return <ErrorState error={workspace.error} onRetry={() => void workspace.refetch()} />;
  return (
    <Section title={t('models.defaults')} text={t('models.defaultsText')}>
      <Panel className="divide-y">
        {KINDS.map((kind) => {
          const chosen = workspace.data?.default_models[kind];
          const usable = (models.data ?? []).filter((model) => model.kind === kind && model.status !== 'refused');
          const value = chosen ? `${chosen.provider}\n${chosen.name}` : DEFAULT;
          const gone = chosen && !usable.some((m) => m.provider === chosen.provider && m.name === chosen.name);
          const fallback = usable.find((model) => model.provider === 'local');
          return (
            <div key={kind} className="flex flex-wrap items-center gap-x-6 gap-y-2 px-5 py-4">
              <div className="min-w-56 grow basis-0">
                <p className="font-medium text-sm">{t(`models.default_${kind}`)}</p>
                <p className="text-ink-3 text-xs">{t(`models.default_${kind}Text`)}</p>
              </div>
              {workspace.isPending ? (
                <Skeleton className="h-9 w-72" />
              ) : (
                <Select
                  className="w-72"
                  aria-label={t(`models.default_${kind}`)}
                  disabled={save.isPending || (usable.length === 0 && !chosen)}
                  value={value}
                  onValueChange={(next) => {
                    const { [kind]: _, ...rest } = workspace.data?.default_models ?? {};
                    const [provider = '', name = ''] = next.split('\n');
                    save.mutate(next === DEFAULT ? rest : { ...rest, [kind]: { provider, name } }, {
                      onSuccess: () => toast.success(t('common.saved')),
                    });
                  }}
                  options={[
                    {
                      value: DEFAULT,
                      label: usable.length === 0 ? t('models.defaultNone') : t('models.defaultServer'),
                      ...(fallback && kind !== 'llm' ? { hint: fallback.name } : {}),
                    },
                    ...usable.map((model) => ({
                      value: `${model.provider}\n${model.name}`,
                      label: model.name,
                      hint: model.provider === 'local' ? t('editor.local') : model.provider,
                    })),
                    ...(gone ? [{ value, label: t('editor.modelMissing', { name: chosen.name }) }] : []),
                  ]}
                />
              )}
            </div>
          );
        })}
      </Panel>
      <p className="mt-3 text-ink-3 text-xs">{t('models.defaultsSpeech')}</p>
    </Section>
  );
}
