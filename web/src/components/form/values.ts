import type { TFunction } from 'i18next';
import type { ChosenFile, SentFile } from '@/lib/files';
import type { FormInput } from './queries';

export interface Values {
  texts: Record<string, string>;
  files: Record<string, ChosenFile[]>;
}

export type WireValues = Record<string, string | SentFile | SentFile[]>;

export function initialValues(inputs: FormInput[]): Values {
  const values: Values = { texts: {}, files: {} };
  for (const input of inputs) {
    if (input.files) values.files[input.name] = [];
    else if (input.type === 'select')
      values.texts[input.name] = input.options.find((option) => option === input.default) ?? '';
    else values.texts[input.name] = input.default ?? '';
  }
  return values;
}

/** What keeps the form from being sent, by input. */
export function problemsOf(inputs: FormInput[], values: Values, t: TFunction): Record<string, string> {
  const problems: Record<string, string> = {};
  for (const input of inputs) {
    const files = values.files[input.name] ?? [];
    if (files.some((file) => !file.sent && !file.error)) problems[input.name] = t('form.stillUploading');
    else if (input.type === 'file' && !files.some((file) => file.sent)) problems[input.name] = t('form.fileNeeded');
    else if (input.type === 'select' && !values.texts[input.name]) problems[input.name] = t('form.optionNeeded');
  }
  return problems;
}

export function wireValues(inputs: FormInput[], values: Values): WireValues {
  const out: WireValues = {};
  for (const input of inputs) {
    const files = (values.files[input.name] ?? []).flatMap((file) => file.sent ?? []);
    if (input.type === 'file-list') out[input.name] = files;
    else if (input.type === 'file') {
      if (files[0]) out[input.name] = files[0];
    } else out[input.name] = values.texts[input.name] ?? '';
  }
  return out;
}
