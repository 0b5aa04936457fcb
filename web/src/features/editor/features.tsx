import { useTranslation } from 'react-i18next';
import { FollowUpsFeature } from '@/components/app-features/follow-ups';
import { Group } from '@/components/app-features/group';
import { ModerationFeature } from '@/components/app-features/moderation';
import { OpeningFeature } from '@/components/app-features/opening';
import type { App, Model } from '@/lib/api/types';
import type { AppConfig, FeatureConfig } from '@/lib/app-config';
import { AnnotationFeature } from './annotations';
import { MemoryFeature } from './memory';
import { UploadFeature } from './upload';

interface FeaturesProps<C extends FeatureConfig> {
  app: App;
  config: C;
  change: (edit: (config: C) => C) => void;
  /** Said to see pictures or not; unknown where the app has no model of its own. */
  model: Model | undefined;
  disabled: boolean;
}

/** The settings beside prompt or graph. Works on an app's config as well as on a chatflow's `features`. */
export function Features<C extends FeatureConfig>({ app, config, change, model, disabled }: FeaturesProps<C>) {
  const { t } = useTranslation();
  const converses = app.mode !== 'completion' && app.mode !== 'workflow';
  const part = { config, set: (patch: Partial<FeatureConfig>) => change((c) => ({ ...c, ...patch })), disabled };
  return (
    <Group title={t('editor.features')}>
      <div className="divide-y rounded-lg border border-line bg-surface shadow-1">
        <UploadFeature {...part} model={model} />
        {converses && <OpeningFeature {...part} />}
        {converses && <FollowUpsFeature {...part} />}
        {hasMemory(config) && converses && (
          <MemoryFeature
            memory={config.memory}
            onChange={(memory) => change((c) => ({ ...c, memory }))}
            disabled={disabled}
          />
        )}
        {app.mode !== 'workflow' && <ModerationFeature {...part} />}
        {converses && <AnnotationFeature app={app} disabled={disabled} />}
      </div>
    </Group>
  );
}

/** The nodes of a chatflow have memories of their own. */
const hasMemory = (config: FeatureConfig): config is FeatureConfig & Pick<AppConfig, 'memory'> => 'memory' in config;
