// What nodes that ask a model have in common beside the model: memory, and pictures.
import { useTranslation } from 'react-i18next';
import { Segmented } from '@/components/ui/segmented';
import { type Data, number, record, selectorOf, text } from '../graph/types';
import { useStudio } from '../store';
import { useModel } from './model-field';
import { NumberField, Toggle } from './parts';
import { SelectorField } from './selector-field';
import { TemplateField } from './template-field';

interface Props {
  data: Data;
  set: (change: Data | ((data: Data) => Data), step?: string) => void;
  disabled: boolean;
}

const FILES = ['file', 'array[file]'];

export function VisionField({ data, set, disabled }: Props) {
  const { t } = useTranslation();
  const isChat = useStudio((studio) => studio.isChat);
  const model = useModel(data.model);
  const vision = record(data.vision);
  const configs = record(vision.configs);
  const isOn = vision.enabled === true;
  const setConfigs = (patch: Data) =>
    set((d) => ({ ...d, vision: { ...record(d.vision), configs: { ...configs, ...patch } } }));
  return (
    <Toggle
      label={t('studio.llm.vision')}
      hint={t('studio.llm.visionText')}
      checked={isOn}
      disabled={disabled}
      onChange={(enabled) =>
        set((d) => ({
          ...d,
          vision: {
            ...record(d.vision),
            enabled,
            ...(enabled && !('configs' in record(d.vision))
              ? { configs: { detail: 'high', variable_selector: isChat ? ['sys', 'files'] : [] } }
              : {}),
          },
        }))
      }
    >
      {model && !model.features.includes('vision') && (
        <p className="rounded-md bg-warn-soft px-2.5 py-1.5 text-warn-ink text-xs">{t('features.visionUnsupported')}</p>
      )}
      <SelectorField
        label={t('studio.llm.visionFiles')}
        value={selectorOf(configs.variable_selector)}
        types={FILES}
        onChange={(variable_selector) => setConfigs({ variable_selector })}
        disabled={disabled}
      />
      <div className="flex items-center justify-between gap-3 text-sm">
        {t('features.detail')}
        <Segmented
          label={t('features.detail')}
          value={text(configs.detail) === 'low' ? 'low' : 'high'}
          onChange={(detail) => setConfigs({ detail })}
          disabled={disabled}
          options={[
            { value: 'low', label: t('features.detailLow') },
            { value: 'high', label: t('features.detailHigh') },
          ]}
        />
      </div>
    </Toggle>
  );
}

/** Earlier turns of the conversation; chatflows only have one. */
export function MemoryField({ data, set, disabled, hasQuestion = false }: Props & { hasQuestion?: boolean }) {
  const { t } = useTranslation();
  const isChat = useStudio((studio) => studio.isChat);
  const memory = record(data.memory);
  const isOn = typeof data.memory === 'object' && data.memory !== null;
  const window = record(memory.window);
  const change = (patch: Data, step?: string) =>
    set((d) => ({ ...d, memory: { ...record(d.memory), ...patch } }), step);
  if (!isChat && !isOn) return null;
  return (
    <Toggle
      label={t('studio.llm.memory')}
      hint={t('studio.llm.memoryText')}
      checked={isOn}
      disabled={disabled}
      onChange={(on) =>
        set((d) => ({
          ...d,
          memory: on ? { window: { enabled: false, size: 50 }, query_prompt_template: '{{#sys.query#}}' } : undefined,
        }))
      }
    >
      <Toggle
        label={t('studio.llm.memoryWindow')}
        checked={window.enabled === true}
        disabled={disabled}
        onChange={(enabled) => change({ window: { ...window, enabled, size: number(window.size, 50) } })}
      >
        <NumberField
          label={t('editor.memoryTurns')}
          value={number(window.size, 50)}
          min={1}
          max={100}
          onChange={(size) => change({ window: { ...window, size } }, 'memory.window')}
          disabled={disabled}
        />
      </Toggle>
      {hasQuestion && (
        <TemplateField
          label={t('studio.llm.memoryQuestion')}
          value={text(memory.query_prompt_template, '{{#sys.query#}}')}
          minRows={2}
          onChange={(query_prompt_template) => change({ query_prompt_template }, 'memory.question')}
          disabled={disabled}
        />
      )}
    </Toggle>
  );
}
