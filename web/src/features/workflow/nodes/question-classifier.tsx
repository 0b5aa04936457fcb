import { useTranslation } from 'react-i18next';
import { MemoryField, VisionField } from '../fields/model-extras';
import { ModelField } from '../fields/model-field';
import { AddButton, RemoveButton, replaced, Section, without } from '../fields/parts';
import { SelectorField } from '../fields/selector-field';
import { TemplateField } from '../fields/template-field';
import { type Data, records, selectorOf, text } from '../graph/types';
import { DEFAULT_MODEL, type NodeKind, type PanelProps, type SummaryProps } from './kind';
import { ModelCourse } from './llm';

export const questionClassifier: NodeKind = {
  type: 'question-classifier',
  defaults: () => ({
    query_variable_selector: [],
    model: DEFAULT_MODEL,
    classes: [
      { id: '1', name: '', label: '' },
      { id: '2', name: '', label: '' },
    ],
    instruction: '',
    vision: { enabled: false },
  }),
  Summary: ({ data }: SummaryProps) => <ModelCourse model={data.model} />,
  Panel,
  catches: true,
  canTry: true,
};

function Panel({ data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const classes = records(data.classes);
  const write = (next: Data[], step?: string) => set({ ...data, classes: next }, step);
  return (
    <>
      <Section title={t('editor.model')}>
        <ModelField value={data.model} onChange={(model) => set({ ...data, model }, 'model')} disabled={disabled} />
      </Section>
      <Section title={t('studio.classifier.query')}>
        <SelectorField
          label={t('studio.classifier.query')}
          value={selectorOf(data.query_variable_selector)}
          types={['string', 'number']}
          onChange={(query_variable_selector) => set({ ...data, query_variable_selector })}
          disabled={disabled}
        />
      </Section>
      <Section
        title={t('studio.classifier.classes')}
        hint={t('studio.classifier.classesText')}
        action={
          <AddButton
            label={t('common.add')}
            disabled={disabled}
            onClick={() => write([...classes, { id: freeId(classes), name: '', label: '' }])}
          />
        }
      >
        <ul className="space-y-2">
          {classes.map((one, i) => (
            <li key={text(one.id) || i} className="flex items-start gap-1.5">
              <TemplateField
                className="grow"
                label={t('studio.classifier.one', { number: i + 1 })}
                placeholder={t('studio.classifier.placeholder')}
                value={text(one.name)}
                minRows={2}
                onChange={(name) => write(replaced(classes, i, { ...one, name }), `class${i}`)}
                disabled={disabled}
              />
              {classes.length > 1 && (
                <RemoveButton
                  label={t('studio.classifier.one', { number: i + 1 })}
                  onClick={() => write(without(classes, i))}
                  disabled={disabled}
                />
              )}
            </li>
          ))}
        </ul>
      </Section>
      <Section title={t('studio.llm.more')}>
        <div className="space-y-3.5">
          <TemplateField
            label={t('studio.classifier.instruction')}
            placeholder={t('studio.classifier.instructionPlaceholder')}
            value={text(data.instruction) || text(data.instructions)}
            onChange={(instruction) => set({ ...data, instruction }, 'instruction')}
            disabled={disabled}
          />
          <VisionField data={data} set={set} disabled={disabled} />
          <MemoryField data={data} set={set} disabled={disabled} />
        </div>
      </Section>
    </>
  );
}

/** Ids are what edges hold on to: a new class takes none that was there. */
function freeId(classes: Data[]): string {
  const taken = new Set(classes.map((one) => text(one.id)));
  let id = classes.length + 1;
  while (taken.has(String(id))) id += 1;
  return String(id);
}
