import { useTranslation } from 'react-i18next';
import { type Data, records, selectorOf, text } from '../graph/types';
import { AddButton, Empty, freeName, NameField, RemoveButton, replaced, Section, without } from './parts';
import { SelectorField } from './selector-field';

interface NamedSelectorsProps {
  title: string;
  hint?: string;
  empty: string;
  value: unknown;
  onChange: (variables: Data[], step?: string) => void;
  /** Of new ones. */
  base: string;
  /** `value_type` is kept beside the selector. */
  isTyped?: boolean;
  disabled: boolean;
}

/** Variables under names of the node's own: what code, templates and ends take. */
export function NamedSelectors({ title, hint, empty, value, onChange, base, isTyped, disabled }: NamedSelectorsProps) {
  const { t } = useTranslation();
  const variables = records(value);
  const names = variables.map((one) => text(one.variable));
  return (
    <Section
      title={title}
      hint={hint}
      action={
        <AddButton
          label={t('common.add')}
          disabled={disabled}
          onClick={() => onChange([...variables, { variable: freeName(base, names), value_selector: [] }])}
        />
      }
    >
      {variables.length === 0 ? (
        <Empty>{empty}</Empty>
      ) : (
        <ul className="space-y-1.5">
          {variables.map((one, i) => (
            <li key={i} className="flex items-start gap-1.5">
              <NameField
                label={t('editor.variableName')}
                className="w-28 shrink-0"
                value={text(one.variable)}
                taken={names.filter((_, other) => other !== i)}
                onChange={(variable) => onChange(replaced(variables, i, { ...one, variable }), `name${i}`)}
                disabled={disabled}
              />
              <SelectorField
                className="grow"
                label={text(one.variable)}
                value={selectorOf(one.value_selector)}
                onChange={(value_selector, type) =>
                  onChange(replaced(variables, i, { ...one, value_selector, ...(isTyped ? { value_type: type } : {}) }))
                }
                disabled={disabled}
              />
              <RemoveButton
                label={text(one.variable)}
                onClick={() => onChange(without(variables, i))}
                disabled={disabled}
              />
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
