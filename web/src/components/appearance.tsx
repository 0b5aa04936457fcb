import { Languages, Monitor, Moon, Sun } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { LANGUAGES, type Language, setLanguage } from '@/lib/i18n';
import { setTheme, type Theme, useTheme } from '@/lib/theme';
import { Button } from './ui/button';
import { Menu, MenuChoice, MenuContent, MenuTrigger } from './ui/menu';
import { Segmented } from './ui/segmented';

/** Light, dark or as the system says. `onChange` is told too, to keep it with the account. */
export function ThemePicker({ onChange, compact }: { onChange?: (theme: Theme) => void; compact?: boolean }) {
  const { t } = useTranslation();
  const theme = useTheme();
  const option = (value: Theme, Icon: typeof Sun) => ({
    value,
    label: (
      <>
        <Icon aria-hidden />
        <span className={compact ? 'sr-only' : ''}>{t(`theme.${value}`)}</span>
      </>
    ),
  });
  return (
    <Segmented
      label={t('common.theme')}
      value={theme}
      onChange={(next) => {
        setTheme(next);
        onChange?.(next);
      }}
      options={[option('system', Monitor), option('light', Sun), option('dark', Moon)]}
    />
  );
}

export function LanguageMenu({ onChange }: { onChange?: (language: Language) => void }) {
  const { t, i18n } = useTranslation();
  const current = LANGUAGES.find((l) => l.code === i18n.language) ?? LANGUAGES[0];
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button variant="ghost" aria-label={`${t('common.language')}: ${current.label}`}>
          <Languages />
          {current.label}
        </Button>
      </MenuTrigger>
      <MenuContent>
        {LANGUAGES.map((language) => (
          <MenuChoice
            key={language.code}
            checked={language.code === current.code}
            onCheckedChange={() => {
              setLanguage(language.code);
              onChange?.(language.code);
            }}
          >
            <span lang={language.code}>{language.label}</span>
          </MenuChoice>
        ))}
      </MenuContent>
    </Menu>
  );
}
