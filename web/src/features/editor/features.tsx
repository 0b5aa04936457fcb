import { Eye, History, Lightbulb, MessageSquareQuote, Plus, Shield, X } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Checkbox } from '@/components/ui/checkbox';
import { Field } from '@/components/ui/field';
import { Input, Textarea } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { Slider } from '@/components/ui/slider';
import { Switch } from '@/components/ui/switch';
import type { App, Model } from '@/lib/api/types';
import { type AppConfig, type TransferMethod, withVision } from '@/lib/app-config';
import { AnnotationFeature } from './annotations';
import { Feature, Group } from './group';

interface FeaturesProps {
  app: App;
  config: AppConfig;
  change: (change: (config: AppConfig) => AppConfig) => void;
  model: Model | undefined;
  disabled: boolean;
}

export function Features(props: FeaturesProps) {
  const { t } = useTranslation();
  const chat = props.app.mode === 'chat';
  return (
    <Group title={t('editor.features')}>
      <div className="divide-y rounded-lg border border-line bg-surface shadow-1">
        <VisionFeature {...props} />
        {chat && <OpeningFeature {...props} />}
        {chat && <FollowUpsFeature {...props} />}
        {chat && <MemoryFeature {...props} />}
        <ModerationFeature {...props} />
        {chat && <AnnotationFeature app={props.app} disabled={props.disabled} />}
      </div>
    </Group>
  );
}

function VisionFeature({ config, change, model, disabled }: FeaturesProps) {
  const { t } = useTranslation();
  const vision = config.file_upload.image;
  const set = (patch: Partial<typeof vision>) => change((c) => withVision(c, { ...c.file_upload.image, ...patch }));
  const method = (name: TransferMethod, on: boolean) => {
    const next = on ? [...vision.transfer_methods, name] : vision.transfer_methods.filter((m) => m !== name);
    if (next.length > 0) set({ transfer_methods: next });
  };
  return (
    <Feature
      icon={<Eye />}
      title={t('editor.featureVision')}
      text={t('editor.featureVisionText')}
      enabled={vision.enabled}
      onToggle={(enabled) => set({ enabled })}
      disabled={disabled}
      warning={vision.enabled && model && !model.features.includes('vision') && t('editor.visionUnsupported')}
    >
      <div className="flex flex-wrap gap-x-8 gap-y-3">
        <div>
          <p className="mb-1 text-ink-2 text-xs">{t('editor.visionDetail')}</p>
          <Segmented
            label={t('editor.visionDetail')}
            value={vision.detail}
            onChange={(detail) => set({ detail })}
            disabled={disabled}
            options={[
              { value: 'low', label: t('editor.visionLow') },
              { value: 'high', label: t('editor.visionHigh') },
            ]}
          />
          <p className="mt-1 text-ink-3 text-xs">{t('editor.visionDetailText')}</p>
        </div>
        <div>
          <p className="mb-1 text-ink-2 text-xs">{t('editor.visionMethods')}</p>
          <div className="flex h-8 items-center gap-4">
            {(['local_file', 'remote_url'] as const).map((name) => {
              const label = t(name === 'local_file' ? 'editor.visionLocal' : 'editor.visionRemote');
              return (
                <span key={name} className="flex items-center gap-2 text-sm">
                  <Checkbox
                    id={`vision-${name}`}
                    checked={vision.transfer_methods.includes(name)}
                    onCheckedChange={(on) => method(name, on === true)}
                    disabled={disabled}
                  />
                  <label htmlFor={`vision-${name}`}>{label}</label>
                </span>
              );
            })}
          </div>
        </div>
      </div>
      <div className="max-w-72">
        <p className="flex justify-between text-ink-2 text-xs">
          {t('editor.visionLimit')}
          <span className="text-ink tabular-nums">{vision.number_limits}</span>
        </p>
        <Slider
          aria-label={t('editor.visionLimit')}
          min={1}
          max={10}
          step={1}
          value={[vision.number_limits]}
          onValueChange={([limit]) => limit && set({ number_limits: limit })}
          disabled={disabled}
        />
      </div>
    </Feature>
  );
}

function OpeningFeature({ config, change, disabled }: FeaturesProps) {
  const { t } = useTranslation();
  // An opening that is switched on but still empty exists only here.
  const [opened, setOpened] = useState(false);
  const questions = config.suggested_questions;
  const enabled = opened || config.opening_statement !== '' || questions.length > 0;
  const setQuestions = (next: string[]) => change((c) => ({ ...c, suggested_questions: next }));
  return (
    <Feature
      icon={<MessageSquareQuote />}
      title={t('editor.featureOpening')}
      text={t('editor.featureOpeningText')}
      enabled={enabled}
      onToggle={(on) => {
        setOpened(on);
        if (!on) change((c) => ({ ...c, opening_statement: '', suggested_questions: [] }));
      }}
      disabled={disabled}
    >
      <Textarea
        aria-label={t('editor.opening')}
        rows={3}
        disabled={disabled}
        placeholder={t('editor.openingPlaceholder')}
        value={config.opening_statement}
        onChange={(event) => change((c) => ({ ...c, opening_statement: event.target.value }))}
      />
      <div>
        <p className="mb-1.5 text-ink-2 text-xs">{t('editor.suggested')}</p>
        <div className="space-y-1.5">
          {questions.map((question, index) => (
            <div key={index} className="flex gap-1">
              <Input
                aria-label={`${t('editor.suggested')} ${index + 1}`}
                className="h-8"
                disabled={disabled}
                placeholder={t('editor.suggestedPlaceholder')}
                value={question}
                onChange={(event) =>
                  setQuestions(questions.map((old, other) => (other === index ? event.target.value : old)))
                }
              />
              <Button
                variant="ghost"
                size="icon"
                disabled={disabled}
                aria-label={`${t('common.remove')}: ${t('editor.suggested')} ${index + 1}`}
                onClick={() => setQuestions(questions.filter((_, other) => other !== index))}
              >
                <X />
              </Button>
            </div>
          ))}
          {questions.length < 10 && !disabled && (
            <Button variant="ghost" size="xs" onClick={() => setQuestions([...questions, ''])}>
              <Plus />
              {t('editor.addQuestion')}
            </Button>
          )}
        </div>
      </div>
    </Feature>
  );
}

function FollowUpsFeature({ config, change, disabled }: FeaturesProps) {
  const { t } = useTranslation();
  return (
    <Feature
      icon={<Lightbulb />}
      title={t('editor.featureFollowUps')}
      text={t('editor.featureFollowUpsText')}
      enabled={config.suggested_questions_after_answer.enabled}
      onToggle={(enabled) =>
        change((c) => ({ ...c, suggested_questions_after_answer: { ...c.suggested_questions_after_answer, enabled } }))
      }
      disabled={disabled}
    />
  );
}

function MemoryFeature({ config, change, disabled }: FeaturesProps) {
  const { t } = useTranslation();
  const { window } = config.memory;
  const set = (patch: Partial<typeof window>) =>
    change((c) => ({ ...c, memory: { ...c.memory, window: { ...c.memory.window, ...patch } } }));
  return (
    <section className="px-3.5 py-3" aria-label={t('editor.featureMemory')}>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <History className="size-4.5 text-ink-3" aria-hidden />
        <div className="min-w-40 grow">
          <h3 className="font-medium text-sm">{t('editor.featureMemory')}</h3>
          <p className="text-ink-3 text-xs">{t('editor.featureMemoryText')}</p>
        </div>
        <Segmented
          label={t('editor.featureMemory')}
          value={window.enabled ? 'window' : 'all'}
          onChange={(value) => set({ enabled: value === 'window' })}
          disabled={disabled}
          options={[
            { value: 'all', label: t('editor.memoryAll') },
            { value: 'window', label: t('editor.memoryWindow') },
          ]}
        />
      </div>
      {window.enabled && (
        <div className="mt-3 max-w-72 sm:ml-7.5">
          <p className="flex justify-between text-ink-2 text-xs">
            {t('editor.memoryTurns')}
            <span className="text-ink tabular-nums">{window.size}</span>
          </p>
          <Slider
            aria-label={t('editor.memoryTurns')}
            min={1}
            max={50}
            step={1}
            value={[window.size]}
            onValueChange={([size]) => size && set({ size })}
            disabled={disabled}
          />
        </div>
      )}
    </section>
  );
}

function ModerationFeature({ config, change, disabled }: FeaturesProps) {
  const { t } = useTranslation();
  const moderation = config.sensitive_word_avoidance;
  const { inputs_config: inputs, outputs_config: outputs } = moderation.config;
  // Half filled in, it would block nothing: it stays in the form and is said so.
  const incomplete =
    !moderation.config.keywords.trim() ||
    !(inputs.enabled || outputs.enabled) ||
    (inputs.enabled && !inputs.preset_response.trim()) ||
    (outputs.enabled && !outputs.preset_response.trim());
  const setConfig = (patch: Partial<typeof moderation.config>) =>
    change((c) => ({
      ...c,
      sensitive_word_avoidance: {
        ...c.sensitive_word_avoidance,
        config: { ...c.sensitive_word_avoidance.config, ...patch },
      },
    }));
  return (
    <Feature
      icon={<Shield />}
      title={t('editor.featureModeration')}
      text={t('editor.featureModerationText')}
      enabled={moderation.enabled}
      onToggle={(enabled) =>
        change((c) => {
          const old = c.sensitive_word_avoidance;
          const untouched = !old.config.inputs_config.enabled && !old.config.outputs_config.enabled;
          const config = untouched
            ? { ...old.config, inputs_config: { ...old.config.inputs_config, enabled: true } }
            : old.config;
          return { ...c, sensitive_word_avoidance: { ...old, type: 'keywords', enabled, config } };
        })
      }
      disabled={disabled}
      warning={moderation.enabled && incomplete && t('editor.moderationIncomplete')}
    >
      <Field label={t('editor.keywords')} hint={t('editor.keywordsText')}>
        {(control) => (
          <Textarea
            {...control}
            rows={3}
            disabled={disabled}
            value={moderation.config.keywords}
            onChange={(event) => setConfig({ keywords: event.target.value })}
          />
        )}
      </Field>
      {(
        [
          ['inputs_config', inputs, t('editor.moderateInputs'), t('editor.presetInput')],
          ['outputs_config', outputs, t('editor.moderateOutputs'), t('editor.presetOutput')],
        ] as const
      ).map(([key, side, label, preset]) => (
        <div key={key}>
          <div className="flex items-center justify-between gap-3">
            <span className="text-sm">{label}</span>
            <Switch
              aria-label={label}
              checked={side.enabled}
              disabled={disabled}
              onCheckedChange={(enabled) => setConfig({ [key]: { ...side, enabled } })}
            />
          </div>
          {side.enabled && (
            <Textarea
              aria-label={preset}
              placeholder={preset}
              rows={2}
              className="mt-1.5 min-h-14"
              disabled={disabled}
              value={side.preset_response}
              onChange={(event) => setConfig({ [key]: { ...side, preset_response: event.target.value } })}
            />
          )}
        </div>
      ))}
    </Feature>
  );
}
