import { PencilLine } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input, Textarea } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { Select } from '@/components/ui/select';
import { VARIABLE } from '@/lib/app-config';
import {
  AddButton,
  Check,
  Empty,
  freeName,
  NameField,
  NumberField,
  RemoveButton,
  replaced,
  Section,
  Toggle,
  without,
} from '../fields/parts';
import { SelectorField } from '../fields/selector-field';
import { TemplateField } from '../fields/template-field';
import { renameHandle, updateData } from '../graph/edit';
import { type Data, list, number, record, records, selectorOf, text } from '../graph/types';
import { useStudioStore } from '../store';
import { FileRules } from './form-field-dialog';
import type { NodeKind, PanelProps, SummaryProps } from './kind';
import { Course, plain } from './summary';

const TYPES = ['paragraph', 'select', 'file', 'file-list'] as const;
const MOST_FILES = 10;
const MOST_DAYS = 7;
const MOST_HOURS = 24 * MOST_DAYS;
const STYLES = ['default', 'primary', 'accent', 'ghost'] as const;

export const humanInput: NodeKind = {
  type: 'human-input',
  defaults: () => ({
    form_content: '',
    inputs: [],
    user_actions: [
      { id: 'approve', title: '', button_style: 'primary' },
      { id: 'reject', title: '', button_style: 'default' },
    ],
    delivery_methods: [{ id: crypto.randomUUID(), type: 'webapp', enabled: true, config: {} }],
    timeout: 3,
    timeout_unit: 'day',
  }),
  Summary: ({ data }: SummaryProps) => {
    const shown = plain(text(data.form_content))
      .replace(/[#*>`]/g, '')
      .trim();
    return shown ? (
      <Course>
        <span className="line-clamp-2 break-words text-ink-3">{shown}</span>
      </Course>
    ) : null;
  },
  Panel,
  canTry: true,
};

function Panel({ id, data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const [editing, setEditing] = useState<{ index: number; input: Data } | null>(null);
  const inputs = records(data.inputs);
  const names = inputs.map((input) => text(input.output_variable_name));
  const isHours = data.timeout_unit !== 'day';
  return (
    <>
      <Section title={t('studio.human.content')} hint={t('studio.human.contentText')}>
        <TemplateField
          label={t('studio.human.content')}
          value={text(data.form_content)}
          minRows={6}
          placeholder={t('studio.human.contentPlaceholder')}
          specials={names.map((name) => ({ name: `$output.${name}`, label: `▭ ${name}` }))}
          onChange={(form_content) => set({ ...data, form_content }, 'content')}
          disabled={disabled}
        />
      </Section>
      <Section
        title={t('studio.human.inputs')}
        hint={t('studio.human.inputsText')}
        action={
          <AddButton
            label={t('common.add')}
            disabled={disabled}
            onClick={() =>
              setEditing({
                index: inputs.length,
                input: { type: 'paragraph', output_variable_name: freeName('reply', names) },
              })
            }
          />
        }
      >
        {inputs.length === 0 ? (
          <Empty>{t('studio.human.noInputs')}</Empty>
        ) : (
          <ul className="divide-y rounded-lg border border-line bg-surface shadow-1">
            {inputs.map((input, i) => (
              <li key={i} className="flex h-10 items-center gap-2 pr-1 pl-3">
                <code className="min-w-0 grow truncate font-mono text-accent-ink text-xs">{names[i]}</code>
                <span className="text-ink-3 text-xs">
                  {t(`studio.human.types.${TYPES.find((one) => one === input.type) ?? 'paragraph'}`)}
                </span>
                <Button
                  variant="ghost"
                  size="icon-xs"
                  disabled={disabled}
                  aria-label={`${t('common.edit')}: ${names[i]}`}
                  onClick={() => setEditing({ index: i, input })}
                >
                  <PencilLine />
                </Button>
                <RemoveButton
                  label={names[i] ?? ''}
                  disabled={disabled}
                  onClick={() =>
                    set({
                      ...data,
                      inputs: without(inputs, i),
                      form_content: text(data.form_content).replaceAll(`{{#$output.${names[i]}#}}`, ''),
                    })
                  }
                />
              </li>
            ))}
          </ul>
        )}
      </Section>
      <Actions id={id} data={data} set={set} disabled={disabled} />
      <Delivery data={data} set={set} disabled={disabled} />
      <Section title={t('studio.human.timeout')} hint={t('studio.human.timeoutText')}>
        <div className="flex items-center gap-2">
          <div className="grow">
            <NumberField
              label={t('studio.human.open')}
              value={number(data.timeout, 36)}
              min={1}
              max={isHours ? MOST_HOURS : MOST_DAYS}
              onChange={(timeout) => set({ ...data, timeout }, 'timeout')}
              disabled={disabled}
            />
          </div>
          <Segmented
            label={t('studio.human.timeout')}
            value={isHours ? 'hour' : 'day'}
            onChange={(timeout_unit) =>
              set({
                ...data,
                timeout_unit,
                timeout: Math.min(number(data.timeout, 36), timeout_unit === 'day' ? MOST_DAYS : MOST_HOURS),
              })
            }
            disabled={disabled}
            options={[
              { value: 'hour', label: t('studio.human.hours') },
              { value: 'day', label: t('studio.human.days') },
            ]}
          />
        </div>
      </Section>
      {editing && (
        <InputDialog
          input={editing.input}
          isNew={!inputs[editing.index]}
          taken={names.filter((_, i) => i !== editing.index)}
          onClose={() => setEditing(null)}
          onSave={(input) => {
            const before = names[editing.index];
            const name = text(input.output_variable_name);
            const content = text(data.form_content);
            set({
              ...data,
              inputs: before === undefined ? [...inputs, input] : replaced(inputs, editing.index, input),
              form_content:
                before === undefined
                  ? `${content}${content && !content.endsWith('\n') ? '\n\n' : ''}{{#$output.${name}#}}\n`
                  : content.replaceAll(`{{#$output.${before}#}}`, `{{#$output.${name}#}}`),
            });
            setEditing(null);
          }}
        />
      )}
    </>
  );
}

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_-]{0,19}$/;

function Actions({ id, data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const store = useStudioStore();
  const actions = records(data.user_actions);
  const ids = actions.map((action) => text(action.id));
  const write = (next: Data[], step?: string) => set({ ...data, user_actions: next }, step);
  const rename = (i: number, next: string) => {
    const before = ids[i];
    if (before === undefined) return;
    store.getState().editGraph((graph) => {
      const renamed = renameHandle(graph, id, before, next);
      return updateData(renamed, id, (now) => ({
        ...now,
        user_actions: replaced(actions, i, { ...actions[i], id: next }),
      }));
    }, `${id}.action${i}`);
  };
  return (
    <Section
      title={t('studio.human.actions')}
      hint={t('studio.human.actionsText')}
      action={
        <AddButton
          label={t('common.add')}
          disabled={disabled}
          onClick={() => write([...actions, { id: freeName('action', ids), title: '', button_style: 'default' }])}
        />
      }
    >
      <ul className="space-y-1.5">
        {actions.map((action, i) => (
          <li key={i} className="flex items-start gap-1.5">
            <Input
              aria-label={t('studio.human.actionTitle', { number: i + 1 })}
              placeholder={ids[i]}
              className="h-8 grow px-2"
              maxLength={100}
              value={text(action.title)}
              disabled={disabled}
              onChange={(event) => write(replaced(actions, i, { ...action, title: event.target.value }), `title${i}`)}
            />
            <NameField
              label={t('studio.human.actionId')}
              className="w-24 shrink-0"
              pattern={IDENTIFIER}
              value={ids[i] ?? ''}
              taken={ids.filter((_, other) => other !== i)}
              onChange={(next) => rename(i, next)}
              disabled={disabled}
            />
            <Select
              size="sm"
              className="w-24 shrink-0 px-2 text-xs"
              aria-label={t('studio.human.style')}
              value={STYLES.find((style) => style === action.button_style) ?? 'default'}
              onValueChange={(button_style) => write(replaced(actions, i, { ...action, button_style }))}
              disabled={disabled}
              options={STYLES.map((style) => ({ value: style, label: t(`studio.human.styles.${style}`) }))}
            />
            {actions.length > 1 && (
              <RemoveButton label={ids[i] ?? ''} onClick={() => write(without(actions, i))} disabled={disabled} />
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Delivery({ data, set, disabled }: Pick<PanelProps, 'data' | 'set' | 'disabled'>) {
  const { t } = useTranslation();
  const methods = records(data.delivery_methods);
  const of = (type: string) => methods.find((method) => method.type === type);
  const mail = of('email');
  const config = record(mail?.config);
  const recipients = records(record(config.recipients).items);
  const addresses = recipients.filter((one) => one.type === 'external').map((one) => text(one.email));
  const put = (type: string, patch: Data, step?: string) =>
    set((d) => {
      const all = records(d.delivery_methods);
      const found = all.some((method) => method.type === type);
      const fresh = { id: crypto.randomUUID(), type, enabled: true, config: {} };
      return {
        ...d,
        delivery_methods: (found ? all : [...all, fresh]).map((method) =>
          method.type === type ? { ...method, ...patch } : method,
        ),
      };
    }, step);
  const setConfig = (patch: Data, step?: string) => put('email', { config: { ...config, ...patch } }, step);
  return (
    <Section title={t('studio.human.delivery')}>
      <div className="space-y-3.5">
        <Toggle
          label={t('studio.human.webapp')}
          hint={t('studio.human.webappText')}
          checked={of('webapp')?.enabled === true}
          disabled={disabled}
          onChange={(enabled) => put('webapp', { enabled })}
        />
        <Toggle
          label={t('studio.human.email')}
          hint={t('studio.human.emailText')}
          checked={mail?.enabled === true}
          disabled={disabled}
          onChange={(enabled) =>
            put('email', {
              enabled,
              ...(Object.keys(config).length === 0
                ? {
                    config: {
                      recipients: { whole_workspace: false, items: [] },
                      subject: '',
                      body: '{{#url#}}',
                      debug_mode: false,
                    },
                  }
                : {}),
            })
          }
        >
          <Field label={t('studio.human.recipients')} hint={t('studio.human.recipientsText')}>
            {(control) => (
              <Textarea
                {...control}
                rows={2}
                className="min-h-14"
                disabled={disabled}
                defaultValue={addresses.join(', ')}
                onBlur={(event) => {
                  const next = event.target.value.split(/[\s,;]+/).filter((one) => one.includes('@'));
                  if (next.join() === addresses.join()) return;
                  const members = recipients.filter((one) => one.type !== 'external');
                  const items = [...members, ...next.map((email) => ({ type: 'external', email }))];
                  setConfig({ recipients: { ...record(config.recipients), items } });
                }}
              />
            )}
          </Field>
          <Check
            label={t('studio.human.everybody')}
            checked={
              record(config.recipients).whole_workspace === true ||
              record(config.recipients).include_bound_group === true
            }
            onChange={(whole_workspace) => setConfig({ recipients: { ...record(config.recipients), whole_workspace } })}
          />
          <TemplateField
            isLine
            label={t('studio.human.subject')}
            placeholder={t('studio.human.subject')}
            value={text(config.subject)}
            onChange={(subject) => setConfig({ subject }, 'subject')}
            disabled={disabled}
          />
          <TemplateField
            label={t('studio.human.body')}
            value={text(config.body)}
            specials={[{ name: 'url', label: t('studio.human.url') }]}
            onChange={(body) => setConfig({ body }, 'body')}
            disabled={disabled}
          />
        </Toggle>
        {methods.every((method) => method.enabled !== true) && (
          <p className="rounded-md bg-warn-soft px-2.5 py-1.5 text-warn-ink text-xs">{t('studio.human.noDelivery')}</p>
        )}
      </div>
    </Section>
  );
}

interface InputDialogProps {
  input: Data;
  isNew: boolean;
  taken: string[];
  onSave: (input: Data) => void;
  onClose: () => void;
}

function InputDialog({ input: given, isNew, taken, onSave, onClose }: InputDialogProps) {
  const { t } = useTranslation();
  const [input, setInput] = useState(given);
  const put = (patch: Data) => setInput((old) => ({ ...old, ...patch }));
  const type = TYPES.find((one) => one === input.type) ?? 'paragraph';
  const source = record(type === 'select' ? input.option_source : input.default);
  const isVariable = source.type === 'variable';
  const setSource = (patch: Data) =>
    put({ [type === 'select' ? 'option_source' : 'default']: { type: 'constant', selector: [], ...source, ...patch } });
  const options = list(source.value).map(String);
  const name = text(input.output_variable_name);
  const nameProblem = !VARIABLE.test(name)
    ? t('validation.variableName')
    : taken.includes(name)
      ? t('validation.variableTaken')
      : undefined;
  const isWithoutOptions = type === 'select' && !isVariable && options.every((option) => !option.trim());
  const save = () => {
    const kept = { ...source, value: options.filter((option) => option.trim()) };
    onSave({ ...input, type, ...(type === 'select' && !isVariable ? { option_source: kept } : {}) });
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t(isNew ? 'studio.human.addInput' : 'studio.human.editInput')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button variant="primary" disabled={nameProblem !== undefined || isWithoutOptions} onClick={save}>
            {t(isNew ? 'common.add' : 'common.save')}
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        <Field label={t('editor.variableType')}>
          {(control) => (
            <Select
              {...control}
              value={type}
              onValueChange={(next) =>
                put({
                  type: next,
                  ...(next.startsWith('file')
                    ? {
                        allowed_file_types: ['document'],
                        allowed_file_upload_methods: ['local_file'],
                        number_limits: 5,
                      }
                    : {}),
                })
              }
              options={TYPES.map((one) => ({ value: one, label: t(`studio.human.types.${one}`) }))}
            />
          )}
        </Field>
        <Field label={t('editor.variableName')} error={nameProblem}>
          {(control) => (
            <Input
              {...control}
              className="font-mono"
              spellCheck={false}
              value={name}
              onChange={(event) => put({ output_variable_name: event.target.value })}
            />
          )}
        </Field>
        {type === 'file' || type === 'file-list' ? (
          <>
            <FileRules field={input} put={put} />
            {type === 'file-list' && (
              <NumberField
                label={t('studio.human.mostFiles')}
                value={number(input.number_limits, MOST_FILES)}
                min={1}
                max={MOST_FILES}
                onChange={(number_limits) => put({ number_limits })}
                disabled={false}
              />
            )}
          </>
        ) : (
          <div className="space-y-2">
            <div className="flex items-center justify-between gap-2">
              <span className="font-medium text-sm">
                {t(type === 'select' ? 'editor.variableOptions' : 'studio.human.default')}
              </span>
              <Segmented
                label={t('studio.fields.source')}
                value={isVariable ? 'variable' : 'constant'}
                onChange={(next) => setSource({ type: next })}
                options={[
                  { value: 'constant', label: t('studio.fields.constant') },
                  { value: 'variable', label: t('studio.fields.variable') },
                ]}
              />
            </div>
            {isVariable ? (
              <SelectorField
                label={t('studio.fields.variable')}
                value={selectorOf(source.selector)}
                types={type === 'select' ? ['array[string]', 'array'] : undefined}
                onChange={(selector) => setSource({ selector })}
                disabled={false}
              />
            ) : type === 'select' ? (
              <Textarea
                aria-label={t('editor.variableOptions')}
                placeholder={t('studio.human.optionLines')}
                rows={4}
                value={options.join('\n')}
                onChange={(event) => setSource({ value: event.target.value.split('\n') })}
              />
            ) : (
              <Textarea
                aria-label={t('studio.human.default')}
                rows={3}
                value={text(source.value)}
                onChange={(event) => setSource({ value: event.target.value })}
              />
            )}
          </div>
        )}
      </div>
    </Dialog>
  );
}
