import { useTranslation } from 'react-i18next';
import { CodeBlock } from '@/components/code-block';
import { Section } from '../fields/parts';
import type { PanelProps } from './kind';

/** A kind that this studio does not know: it is kept as it came. */
export function UnknownPanel({ data }: PanelProps) {
  const { t } = useTranslation();
  return (
    <Section title={t('studio.unknown.title')} hint={t('studio.unknown.text', { type: String(data.type) })}>
      <CodeBlock code={JSON.stringify(data, null, 2)} />
    </Section>
  );
}
