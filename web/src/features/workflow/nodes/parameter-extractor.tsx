import { useTranslation } from 'react-i18next';
import { Input } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { Select } from '@/components/ui/select';
import { MemoryField, VisionField } from '../fields/model-extras';
import { ModelField } from '../fields/model-field';
import {
  AddButton,
  Check,
  Empty,
  freeName,
  NameField,
  RemoveButton,
  replaced,
  Section,
  without,
} from '../fields/parts';
import { SelectorField } from '../fields/selector-field';
import { TemplateField } from '../fields/template-field';
import { typeName } from '../graph/outputs';
import { type Data, list, records, selectorOf, text } from '../graph/types';
import { DEFAULT_MODEL, type NodeKind, type PanelProps, type SummaryProps } from './kind';
import { ModelCourse } from './llm';
import { Course } from './summary';

const TYPES = [
  'string',
  'number',
  'boolean',
  'array[string]',
  'array[number]',
  'array[object]',
  'array[boolean]',
] as const;

export const parameterExtractor: NodeKind = {
  type: 'parameter-extractor',
  defaults: () => ({
    model: DEFAULT_MODEL,
    query: [],
    parameters: [],
    instruction: '',
    reasoning_mode: 'function_call',
    vision: { enabled: false },
  }),
  Summary,
  Panel,
  catches: true,
  canTry: true,
};

function Summary({ data }: SummaryProps) {
  const names = records(data.parameters).map((one) => text(one.name));
  return (
    <>
      <ModelCourse model={data.model} />
      {names.length > 0 && (
        <Course>
          <span className="truncate font-mono text-[0.6875rem] text-accent-ink">{names.join(', ')}</span>
        </Course>
      )}
    </>
  );
}

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const parameters = records(data.parameters);
  const names = parameters.map((one) => text(one.name));
  const write = (next: Data[], step?: string) => set({ ...data, parameters: next }, step);
  return (
    <>
      <Section title={t('editor.model')}>
        <ModelField value={data.model} onChange={(model) => set({ ...data, model }, 'model')} disabled={disabled} />
      </Section>
      <Section title={t('studio.extractor.query')}>
        <SelectorField
          label={t('studio.extractor.query')}
          value={selectorOf(data.query)}
          types={['string', 'number', 'object']}
          onChange={(query) => set({ ...data, query })}
          disabled={disabled}
        />
      </Section>
      <Section
        title={t('studio.extractor.parameters')}
        action={
          <AddButton
            label={t('common.add')}
            disabled={disabled}
            onClick={() =>
              write([
                ...parameters,
                { name: freeName('value', names), type: 'string', description: '', required: false },
              ])
            }
          />
        }
      >
        {parameters.length === 0 ? (
          <Empty>{t('studio.extractor.empty')}</Empty>
        ) : (
          <ul className="space-y-2">
            {parameters.map((one, i) => {
              const options = list(one.options).map(String);
              return (
                <li key={i} className="space-y-1.5 rounded-lg border border-line bg-sunken/50 p-2">
                  <div className="flex items-start gap-1.5">
                    <NameField
                      label={t('studio.schema.name')}
                      className="grow"
                      value={text(one.name)}
                      taken={names.filter((_, other) => other !== i)}
                      onChange={(name) => write(replaced(parameters, i, { ...one, name }), `name${i}`)}
                      disabled={disabled}
                    />
                    <Select
                      size="sm"
                      className="w-32 shrink-0 px-2"
                      aria-label={t('editor.variableType')}
                      value={typeName(one.type)}
                      onValueChange={(type) => write(replaced(parameters, i, { ...one, type }))}
                      disabled={disabled}
                      options={TYPES.map((type) => ({ value: type, label: type }))}
                    />
                    <RemoveButton
                      label={text(one.name)}
                      onClick={() => write(without(parameters, i))}
                      disabled={disabled}
                    />
                  </div>
                  <Input
                    aria-label={t('studio.schema.description')}
                    placeholder={t('studio.extractor.descriptionPlaceholder')}
                    className="h-8 px-2 text-xs"
                    value={text(one.description)}
                    disabled={disabled}
                    onChange={(event) =>
                      write(replaced(parameters, i, { ...one, description: event.target.value }), `description${i}`)
                    }
                  />
                  {typeName(one.type) === 'string' && (
                    <Input
                      aria-label={t('studio.schema.choices')}
                      placeholder={t('studio.schema.choices')}
                      className="h-8 px-2 text-xs"
                      defaultValue={options.join(', ')}
                      disabled={disabled}
                      onBlur={(event) => {
                        const next = event.target.value
                          .split(',')
                          .map((option) => option.trim())
                          .filter(Boolean);
                        if (next.join() !== options.join()) write(replaced(parameters, i, { ...one, options: next }));
                      }}
                    />
                  )}
                  <Check
                    className="text-xs"
                    label={t('editor.variableRequired')}
                    checked={one.required === true}
                    disabled={disabled}
                    onChange={(required) => write(replaced(parameters, i, { ...one, required }))}
                  />
                </li>
              );
            })}
          </ul>
        )}
      </Section>
      <Section title={t('studio.llm.more')}>
        <div className="space-y-3.5">
          <TemplateField
            label={t('studio.classifier.instruction')}
            placeholder={t('studio.extractor.instructionPlaceholder')}
            value={text(data.instruction)}
            onChange={(instruction) => set({ ...data, instruction }, 'instruction')}
            disabled={disabled}
          />
          <div className="flex items-center justify-between gap-3 text-sm">
            {t('studio.extractor.mode')}
            <Segmented
              label={t('studio.extractor.mode')}
              value={data.reasoning_mode === 'prompt' ? 'prompt' : 'function_call'}
              onChange={(reasoning_mode) => set({ ...data, reasoning_mode })}
              disabled={disabled}
              options={[
                { value: 'function_call', label: t('studio.extractor.call') },
                { value: 'prompt', label: t('studio.extractor.prompt') },
              ]}
            />
          </div>
          <VisionField data={data} set={set} disabled={disabled} />
          <MemoryField data={data} set={set} disabled={disabled} />
        </div>
      </Section>
    </>
  );
}
