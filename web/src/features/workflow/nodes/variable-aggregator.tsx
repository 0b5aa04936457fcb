import { useTranslation } from 'react-i18next';
import { AddButton, freeName, NameField, RemoveButton, replaced, Section, Toggle, without } from '../fields/parts';
import { SelectorField } from '../fields/selector-field';
import { type Data, list, record, records, selectorOf, text } from '../graph/types';
import type { NodeKind, PanelProps, SummaryProps } from './kind';
import { Course, Named } from './summary';

export const variableAggregator: NodeKind = {
  type: 'variable-aggregator',
  defaults: () => ({ output_type: 'any', variables: [] }),
  Summary,
  Panel,
  canTry: true,
};

const groupsOf = (data: Data) => {
  const settings = record(data.advanced_settings);
  return settings.group_enabled === true ? records(settings.groups) : null;
};

function Summary({ data }: SummaryProps) {
  const groups = groupsOf(data) ?? [{ group_name: '', variables: data.variables }];
  return groups.map((group, g) => (
    <div key={g}>
      {text(group.group_name) && <Course className="font-mono text-[0.6875rem]">{text(group.group_name)}</Course>}
      {list(group.variables)
        .slice(0, 4)
        .map((selector, i) => (
          <Course key={i}>
            <Named selector={selectorOf(selector)} />
          </Course>
        ))}
    </div>
  ));
}

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const groups = groupsOf(data);
  const settings = record(data.advanced_settings);
  const names = (groups ?? []).map((group) => text(group.group_name));
  const setGroups = (next: Data[], step?: string) =>
    set({ ...data, advanced_settings: { ...settings, groups: next } }, step);
  const newGroup = (variables: unknown, output_type: unknown): Data => ({
    groupId: crypto.randomUUID(),
    group_name: freeName('Group1', names),
    output_type,
    variables,
  });
  return (
    <>
      {groups ? (
        groups.map((group, i) => (
          <Section
            key={text(group.groupId) || i}
            title={text(group.group_name)}
            action={
              groups.length > 1 && (
                <RemoveButton
                  label={text(group.group_name)}
                  onClick={() => setGroups(without(groups, i))}
                  disabled={disabled}
                />
              )
            }
          >
            <div className="space-y-2">
              <NameField
                label={t('studio.aggregator.group')}
                value={text(group.group_name)}
                taken={names.filter((_, other) => other !== i)}
                onChange={(group_name) => setGroups(replaced(groups, i, { ...group, group_name }), `group${i}`)}
                disabled={disabled}
              />
              <Candidates
                type={text(group.output_type)}
                variables={group.variables}
                onChange={(patch) => setGroups(replaced(groups, i, { ...group, ...patch }))}
                disabled={disabled}
              />
            </div>
          </Section>
        ))
      ) : (
        <Section title={t('studio.aggregator.title')} hint={t('studio.aggregator.text')}>
          <Candidates
            type={text(data.output_type)}
            variables={data.variables}
            onChange={(patch) => set({ ...data, ...patch })}
            disabled={disabled}
          />
        </Section>
      )}
      <Section title={t('studio.aggregator.groups')}>
        <Toggle
          label={t('studio.aggregator.grouped')}
          hint={t('studio.aggregator.groupedText')}
          checked={groups !== null}
          disabled={disabled}
          onChange={(group_enabled) =>
            set({
              ...data,
              advanced_settings: {
                ...settings,
                group_enabled,
                groups:
                  records(settings.groups).length > 0 ? settings.groups : [newGroup(data.variables, data.output_type)],
              },
            })
          }
        >
          <AddButton
            label={t('studio.aggregator.addGroup')}
            disabled={disabled}
            onClick={() => setGroups([...(groups ?? []), newGroup([], 'any')])}
          />
        </Toggle>
      </Section>
    </>
  );
}

interface CandidatesProps {
  type: string;
  variables: unknown;
  onChange: (patch: { variables: string[][]; output_type: string }) => void;
  disabled: boolean;
}

/** Variables of one type: the first that exists is taken. */
function Candidates({ type, variables, onChange, disabled }: CandidatesProps) {
  const { t } = useTranslation();
  const chosen = list(variables).map(selectorOf);
  const kind = type === 'any' || chosen.length === 0 ? undefined : [type];
  return (
    <ul className="space-y-1.5">
      {[...chosen, ...(disabled ? [] : [[]])].map((selector, i) => (
        <li key={i} className="flex gap-1.5">
          <SelectorField
            className="grow"
            label={t('studio.aggregator.one', { number: i + 1 })}
            value={selector}
            types={i === 0 && chosen.length <= 1 ? undefined : kind}
            onChange={(next, nextType) =>
              onChange({
                variables: i < chosen.length ? replaced(chosen, i, next) : [...chosen, next],
                output_type: chosen.length <= (i < chosen.length ? 1 : 0) ? nextType : type || nextType,
              })
            }
            disabled={disabled}
          />
          {i < chosen.length && (
            <RemoveButton
              label={selector.join('.')}
              onClick={() => onChange({ variables: without(chosen, i), output_type: type })}
              disabled={disabled}
            />
          )}
        </li>
      ))}
    </ul>
  );
}
