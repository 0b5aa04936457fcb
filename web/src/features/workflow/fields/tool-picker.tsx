import { Search } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { Skeleton } from '@/components/ui/skeleton';
import { errorMessage } from '@/lib/api/errors';
import { useTools } from '@/lib/tools';
import { type Data, text } from '../graph/types';
import type { ToolInfo } from '../queries';

/** The tool that a node or an agent names, if this workspace has it. */
export function useTool(reference: Data): ToolInfo | undefined {
  const { data } = useTools();
  const type = text(reference.provider_type) || text(reference.type);
  const ids = [text(reference.provider_id), text(reference.provider_name)].flatMap((id) => [
    id,
    id.split('/').at(-1) ?? id,
  ]);
  return data
    ?.filter(
      (provider) => provider.provider_type === type || (type === 'plugin' && provider.provider_type === 'builtin'),
    )
    .filter((provider) => ids.includes(provider.id) || ids.includes(provider.name))
    .flatMap((provider) => provider.tools)
    .find((tool) => tool.name === text(reference.tool_name));
}

export function ToolList({ onPick, search = '' }: { onPick: (tool: ToolInfo) => void; search?: string }) {
  const { t } = useTranslation();
  const { data, error } = useTools();
  const wanted = search.trim().toLowerCase();
  if (error) return <p className="px-3 py-4 text-danger text-sm">{errorMessage(error, t)}</p>;
  if (!data) {
    return (
      <div className="space-y-1.5 p-2">
        <Skeleton className="h-8" />
        <Skeleton className="h-8" />
      </div>
    );
  }
  const providers = data
    .map((provider) => ({
      ...provider,
      tools: provider.tools.filter((tool) =>
        `${provider.label} ${tool.name} ${tool.label} ${tool.description}`.toLowerCase().includes(wanted),
      ),
    }))
    .filter((provider) => provider.tools.length > 0);
  if (providers.length === 0)
    return <p className="px-3 py-5 text-center text-ink-3 text-sm">{t('studio.tool.none')}</p>;
  return providers.map((provider) => (
    <div key={`${provider.provider_type}/${provider.id}`}>
      <p className="px-2.5 pt-2 pb-1 text-ink-3 text-xs">{provider.label || provider.name}</p>
      {provider.tools.map((tool) => (
        <button
          key={tool.name}
          type="button"
          onClick={() => onPick(tool)}
          className="block w-full rounded-md px-2.5 py-1.5 text-left hover:bg-hover"
        >
          <span className="block truncate text-sm">{tool.label || tool.name}</span>
          <span className="line-clamp-1 text-ink-3 text-xs">{tool.description}</span>
        </button>
      ))}
    </div>
  ));
}

export function ToolPicker({
  children,
  onPick,
  disabled,
}: {
  children: ReactNode;
  onPick: (tool: ToolInfo) => void;
  disabled: boolean;
}) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const [search, setSearch] = useState('');
  return (
    <Popover open={open} onOpenChange={setOpen}>
      <PopoverTrigger asChild disabled={disabled}>
        {children}
      </PopoverTrigger>
      <PopoverContent aria-label={t('agent.addTool')} align="start" className="w-80">
        <div className="flex items-center gap-2 border-b px-3">
          <Search className="size-4 text-ink-3" aria-hidden />
          <input
            // biome-ignore lint/a11y/noAutofocus: a list that was just asked for is searched at once
            autoFocus
            aria-label={t('studio.tool.search')}
            placeholder={t('studio.tool.search')}
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            className="h-9.5 grow bg-transparent text-sm outline-none placeholder:text-ink-3"
          />
        </div>
        <div className="max-h-80 overflow-y-auto p-1.5">
          <ToolList
            search={search}
            onPick={(tool) => {
              setOpen(false);
              onPick(tool);
            }}
          />
        </div>
      </PopoverContent>
    </Popover>
  );
}
