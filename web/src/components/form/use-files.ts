import { useQueryClient } from '@tanstack/react-query';
import type { Dispatch, SetStateAction } from 'react';
import { useTranslation } from 'react-i18next';
import { errorMessage } from '@/lib/api/errors';
import type { ChosenFile } from '@/lib/files';
import { type FormFileRules, isSettled, settleForm, uploadFile } from './queries';
import { fileAt, isAccepted, type Values } from './values';

let nextKey = 1;

/** The files of one input. Uploads start at once, so that sending the form does not wait for them. */
export function useFiles(
  token: string,
  name: string,
  rules: FormFileRules,
  setValues: Dispatch<SetStateAction<Values>>,
) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const change = (update: (files: ChosenFile[]) => ChosenFile[]) =>
    setValues((values) => ({ ...values, files: { ...values.files, [name]: update(values.files[name] ?? []) } }));
  const settle = (key: number, patch: Partial<ChosenFile>) =>
    change((files) => files.map((file) => (file.key === key ? { ...file, ...patch } : file)));

  const add = (chosen: File[], room: number) => {
    for (const [i, file] of chosen.entries()) {
      const key = nextKey++;
      const entry: ChosenFile = { key, name: file.name, size: file.size };
      if (i >= room) {
        if (i === room)
          change((files) => [...files, { ...entry, error: t('form.tooMany', { count: rules.number_limit }) }]);
      } else if (!isAccepted(rules, file.name)) {
        change((files) => [...files, { ...entry, error: t('form.notAccepted') }]);
      } else {
        change((files) => [...files, entry]);
        uploadFile(token, file).then(
          ({ id, type }) => settle(key, { sent: { type, transfer_method: 'local_file', upload_file_id: id } }),
          (error: unknown) => {
            settle(key, { error: errorMessage(error, t) });
            if (isSettled(error)) void settleForm(client, token);
          },
        );
      }
    }
  };
  const addUrl = (url: string) => change((files) => [...files, { key: nextKey++, name: url, sent: fileAt(url) }]);
  const remove = (key: number) => change((files) => files.filter((file) => file.key !== key));
  return { add, addUrl, remove };
}
