import { useTranslation } from 'react-i18next';
import { Section } from '../fields/parts';
import { SelectorField } from '../fields/selector-field';
import { selectorOf } from '../graph/types';
import type { NodeKind, PanelProps, SummaryProps } from './kind';
import { Course, Named } from './summary';

export const documentExtractor: NodeKind = {
  type: 'document-extractor',
  defaults: () => ({ variable_selector: [], is_array_file: false }),
  Summary: ({ data }: SummaryProps) => (
    <Course>
      <Named selector={selectorOf(data.variable_selector)} />
    </Course>
  ),
  Panel,
  catches: true,
  canTry: true,
};

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  return (
    <Section title={t('studio.document.file')} hint={t('studio.document.text')}>
      <SelectorField
        label={t('studio.document.file')}
        value={selectorOf(data.variable_selector)}
        types={['file', 'array[file]']}
        onChange={(variable_selector, type) =>
          set({ ...data, variable_selector, is_array_file: type.startsWith('array') })
        }
        disabled={disabled}
      />
    </Section>
  );
}
