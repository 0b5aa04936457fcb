import { type Dispatch, type SetStateAction, useCallback, useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { errorMessage } from '@/lib/api/errors';
import { type Attachment, type FileRules, fileAt, kindTaken, nameOfUrl, type SentFile } from '@/lib/files';

/** An attachment that the server has. */
export type SentAttachment = Attachment & { sent: SentFile };

const NOTHING: FileRules = { kinds: [], extensions: [], methods: [], limit: 0 };
const SHOWN: readonly string[] = ['image', 'audio', 'video'];

let nextKey = 1;

/**
 * The files of one place for files. Uploads start at once, so that sending does not wait for them; what is refused stays and says why.
 * `wanted`: null where no files are taken. `upload` gives the id under which the server has the file.
 */
export function useAttachments(
  wanted: FileRules | null,
  upload: (file: File) => Promise<string>,
  files: Attachment[],
  change: Dispatch<SetStateAction<Attachment[]>>,
) {
  const { t } = useTranslation();
  const rules = wanted ?? NOTHING;
  const now = useRef({ files, rules, upload });
  now.current = { files, rules, upload };
  const urls = useRef<string[]>([]);
  useEffect(
    () => () => {
      for (const url of urls.current) URL.revokeObjectURL(url);
    },
    [],
  );

  const room = useCallback(
    (count: number) => {
      const { files, rules } = now.current;
      const free = Math.max(0, rules.limit - files.length);
      if (count > free) toast.warning(t('files.tooMany', { count: rules.limit }));
      return Math.min(count, free);
    },
    [t],
  );

  const addFiles = useCallback(
    (chosen: File[]) => {
      const taken = chosen.flatMap((file) => {
        // what is pasted may have no name
        const name = file.name || 'picture.png';
        const kind = kindTaken(now.current.rules, name);
        if (!kind) toast.warning(t('files.notTaken', { name }));
        return kind ? [{ file, name, kind }] : [];
      });
      for (const { file, name, kind } of taken.slice(0, room(taken.length))) {
        const key = nextKey++;
        const settle = (patch: Partial<Attachment>) =>
          change((all) => all.map((one) => (one.key === key ? { ...one, ...patch, isUploading: false } : one)));
        const src = SHOWN.includes(kind) ? URL.createObjectURL(file) : undefined;
        if (src) urls.current.push(src);
        change((all) => [
          ...all,
          { key, name, kind, size: file.size, isUploading: true, ...(src ? { src, href: src } : {}) },
        ]);
        now.current.upload(file).then(
          (id) => settle({ sent: { type: kind, transfer_method: 'local_file', upload_file_id: id } }),
          (error: unknown) => settle({ error: errorMessage(error, t) }),
        );
      }
    },
    [change, room, t],
  );

  const addUrl = useCallback(
    (url: string) => {
      if (room(1) === 0) return;
      const sent = fileAt(url, now.current.rules);
      const src = SHOWN.includes(sent.type) ? { src: url } : {};
      change((all) => [...all, { key: nextKey++, name: nameOfUrl(url), kind: sent.type, href: url, sent, ...src }]);
    },
    [change, room],
  );

  const remove = useCallback((key: number) => change((all) => all.filter((one) => one.key !== key)), [change]);
  const clear = useCallback(() => change([]), [change]);
  return {
    files,
    rules,
    takesFiles: rules.methods.includes('local_file'),
    isUploading: files.some((one) => one.isUploading),
    sent: files.filter((one): one is SentAttachment => one.sent !== undefined),
    addFiles,
    addUrl,
    remove,
    clear,
  };
}
