import { useTranslation } from 'react-i18next';
import { Conditions } from '../fields/conditions';
import { AddButton, RemoveButton, replaced, Section, without } from '../fields/parts';
import { type Data, records, text } from '../graph/types';
import type { NodeKind, PanelProps } from './kind';

export const ifElse: NodeKind = {
  type: 'if-else',
  defaults: () => ({ cases: [{ case_id: 'true', logical_operator: 'and', conditions: [] }] }),
  Panel,
  canTry: true,
};

/** Older files have their one case on the node itself. */
export function casesOf(data: Data): Data[] {
  if (Array.isArray(data.cases)) return records(data.cases);
  return [{ case_id: 'true', logical_operator: data.logical_operator, conditions: records(data.conditions) }];
}

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const cases = casesOf(data);
  const write = (next: Data[], step?: string) =>
    set((d) => {
      const { conditions: _, logical_operator: __, ...rest } = d;
      return { ...rest, cases: next };
    }, step);
  return (
    <>
      {cases.map((one, i) => (
        <Section
          key={text(one.case_id) || i}
          title={t(i === 0 ? 'studio.cond.if' : 'studio.cond.elif', { number: i + 1 })}
          action={
            cases.length > 1 && (
              <RemoveButton
                label={t(i === 0 ? 'studio.cond.if' : 'studio.cond.elif', { number: i + 1 })}
                onClick={() => write(without(cases, i))}
                disabled={disabled}
              />
            )
          }
        >
          <Conditions
            logic={one.logical_operator}
            conditions={one.conditions}
            onChange={({ logic, conditions }, step) =>
              write(
                replaced(cases, i, {
                  ...one,
                  ...(logic ? { logical_operator: logic } : {}),
                  ...(conditions ? { conditions } : {}),
                }),
                step && `case${i}.${step}`,
              )
            }
            disabled={disabled}
          />
        </Section>
      ))}
      <Section title={t('studio.cond.else')} hint={t('studio.cond.elseText')}>
        <AddButton
          label={t('studio.cond.addCase')}
          disabled={disabled}
          onClick={() => {
            const case_id = crypto.randomUUID();
            write([...cases, { id: case_id, case_id, logical_operator: 'and', conditions: [] }]);
          }}
        />
      </Section>
    </>
  );
}
