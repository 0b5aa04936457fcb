import { History } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Segmented } from '@/components/ui/segmented';
import { Slider } from '@/components/ui/slider';
import type { AppConfig } from '@/lib/app-config';

interface MemoryFeatureProps {
  memory: AppConfig['memory'];
  onChange: (memory: AppConfig['memory']) => void;
  disabled: boolean;
}

export function MemoryFeature({ memory, onChange, disabled }: MemoryFeatureProps) {
  const { t } = useTranslation();
  const { window } = memory;
  const set = (patch: Partial<typeof window>) => onChange({ ...memory, window: { ...window, ...patch } });
  return (
    <section className="px-3.5 py-3" aria-label={t('editor.featureMemory')}>
      <div className="flex @md:flex-row flex-col @md:items-center gap-x-3 gap-y-2">
        <div className="flex min-w-0 grow items-center gap-3">
          <History className="size-4.5 shrink-0 text-ink-3" aria-hidden />
          <div>
            <h3 className="font-medium text-sm">{t('editor.featureMemory')}</h3>
            <p className="text-ink-3 text-xs">{t('editor.featureMemoryText')}</p>
          </div>
        </div>
        <Segmented
          className="@md:ml-0 ml-7.5 self-start @md:self-auto"
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
