import { Link } from '@tanstack/react-router';
import { Check, Plus, Search, Settings2, TriangleAlert, Wrench, X } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Group } from '@/components/app-features/group';
import { ToolFields } from '@/components/tool-fields';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Input } from '@/components/ui/input';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { Segmented } from '@/components/ui/segmented';
import { Slider } from '@/components/ui/slider';
import { Switch } from '@/components/ui/switch';
import type { Model, ToolInfo } from '@/lib/api/types';
import { type AgentStrategy, type AgentTool, type AppConfig, withAgent } from '@/lib/app-config';
import { cn } from '@/lib/cn';
import { initialValues, toArguments } from '@/lib/tool-values';
import { useTools } from '@/lib/tools';

const MAX_ROUNDS = 30;

interface AgentProps {
  config: AppConfig;
  change: (change: (config: AppConfig) => AppConfig) => void;
  model: Model | undefined;
  disabled: boolean;
}

/** Whether an app's entry means this tool. Files of other servers name providers by ids of their own. */
const means = (tool: AgentTool, info: ToolInfo) =>
  tool.tool_name === info.name &&
  tool.provider_type === info.provider_type &&
  [tool.provider_id, tool.provider_name].some((name) => name === info.provider_id || name === info.provider_name);

/** What an agent works with: its tools, how it calls them, and for how many rounds. */
export function Agent({ config, change, model, disabled }: AgentProps) {
  const { t } = useTranslation();
  const { data: providers } = useTools();
  const [editing, setEditing] = useState<number | null>(null);
  const { tools, strategy, max_iteration: rounds } = config.agent_mode;
  const infos = (providers ?? []).flatMap((provider) => provider.tools);
  const infoOf = (tool: AgentTool) => infos.find((info) => means(tool, info));
  const setTools = (next: AgentTool[]) => change((c) => withAgent(c, { tools: next }));
  const edited = editing === null ? undefined : tools[editing];
  const editedInfo = edited && infoOf(edited);
  return (
    <Group
      title={t('agent.tools')}
      text={t('agent.toolsText')}
      action={
        <ToolPicker
          infos={infos}
          chosen={tools}
          disabled={disabled}
          onToggle={(info) =>
            setTools(
              tools.some((tool) => means(tool, info))
                ? tools.filter((tool) => !means(tool, info))
                : [...tools, newTool(info)],
            )
          }
        />
      }
    >
      {tools.length === 0 ? (
        <p className="rounded-lg border border-line-strong border-dashed px-3.5 py-3 text-ink-3 text-sm">
          {t('agent.noTools')}
        </p>
      ) : (
        <ul className="divide-y rounded-lg border border-line bg-surface shadow-1">
          {tools.map((tool, index) => {
            const info = infoOf(tool);
            const settings = info?.parameters.filter((parameter) => parameter.form === 'form') ?? [];
            const label = info?.label || tool.tool_label || tool.tool_name;
            return (
              <li
                key={`${tool.provider_id}/${tool.tool_name}/${index}`}
                className="flex items-center gap-2.5 px-3.5 py-2.5"
              >
                <Wrench className="size-4 shrink-0 text-ink-3" aria-hidden />
                <div className="min-w-0 grow">
                  <p className={cn('truncate font-medium text-sm', !tool.enabled && 'text-ink-3')}>{label}</p>
                  {providers && !info ? (
                    <p className="flex items-center gap-1 text-danger text-xs">
                      <TriangleAlert className="size-3.5 shrink-0" aria-hidden />
                      {t('agent.toolMissing')}
                    </p>
                  ) : (
                    <p className="truncate text-ink-3 text-xs">{info?.description}</p>
                  )}
                </div>
                {settings.length > 0 && (
                  <Button
                    variant="ghost"
                    size="icon-xs"
                    aria-label={t('agent.settingsOf', { name: label })}
                    disabled={disabled}
                    onClick={() => setEditing(index)}
                  >
                    <Settings2 />
                  </Button>
                )}
                <Switch
                  aria-label={t('agent.enabledOf', { name: label })}
                  checked={tool.enabled}
                  disabled={disabled}
                  onCheckedChange={(enabled) =>
                    setTools(tools.map((other, at) => (at === index ? { ...other, enabled } : other)))
                  }
                />
                <Button
                  variant="ghost"
                  size="icon-xs"
                  aria-label={`${t('common.remove')}: ${label}`}
                  disabled={disabled}
                  onClick={() => setTools(tools.filter((_, at) => at !== index))}
                >
                  <X />
                </Button>
              </li>
            );
          })}
        </ul>
      )}
      <div className="mt-4 grid gap-4 rounded-lg border border-line bg-surface px-3.5 py-3 shadow-1">
        <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
          <div>
            <p className="font-medium text-sm">{t('agent.strategy')}</p>
            <p className="text-ink-3 text-xs">
              {strategy === 'react'
                ? t('agent.reactText')
                : model && !model.features.includes('tools')
                  ? t('agent.noFunctionCalls')
                  : t('agent.functionCallText')}
            </p>
          </div>
          <Segmented<AgentStrategy>
            label={t('agent.strategy')}
            value={strategy}
            disabled={disabled}
            onChange={(next) => change((c) => withAgent(c, { strategy: next }))}
            options={[
              { value: 'function_call', label: t('agent.functionCall') },
              { value: 'react', label: 'ReAct' },
            ]}
          />
        </div>
        <div className="flex items-center gap-4">
          <div className="min-w-0 grow">
            <p className="font-medium text-sm">{t('agent.rounds')}</p>
            <p className="text-ink-3 text-xs">{t('agent.roundsText')}</p>
          </div>
          <Slider
            aria-label={t('agent.rounds')}
            className="w-32"
            min={1}
            max={Math.max(MAX_ROUNDS, rounds)}
            step={1}
            disabled={disabled}
            value={[rounds]}
            onValueChange={([next]) => next && change((c) => withAgent(c, { max_iteration: next }))}
          />
          <span className="w-6 text-right text-sm tabular-nums">{rounds}</span>
        </div>
      </div>
      {edited && editedInfo && editing !== null && (
        <SettingsDialog
          tool={edited}
          info={editedInfo}
          onClose={() => setEditing(null)}
          onSave={(tool_parameters) => {
            setTools(tools.map((other, at) => (at === editing ? { ...other, tool_parameters } : other)));
            setEditing(null);
          }}
        />
      )}
    </Group>
  );
}

function newTool(info: ToolInfo): AgentTool {
  const settings = info.parameters.filter((parameter) => parameter.form === 'form');
  return {
    enabled: true,
    provider_type: info.provider_type,
    provider_id: info.provider_id,
    provider_name: info.provider_name,
    tool_name: info.name,
    tool_label: info.label,
    tool_parameters: toArguments(settings, initialValues(settings)).values,
  };
}

function SettingsDialog({
  tool,
  info,
  onSave,
  onClose,
}: {
  tool: AgentTool;
  info: ToolInfo;
  onSave: (values: Record<string, unknown>) => void;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const settings = info.parameters.filter((parameter) => parameter.form === 'form');
  const [values, setValues] = useState(() => initialValues(settings, tool.tool_parameters));
  const checked = toArguments(settings, values);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={info.label}
      description={t('agent.settingsText')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            variant="primary"
            disabled={checked.problems.length > 0}
            onClick={() => onSave({ ...tool.tool_parameters, ...checked.values })}
          >
            {t('common.save')}
          </Button>
        </>
      }
    >
      <ToolFields parameters={settings} values={values} onChange={setValues} />
    </Dialog>
  );
}

function ToolPicker({
  infos,
  chosen,
  disabled,
  onToggle,
}: {
  infos: ToolInfo[];
  chosen: AgentTool[];
  disabled: boolean;
  onToggle: (info: ToolInfo) => void;
}) {
  const { t } = useTranslation();
  const [search, setSearch] = useState('');
  const wanted = search.trim().toLowerCase();
  const shown = infos.filter((info) =>
    `${info.provider_name} ${info.label} ${info.name} ${info.description}`.toLowerCase().includes(wanted),
  );
  return (
    <Popover>
      <PopoverTrigger asChild>
        <Button size="xs" disabled={disabled}>
          <Plus />
          {t('agent.addTool')}
        </Button>
      </PopoverTrigger>
      <PopoverContent
        aria-label={t('agent.addTool')}
        align="end"
        className="flex w-88 max-w-[calc(100vw-2rem)] flex-col"
      >
        <div className="flex items-center gap-2 border-b px-3">
          <Search className="size-4 text-ink-3" aria-hidden />
          <Input
            aria-label={t('tools.search')}
            placeholder={t('tools.search')}
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            className="h-10 border-0 bg-transparent px-0 shadow-none focus-visible:ring-0"
          />
        </div>
        <ul className="max-h-80 overflow-y-auto p-1.5">
          {shown.map((info) => {
            const on = chosen.some((tool) => means(tool, info));
            return (
              <li key={`${info.provider_type}/${info.provider_id}/${info.name}`}>
                <button
                  type="button"
                  aria-pressed={on}
                  className="flex w-full items-start gap-2.5 rounded-md px-2.5 py-2 text-left hover:bg-hover"
                  onClick={() => onToggle(info)}
                >
                  <Check className={cn('mt-0.5 size-4 shrink-0 text-accent', !on && 'invisible')} aria-hidden />
                  <span className="min-w-0">
                    <span className="block truncate font-medium text-sm">
                      {info.label}
                      <span className="ml-1.5 font-normal text-ink-3 text-xs">
                        {t(`tools.type_${info.provider_type}`)}
                      </span>
                    </span>
                    <span className="line-clamp-2 text-ink-3 text-xs">{info.description}</span>
                  </span>
                </button>
              </li>
            );
          })}
          {shown.length === 0 && <li className="px-3 py-6 text-center text-ink-3 text-sm">{t('agent.noMatch')}</li>}
        </ul>
        <Link to="/tools" className="border-t px-4 py-2.5 text-accent-ink text-sm hover:bg-hover">
          {t('agent.moreTools')}
        </Link>
      </PopoverContent>
    </Popover>
  );
}
