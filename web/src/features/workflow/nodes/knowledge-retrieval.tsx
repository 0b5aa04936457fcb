import { useTranslation } from 'react-i18next';
import { Input } from '@/components/ui/input';
import { AddButton, Empty, NumberField, RemoveButton, replaced, Section, Toggle, without } from '../fields/parts';
import { SelectorField } from '../fields/selector-field';
import { list, number, record, selectorOf } from '../graph/types';
import type { NodeKind, PanelProps, SummaryProps } from './kind';
import { Course, Named } from './summary';

export const knowledgeRetrieval: NodeKind = {
  type: 'knowledge-retrieval',
  defaults: () => ({
    query_variable_selector: [],
    query_attachment_selector: [],
    dataset_ids: [],
    retrieval_mode: 'multiple',
    multiple_retrieval_config: { top_k: 4, score_threshold: null, reranking_enable: false },
  }),
  Summary: ({ data }: SummaryProps) => (
    <Course>
      <Named selector={selectorOf(data.query_variable_selector)} />
    </Course>
  ),
  Panel,
  catches: true,
  canTry: true,
};

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const ids = list(data.dataset_ids).map(String);
  const config = record(data.multiple_retrieval_config);
  const threshold = config.score_threshold;
  const put = (patch: Record<string, unknown>, step?: string) =>
    set((d) => ({ ...d, retrieval_mode: 'multiple', multiple_retrieval_config: { ...config, ...patch } }), step);
  const write = (dataset_ids: string[], step?: string) => set({ ...data, dataset_ids }, step);
  return (
    <>
      <Section title={t('studio.knowledge.query')}>
        <div className="space-y-2.5">
          <SelectorField
            label={t('studio.knowledge.query')}
            value={selectorOf(data.query_variable_selector)}
            types={['string']}
            onChange={(query_variable_selector) => set({ ...data, query_variable_selector })}
            disabled={disabled}
          />
          <SelectorField
            isLabelled
            isClearable
            label={t('studio.knowledge.pictures')}
            value={selectorOf(data.query_attachment_selector)}
            types={['file', 'array[file]']}
            onChange={(query_attachment_selector) => set({ ...data, query_attachment_selector })}
            disabled={disabled}
          />
        </div>
      </Section>
      <Section
        title={t('studio.knowledge.datasets')}
        hint={t('studio.knowledge.datasetsText')}
        action={<AddButton label={t('common.add')} disabled={disabled} onClick={() => write([...ids, ''])} />}
      >
        {ids.length === 0 ? (
          <Empty>{t('studio.knowledge.empty')}</Empty>
        ) : (
          <ul className="space-y-1.5">
            {ids.map((id, i) => (
              <li key={i} className="flex gap-1.5">
                <Input
                  aria-label={t('studio.knowledge.dataset', { number: i + 1 })}
                  className="h-8 px-2 font-mono text-xs"
                  value={id}
                  disabled={disabled}
                  onChange={(event) => write(replaced(ids, i, event.target.value), `dataset${i}`)}
                />
                <RemoveButton label={id} onClick={() => write(without(ids, i))} disabled={disabled} />
              </li>
            ))}
          </ul>
        )}
      </Section>
      <Section title={t('studio.knowledge.retrieval')}>
        <div className="space-y-2">
          <NumberField
            label={t('studio.knowledge.topK')}
            value={number(config.top_k, 4)}
            min={1}
            max={50}
            onChange={(top_k) => put({ top_k }, 'top_k')}
            disabled={disabled}
          />
          <Toggle
            label={t('studio.knowledge.threshold')}
            checked={typeof threshold === 'number'}
            disabled={disabled}
            onChange={(on) => put({ score_threshold: on ? 0.5 : null })}
          >
            <NumberField
              label={t('studio.knowledge.score')}
              value={number(threshold, 0.5)}
              min={0}
              max={1}
              step={0.05}
              onChange={(score_threshold) => put({ score_threshold }, 'score')}
              disabled={disabled}
            />
          </Toggle>
        </div>
      </Section>
    </>
  );
}
