import { Shield } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Field } from '@/components/ui/field';
import { Textarea } from '@/components/ui/input';
import { Switch } from '@/components/ui/switch';
import { Feature, type FeaturePartProps } from './group';

export function ModerationFeature({ config, set, disabled }: FeaturePartProps) {
  const { t } = useTranslation();
  const moderation = config.sensitive_word_avoidance;
  const { inputs_config: inputs, outputs_config: outputs } = moderation.config;
  // Half filled in, it would block nothing: it stays in the form and is said so.
  const incomplete =
    !moderation.config.keywords.trim() ||
    !(inputs.enabled || outputs.enabled) ||
    (inputs.enabled && !inputs.preset_response.trim()) ||
    (outputs.enabled && !outputs.preset_response.trim());
  const change = (patch: Partial<typeof moderation>) => set({ sensitive_word_avoidance: { ...moderation, ...patch } });
  const setConfig = (patch: Partial<typeof moderation.config>) =>
    change({ config: { ...moderation.config, ...patch } });
  const switchOn = (enabled: boolean) => {
    const untouched = !inputs.enabled && !outputs.enabled;
    change({
      enabled,
      type: 'keywords',
      config: untouched ? { ...moderation.config, inputs_config: { ...inputs, enabled: true } } : moderation.config,
    });
  };
  // A file may ask for a service that this server does not call.
  if (moderation.enabled && moderation.type !== 'keywords') {
    return (
      <Feature
        icon={<Shield />}
        title={t('editor.featureModeration')}
        text={t('editor.featureModerationText')}
        enabled
        onToggle={(enabled) => change({ enabled })}
        disabled={disabled}
        warning={t('features.moderationElsewhere', { type: moderation.type })}
      >
        <Button disabled={disabled} onClick={() => switchOn(true)}>
          {t('features.useKeywords')}
        </Button>
      </Feature>
    );
  }
  return (
    <Feature
      icon={<Shield />}
      title={t('editor.featureModeration')}
      text={t('editor.featureModerationText')}
      enabled={moderation.enabled}
      onToggle={switchOn}
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
