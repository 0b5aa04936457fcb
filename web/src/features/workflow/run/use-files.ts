import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import type { FormFileRules } from '@/components/form/queries';
import { fileAt, isAccepted } from '@/components/form/values';
import { errorMessage } from '@/lib/api/errors';
import { type ChosenFile, kindOf, nameOfUrl, uploadFile } from '@/lib/files';

let nextKey = 1;

/** Files for a run: they are on their way as soon as they are chosen. */
export function useFiles(rules: FormFileRules, change: (update: (files: ChosenFile[]) => ChosenFile[]) => void) {
  const { t } = useTranslation();
  const add = useCallback(
    (chosen: File[], room: number) => {
      const settle = (key: number, patch: Partial<ChosenFile>) =>
        change((files) => files.map((file) => (file.key === key ? { ...file, ...patch } : file)));
      for (const [i, file] of chosen.entries()) {
        const key = nextKey++;
        const entry: ChosenFile = { key, name: file.name, size: file.size };
        const problem =
          i >= room
            ? t('form.tooMany', { count: rules.number_limit })
            : isAccepted(rules, file.name)
              ? null
              : t('form.notAccepted');
        change((files) => [...files, problem ? { ...entry, error: problem } : entry]);
        if (problem) continue;
        uploadFile(file).then(
          (sent) => settle(key, { sent }),
          (error: unknown) => settle(key, { error: errorMessage(error, t) }),
        );
      }
    },
    [rules, change, t],
  );
  const addUrl = (url: string) =>
    change((files) => [
      ...files,
      { key: nextKey++, name: url, sent: { ...fileAt(url), type: kindOf(nameOfUrl(url)) } },
    ]);
  const remove = (key: number) => change((files) => files.filter((file) => file.key !== key));
  return { add, addUrl, remove };
}
