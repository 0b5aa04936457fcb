import { Paperclip } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Feature, type FeaturePartProps } from '@/components/app-features/group';
import { Segmented } from '@/components/ui/segmented';
import { Slider } from '@/components/ui/slider';
import type { Model } from '@/lib/api/types';
import { type FileUpload, takesKind, withUpload } from '@/lib/app-config';
import { UploadRules } from './upload-rules';

const UNSEEN = ['document', 'audio', 'custom'] as const;

export function UploadFeature({ config, set, model, disabled }: FeaturePartProps & { model: Model | undefined }) {
  const { t, i18n } = useTranslation();
  const upload = config.file_upload;
  const change = (patch: Partial<Omit<FileUpload, 'image'>>, detail?: 'low' | 'high') =>
    set({ file_upload: withUpload(upload, patch, detail) });
  const seen = takesKind(upload, 'image') || takesKind(upload, 'video');
  const unseen = UNSEEN.filter((kind) => takesKind(upload, kind)).map((kind) => t(`features.${kind}`));
  return (
    <Feature
      icon={<Paperclip />}
      title={t('features.upload')}
      text={t('features.uploadText')}
      enabled={upload.enabled}
      onToggle={(enabled) => change({ enabled })}
      disabled={disabled}
      warning={upload.enabled && seen && model && !model.features.includes('vision') && t('features.visionUnsupported')}
    >
      <UploadRules value={upload} onChange={change} disabled={disabled} />
      {unseen.length > 0 && (
        <p className="text-ink-3 text-xs">
          {t('features.unseen', { kinds: new Intl.ListFormat(i18n.language, { type: 'conjunction' }).format(unseen) })}
        </p>
      )}
      <div className="flex flex-wrap gap-x-8 gap-y-3">
        <div className="w-60">
          <p className="flex justify-between font-medium text-sm">
            {t('features.limit')}
            <span className="font-normal tabular-nums">{upload.number_limits}</span>
          </p>
          <Slider
            aria-label={t('features.limit')}
            min={1}
            max={Math.max(10, upload.number_limits)}
            step={1}
            value={[upload.number_limits]}
            onValueChange={([limit]) => limit && change({ number_limits: limit })}
            disabled={disabled}
          />
        </div>
        {seen && (
          <div>
            <p className="mb-1.5 font-medium text-sm">{t('features.detail')}</p>
            <Segmented
              label={t('features.detail')}
              value={upload.image.detail}
              onChange={(detail) => change({}, detail)}
              disabled={disabled}
              options={[
                { value: 'low', label: t('features.detailLow') },
                { value: 'high', label: t('features.detailHigh') },
              ]}
            />
            <p className="mt-1 text-ink-3 text-xs">{t('features.detailText')}</p>
          </div>
        )}
      </div>
    </Feature>
  );
}
