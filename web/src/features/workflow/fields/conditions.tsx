import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Segmented } from '@/components/ui/segmented';
import { Select } from '@/components/ui/select';
import { FILE_ATTRIBUTES } from '../graph/outputs';
import { lookUp } from '../graph/scope';
import { type Data, list, record, records, selectorOf, text } from '../graph/types';
import { ATTRIBUTE_VALUES, attributeOperators, operatorsOf, UNARY } from './operators';
import { AddButton, Check, RemoveButton, replaced, without } from './parts';
import { useScope } from './scope';
import { SelectorField } from './selector-field';
import { TemplateField } from './template-field';

interface ConditionsProps {
  logic: unknown;
  conditions: unknown;
  onChange: (change: { logic?: 'and' | 'or'; conditions?: Data[] }, step?: string) => void;
  /** Of loops: what lies inside of them. */
  inside?: boolean;
  disabled: boolean;
}

const newId = () => crypto.randomUUID();

/** Conditions over variables, joined by AND or OR. */
export function Conditions({ logic, conditions: given, onChange, inside = false, disabled }: ConditionsProps) {
  const { t } = useTranslation();
  const conditions = records(given);
  return (
    <div className="space-y-2">
      {conditions.length > 1 && (
        <Segmented
          label={t('studio.cond.logic')}
          value={logic === 'or' ? 'or' : 'and'}
          onChange={(next) => onChange({ logic: next })}
          disabled={disabled}
          options={[
            { value: 'and', label: t('studio.cond.and') },
            { value: 'or', label: t('studio.cond.or') },
          ]}
        />
      )}
      <ul className="space-y-1.5">
        {conditions.map((condition, i) => (
          <Condition
            key={text(condition.id) || i}
            condition={condition}
            onChange={(next, step) => onChange({ conditions: replaced(conditions, i, next) }, step && `${i}.${step}`)}
            onRemove={() => onChange({ conditions: without(conditions, i) })}
            inside={inside}
            disabled={disabled}
          />
        ))}
      </ul>
      <AddButton
        label={t('studio.cond.add')}
        disabled={disabled}
        onClick={() =>
          onChange({
            conditions: [
              ...conditions,
              { id: newId(), variable_selector: [], comparison_operator: 'contains', value: '', varType: 'string' },
            ],
          })
        }
      />
    </div>
  );
}

interface ConditionProps {
  condition: Data;
  onChange: (condition: Data, step?: string) => void;
  onRemove: () => void;
  inside: boolean;
  disabled: boolean;
}

function Condition({ condition, onChange, onRemove, inside, disabled }: ConditionProps) {
  const { t } = useTranslation();
  const scope = useScope(inside);
  const selector = selectorOf(condition.variable_selector);
  const type = lookUp(scope, selector)?.type ?? (text(condition.varType) || 'any');
  const operator = text(condition.comparison_operator);
  const byAttribute = type === 'array[file]' && ['contains', 'not contains', 'all of'].includes(operator);
  const known = operatorsOf(type);
  const choose = (variable_selector: string[], varType: string) => {
    const operators = operatorsOf(varType);
    const comparison_operator = operators.includes(operator) ? operator : (operators[0] ?? 'contains');
    const { sub_variable_condition: _, ...rest } = condition;
    const value = varType === 'boolean' ? true : text(condition.value);
    onChange({ ...rest, variable_selector, varType, comparison_operator, value });
  };
  return (
    <li className="rounded-lg border border-line bg-sunken/50 p-2">
      <div className="flex gap-1.5">
        <SelectorField
          className="grow"
          label={t('studio.cond.variable')}
          value={selector}
          onChange={choose}
          inside={inside}
          disabled={disabled}
        />
        <RemoveButton label={t('studio.cond.one')} onClick={onRemove} disabled={disabled} />
      </div>
      <div className="mt-1.5 flex items-start gap-1.5">
        <Select
          size="sm"
          className="w-34 shrink-0 px-2"
          aria-label={t('studio.cond.operator')}
          value={operator}
          onValueChange={(comparison_operator) => onChange({ ...condition, comparison_operator })}
          disabled={disabled}
          options={(known.includes(operator) || !operator ? known : [operator, ...known]).map((one) => ({
            value: one,
            label: operatorLabel(one, t),
          }))}
        />
        {!UNARY.has(operator) && !byAttribute && (
          <Value
            type={type}
            value={condition.value}
            onChange={(value) => onChange({ ...condition, value }, 'value')}
            disabled={disabled}
          />
        )}
      </div>
      {byAttribute && <SubConditions condition={condition} onChange={onChange} disabled={disabled} />}
    </li>
  );
}

const WORDS = {
  contains: 'contains',
  'not contains': 'notContains',
  'start with': 'startWith',
  'end with': 'endWith',
  is: 'is',
  'is not': 'isNot',
  empty: 'empty',
  'not empty': 'notEmpty',
  in: 'in',
  'not in': 'notIn',
  'all of': 'allOf',
  null: 'isNull',
  'not null': 'notNull',
  exists: 'exists',
  'not exists': 'notExists',
} as const;

/** In words where the DSL has words; signs stay signs. */
export function operatorLabel(operator: string, t: TFunction): string {
  const key = WORDS[operator as keyof typeof WORDS];
  return key ? t(`studio.cond.op.${key}`) : operator;
}

interface ValueProps {
  type: string;
  value: unknown;
  onChange: (value: unknown) => void;
  disabled: boolean;
}

function Value({ type, value, onChange, disabled }: ValueProps) {
  const { t } = useTranslation();
  if (type === 'boolean') {
    return (
      <Select
        size="sm"
        aria-label={t('studio.cond.value')}
        value={value === false || value === 'false' || value === '0' ? 'false' : 'true'}
        onValueChange={(next) => onChange(next === 'true')}
        disabled={disabled}
        options={[
          { value: 'true', label: t('studio.cond.yes') },
          { value: 'false', label: t('studio.cond.no') },
        ]}
      />
    );
  }
  return (
    <TemplateField
      isLine
      className="grow"
      label={t('studio.cond.value')}
      placeholder={t('studio.cond.value')}
      value={Array.isArray(value) ? value.join(', ') : value === null || value === undefined ? '' : String(value)}
      onChange={onChange}
      disabled={disabled}
    />
  );
}

/** Conditions on an attribute of the files in a list. */
function SubConditions({ condition, onChange, disabled }: Omit<ConditionProps, 'onRemove' | 'inside'>) {
  const { t } = useTranslation();
  const sub = record(condition.sub_variable_condition);
  const conditions = records(sub.conditions);
  const set = (patch: Data, step?: string) =>
    onChange(
      {
        ...condition,
        sub_variable_condition: {
          case_id: newId(),
          logical_operator: 'and',
          conditions,
          ...sub,
          ...patch,
        },
      },
      step,
    );
  return (
    <div className="mt-2 space-y-1.5 border-l-2 pl-2.5">
      {conditions.map((one, i) => (
        <div key={text(one.id) || i} className="flex items-start gap-1.5">
          <AttributeCondition
            condition={one}
            onChange={(next, step) => set({ conditions: replaced(conditions, i, next) }, step && `sub${i}.${step}`)}
            disabled={disabled}
          />
          <RemoveButton
            label={t('studio.cond.one')}
            onClick={() => set({ conditions: without(conditions, i) })}
            disabled={disabled}
          />
        </div>
      ))}
      <div className="flex items-center gap-2">
        <AddButton
          label={t('studio.cond.attribute')}
          disabled={disabled}
          onClick={() =>
            set({
              conditions: [
                ...conditions,
                { id: newId(), key: 'type', comparison_operator: 'in', value: ['image'], varType: 'string' },
              ],
            })
          }
        />
        {conditions.length > 1 && (
          <Button
            variant="ghost"
            size="xs"
            disabled={disabled}
            onClick={() => set({ logical_operator: sub.logical_operator === 'or' ? 'and' : 'or' })}
          >
            {t(sub.logical_operator === 'or' ? 'studio.cond.or' : 'studio.cond.and')}
          </Button>
        )}
      </div>
    </div>
  );
}

interface AttributeProps {
  condition: Data;
  onChange: (condition: Data, step?: string) => void;
  disabled: boolean;
}

/** A condition on an attribute of a file: `key`, an operator, a value or several. */
export function AttributeCondition({ condition, onChange, disabled }: AttributeProps) {
  const { t } = useTranslation();
  const key = text(condition.key) || 'name';
  const operator = text(condition.comparison_operator);
  const operators = attributeOperators(key);
  const choices = ATTRIBUTE_VALUES[key];
  const chosen = list(condition.value).map(String);
  return (
    <div className="flex min-w-0 grow flex-wrap items-start gap-1.5">
      <Select
        size="sm"
        className="w-28 px-2"
        aria-label={t('studio.cond.attribute')}
        value={key}
        disabled={disabled}
        onValueChange={(next) => {
          const known = attributeOperators(next);
          onChange({
            ...condition,
            key: next,
            comparison_operator: known.includes(operator) ? operator : (known[0] ?? 'is'),
            value: ATTRIBUTE_VALUES[next] ? [] : '',
          });
        }}
        options={FILE_ATTRIBUTES.map((attribute) => ({ value: attribute.name, label: attribute.name }))}
      />
      <Select
        size="sm"
        className="w-30 px-2"
        aria-label={t('studio.cond.operator')}
        value={operator}
        disabled={disabled}
        onValueChange={(comparison_operator) => onChange({ ...condition, comparison_operator })}
        options={(operators.includes(operator) ? operators : [operator, ...operators]).map((one) => ({
          value: one,
          label: operatorLabel(one, t),
        }))}
      />
      {choices ? (
        <span className="flex flex-wrap gap-x-3 gap-y-1 py-1.5">
          {choices.map((choice) => (
            <Check
              key={choice}
              className="gap-1.5 text-xs"
              label={choice}
              checked={chosen.includes(choice)}
              disabled={disabled}
              onChange={(on) =>
                onChange({ ...condition, value: on ? [...chosen, choice] : chosen.filter((one) => one !== choice) })
              }
            />
          ))}
        </span>
      ) : (
        !UNARY.has(operator) && (
          <TemplateField
            isLine
            className="min-w-32 grow"
            label={t('studio.cond.value')}
            value={String(condition.value ?? '')}
            onChange={(value) => onChange({ ...condition, value }, 'value')}
            disabled={disabled}
          />
        )
      )}
    </div>
  );
}
