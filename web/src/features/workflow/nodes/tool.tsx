import { ChevronsUpDown, TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Section } from '../fields/parts';
import { ToolForm } from '../fields/tool-form';
import { ToolPicker, useTool } from '../fields/tool-picker';
import { type Data, record, text } from '../graph/types';
import type { ToolInfo } from '../queries';
import type { NodeKind, PanelProps, SummaryProps } from './kind';
import { Course } from './summary';

export const tool: NodeKind = {
  type: 'tool',
  defaults: () => ({
    provider_type: '',
    provider_id: '',
    provider_name: '',
    tool_name: '',
    tool_label: '',
    tool_configurations: {},
    tool_parameters: {},
  }),
  Summary,
  Panel,
  catches: true,
  retries: true,
  canTry: true,
};

/** What a node says of its tool. */
export function toolData(info: ToolInfo): Data {
  const properties = Object.fromEntries(info.output_variables.map((output) => [output.name, output.schema]));
  const settings = info.parameters.filter(
    (parameter) => parameter.form === 'form' && record(parameter.schema).default !== undefined,
  );
  return {
    provider_type: info.provider_type,
    provider_id: info.provider_id,
    provider_name: info.provider_name,
    tool_name: info.name,
    tool_label: info.label || info.name,
    tool_description: info.description,
    tool_node_version: '2',
    tool_configurations: Object.fromEntries(
      settings.map((parameter) => [parameter.name, { type: 'constant', value: record(parameter.schema).default }]),
    ),
    tool_parameters: {},
    ...(info.output_variables.length > 0 ? { output_schema: { type: 'object', properties } } : {}),
  };
}

function Summary({ data }: SummaryProps) {
  const { t } = useTranslation();
  return (
    <Course>
      <span className="truncate">{text(data.tool_label) || text(data.tool_name) || t('studio.tool.choose')}</span>
      <span className="min-w-0 truncate text-ink-3">{text(data.provider_name).split('/').at(-1)}</span>
    </Course>
  );
}

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const info = useTool(data);
  const isChosen = text(data.tool_name) !== '';
  const settings = info?.parameters.filter((parameter) => parameter.form === 'form') ?? [];
  const inputs = (info?.parameters.filter((parameter) => parameter.form === 'llm') ?? []).toSorted(
    (a, b) => Number(b.required) - Number(a.required),
  );
  return (
    <>
      <Section title={t('studio.kinds.tool.title')}>
        <ToolPicker disabled={disabled} onPick={(picked) => set((d) => ({ ...d, ...toolData(picked) }))}>
          <button
            type="button"
            className="flex h-9 w-full items-center gap-2 rounded-md border border-line-strong bg-surface px-2.5 text-left text-sm shadow-1 hover:border-ink-3/60"
          >
            {isChosen && !info && <TriangleAlert className="size-4 shrink-0 text-warn" aria-hidden />}
            <span className="min-w-0 grow truncate">
              {isChosen ? text(data.tool_label) || text(data.tool_name) : t('studio.tool.choose')}
              <span className="ml-1.5 text-ink-3 text-xs">{text(data.provider_name).split('/').at(-1)}</span>
            </span>
            <ChevronsUpDown className="size-3.5 shrink-0 text-ink-3" aria-hidden />
          </button>
        </ToolPicker>
        {isChosen && !info && (
          <p className="mt-2 rounded-md bg-warn-soft px-2.5 py-1.5 text-warn-ink text-xs">{t('studio.tool.missing')}</p>
        )}
        {info?.description && <p className="mt-2 text-ink-3 text-xs">{info.description}</p>}
      </Section>
      {inputs.length > 0 && (
        <Section title={t('studio.tool.inputs')}>
          <ToolForm
            parameters={inputs}
            values={record(data.tool_parameters)}
            onChange={(tool_parameters, step) => set({ ...data, tool_parameters }, step)}
            disabled={disabled}
          />
        </Section>
      )}
      {settings.length > 0 && (
        <Section title={t('studio.tool.settings')}>
          <ToolForm
            parameters={settings}
            values={record(data.tool_configurations)}
            onChange={(tool_configurations, step) => set({ ...data, tool_configurations }, step)}
            disabled={disabled}
          />
        </Section>
      )}
    </>
  );
}
