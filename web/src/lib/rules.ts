import type { TFunction } from 'i18next';
import { z } from 'zod';

/** The rules of `accounts::password` and `accounts::setup`, told in the reader's language before the server says them. */
export const emailRule = (t: TFunction) =>
  z
    .string()
    .trim()
    .min(1, t('validation.required'))
    .pipe(z.email(t('validation.email')));

export const nameRule = (t: TFunction, max = 64) =>
  z.string().trim().min(1, t('validation.required')).max(max, t('validation.tooLong', { max }));

export const newPasswordRule = (t: TFunction) =>
  z
    .string()
    .min(8, t('validation.passwordShort'))
    .refine((text) => /\p{L}/u.test(text) && /\p{N}/u.test(text), t('validation.passwordWeak'));
