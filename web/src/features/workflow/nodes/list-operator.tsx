import { useTranslation } from 'react-i18next';
import { Segmented } from '@/components/ui/segmented';
import { Select } from '@/components/ui/select';
import { AttributeCondition, operatorLabel } from '../fields/conditions';
import { operatorsOf, UNARY } from '../fields/operators';
import { AddButton, NumberField, RemoveButton, replaced, Section, Toggle, without } from '../fields/parts';
import { SelectorField } from '../fields/selector-field';
import { TemplateField } from '../fields/template-field';
import { FILE_ATTRIBUTES, itemType } from '../graph/outputs';
import { type Data, number, record, records, selectorOf, text } from '../graph/types';
import type { NodeKind, PanelProps, SummaryProps } from './kind';
import { Course, Named } from './summary';

export const listOperator: NodeKind = {
  type: 'list-operator',
  defaults: () => ({
    variable: [],
    filter_by: { enabled: false, conditions: [] },
    extract_by: { enabled: false, serial: '1' },
    order_by: { enabled: false, key: '', value: 'asc' },
    limit: { enabled: false, size: 10 },
  }),
  Summary: ({ data }: SummaryProps) => (
    <Course>
      <Named selector={selectorOf(data.variable)} />
    </Course>
  ),
  Panel,
  catches: true,
  canTry: true,
};

const LISTS = ['array[string]', 'array[number]', 'array[boolean]', 'array[file]', 'array'];

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const item = text(data.item_var_type) || 'string';
  const isFile = item === 'file';
  const filter = record(data.filter_by);
  const conditions = records(filter.conditions);
  const extract = record(data.extract_by);
  const order = record(data.order_by);
  const limit = record(data.limit);
  const put = (key: string, old: Data, patch: Data, step?: string) =>
    set((d) => ({ ...d, [key]: { ...old, ...patch } }), step);
  const setConditions = (next: Data[], step?: string) => put('filter_by', filter, { conditions: next }, step);
  return (
    <>
      <Section title={t('studio.lists.variable')}>
        <SelectorField
          label={t('studio.lists.variable')}
          value={selectorOf(data.variable)}
          types={LISTS}
          onChange={(variable, type) => set({ ...data, variable, var_type: type, item_var_type: itemType(type) })}
          disabled={disabled}
        />
      </Section>
      <Section title={t('studio.lists.steps')} hint={t('studio.lists.stepsText')}>
        <div className="space-y-3.5">
          <Toggle
            label={t('studio.lists.filter')}
            checked={filter.enabled === true}
            disabled={disabled}
            onChange={(enabled) => put('filter_by', filter, { enabled })}
          >
            {conditions.map((one, i) => (
              <div key={i} className="flex items-start gap-1.5">
                {isFile ? (
                  <AttributeCondition
                    condition={one}
                    onChange={(next, step) =>
                      setConditions(replaced(conditions, i, next), step && `filter${i}.${step}`)
                    }
                    disabled={disabled}
                  />
                ) : (
                  <ItemCondition
                    type={item}
                    condition={one}
                    onChange={(next, step) =>
                      setConditions(replaced(conditions, i, next), step && `filter${i}.${step}`)
                    }
                    disabled={disabled}
                  />
                )}
                <RemoveButton
                  label={t('studio.cond.one')}
                  onClick={() => setConditions(without(conditions, i))}
                  disabled={disabled}
                />
              </div>
            ))}
            <AddButton
              label={t('studio.cond.add')}
              disabled={disabled}
              onClick={() =>
                setConditions([
                  ...conditions,
                  isFile
                    ? { key: 'type', comparison_operator: 'in', value: ['image'] }
                    : { key: '', comparison_operator: operatorsOf(item)[0] ?? 'is', value: '' },
                ])
              }
            />
          </Toggle>
          <Toggle
            label={t('studio.lists.extract')}
            checked={extract.enabled === true}
            disabled={disabled}
            onChange={(enabled) => put('extract_by', extract, { enabled, serial: extract.serial ?? '1' })}
          >
            <TemplateField
              isLine
              label={t('studio.lists.serial')}
              placeholder="1"
              value={String(extract.serial ?? '')}
              onChange={(serial) => put('extract_by', extract, { serial }, 'serial')}
              disabled={disabled}
            />
          </Toggle>
          <Toggle
            label={t('studio.lists.order')}
            checked={order.enabled === true}
            disabled={disabled}
            onChange={(enabled) =>
              put('order_by', order, { enabled, ...(isFile && !order.key ? { key: 'name' } : {}) })
            }
          >
            <div className="flex items-center gap-2">
              {isFile && (
                <Select
                  size="sm"
                  aria-label={t('studio.lists.orderKey')}
                  value={text(order.key) || 'name'}
                  onValueChange={(key) => put('order_by', order, { key })}
                  disabled={disabled}
                  options={FILE_ATTRIBUTES.map((attribute) => ({ value: attribute.name, label: attribute.name }))}
                />
              )}
              <Segmented
                label={t('studio.lists.order')}
                value={order.value === 'desc' ? 'desc' : 'asc'}
                onChange={(value) => put('order_by', order, { value })}
                disabled={disabled}
                options={[
                  { value: 'asc', label: t('studio.lists.asc') },
                  { value: 'desc', label: t('studio.lists.desc') },
                ]}
              />
            </div>
          </Toggle>
          <Toggle
            label={t('studio.lists.limit')}
            checked={limit.enabled === true}
            disabled={disabled}
            onChange={(enabled) => put('limit', limit, { enabled, size: number(limit.size, 10) })}
          >
            <NumberField
              label={t('studio.lists.size')}
              value={number(limit.size, 10)}
              min={1}
              max={1000}
              onChange={(size) => put('limit', limit, { size }, 'size')}
              disabled={disabled}
            />
          </Toggle>
        </div>
      </Section>
    </>
  );
}

interface ItemConditionProps {
  type: string;
  condition: Data;
  onChange: (condition: Data, step?: string) => void;
  disabled: boolean;
}

function ItemCondition({ type, condition, onChange, disabled }: ItemConditionProps) {
  const { t } = useTranslation();
  const operator = text(condition.comparison_operator);
  const known = operatorsOf(type);
  return (
    <div className="flex min-w-0 grow items-start gap-1.5">
      <Select
        size="sm"
        className="w-34 shrink-0 px-2"
        aria-label={t('studio.cond.operator')}
        value={operator}
        disabled={disabled}
        onValueChange={(comparison_operator) => onChange({ ...condition, comparison_operator })}
        options={(known.includes(operator) ? known : [operator, ...known]).map((one) => ({
          value: one,
          label: operatorLabel(one, t),
        }))}
      />
      {!UNARY.has(operator) && (
        <TemplateField
          isLine
          className="grow"
          label={t('studio.cond.value')}
          value={String(condition.value ?? '')}
          onChange={(value) => onChange({ ...condition, value }, 'value')}
          disabled={disabled}
        />
      )}
    </div>
  );
}
