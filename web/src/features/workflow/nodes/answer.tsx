import { useTranslation } from 'react-i18next';
import { Section } from '../fields/parts';
import { TemplateField } from '../fields/template-field';
import { text } from '../graph/types';
import type { NodeKind, PanelProps, SummaryProps } from './kind';
import { Course, plain } from './summary';

export const answer: NodeKind = { type: 'answer', defaults: () => ({ answer: '' }), Summary, Panel };

function Summary({ data }: SummaryProps) {
  const shown = plain(text(data.answer), 120);
  return shown ? (
    <Course>
      <span className="line-clamp-3 break-words text-ink-3">{shown}</span>
    </Course>
  ) : null;
}

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  return (
    <Section title={t('studio.answer.title')} hint={t('studio.answer.text')}>
      <TemplateField
        label={t('studio.answer.title')}
        value={text(data.answer)}
        minRows={6}
        placeholder={t('studio.answer.placeholder')}
        onChange={(next) => set({ ...data, answer: next }, 'answer')}
        disabled={disabled}
      />
    </Section>
  );
}
