import { Plus } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Menu, MenuContent, MenuItem, MenuTrigger } from '@/components/ui/menu';
import { Select } from '@/components/ui/select';
import { CodeField } from '../fields/code-field';
import { MemoryField, VisionField } from '../fields/model-extras';
import { choiceOf, ModelField } from '../fields/model-field';
import { NamedSelectors } from '../fields/named-selectors';
import { RemoveButton, replaced, Section, Toggle, without } from '../fields/parts';
import { SchemaField } from '../fields/schema-field';
import { SelectorField } from '../fields/selector-field';
import { TemplateField } from '../fields/template-field';
import { type Data, record, records, selectorOf, text } from '../graph/types';
import { DEFAULT_MODEL, type NodeKind, type PanelProps, type SummaryProps } from './kind';
import { Course, plain } from './summary';

const ROLES = ['system', 'user', 'assistant'] as const;

export const llm: NodeKind = {
  type: 'llm',
  defaults: () => ({
    model: DEFAULT_MODEL,
    prompt_template: [
      { id: crypto.randomUUID(), role: 'system', text: '' },
      { id: crypto.randomUUID(), role: 'user', text: '' },
    ],
    context: { enabled: false, variable_selector: [] },
    vision: { enabled: false },
  }),
  Summary,
  Panel,
  catches: true,
  retries: true,
  canTry: true,
};

export function ModelCourse({ model }: { model: unknown }) {
  const { t } = useTranslation();
  const { provider, name } = choiceOf(model);
  const byDefault = provider === 'local' && name === 'default';
  return (
    <Course>
      <span className="truncate font-medium">
        {byDefault ? t('editor.defaultModel') : name || t('editor.pickModel')}
      </span>
      {provider !== 'local' && <span className="min-w-0 truncate text-ink-3">{provider.split('/').at(-1)}</span>}
    </Course>
  );
}

function Summary({ data }: SummaryProps) {
  const messages = Array.isArray(data.prompt_template) ? records(data.prompt_template) : [record(data.prompt_template)];
  const prompt = messages.map((message) => text(message.text)).find((one) => one.trim());
  return (
    <>
      <ModelCourse model={data.model} />
      {prompt && (
        <Course>
          <span className="line-clamp-2 break-words text-ink-3">{plain(prompt)}</span>
        </Course>
      )}
    </>
  );
}

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const context = record(data.context);
  const hasContext = context.enabled === true;
  const structured = data.structured_output_switch_on === true || data.structured_output_enabled === true;
  const messages = records(data.prompt_template);
  const isChat = Array.isArray(data.prompt_template);
  const specials = hasContext ? [{ name: 'context', label: t('studio.llm.context') }] : [];
  const usesJinja = (isChat ? messages : [record(data.prompt_template)]).some((one) => one.edition_type === 'jinja2');
  const setMessage = (i: number, message: Data, step?: string) =>
    set(
      (d) => ({ ...d, prompt_template: replaced(records(d.prompt_template), i, message) }),
      step && `prompt${i}.${step}`,
    );
  return (
    <>
      <Section title={t('editor.model')}>
        <ModelField value={data.model} onChange={(model) => set({ ...data, model }, 'model')} disabled={disabled} />
      </Section>
      <Section title={t('studio.llm.prompt')} hint={t('studio.fields.templateHint', { brace: '{' })}>
        <div className="space-y-2.5">
          {isChat ? (
            messages.map((message, i) => (
              <Message
                key={text(message.id) || i}
                message={message}
                onChange={(next, step) => setMessage(i, next, step)}
                onRemove={
                  messages.length > 1
                    ? () => set((d) => ({ ...d, prompt_template: without(records(d.prompt_template), i) }))
                    : undefined
                }
                specials={specials}
                disabled={disabled}
              />
            ))
          ) : (
            <Message
              message={record(data.prompt_template)}
              onChange={(prompt_template, step) => set({ ...data, prompt_template }, step)}
              specials={[...specials, { name: 'histories', label: t('studio.llm.histories') }]}
              disabled={disabled}
            />
          )}
          {isChat && !disabled && (
            <Menu>
              <MenuTrigger asChild>
                <Button variant="ghost" size="xs">
                  <Plus />
                  {t('studio.llm.addMessage')}
                </Button>
              </MenuTrigger>
              <MenuContent align="start">
                {ROLES.map((role) => (
                  <MenuItem
                    key={role}
                    onSelect={() =>
                      set((d) => ({
                        ...d,
                        prompt_template: [...records(d.prompt_template), { id: crypto.randomUUID(), role, text: '' }],
                      }))
                    }
                  >
                    {t(`editor.${role}`)}
                  </MenuItem>
                ))}
              </MenuContent>
            </Menu>
          )}
        </div>
      </Section>
      {usesJinja && (
        <NamedSelectors
          title={t('studio.llm.jinjaVariables')}
          empty={t('studio.llm.jinjaEmpty')}
          base="value"
          value={record(data.prompt_config).jinja2_variables}
          onChange={(jinja2_variables, step) =>
            set((d) => ({ ...d, prompt_config: { ...record(d.prompt_config), jinja2_variables } }), step)
          }
          disabled={disabled}
        />
      )}
      <Section title={t('studio.llm.more')}>
        <div className="space-y-3.5">
          <Toggle
            label={t('studio.llm.context')}
            hint={t('studio.llm.contextText')}
            checked={hasContext}
            disabled={disabled}
            onChange={(enabled) =>
              set({
                ...data,
                context: { ...context, enabled, variable_selector: selectorOf(context.variable_selector) },
              })
            }
          >
            <SelectorField
              label={t('studio.llm.context')}
              value={selectorOf(context.variable_selector)}
              types={['array[object]', 'array[string]', 'array', 'string']}
              onChange={(variable_selector) => set({ ...data, context: { ...context, variable_selector } })}
              disabled={disabled}
            />
          </Toggle>
          <VisionField data={data} set={set} disabled={disabled} />
          <MemoryField data={data} set={set} disabled={disabled} hasQuestion />
          <Toggle
            label={t('studio.llm.structured')}
            hint={t('studio.llm.structuredText')}
            checked={structured}
            disabled={disabled}
            onChange={(on) =>
              set((d) => {
                const { structured_output_switch_on: _, ...rest } = d;
                const fresh = { type: 'object', properties: {}, required: [], additionalProperties: false };
                return {
                  ...rest,
                  structured_output_enabled: on,
                  ...(on && !record(d.structured_output).schema ? { structured_output: { schema: fresh } } : {}),
                };
              })
            }
          >
            <SchemaField
              label={t('studio.llm.structured')}
              value={record(data.structured_output).schema}
              onChange={(schema, step) =>
                set((d) => ({ ...d, structured_output: { ...record(d.structured_output), schema } }), step)
              }
              disabled={disabled}
            />
          </Toggle>
          <Toggle
            label={t('studio.llm.reasoning')}
            hint={t('studio.llm.reasoningText')}
            checked={data.reasoning_format === 'separated'}
            disabled={disabled}
            onChange={(on) => set({ ...data, reasoning_format: on ? 'separated' : 'tagged' })}
          />
        </div>
      </Section>
    </>
  );
}

interface MessageProps {
  message: Data;
  onChange: (message: Data, step?: string) => void;
  onRemove?: (() => void) | undefined;
  specials: { name: string; label: string }[];
  disabled: boolean;
}

function Message({ message, onChange, onRemove, specials, disabled }: MessageProps) {
  const { t } = useTranslation();
  const role = text(message.role);
  const isJinja = message.edition_type === 'jinja2';
  const label = role ? t(`editor.${role as (typeof ROLES)[number]}`) : t('studio.llm.prompt');
  const actions = (
    <>
      {role && !disabled && (
        <Select
          size="sm"
          className="h-6.5 w-24 border-0 bg-transparent px-1.5 text-ink-3 text-xs shadow-none"
          aria-label={t('studio.llm.role')}
          value={role}
          onValueChange={(next) => onChange({ ...message, role: next })}
          options={ROLES.map((one) => ({ value: one, label: t(`editor.${one}`) }))}
        />
      )}
      {!disabled && (
        <Button
          variant="ghost"
          size="xs"
          className="text-ink-3"
          aria-pressed={isJinja}
          onClick={() =>
            onChange({
              ...message,
              edition_type: isJinja ? 'basic' : 'jinja2',
              ...(isJinja ? {} : { jinja2_text: text(message.jinja2_text) || text(message.text) }),
            })
          }
        >
          Jinja
        </Button>
      )}
      {onRemove && <RemoveButton label={label} onClick={onRemove} disabled={disabled} />}
    </>
  );
  return isJinja ? (
    <CodeField
      label={label}
      language="jinja2"
      value={text(message.jinja2_text)}
      onChange={(jinja2_text) => onChange({ ...message, jinja2_text }, 'jinja')}
      minRows={4}
      actions={actions}
      disabled={disabled}
    />
  ) : (
    <TemplateField
      label={label}
      value={text(message.text)}
      onChange={(next) => onChange({ ...message, text: next }, 'text')}
      minRows={role === 'user' ? 3 : 4}
      placeholder={t(role === 'user' ? 'studio.llm.userPlaceholder' : 'studio.llm.systemPlaceholder')}
      specials={specials}
      actions={actions}
      disabled={disabled}
    />
  );
}
