import { ChevronRight, Plus, TriangleAlert } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Segmented } from '@/components/ui/segmented';
import { Switch } from '@/components/ui/switch';
import { cn } from '@/lib/cn';
import { MemoryField } from '../fields/model-extras';
import { ModelField } from '../fields/model-field';
import { Empty, NumberField, RemoveButton, replaced, Section, without } from '../fields/parts';
import { SelectorField } from '../fields/selector-field';
import { TemplateField } from '../fields/template-field';
import { ToolForm } from '../fields/tool-form';
import { ToolPicker, useTool } from '../fields/tool-picker';
import { template } from '../graph/references';
import { type Data, number, record, records, selectorOf, text } from '../graph/types';
import type { ToolInfo } from '../queries';
import { DEFAULT_MODEL, type NodeKind, type PanelProps, type SummaryProps } from './kind';
import { ModelCourse } from './llm';
import { Course } from './summary';

export const agent: NodeKind = {
  type: 'agent',
  defaults: () => ({
    agent_strategy_provider_name: 'langgenius/agent/agent',
    agent_strategy_name: 'function_calling',
    agent_strategy_label: 'FunctionCalling',
    agent_parameters: {
      model: { type: 'constant', value: { ...DEFAULT_MODEL, name: undefined, model: 'default', model_type: 'llm' } },
      tools: { type: 'constant', value: [] },
      instruction: { type: 'constant', value: '' },
      query: { type: 'constant', value: '' },
      maximum_iterations: { type: 'constant', value: 5 },
    },
  }),
  Summary,
  Panel,
  catches: true,
  canTry: true,
};

const parameterOf = (data: Data, name: string): unknown => record(record(data.agent_parameters)[name]).value;
const toolsOf = (data: Data): Data[] => records(parameterOf(data, 'tools'));

function Summary({ data }: SummaryProps) {
  const tools = toolsOf(data).filter((one) => one.enabled !== false);
  return (
    <>
      <ModelCourse model={parameterOf(data, 'model')} />
      {tools.length > 0 && (
        <Course>
          <span className="truncate text-ink-3">
            {tools.map((one) => text(one.tool_label) || text(one.tool_name)).join(', ')}
          </span>
        </Course>
      )}
    </>
  );
}

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const parameters = record(data.agent_parameters);
  const put = (name: string, value: unknown, type = 'constant', step?: string) =>
    set(
      (d) => ({
        ...d,
        agent_parameters: { ...record(d.agent_parameters), [name]: { ...record(parameters[name]), type, value } },
      }),
      step,
    );
  const isReact = /react|cot/i.test(text(data.agent_strategy_name));
  const query = record(parameters.query);
  const tools = toolsOf(data);
  return (
    <>
      <Section title={t('editor.model')}>
        <ModelField
          nameKey="model"
          value={parameterOf(data, 'model')}
          onChange={(model) => put('model', model)}
          disabled={disabled}
        />
      </Section>
      <Section
        title={t('studio.agent.strategy')}
        hint={t(isReact ? 'studio.agent.reactText' : 'studio.agent.callText')}
        action={
          <Segmented
            label={t('studio.agent.strategy')}
            value={isReact ? 'ReAct' : 'function_calling'}
            disabled={disabled}
            onChange={(name) =>
              set({
                ...data,
                agent_strategy_name: name,
                agent_strategy_label: name === 'ReAct' ? 'ReAct' : 'FunctionCalling',
              })
            }
            options={[
              { value: 'function_calling', label: t('studio.agent.call') },
              { value: 'ReAct', label: 'ReAct' },
            ]}
          />
        }
      />
      <Section title={t('studio.agent.task')}>
        <div className="space-y-2.5">
          <TemplateField
            label={t('studio.agent.instruction')}
            placeholder={t('studio.agent.instructionPlaceholder')}
            value={text(parameterOf(data, 'instruction'))}
            minRows={4}
            onChange={(value) => put('instruction', value, 'constant', 'instruction')}
            disabled={disabled}
          />
          <TemplateField
            label={t('studio.agent.query')}
            placeholder={t('studio.agent.queryPlaceholder')}
            value={query.type === 'variable' ? templateOf(query.value) : text(query.value)}
            minRows={2}
            onChange={(value) => put('query', value, 'constant', 'query')}
            disabled={disabled}
          />
        </div>
      </Section>
      <Section
        title={t('studio.agent.tools')}
        action={
          <ToolPicker disabled={disabled} onPick={(info) => put('tools', [...tools, agentTool(info)])}>
            <Button variant="ghost" size="xs" disabled={disabled}>
              <Plus />
              {t('common.add')}
            </Button>
          </ToolPicker>
        }
      >
        {tools.length === 0 ? (
          <Empty>{t('studio.agent.noTools')}</Empty>
        ) : (
          <ul className="divide-y rounded-lg border border-line bg-surface shadow-1">
            {tools.map((one, i) => (
              <AgentTool
                key={i}
                tool={one}
                onChange={(next, step) =>
                  put('tools', replaced(tools, i, next), 'constant', step && `tool${i}.${step}`)
                }
                onRemove={() => put('tools', without(tools, i))}
                disabled={disabled}
              />
            ))}
          </ul>
        )}
      </Section>
      <Section title={t('studio.llm.more')}>
        <div className="space-y-3.5">
          <NumberField
            label={t('studio.agent.rounds')}
            value={number(Number(parameterOf(data, 'maximum_iterations') ?? 5), 5)}
            min={1}
            max={99}
            onChange={(value) => put('maximum_iterations', value, 'constant', 'rounds')}
            disabled={disabled}
          />
          <SelectorField
            isLabelled
            isClearable
            label={t('studio.llm.context')}
            value={selectorOf(parameterOf(data, 'context'))}
            types={['array', 'string']}
            onChange={(selector) =>
              selector.length > 0
                ? put('context', selector, 'variable')
                : set((d) => {
                    const { context: _, ...rest } = record(d.agent_parameters);
                    return { ...d, agent_parameters: rest };
                  })
            }
            disabled={disabled}
          />
          <MemoryField data={data} set={set} disabled={disabled} />
        </div>
      </Section>
    </>
  );
}

const templateOf = (value: unknown) => (selectorOf(value).length >= 2 ? template(selectorOf(value)) : '');

/** What an agent's list says of a tool. */
function agentTool(info: ToolInfo): Data {
  const settings = info.parameters.filter((parameter) => parameter.form === 'form');
  const own = info.parameters.filter((parameter) => parameter.form === 'llm');
  return {
    enabled: true,
    type: info.provider_type,
    provider_id: info.provider_id,
    provider_name: info.provider_name,
    tool_name: info.name,
    tool_label: info.label || info.name,
    settings: Object.fromEntries(
      settings.flatMap((parameter) => {
        const value = record(parameter.schema).default;
        return value === undefined ? [] : [[parameter.name, { value: { type: 'constant', value } }]];
      }),
    ),
    parameters: Object.fromEntries(own.map((parameter) => [parameter.name, { auto: 1, value: null }])),
    extra: { description: info.description },
  };
}

interface AgentToolProps {
  tool: Data;
  onChange: (tool: Data, step?: string) => void;
  onRemove: () => void;
  disabled: boolean;
}

function AgentTool({ tool, onChange, onRemove, disabled }: AgentToolProps) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const info = useTool(tool);
  const label = text(tool.tool_label) || text(tool.tool_name);
  const settings = info?.parameters.filter((parameter) => parameter.form === 'form') ?? [];
  const own = info?.parameters.filter((parameter) => parameter.form === 'llm') ?? [];
  const values = Object.fromEntries(
    Object.entries(record(tool.settings)).map(([name, given]) => [name, record(given).value ?? given]),
  );
  return (
    <li>
      <div className="flex h-10 items-center gap-1.5 pr-1 pl-1.5">
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          className="flex min-w-0 grow items-center gap-1.5 rounded px-1 py-1 text-left text-sm"
        >
          <ChevronRight
            className={cn('size-4 shrink-0 text-ink-3 transition-transform', open && 'rotate-90')}
            aria-hidden
          />
          {!info && <TriangleAlert className="size-4 shrink-0 text-warn" aria-hidden />}
          <span className="truncate">{label}</span>
          <span className="min-w-0 truncate text-ink-3 text-xs">{text(tool.provider_name).split('/').at(-1)}</span>
        </button>
        <Switch
          aria-label={label}
          checked={tool.enabled !== false}
          disabled={disabled}
          onCheckedChange={(enabled) => onChange({ ...tool, enabled })}
        />
        <RemoveButton label={label} onClick={onRemove} disabled={disabled} />
      </div>
      {open && (
        <div className="space-y-3 border-t bg-sunken/40 px-3 py-3">
          {!info && <p className="text-warn-ink text-xs">{t('studio.tool.missing')}</p>}
          <TemplateField
            label={t('studio.agent.description')}
            value={text(record(tool.extra).description)}
            minRows={2}
            onChange={(description) =>
              onChange({ ...tool, extra: { ...record(tool.extra), description } }, 'description')
            }
            disabled={disabled}
          />
          {settings.length > 0 && (
            <ToolForm
              parameters={settings}
              values={values}
              onChange={(next, step) =>
                onChange(
                  {
                    ...tool,
                    settings: Object.fromEntries(Object.entries(next).map(([name, value]) => [name, { value }])),
                  },
                  step,
                )
              }
              disabled={disabled}
            />
          )}
          {own.map((parameter) => {
            const given = record(record(tool.parameters)[parameter.name]);
            const isFixed = given.auto === 0 || given.auto === false;
            const put = (next: Data, step?: string) =>
              onChange({ ...tool, parameters: { ...record(tool.parameters), [parameter.name]: next } }, step);
            return (
              <div key={parameter.name}>
                <div className="flex items-center gap-2 text-sm">
                  <span className="min-w-0 grow truncate">{parameter.label || parameter.name}</span>
                  <Segmented
                    className="scale-90"
                    label={parameter.label || parameter.name}
                    value={isFixed ? 'fixed' : 'auto'}
                    disabled={disabled}
                    onChange={(next) =>
                      put(next === 'auto' ? { auto: 1, value: null } : { auto: 0, value: { type: 'mixed', value: '' } })
                    }
                    options={[
                      { value: 'auto', label: t('studio.agent.byModel') },
                      { value: 'fixed', label: t('studio.agent.fixed') },
                    ]}
                  />
                </div>
                {isFixed && (
                  <ToolForm
                    parameters={[{ ...parameter, description: '' }]}
                    values={{ [parameter.name]: given.value }}
                    onChange={(next) => put({ auto: 0, value: next[parameter.name] }, parameter.name)}
                    disabled={disabled}
                  />
                )}
              </div>
            );
          })}
        </div>
      )}
    </li>
  );
}
