import { useTranslation } from 'react-i18next';
import { Input } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { Select } from '@/components/ui/select';
import { Conditions } from '../fields/conditions';
import {
  AddButton,
  Empty,
  freeName,
  NameField,
  NumberField,
  RemoveButton,
  replaced,
  Section,
  without,
} from '../fields/parts';
import { SelectorField } from '../fields/selector-field';
import { renameVariable, updateData } from '../graph/edit';
import { type Data, number, records, selectorOf, text } from '../graph/types';
import { useGivenProblem } from '../panel/given';
import { useStudioStore } from '../store';
import type { NodeKind, PanelProps } from './kind';

const TYPES = [
  'string',
  'number',
  'boolean',
  'object',
  'array[string]',
  'array[number]',
  'array[object]',
  'array[boolean]',
] as const;

/** What a fixed value begins with, as JSON. */
const zero = (type: string) =>
  type === 'string' ? '' : type === 'number' ? '0' : type === 'boolean' ? 'false' : type === 'object' ? '{}' : '[]';

export const loop: NodeKind = {
  type: 'loop',
  defaults: () => ({
    loop_count: 10,
    logical_operator: 'and',
    break_conditions: [],
    loop_variables: [],
    error_handle_mode: 'terminated',
  }),
  Panel,
  catches: true,
  canTry: true,
};

export const loopEnd: NodeKind = { type: 'loop-end', defaults: () => ({}), Panel: EndPanel };

function EndPanel() {
  const { t } = useTranslation();
  return <Section title={t('studio.loop.end')} hint={t('studio.loop.endText')} />;
}

function Panel({ id, data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const store = useStudioStore();
  const problemOf = useGivenProblem();
  const variables = records(data.loop_variables);
  const names = variables.map((one) => text(one.label));
  const write = (loop_variables: Data[], step?: string) => set({ ...data, loop_variables }, step);
  const rename = (i: number, label: string) => {
    const before = names[i];
    if (before === undefined) return;
    store.getState().editGraph((graph) => {
      const renamed = renameVariable(graph, id, before, label);
      return updateData(renamed, id, (now) => ({
        ...now,
        loop_variables: records(now.loop_variables).map((one, other) => (other === i ? { ...one, label } : one)),
      }));
    }, `${id}.label${i}`);
  };
  return (
    <>
      <Section
        title={t('studio.loop.variables')}
        hint={t('studio.loop.variablesText')}
        action={
          <AddButton
            label={t('common.add')}
            disabled={disabled}
            onClick={() =>
              write([
                ...variables,
                {
                  id: crypto.randomUUID(),
                  label: freeName('value', names),
                  var_type: 'string',
                  value_type: 'constant',
                  value: '',
                },
              ])
            }
          />
        }
      >
        {variables.length === 0 ? (
          <Empty>{t('studio.loop.empty')}</Empty>
        ) : (
          <ul className="space-y-2">
            {variables.map((one, i) => {
              const put = (patch: Data, step?: string) => write(replaced(variables, i, { ...one, ...patch }), step);
              const isVariable = one.value_type === 'variable';
              const type = text(one.var_type);
              const first = typeof one.value === 'string' ? one.value : JSON.stringify(one.value ?? '');
              const problem = isVariable ? null : problemOf(first, type);
              return (
                <li key={text(one.id) || i} className="space-y-1.5 rounded-lg border border-line bg-sunken/50 p-2">
                  <div className="flex items-start gap-1.5">
                    <NameField
                      label={t('studio.schema.name')}
                      className="grow"
                      value={text(one.label)}
                      taken={names.filter((_, other) => other !== i)}
                      onChange={(label) => rename(i, label)}
                      disabled={disabled}
                    />
                    <Select
                      size="sm"
                      className="w-32 shrink-0 px-2"
                      aria-label={t('editor.variableType')}
                      value={type}
                      onValueChange={(var_type) => put({ var_type, ...(isVariable ? {} : { value: zero(var_type) }) })}
                      disabled={disabled}
                      options={TYPES.map((known) => ({ value: known, label: known }))}
                    />
                    <RemoveButton
                      label={text(one.label)}
                      onClick={() => write(without(variables, i))}
                      disabled={disabled}
                    />
                  </div>
                  <div className="flex items-center gap-1.5">
                    <Segmented
                      label={t('studio.loop.from')}
                      value={isVariable ? 'variable' : 'constant'}
                      onChange={(value_type) => put({ value_type, value: value_type === 'variable' ? [] : zero(type) })}
                      disabled={disabled}
                      options={[
                        { value: 'constant', label: t('studio.fields.constant') },
                        { value: 'variable', label: t('studio.fields.variable') },
                      ]}
                    />
                    {isVariable ? (
                      <SelectorField
                        className="grow"
                        label={text(one.label)}
                        value={selectorOf(one.value)}
                        types={type ? [type] : undefined}
                        onChange={(value) => put({ value })}
                        disabled={disabled}
                      />
                    ) : (
                      <Input
                        aria-label={t('studio.loop.first')}
                        placeholder={type === 'string' ? '' : 'JSON'}
                        className="h-8 px-2 font-mono text-xs"
                        value={first}
                        aria-invalid={problem !== null}
                        aria-describedby={problem ? `loop-problem-${i}` : undefined}
                        disabled={disabled}
                        onChange={(event) => put({ value: event.target.value }, `value${i}`)}
                      />
                    )}
                  </div>
                  {problem && (
                    <p id={`loop-problem-${i}`} role="alert" className="text-2xs text-danger">
                      {problem}
                    </p>
                  )}
                </li>
              );
            })}
          </ul>
        )}
      </Section>
      <Section title={t('studio.loop.break')} hint={t('studio.loop.breakText')}>
        <Conditions
          logic={data.logical_operator}
          conditions={data.break_conditions}
          inside
          onChange={({ logic, conditions }, step) =>
            set(
              {
                ...data,
                ...(logic ? { logical_operator: logic } : {}),
                ...(conditions ? { break_conditions: conditions } : {}),
              },
              step,
            )
          }
          disabled={disabled}
        />
      </Section>
      <Section title={t('studio.iteration.rounds')}>
        <NumberField
          label={t('studio.loop.count')}
          value={number(data.loop_count, 10)}
          min={1}
          max={100}
          onChange={(loop_count) => set({ ...data, loop_count }, 'count')}
          disabled={disabled}
        />
      </Section>
    </>
  );
}
