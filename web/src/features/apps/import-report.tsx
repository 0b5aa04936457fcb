import { useQuery } from '@tanstack/react-query';
import { ArrowRight, Boxes, LibraryBig, Puzzle, TriangleAlert, Wrench } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Select } from '@/components/ui/select';
import { modelsQuery } from '@/lib/api/queries';
import type { ImportResult, MappedModels } from '@/lib/api/types';
import { useMapModel } from './queries';

/** Whether the person has something to read before the app is opened. */
export function hasRemarks({ status, missing, mapped }: ImportResult) {
  const lists = [missing?.models, missing?.tools, missing?.knowledge, missing?.plugins, mapped];
  return status !== 'completed' || lists.some((list) => (list?.length ?? 0) > 0);
}

/** What an imported app names and this workspace does not have, and what can be done about it. */
export function ImportReport({ result, onMapped }: { result: ImportResult; onMapped: (mapped: MappedModels) => void }) {
  const { t } = useTranslation();
  const { app, missing, mapped } = result;
  const { models = [], tools = [], knowledge = [], plugins = [] } = missing ?? {};
  // what is listed below is not told twice
  const told = [
    ...models.map(({ provider, name }) => [`'${provider}'`, `'${name}'`]),
    ...plugins.map((plugin) => [`'${plugin}'`]),
    ...[...models, ...tools, ...knowledge].map(({ message }) => [message]),
  ];
  const warnings = result.warnings.filter(
    (warning) => !told.some((parts) => parts.every((part) => warning.includes(part))),
  );
  return (
    <div className="space-y-4">
      {warnings.length > 0 && (
        <ul className="space-y-2">
          {warnings.map((warning) => (
            <li key={warning} className="flex gap-2 rounded-md bg-warn-soft px-3 py-2 text-sm text-warn-ink">
              <TriangleAlert className="mt-0.5 size-4 shrink-0" aria-hidden />
              {warning}
            </li>
          ))}
        </ul>
      )}
      {(mapped?.length ?? 0) > 0 && (
        <Part icon={<Boxes />} title={t('home.mapped')} text={t('home.mappedText')}>
          {mapped.map(({ from, to }) => (
            <li key={`${from.provider}/${from.name}`} className="flex flex-wrap items-center gap-2 px-3 py-2 text-sm">
              <code className="font-mono text-xs">{from.name || from.provider}</code>
              <ArrowRight className="size-3.5 text-ink-3" aria-hidden />
              <code className="font-mono text-xs">{`${to.provider}/${to.name}`}</code>
            </li>
          ))}
        </Part>
      )}
      {models.length > 0 && (
        <Part icon={<Boxes />} title={t('home.missingModels')} text={t('home.missingModelsText')}>
          {models.map((model) => (
            <li key={`${model.provider}/${model.name}/${model.kind}`} className="flex items-center gap-3 px-3 py-2">
              <div className="min-w-0 grow">
                <p className="truncate font-mono text-xs">{`${model.provider}/${model.name}`}</p>
                <p className="text-ink-3 text-xs">{model.places.map((at) => at.title ?? at.field).join(', ')}</p>
              </div>
              {app && <Replacement appId={app.id} model={model} onMapped={onMapped} />}
            </li>
          ))}
        </Part>
      )}
      {tools.length > 0 && (
        <Part icon={<Wrench />} title={t('home.missingTools')} text={t('home.missingToolsText')}>
          {tools.map((tool) => (
            <Line key={`${tool.provider_id}/${tool.tool_name}`} name={tool.tool_name} text={tool.message} />
          ))}
        </Part>
      )}
      {knowledge.length > 0 && (
        <Part icon={<LibraryBig />} title={t('home.missingKnowledge')}>
          {knowledge.map((entry) => (
            <Line
              key={`${entry.at.node_id}/${entry.at.field}`}
              name={entry.at.title ?? entry.at.field}
              text={entry.message}
            />
          ))}
        </Part>
      )}
      {plugins.length > 0 && (
        <Part icon={<Puzzle />} title={t('home.missingPlugins')} text={t('home.missingPluginsText')}>
          {plugins.map((plugin) => (
            <Line key={plugin} name={plugin} />
          ))}
        </Part>
      )}
    </div>
  );
}

type MissingModel = NonNullable<ImportResult['missing']>['models'][number];

function Replacement({
  appId,
  model,
  onMapped,
}: {
  appId: string;
  model: MissingModel;
  onMapped: (mapped: MappedModels) => void;
}) {
  const { t } = useTranslation();
  const { data } = useQuery(modelsQuery);
  const map = useMapModel(appId);
  const options = (data ?? [])
    .filter((other) => other.kind === model.kind && other.status !== 'refused')
    .map((other) => ({ value: `${other.provider}\n${other.name}`, label: other.name, hint: other.provider }));
  return (
    <Select
      size="sm"
      className="w-52 shrink-0"
      aria-label={t('home.useInstead', { name: model.name })}
      placeholder={t('home.chooseModel')}
      disabled={map.isPending}
      value=""
      onValueChange={(value) => {
        const [provider = '', name = ''] = value.split('\n');
        map.mutate(
          { from: { provider: model.provider, name: model.name }, to: { provider, name } },
          { onSuccess: onMapped },
        );
      }}
      options={options}
    />
  );
}

function Part({ icon, title, text, children }: { icon: ReactNode; title: string; text?: string; children: ReactNode }) {
  return (
    <section>
      <h3 className="flex items-center gap-2 font-semibold text-sm [&_svg]:size-4 [&_svg]:text-ink-3">
        {icon}
        {title}
      </h3>
      {text && <p className="mt-0.5 text-ink-3 text-xs">{text}</p>}
      <ul className="mt-2 divide-y rounded-lg border border-line bg-surface">{children}</ul>
    </section>
  );
}

function Line({ name, text }: { name: string; text?: string }) {
  return (
    <li className="px-3 py-2">
      <p className="break-all font-mono text-xs">{name}</p>
      {text && <p className="text-ink-3 text-xs">{text}</p>}
    </li>
  );
}
