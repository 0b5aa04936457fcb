import { useTranslation } from 'react-i18next';
import { AppIcon } from '@/components/app-icon';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { cn } from '@/lib/cn';

const ICONS = [
  ...'🪨🧱🏛️💬📷🖼️🔍📝✍️📚🧭🧠💡🛠️🧪📊📈🗂️📮🎧🎨🎬🍳🌿🌍✈️🏷️🛒⚖️🩺🎓🤖'.matchAll(/\p{Extended_Pictographic}\uFE0F?/gu),
].map((match) => match[0]);
const BACKGROUNDS = ['#E7E5E0', '#D5EBE6', '#DCE7F5', '#E6E0F4', '#F6DFE3', '#FBE4D0', '#FAF0C8', '#E0EDD3'];

export const DEFAULT_ICON = { icon: '💬', icon_background: '#D5EBE6' };

interface IconPickerProps {
  value: { icon: string; icon_background: string };
  onChange: (value: { icon: string; icon_background: string }) => void;
}

export function IconPicker({ value, onChange }: IconPickerProps) {
  const { t } = useTranslation();
  return (
    <Popover>
      <PopoverTrigger
        aria-label={t('apps.iconPick')}
        className="rounded-xl ring-line-strong transition-shadow hover:ring-2"
      >
        <AppIcon app={{ ...value, icon_type: 'emoji', name: '' }} size="lg" />
      </PopoverTrigger>
      <PopoverContent aria-label={t('apps.iconPick')} align="start" className="w-76 p-3">
        <div className="grid grid-cols-8 gap-1">
          {ICONS.map((icon) => (
            <button
              key={icon}
              type="button"
              aria-label={icon}
              aria-pressed={icon === value.icon}
              onClick={() => onChange({ ...value, icon })}
              className={cn(
                'flex size-8 items-center justify-center rounded-md text-lg leading-none hover:bg-hover',
                icon === value.icon && 'bg-accent-soft ring-1 ring-accent',
              )}
            >
              {icon}
            </button>
          ))}
        </div>
        <p className="mt-3 mb-1.5 text-ink-3 text-xs">{t('apps.iconColor')}</p>
        <div className="flex gap-2">
          {BACKGROUNDS.map((background) => (
            <button
              key={background}
              type="button"
              aria-label={background}
              aria-pressed={background === value.icon_background}
              onClick={() => onChange({ ...value, icon_background: background })}
              style={{ background }}
              className={cn(
                'size-6.5 rounded-md ring-offset-2 ring-offset-raised',
                background === value.icon_background ? 'ring-2 ring-accent' : 'hover:ring-1 hover:ring-line-strong',
              )}
            />
          ))}
        </div>
      </PopoverContent>
    </Popover>
  );
}
