import { useTranslation } from 'react-i18next';
import { CodeField } from '../fields/code-field';
import { NamedSelectors } from '../fields/named-selectors';
import { Section } from '../fields/parts';
import { text } from '../graph/types';
import type { NodeKind, PanelProps, SummaryProps } from './kind';
import { Course, plain } from './summary';

export const templateTransform: NodeKind = {
  type: 'template-transform',
  defaults: () => ({ template: '{{ text }}', variables: [{ variable: 'text', value_selector: [] }] }),
  Summary,
  Panel,
  catches: true,
  canTry: true,
};

function Summary({ data }: SummaryProps) {
  const shown = plain(text(data.template));
  return shown ? (
    <Course>
      <span className="line-clamp-2 break-words font-mono text-[0.6875rem] text-ink-3">{shown}</span>
    </Course>
  ) : null;
}

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  return (
    <>
      <NamedSelectors
        title={t('studio.code.inputs')}
        hint={t('studio.template.inputsText', { example: '{{ name }}' })}
        empty={t('studio.code.inputsEmpty')}
        base="value"
        isTyped
        value={data.variables}
        onChange={(variables, step) => set({ ...data, variables }, step)}
        disabled={disabled}
      />
      <Section title={t('studio.template.title')} hint={t('studio.template.text')}>
        <CodeField
          label="Jinja"
          language="jinja2"
          value={text(data.template)}
          onChange={(template) => set({ ...data, template }, 'template')}
          minRows={8}
          disabled={disabled}
        />
      </Section>
    </>
  );
}
