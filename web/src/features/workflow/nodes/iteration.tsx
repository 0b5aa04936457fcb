import { useTranslation } from 'react-i18next';
import { Select } from '@/components/ui/select';
import { NumberField, Section, Toggle } from '../fields/parts';
import { SelectorField } from '../fields/selector-field';
import { arrayOf } from '../graph/outputs';
import { number, selectorOf, text } from '../graph/types';
import type { NodeKind, PanelProps } from './kind';

const MODES = ['terminated', 'continue-on-error', 'remove-abnormal-output'] as const;

export const iteration: NodeKind = {
  type: 'iteration',
  defaults: () => ({
    iterator_selector: [],
    output_selector: [],
    output_type: 'array[string]',
    is_parallel: false,
    parallel_nums: 10,
    error_handle_mode: 'terminated',
    flatten_output: true,
  }),
  Panel,
  catches: true,
  canTry: true,
};

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  return (
    <>
      <Section title={t('studio.iteration.input')} hint={t('studio.iteration.inputText')}>
        <SelectorField
          label={t('studio.iteration.input')}
          value={selectorOf(data.iterator_selector)}
          types={['array']}
          onChange={(iterator_selector, iterator_input_type) =>
            set({ ...data, iterator_selector, iterator_input_type })
          }
          disabled={disabled}
        />
      </Section>
      <Section title={t('studio.iteration.output')} hint={t('studio.iteration.outputText')}>
        <SelectorField
          label={t('studio.iteration.output')}
          value={selectorOf(data.output_selector)}
          inside
          onChange={(output_selector, type) =>
            set({ ...data, output_selector, output_type: type.startsWith('array') ? type : arrayOf(type) })
          }
          disabled={disabled}
        />
      </Section>
      <Section title={t('studio.iteration.rounds')}>
        <div className="space-y-3">
          <Toggle
            label={t('studio.iteration.parallel')}
            hint={t('studio.iteration.parallelText')}
            checked={data.is_parallel === true}
            disabled={disabled}
            onChange={(is_parallel) => set({ ...data, is_parallel })}
          >
            <NumberField
              label={t('studio.iteration.parallelMax')}
              value={number(data.parallel_nums, 10)}
              min={1}
              max={10}
              onChange={(parallel_nums) => set({ ...data, parallel_nums }, 'parallel')}
              disabled={disabled}
            />
          </Toggle>
          <div className="space-y-1.5">
            <p className="font-medium text-sm">{t('studio.iteration.onError')}</p>
            <Select
              aria-label={t('studio.iteration.onError')}
              value={MODES.find((mode) => mode === text(data.error_handle_mode)) ?? 'terminated'}
              onValueChange={(error_handle_mode) => set({ ...data, error_handle_mode })}
              disabled={disabled}
              options={MODES.map((mode) => ({ value: mode, label: t(`studio.iteration.modes.${mode}`) }))}
            />
          </div>
          <Toggle
            label={t('studio.iteration.flatten')}
            hint={t('studio.iteration.flattenText')}
            checked={data.flatten_output !== false}
            disabled={disabled}
            onChange={(flatten_output) => set({ ...data, flatten_output })}
          />
        </div>
      </Section>
    </>
  );
}
