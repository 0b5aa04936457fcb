import type { TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import { Select } from '@/components/ui/select';
import { jsonObject } from '@/lib/json';
import { CodeField } from '../fields/code-field';
import { AddButton, Empty, RemoveButton, replaced, Section, without } from '../fields/parts';
import { useScope } from '../fields/scope';
import { SelectorField } from '../fields/selector-field';
import { TemplateField } from '../fields/template-field';
import { itemType } from '../graph/outputs';
import { lookUp, type Source } from '../graph/scope';
import { type Data, records, selectorOf, text } from '../graph/types';
import type { NodeKind, PanelProps, SummaryProps } from './kind';
import { Course, Named } from './summary';

export const assigner: NodeKind = {
  type: 'assigner',
  defaults: () => ({ version: '2', items: [] }),
  Summary,
  Panel,
  canTry: true,
};

/** Files of the first version set one variable. */
function itemsOf(data: Data): Data[] {
  if (Array.isArray(data.items) || data.assigned_variable_selector === undefined) return records(data.items);
  return [
    {
      variable_selector: data.assigned_variable_selector,
      input_type: 'variable',
      operation: text(data.write_mode, 'over-write'),
      value: data.input_variable_selector,
    },
  ];
}

const WORDS = {
  'over-write': 'overwrite',
  set: 'set',
  clear: 'clear',
  append: 'append',
  extend: 'extend',
  'remove-first': 'removeFirst',
  'remove-last': 'removeLast',
} as const;

function operationsOf(type: string): string[] {
  if (type === 'number') return ['over-write', 'set', 'clear', '+=', '-=', '*=', '/='];
  if (type.startsWith('array')) return ['over-write', 'clear', 'append', 'extend', 'remove-first', 'remove-last'];
  if (type === 'any')
    return ['over-write', 'set', 'clear', 'append', 'extend', '+=', '-=', '*=', '/=', 'remove-first', 'remove-last'];
  return ['over-write', 'set', 'clear'];
}

/** What a fixed value begins with; objects are written as JSON. */
const ZERO: Record<string, unknown> = { number: 0, boolean: false, object: '{}' };

const NO_VALUE = new Set(['clear', 'remove-first', 'remove-last']);
const ARITHMETIC = new Set(['+=', '-=', '*=', '/=']);

const wordOf = (operation: string, t: TFunction) => {
  const key = WORDS[operation as keyof typeof WORDS];
  return key ? t(`studio.assigner.op.${key}`) : operation;
};

function Summary({ data }: SummaryProps) {
  const { t } = useTranslation();
  return itemsOf(data).map((item, i) => (
    <Course key={i}>
      <Named selector={selectorOf(item.variable_selector)} />
      <span className="ml-auto shrink-0 text-2xs text-ink-3">{wordOf(text(item.operation), t)}</span>
    </Course>
  ));
}

/** What can be set: conversation variables, and those of the loops around. */
const settable = (sources: Source[]) =>
  sources.filter((source) => source.id === 'conversation' || source.type === 'loop');

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const scope = useScope();
  const targets = settable(scope);
  const items = itemsOf(data);
  const write = (next: Data[], step?: string) =>
    set((d) => {
      const { assigned_variable_selector: _, write_mode: __, input_variable_selector: ___, ...rest } = d;
      return { ...rest, version: '2', items: next };
    }, step);
  return (
    <Section
      title={t('studio.assigner.title')}
      hint={t('studio.assigner.text')}
      action={
        <AddButton
          label={t('common.add')}
          disabled={disabled}
          onClick={() =>
            write([...items, { variable_selector: [], input_type: 'variable', operation: 'over-write', value: [] }])
          }
        />
      }
    >
      {items.length === 0 ? (
        <Empty>{t(targets.length === 0 ? 'studio.assigner.noTargets' : 'studio.assigner.empty')}</Empty>
      ) : (
        <ul className="space-y-2">
          {items.map((item, i) => {
            const selector = selectorOf(item.variable_selector);
            const type = lookUp(targets, selector)?.type ?? 'any';
            const operation = text(item.operation);
            const put = (patch: Data, step?: string) => write(replaced(items, i, { ...item, ...patch }), step);
            return (
              <li key={i} className="space-y-1.5 rounded-lg border border-line bg-sunken/50 p-2">
                <div className="flex gap-1.5">
                  <SelectorField
                    className="grow"
                    label={t('studio.assigner.target')}
                    value={selector}
                    sources={targets}
                    onChange={(variable_selector, next) => {
                      const known = operationsOf(next);
                      const kept = known.includes(operation) ? operation : 'over-write';
                      put({
                        variable_selector,
                        operation: kept,
                        ...(kept === operation ? {} : { input_type: 'variable', value: [] }),
                      });
                    }}
                    disabled={disabled}
                  />
                  <RemoveButton
                    label={selector.join('.')}
                    onClick={() => write(without(items, i))}
                    disabled={disabled}
                  />
                </div>
                <Select
                  size="sm"
                  aria-label={t('studio.assigner.operation')}
                  value={operation}
                  disabled={disabled}
                  onValueChange={(next) => {
                    const isConstant = next === 'set' || ARITHMETIC.has(next);
                    put({
                      operation: next,
                      input_type: NO_VALUE.has(next) || !isConstant ? 'variable' : 'constant',
                      value: NO_VALUE.has(next) ? null : isConstant ? (ZERO[type] ?? '') : [],
                    });
                  }}
                  options={operationsOf(type).map((one) => ({ value: one, label: wordOf(one, t) }))}
                />
                {!NO_VALUE.has(operation) && (
                  <Operand item={item} type={type} put={put} index={i} disabled={disabled} />
                )}
              </li>
            );
          })}
        </ul>
      )}
    </Section>
  );
}

interface OperandProps {
  item: Data;
  type: string;
  put: (patch: Data, step?: string) => void;
  index: number;
  disabled: boolean;
}

function Operand({ item, type, put, index, disabled }: OperandProps) {
  const { t } = useTranslation();
  const operation = text(item.operation);
  if (item.input_type !== 'constant') {
    const wanted = type === 'any' ? undefined : operation === 'append' ? [itemType(type)] : [type];
    return (
      <SelectorField
        label={t('studio.assigner.value')}
        value={selectorOf(item.value)}
        types={wanted}
        onChange={(value) => put({ value })}
        disabled={disabled}
      />
    );
  }
  if (type === 'boolean') {
    return (
      <Select
        size="sm"
        aria-label={t('studio.assigner.value')}
        value={item.value === true ? 'true' : 'false'}
        onValueChange={(value) => put({ value: value === 'true' })}
        disabled={disabled}
        options={[
          { value: 'true', label: t('studio.cond.yes') },
          { value: 'false', label: t('studio.cond.no') },
        ]}
      />
    );
  }
  if (type === 'object') {
    const written = typeof item.value === 'string' ? item.value : JSON.stringify(item.value ?? {}, null, 2);
    return (
      <CodeField
        label={t('studio.assigner.value')}
        language="json"
        value={written}
        problem={jsonObject(written) ? null : t('studio.fields.badValue', { type })}
        onChange={(value) => put({ value }, `value${index}`)}
        minRows={4}
        disabled={disabled}
      />
    );
  }
  return (
    <TemplateField
      isLine
      label={t('studio.assigner.value')}
      placeholder={t('studio.assigner.value')}
      value={String(item.value ?? '')}
      onChange={(value) =>
        put(
          { value: type === 'number' && value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value },
          `value${index}`,
        )
      }
      disabled={disabled}
    />
  );
}
