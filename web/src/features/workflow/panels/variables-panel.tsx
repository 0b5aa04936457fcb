import { PencilLine, Plus } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { VARIABLE } from '@/lib/app-config';
import { Empty, freeName, RemoveButton, replaced, Section, without } from '../fields/parts';
import { renameVariable } from '../graph/edit';
import { type Config, type FlowVariable, records } from '../graph/types';
import { GivenField, readGiven, useGivenProblem, written } from '../panel/given';
import { useStudio, useStudioStore } from '../store';
import { PanelFrame } from './panel-frame';

type ListName = 'environment' | 'conversation';

const TYPES: Record<ListName, readonly string[]> = {
  environment: ['string', 'number', 'secret'],
  conversation: [
    'string',
    'number',
    'boolean',
    'object',
    'array[string]',
    'array[number]',
    'array[boolean]',
    'array[object]',
  ],
};
const KEYS = { environment: 'environment_variables', conversation: 'conversation_variables' } as const;
const PREFIX = { environment: 'env', conversation: 'conversation' } as const;
const ZERO: Record<string, unknown> = { string: '', secret: '', number: 0, boolean: false, object: {} };

const listOf = (config: Config, list: ListName): FlowVariable[] =>
  records(config[KEYS[list]]) as unknown as FlowVariable[];

/** What belongs to the flow as a whole: settings, and what a conversation remembers. */
export function VariablesPanel({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const isChat = useStudio((studio) => studio.isChat);
  const hasConversation = useStudio((studio) => isChat || listOf(studio.config, 'conversation').length > 0);
  return (
    <PanelFrame title={t('studio.flow.title')} onClose={onClose}>
      {hasConversation && <List list="conversation" />}
      <List list="environment" />
    </PanelFrame>
  );
}

function List({ list }: { list: ListName }) {
  const { t } = useTranslation();
  const store = useStudioStore();
  const canEdit = useStudio((studio) => studio.canEdit);
  const config = useStudio((studio) => studio.config);
  const [editing, setEditing] = useState<{ index: number; variable: FlowVariable } | null>(null);
  const variables = listOf(config, list);
  const names = variables.map((one) => one.name);
  const write = (next: FlowVariable[], renamed?: [string, string]) =>
    store.getState().edit((old) => ({
      ...old,
      graph: renamed ? renameVariable(old.graph, PREFIX[list], ...renamed) : old.graph,
      [KEYS[list]]: next,
    }));
  return (
    <Section
      title={t(`studio.flow.${list}`)}
      hint={t(`studio.flow.${list}Text`)}
      action={
        canEdit && (
          <Button
            variant="ghost"
            size="xs"
            onClick={() =>
              setEditing({
                index: variables.length,
                variable: {
                  id: crypto.randomUUID(),
                  name: freeName(list === 'environment' ? 'SETTING' : 'memory', names),
                  value_type: 'string',
                  value: '',
                  description: '',
                },
              })
            }
          >
            <Plus />
            {t('common.add')}
          </Button>
        )
      }
    >
      {variables.length === 0 ? (
        <Empty>{t(`studio.flow.${list}Empty`)}</Empty>
      ) : (
        <ul className="divide-y rounded-lg border border-line bg-surface shadow-1">
          {variables.map((one, i) => (
            <li key={one.id ?? i} className="flex min-h-10 items-center gap-2 py-1 pr-1 pl-3">
              <span className="min-w-0 grow">
                <span className="flex items-baseline gap-2">
                  <code className="truncate font-mono text-accent-ink text-xs">{one.name}</code>
                  <span className="shrink-0 font-mono text-2xs text-ink-3">{one.value_type}</span>
                </span>
                {one.description && <span className="block truncate text-ink-3 text-xs">{one.description}</span>}
              </span>
              {canEdit && (
                <>
                  <Button
                    variant="ghost"
                    size="icon-xs"
                    aria-label={`${t('common.edit')}: ${one.name}`}
                    onClick={() => setEditing({ index: i, variable: one })}
                  >
                    <PencilLine />
                  </Button>
                  <RemoveButton label={one.name} disabled={false} onClick={() => write(without(variables, i))} />
                </>
              )}
            </li>
          ))}
        </ul>
      )}
      {editing && (
        <VariableDialog
          list={list}
          variable={editing.variable}
          isNew={!variables[editing.index]}
          taken={names.filter((_, i) => i !== editing.index)}
          onClose={() => setEditing(null)}
          onSave={(variable) => {
            const before = names[editing.index];
            const next = before === undefined ? [...variables, variable] : replaced(variables, editing.index, variable);
            write(next, before !== undefined && before !== variable.name ? [before, variable.name] : undefined);
            setEditing(null);
          }}
        />
      )}
    </Section>
  );
}

interface VariableDialogProps {
  list: ListName;
  variable: FlowVariable;
  isNew: boolean;
  taken: string[];
  onSave: (variable: FlowVariable) => void;
  onClose: () => void;
}

function VariableDialog({ list, variable: given, isNew, taken, onSave, onClose }: VariableDialogProps) {
  const { t } = useTranslation();
  const [variable, setVariable] = useState(given);
  const [value, setValue] = useState(() => written(given.value, given.value_type));
  const problemOf = useGivenProblem();
  const { name, value_type: type } = variable;
  const nameProblem = !VARIABLE.test(name)
    ? t('validation.variableName')
    : taken.includes(name)
      ? t('validation.variableTaken')
      : undefined;
  const valueProblem = value.trim() === '' ? null : problemOf(value, type);
  const save = () => {
    if (nameProblem || valueProblem) return;
    const read =
      value.trim() === '' && type !== 'string' && type !== 'secret' ? (ZERO[type] ?? []) : readGiven(value, type);
    onSave({ ...variable, value: read, selector: [PREFIX[list], name] });
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t(isNew ? 'editor.addVariable' : 'editor.editVariable')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button variant="primary" disabled={Boolean(nameProblem || valueProblem)} onClick={save}>
            {t(isNew ? 'common.add' : 'common.save')}
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        <div className="grid gap-3 sm:grid-cols-2">
          <Field label={t('editor.variableName')} error={nameProblem}>
            {(control) => (
              <Input
                {...control}
                autoFocus
                className="font-mono"
                spellCheck={false}
                value={name}
                onChange={(event) => setVariable({ ...variable, name: event.target.value })}
              />
            )}
          </Field>
          <Field label={t('editor.variableType')}>
            {(control) => (
              <Select
                {...control}
                value={type}
                onValueChange={(value_type) => {
                  setVariable({ ...variable, value_type });
                  setValue(written(ZERO[value_type] ?? [], value_type));
                }}
                options={TYPES[list].map((one) => ({ value: one, label: one }))}
              />
            )}
          </Field>
        </div>
        <div>
          <p className="mb-1.5 font-medium text-sm">
            {t(list === 'environment' ? 'studio.flow.value' : 'studio.flow.first')}
          </p>
          <GivenField
            label={t('studio.flow.value')}
            type={type}
            value={value}
            onChange={setValue}
            problem={valueProblem}
          />
          {type === 'secret' && <p className="mt-1 text-ink-3 text-xs">{t('studio.flow.secretText')}</p>}
        </div>
        <Field label={t('apps.description')} optional>
          {(control) => (
            <Input
              {...control}
              maxLength={255}
              value={variable.description ?? ''}
              onChange={(event) => setVariable({ ...variable, description: event.target.value })}
            />
          )}
        </Field>
      </div>
    </Dialog>
  );
}
