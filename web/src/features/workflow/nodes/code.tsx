import { useTranslation } from 'react-i18next';
import { Segmented } from '@/components/ui/segmented';
import { Select } from '@/components/ui/select';
import { CodeField } from '../fields/code-field';
import { NamedSelectors } from '../fields/named-selectors';
import { AddButton, Empty, freeName, NameField, RemoveButton, Section } from '../fields/parts';
import { renameVariable, updateData } from '../graph/edit';
import { type Data, record, records, text } from '../graph/types';
import { useStudioStore } from '../store';
import type { NodeKind, PanelProps, SummaryProps } from './kind';
import { Course } from './summary';

const PYTHON = `def main(text: str) -> dict:
    return {"result": text.strip()}
`;
const JAVASCRIPT = `function main({ text }) {
  return { result: text.trim() };
}
`;
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

export const code: NodeKind = {
  type: 'code',
  defaults: () => ({
    code_language: 'python3',
    code: PYTHON,
    variables: [{ variable: 'text', value_selector: [] }],
    outputs: { result: { type: 'string', children: null } },
  }),
  Summary,
  Panel,
  catches: true,
  retries: true,
  canTry: true,
};

function Summary({ data }: SummaryProps) {
  const outputs = Object.keys(record(data.outputs));
  return (
    <Course>
      <span className="font-medium">{data.code_language === 'javascript' ? 'JavaScript' : 'Python'}</span>
      <span className="min-w-0 truncate text-ink-3">
        {records(data.variables)
          .map((one) => text(one.variable))
          .join(', ')}{' '}
        → {outputs.join(', ')}
      </span>
    </Course>
  );
}

function Panel({ id, data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const language = data.code_language === 'javascript' ? 'javascript' : 'python3';
  const isUntouched = data.code === PYTHON || data.code === JAVASCRIPT || !text(data.code).trim();
  return (
    <>
      <NamedSelectors
        title={t('studio.code.inputs')}
        hint={t(language === 'javascript' ? 'studio.code.inputsTextJs' : 'studio.code.inputsText')}
        empty={t('studio.code.inputsEmpty')}
        base="value"
        isTyped
        value={data.variables}
        onChange={(variables, step) => set({ ...data, variables }, step)}
        disabled={disabled}
      />
      <Section
        title={t('studio.code.code')}
        action={
          <Segmented
            label={t('studio.code.language')}
            value={language}
            disabled={disabled}
            onChange={(code_language) =>
              set({
                ...data,
                code_language,
                ...(isUntouched ? { code: code_language === 'javascript' ? JAVASCRIPT : PYTHON } : {}),
              })
            }
            options={[
              { value: 'python3', label: 'Python' },
              { value: 'javascript', label: 'JavaScript' },
            ]}
          />
        }
      >
        <CodeField
          label="main"
          language={language}
          value={text(data.code)}
          onChange={(next) => set({ ...data, code: next }, 'code')}
          minRows={10}
          disabled={disabled}
        />
      </Section>
      <Outputs id={id} data={data} set={set} disabled={disabled} />
    </>
  );
}

function Outputs({ id, data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const store = useStudioStore();
  const outputs = Object.entries(record(data.outputs));
  const names = outputs.map(([name]) => name);
  const write = (next: [string, unknown][]) => set({ ...data, outputs: Object.fromEntries(next) });
  const rename = (i: number, name: string) => {
    const before = names[i];
    if (before === undefined) return;
    store.getState().editGraph((graph) => {
      const renamed = renameVariable(graph, id, before, name);
      const next = Object.fromEntries(outputs.map(([old, output], other) => [other === i ? name : old, output]));
      return updateData(renamed, id, (now) => ({ ...now, outputs: next }));
    }, `${id}.output${i}`);
  };
  return (
    <Section
      title={t('studio.code.outputs')}
      hint={t('studio.code.outputsText')}
      action={
        <AddButton
          label={t('common.add')}
          disabled={disabled}
          onClick={() => write([...outputs, [freeName('result', names), { type: 'string', children: null }]])}
        />
      }
    >
      {outputs.length === 0 ? (
        <Empty>{t('studio.code.outputsEmpty')}</Empty>
      ) : (
        <ul className="space-y-1.5">
          {outputs.map(([name, output], i) => (
            <li key={i} className="flex items-start gap-1.5">
              <NameField
                label={t('studio.code.output')}
                className="grow"
                value={name}
                taken={names.filter((_, other) => other !== i)}
                onChange={(next) => rename(i, next)}
                disabled={disabled}
              />
              <Select
                size="sm"
                className="w-36 shrink-0 px-2"
                aria-label={`${t('editor.variableType')}: ${name}`}
                value={text(record(output).type)}
                onValueChange={(type) =>
                  write(
                    outputs.map((old, other): [string, Data | unknown] =>
                      other === i ? [name, { ...record(output), type }] : old,
                    ),
                  )
                }
                disabled={disabled}
                options={TYPES.map((type) => ({ value: type, label: type }))}
              />
              <RemoveButton
                label={name}
                onClick={() => write(outputs.filter((_, other) => other !== i))}
                disabled={disabled}
              />
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
