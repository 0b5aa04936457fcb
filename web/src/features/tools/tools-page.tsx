import { useQuery } from '@tanstack/react-query';
import { Braces, ChevronDown, Plug, Plus, SearchX, TriangleAlert, Workflow, Wrench } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Page } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Menu, MenuContent, MenuItem, MenuTrigger } from '@/components/ui/menu';
import { SearchInput } from '@/components/ui/search-input';
import { Segmented } from '@/components/ui/segmented';
import { Skeleton } from '@/components/ui/skeleton';
import type { ToolProvider } from '@/lib/api/types';
import { useTools } from '@/lib/tools';
import { McpDialog } from './mcp-dialog';
import { OpenapiDialog } from './openapi-dialog';
import { ProviderDrawer } from './provider-drawer';
import { workflowToolsQuery } from './queries';
import { type ToolsFilter, TYPES, type Type } from './search';
import { WorkflowDialog } from './workflow-dialog';

const ICONS = { builtin: Wrench, api: Braces, mcp: Plug, workflow: Workflow } as const;

interface ToolsPageProps {
  filter: ToolsFilter;
  onFilter: (filter: ToolsFilter) => void;
  admin: boolean;
}

/** Every tool that apps of this workspace can use, and where more come from. */
export function ToolsPage({ filter, onFilter, admin }: ToolsPageProps) {
  const { t } = useTranslation();
  const tools = useTools();
  const workflows = useQuery({ ...workflowToolsQuery, enabled: admin });
  const [adding, setAdding] = useState<'api' | 'mcp' | 'workflow' | null>(null);
  const { open: openId, ...where } = filter;
  // workflows that can't be called any more are shown all the same, to those who can mend it
  const broken = (workflows.data ?? []).filter((tool) => tool.error).map(brokenProvider);
  const all = [...(tools.data ?? []), ...broken];
  const wanted = filter.keyword?.trim().toLowerCase() ?? '';
  const shown = all.filter(
    (provider) => (!filter.type || provider.provider_type === filter.type) && textOf(provider).includes(wanted),
  );
  const opened = all.find((provider) => provider.id === openId);
  return (
    <Page
      wide
      title={t('nav.tools')}
      text={t('tools.text')}
      actions={
        admin && (
          <Menu>
            <MenuTrigger asChild>
              <Button size="md" variant="primary">
                <Plus />
                {t('tools.add')}
                <ChevronDown />
              </Button>
            </MenuTrigger>
            <MenuContent>
              <MenuItem onSelect={() => setAdding('api')}>
                <Braces />
                {t('tools.addApi')}
              </MenuItem>
              <MenuItem onSelect={() => setAdding('mcp')}>
                <Plug />
                {t('tools.addMcp')}
              </MenuItem>
              <MenuItem onSelect={() => setAdding('workflow')}>
                <Workflow />
                {t('tools.addWorkflow')}
              </MenuItem>
            </MenuContent>
          </Menu>
        )
      }
    >
      <div className="mb-5 flex flex-wrap items-center gap-2.5">
        <SearchInput
          label={t('tools.search')}
          value={filter.keyword ?? ''}
          onChange={(keyword) => {
            const { keyword: _, ...rest } = where;
            onFilter(keyword ? { ...rest, keyword } : rest);
          }}
        />
        <div className="max-w-full overflow-x-auto">
          <Segmented<'all' | Type>
            label={t('tools.kind')}
            value={filter.type ?? 'all'}
            onChange={(type) => {
              const { type: _, ...rest } = where;
              onFilter(type === 'all' ? rest : { ...rest, type });
            }}
            options={[
              { value: 'all', label: t('apps.filterAll') },
              ...TYPES.map((type) => ({ value: type, label: t(`tools.type_${type}`) })),
            ]}
          />
        </div>
      </div>
      {tools.isError ? (
        <ErrorState error={tools.error} onRetry={() => void tools.refetch()} />
      ) : tools.isSuccess && shown.length === 0 ? (
        wanted || !filter.type ? (
          <EmptyState icon={<SearchX />} title={t('apps.noMatchTitle')} text={t('apps.noMatchText')}>
            <Button onClick={() => onFilter({})}>{t('apps.clearFilter')}</Button>
          </EmptyState>
        ) : (
          <EmptyType type={filter.type} admin={admin} onAdd={setAdding} />
        )
      ) : (
        <ul className="grid auto-rows-fr grid-cols-[repeat(auto-fill,minmax(17.5rem,1fr))] gap-3.5">
          {tools.isPending
            ? Array.from({ length: 5 }, (_, index) => (
                <li key={index} className="h-32 rounded-xl border border-line bg-surface p-4">
                  <Skeleton className="h-4 w-2/3" />
                  <Skeleton className="mt-4 h-3 w-full" />
                </li>
              ))
            : shown.map((provider) => (
                <ProviderCard
                  key={`${provider.provider_type}/${provider.id}`}
                  provider={provider}
                  broken={broken.includes(provider)}
                  onOpen={() => onFilter({ ...where, open: provider.id })}
                />
              ))}
        </ul>
      )}
      {adding === 'api' && <OpenapiDialog onClose={() => setAdding(null)} />}
      {adding === 'mcp' && <McpDialog onClose={() => setAdding(null)} />}
      {adding === 'workflow' && <WorkflowDialog onClose={() => setAdding(null)} />}
      {opened && <ProviderDrawer provider={opened} admin={admin} onClose={() => onFilter(where)} />}
    </Page>
  );
}

/** A workflow tool that can't be called, in the shape of the others; its description says why. */
function brokenProvider(tool: { id: string; name: string; label: string; error?: string | null }): ToolProvider {
  return {
    provider_type: 'workflow',
    id: tool.id,
    name: tool.name,
    label: tool.label,
    description: tool.error ?? '',
    tools: [],
  };
}

const textOf = (provider: ToolProvider) =>
  [provider.label, provider.description, ...provider.tools.flatMap((tool) => [tool.label, tool.description])]
    .join('\n')
    .toLowerCase();

function ProviderCard({ provider, broken, onOpen }: { provider: ToolProvider; broken: boolean; onOpen: () => void }) {
  const { t } = useTranslation();
  const Icon = ICONS[provider.provider_type];
  return (
    <li className="relative flex min-h-32 flex-col rounded-xl border border-line bg-surface p-4 shadow-1 transition-[border-color,box-shadow] focus-within:border-line-strong hover:border-line-strong hover:shadow-2">
      <div className="flex items-center gap-3">
        <span className="flex size-9 shrink-0 items-center justify-center rounded-lg border border-line bg-sunken text-ink-2 [&_svg]:size-4.5">
          <Icon aria-hidden />
        </span>
        <div className="min-w-0">
          <h2 className="truncate font-semibold text-base leading-5">
            <button
              type="button"
              className="after:absolute after:inset-0 after:rounded-xl focus-visible:outline-none focus-visible:after:outline-2 focus-visible:after:outline-accent"
              onClick={onOpen}
            >
              {provider.label || provider.name}
            </button>
          </h2>
          <p className="text-ink-3 text-xs">
            {t(`tools.type_${provider.provider_type}`)} · {t('tools.count', { count: provider.tools.length })}
          </p>
        </div>
        {broken && (
          <Badge tone="danger" className="ml-auto">
            <TriangleAlert aria-hidden />
            {t('tools.broken')}
          </Badge>
        )}
      </div>
      <p className="mt-2.5 line-clamp-2 text-ink-2 text-sm">{provider.description}</p>
    </li>
  );
}

function EmptyType({
  type,
  admin,
  onAdd,
}: {
  type: Type;
  admin: boolean;
  onAdd: (type: 'api' | 'mcp' | 'workflow') => void;
}) {
  const { t } = useTranslation();
  const Icon = ICONS[type];
  if (type === 'builtin') return null;
  const add = { api: t('tools.addApi'), mcp: t('tools.addMcp'), workflow: t('tools.addWorkflow') }[type];
  return (
    <EmptyState
      icon={<Icon />}
      title={t(`tools.empty_${type}`)}
      text={t(`tools.empty_${type}Text`)}
      className="rounded-xl border border-line-strong border-dashed bg-surface/50 py-16"
    >
      {admin && (
        <Button variant="primary" onClick={() => onAdd(type)}>
          <Plus />
          {add}
        </Button>
      )}
    </EmptyState>
  );
}
