import { Lightbulb } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { ModelPicker } from '@/components/model-picker';
import { Field } from '@/components/ui/field';
import { Textarea } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import type { FollowUps } from '@/lib/app-config';
import { Feature, type FeaturePartProps } from './group';

export function FollowUpsFeature({ config, set, disabled }: FeaturePartProps) {
  const { t } = useTranslation();
  const followUps = config.suggested_questions_after_answer;
  const change = (suggested_questions_after_answer: FollowUps) => set({ suggested_questions_after_answer });
  const { model, prompt, ...rest } = followUps;
  return (
    <Feature
      icon={<Lightbulb />}
      title={t('editor.featureFollowUps')}
      text={t('editor.featureFollowUpsText')}
      enabled={followUps.enabled}
      onToggle={(enabled) => change({ ...followUps, enabled })}
      disabled={disabled}
    >
      <div>
        <p className="mb-1.5 font-medium text-sm">{t('features.followUpsModel')}</p>
        <Segmented
          label={t('features.followUpsModel')}
          value={model ? 'own' : 'app'}
          onChange={(value) =>
            change({
              ...rest,
              ...(prompt ? { prompt } : {}),
              ...(value === 'own'
                ? { model: { provider: 'local', name: 'default', mode: 'chat', completion_params: {} } }
                : {}),
            })
          }
          disabled={disabled}
          options={[
            { value: 'app', label: t('features.followUpsAppModel') },
            { value: 'own', label: t('features.followUpsOwnModel') },
          ]}
        />
        {model && (
          <div className="mt-2 flex">
            <ModelPicker
              choice={model}
              onChange={(next) => change({ ...followUps, model: next })}
              disabled={disabled}
            />
          </div>
        )}
      </div>
      <Field label={t('features.followUpsPrompt')} optional hint={t('features.followUpsPromptText')}>
        {(control) => (
          <Textarea
            {...control}
            rows={2}
            className="min-h-14"
            disabled={disabled}
            placeholder={t('features.followUpsPromptPlaceholder')}
            value={prompt ?? ''}
            onChange={(event) => {
              const text = event.target.value;
              change({ ...rest, ...(model ? { model } : {}), ...(text ? { prompt: text } : {}) });
            }}
          />
        )}
      </Field>
    </Feature>
  );
}
