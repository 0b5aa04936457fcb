import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { recall, remember } from '../storage';
import type { Described, Translation } from './translation';

export const LANGUAGES = [
  { code: 'en-US', label: 'English' },
  { code: 'zh-Hans', label: '简体中文' },
] as const;

export type Language = (typeof LANGUAGES)[number]['code'];

const KEY = 'ashlar.language';

/** The supported language nearest to a tag such as `zh-CN`. */
export function nearestLanguage(tag: string | null | undefined): Language {
  return tag?.toLowerCase().startsWith('zh') ? 'zh-Hans' : 'en-US';
}

/** The console's own texts, and those about the tools that come with the server, which says them in English. */
interface Texts {
  translation: Translation;
  builtinTools: Described;
}

/** A page loads the texts of its own language; the other's come when somebody switches. */
const TEXTS: Record<Language, () => Promise<Texts>> = {
  'en-US': async () => ({ translation: (await import('./en')).en, builtinTools: {} }),
  'zh-Hans': async () => {
    const { zh, builtinTools } = await import('./zh');
    return { translation: zh, builtinTools };
  },
};

let wanted: Language;

async function show(language: Language) {
  wanted = language;
  document.documentElement.lang = language;
  if (!i18next.hasResourceBundle(language, 'translation')) {
    const { translation, builtinTools } = await TEXTS[language]();
    i18next.addResourceBundle(language, 'builtinTools', builtinTools);
    i18next.addResourceBundle(language, 'translation', translation);
  }
  // Whoever switches twice gets what was asked for last, whatever came first.
  if (wanted === language && i18next.language !== language) await i18next.changeLanguage(language);
}

export function setLanguage(language: Language) {
  remember(KEY, language);
  void show(language);
}

/** The language of a page for whoever has not chosen; nothing is stored. Empty: as the browser says. */
export function suggestLanguage(tag: string) {
  if (tag && !recall(KEY)) void show(nearestLanguage(tag));
}

/** Settles when there is something to read. */
export async function startI18n() {
  await i18next.use(initReactI18next).init({
    resources: {},
    // both languages are complete: a lookup has one place to look, which is felt where hundreds are drawn
    fallbackLng: false,
    load: 'currentOnly',
    initAsync: false,
    interpolation: { escapeValue: false },
    returnNull: false,
    showSupportNotice: false,
  });
  await show(nearestLanguage(recall(KEY) ?? navigator.language));
}
