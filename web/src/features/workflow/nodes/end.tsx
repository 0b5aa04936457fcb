import { useTranslation } from 'react-i18next';
import { NamedSelectors } from '../fields/named-selectors';
import { records, selectorOf, text } from '../graph/types';
import type { NodeKind, PanelProps, SummaryProps } from './kind';
import { Course, Named } from './summary';

export const end: NodeKind = { type: 'end', defaults: () => ({ outputs: [] }), Summary, Panel };

function Summary({ data }: SummaryProps) {
  return records(data.outputs).map((output, i) => (
    <Course key={i}>
      <code className="shrink-0 font-mono text-[0.6875rem] text-ink">{text(output.variable)}</code>
      <span className="text-ink-3">←</span>
      <Named selector={selectorOf(output.value_selector)} />
    </Course>
  ));
}

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  return (
    <NamedSelectors
      title={t('studio.end.outputs')}
      hint={t('studio.end.text')}
      empty={t('studio.end.empty')}
      base="result"
      isTyped
      value={data.outputs}
      onChange={(outputs, step) => set({ ...data, outputs }, step)}
      disabled={disabled}
    />
  );
}
