import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { FormError } from '@/components/form-error';
import { Panel, Section } from '@/components/page';
import { Button } from '@/components/ui/button';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { Switch } from '@/components/ui/switch';
import type { App } from '@/lib/api/types';
import { parseColor } from '@/lib/brand';
import { LANGUAGES } from '@/lib/i18n';
import { ColorField } from './color-field';
import { type Site, useUpdate } from './queries';

const TEXTS = [
  'title',
  'description',
  'input_placeholder',
  'custom_disclaimer',
  'copyright',
  'privacy_policy',
] as const;
type TextName = (typeof TEXTS)[number];

/** What is the app's own is not repeated: it changes with the app. */
function textsOf(app: App): Record<TextName, string> {
  const own: Partial<Record<TextName, string>> = { title: app.name, description: app.description };
  const text = (name: TextName) => {
    const value = app.site[name] ?? '';
    return value === own[name] ? '' : value;
  };
  return Object.fromEntries(TEXTS.map((name) => [name, text(name)])) as Record<TextName, string>;
}

/** How the page presents itself. */
export function SiteSettings({ app, canEdit }: { app: App; canEdit: boolean }) {
  const { t } = useTranslation();
  const update = useUpdate(app);
  const [texts, setTexts] = useState(() => textsOf(app));
  const [language, setLanguage] = useState(app.site.default_language ?? '');
  const [theme, setTheme] = useState<NonNullable<Site['default_theme']>>(app.site.default_theme ?? 'system');
  const [color, setColor] = useState(app.site.chat_color_theme ?? '');
  const [plainHead, setPlainHead] = useState(app.site.chat_color_theme_inverted ?? false);
  const [steps, setSteps] = useState(app.site.show_workflow_steps ?? false);
  const saved = textsOf(app);
  const isChanged =
    TEXTS.some((name) => texts[name] !== saved[name]) ||
    language !== (app.site.default_language ?? '') ||
    theme !== (app.site.default_theme ?? 'system') ||
    color !== (app.site.chat_color_theme ?? '') ||
    plainHead !== (app.site.chat_color_theme_inverted ?? false) ||
    steps !== (app.site.show_workflow_steps ?? false);
  const isColorWrong = color.trim() !== '' && !parseColor(color);
  const isChat = app.mode !== 'completion' && app.mode !== 'workflow';
  const isFlow = app.mode === 'advanced-chat' || app.mode === 'workflow';
  if (!app.enable_site) return null;

  const save = () =>
    update.mutate(
      {
        site: {
          title: texts.title.trim(),
          description: texts.description.trim() || null,
          input_placeholder: texts.input_placeholder.trim() || null,
          custom_disclaimer: texts.custom_disclaimer.trim(),
          copyright: texts.copyright.trim() || null,
          privacy_policy: texts.privacy_policy.trim() || null,
          default_language: language,
          default_theme: theme,
          chat_color_theme: parseColor(color),
          chat_color_theme_inverted: plainHead,
          show_workflow_steps: steps,
        },
      },
      {
        onSuccess: (changed) => {
          setColor(changed.site.chat_color_theme ?? '');
          toast.success(t('publish.saved'));
        },
      },
    );
  const text = (name: TextName, label: string, placeholder?: string, hint?: string, max = 200) => (
    <Field label={label} hint={hint} optional>
      {(control) => (
        <Input
          {...control}
          maxLength={max}
          disabled={!canEdit}
          {...(placeholder ? { placeholder } : {})}
          value={texts[name]}
          onChange={(event) => setTexts((all) => ({ ...all, [name]: event.target.value }))}
        />
      )}
    </Field>
  );
  return (
    <Section title={t('publish.settings')} text={t('publish.settingsText')}>
      <Panel className="p-4">
        <form
          className="grid gap-4 sm:grid-cols-2"
          onSubmit={(event) => {
            event.preventDefault();
            if (!isColorWrong) save();
          }}
        >
          {text('title', t('publish.name'), app.name, undefined, 100)}
          {text('description', t('publish.description'), app.description, undefined, 400)}
          <Field label={t('publish.language')}>
            {(control) => (
              <Select
                {...control}
                disabled={!canEdit}
                value={language}
                onValueChange={setLanguage}
                options={[
                  { value: '', label: t('publish.languageAuto') },
                  ...LANGUAGES.map(({ code, label }) => ({ value: code, label })),
                ]}
              />
            )}
          </Field>
          <Field label={t('publish.theme')}>
            {(control) => (
              <Select
                {...control}
                disabled={!canEdit}
                value={theme}
                onValueChange={(next) => setTheme(next as NonNullable<Site['default_theme']>)}
                options={(['system', 'light', 'dark'] as const).map((value) => ({
                  value,
                  label: t(`theme.${value}`),
                }))}
              />
            )}
          </Field>
          <ColorField color={color} isWrong={isColorWrong} disabled={!canEdit} onChange={setColor} />
          {parseColor(color) && (
            <SwitchRow
              label={t('publish.colorHead')}
              hint={t('publish.colorHeadHint')}
              checked={!plainHead}
              disabled={!canEdit}
              onChange={(on) => setPlainHead(!on)}
            />
          )}
          {isChat && text('input_placeholder', t('publish.placeholder'), t('site.placeholder'), undefined, 64)}
          {text('custom_disclaimer', t('publish.disclaimer'), undefined, t('publish.disclaimerHint'), 512)}
          {text('copyright', t('publish.copyright'), app.created_by_name ?? undefined)}
          {text('privacy_policy', t('publish.privacy'), 'https://…', t('publish.privacyHint'))}
          {isFlow && (
            <SwitchRow
              label={t('publish.steps')}
              hint={t('publish.stepsHint')}
              checked={steps}
              disabled={!canEdit}
              onChange={setSteps}
            />
          )}
          <div className="flex items-center gap-3 sm:col-span-2">
            <Button type="submit" variant="primary" busy={update.isPending} disabled={!canEdit || !isChanged}>
              {t('common.save')}
            </Button>
            <FormError error={update.error} />
          </div>
        </form>
      </Panel>
    </Section>
  );
}

interface SwitchRowProps {
  label: string;
  hint: string;
  checked: boolean;
  disabled: boolean;
  onChange: (on: boolean) => void;
}

function SwitchRow({ label, hint, checked, disabled, onChange }: SwitchRowProps) {
  const id = useId();
  return (
    <div className="flex items-center gap-3 sm:col-span-2">
      <Switch
        id={id}
        aria-describedby={`${id}-hint`}
        checked={checked}
        disabled={disabled}
        onCheckedChange={onChange}
      />
      <span>
        <label htmlFor={id} className="block font-medium text-sm">
          {label}
        </label>
        <span id={`${id}-hint`} className="text-ink-3 text-xs">
          {hint}
        </span>
      </span>
    </div>
  );
}
