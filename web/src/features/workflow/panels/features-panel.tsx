import { Paperclip } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { FollowUpsFeature } from '@/components/app-features/follow-ups';
import { Feature } from '@/components/app-features/group';
import { ModerationFeature } from '@/components/app-features/moderation';
import { OpeningFeature } from '@/components/app-features/opening';
import { type FeatureConfig, parseFeatures } from '@/lib/app-config';
import { NumberField } from '../fields/parts';
import { type Data, number, record } from '../graph/types';
import { FileRules } from '../nodes/form-field-dialog';
import { useStudio, useStudioStore } from '../store';
import { PanelFrame } from './panel-frame';

/** What a chatflow does beside its graph. */
export function FeaturesPanel({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const store = useStudioStore();
  const features = useStudio((studio) => record(studio.config.features));
  const isChat = useStudio((studio) => studio.isChat);
  const disabled = useStudio((studio) => !studio.canEdit);
  const upload = record(features.file_upload);
  const write = (change: (features: Data) => Data, step: string) =>
    store.getState().edit((config) => ({ ...config, features: change(record(config.features)) }), `features.${step}`);
  // the same forms as basic apps have; only what they change is written
  const config = parseFeatures(features);
  const set = (patch: Partial<FeatureConfig>) => write((old) => ({ ...old, ...patch }), 'form');
  const shared = { config, set, disabled };
  const setUpload = (patch: Data, step = 'upload') =>
    write((old) => ({ ...old, file_upload: { ...record(old.file_upload), ...patch } }), step);
  return (
    <PanelFrame title={t('editor.features')} onClose={onClose}>
      <div className="divide-y">
        {isChat && <OpeningFeature {...shared} />}
        {isChat && <FollowUpsFeature {...shared} />}
        <Feature
          icon={<Paperclip />}
          title={t('studio.features.files')}
          text={t(isChat ? 'studio.features.filesText' : 'studio.features.filesTextWorkflow')}
          enabled={upload.enabled === true}
          disabled={disabled}
          onToggle={(enabled) =>
            setUpload({
              enabled,
              ...(enabled && !Array.isArray(upload.allowed_file_types)
                ? {
                    allowed_file_types: ['image'],
                    allowed_file_extensions: [],
                    allowed_file_upload_methods: ['local_file', 'remote_url'],
                    number_limits: 3,
                  }
                : {}),
            })
          }
        >
          <FileRules field={upload} put={setUpload} />
          <NumberField
            label={t('studio.start.maxFiles')}
            value={number(upload.number_limits, 3)}
            min={1}
            max={10}
            onChange={(number_limits) => setUpload({ number_limits }, 'limit')}
            disabled={disabled}
          />
        </Feature>
        <ModerationFeature {...shared} />
      </div>
    </PanelFrame>
  );
}
