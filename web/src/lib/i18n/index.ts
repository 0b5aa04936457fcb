import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { en } from './en';
import { zh } from './zh';

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

export function setLanguage(language: Language) {
  localStorage.setItem(KEY, language);
  document.documentElement.lang = language;
  if (i18next.language !== language) void i18next.changeLanguage(language);
}

export function startI18n() {
  const language = nearestLanguage(localStorage.getItem(KEY) ?? navigator.language);
  document.documentElement.lang = language;
  void i18next.use(initReactI18next).init({
    resources: { 'en-US': { translation: en }, 'zh-Hans': { translation: zh } },
    lng: language,
    fallbackLng: 'en-US',
    initAsync: false,
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  return i18next;
}
