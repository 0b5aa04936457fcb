import { useCallback, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { request } from '@/lib/api/client';
import { errorMessage } from '@/lib/api/errors';
import type { UploadedFile } from '@/lib/api/types';
import type { SentPicture } from './use-preview';

export interface Picture {
  key: number;
  name: string;
  /** What the browser shows: a local object URL or the address itself. */
  src: string;
  status: 'uploading' | 'ready';
  sent?: SentPicture;
}

let nextKey = 1;

/** The pictures waiting in the composer. Uploads start at once, so that sending does not wait for them. */
export function usePictures(limit: number) {
  const { t } = useTranslation();
  const [pictures, setPictures] = useState<Picture[]>([]);
  const current = useRef(pictures);
  current.current = pictures;
  const urls = useRef<string[]>([]);
  useEffect(
    () => () => {
      for (const url of urls.current) URL.revokeObjectURL(url);
    },
    [],
  );

  const room = useCallback(
    (wanted: number) => {
      const free = limit - current.current.length;
      if (wanted > free) toast.warning(t('preview.tooMany', { count: limit }));
      return Math.max(0, Math.min(wanted, free));
    },
    [limit, t],
  );

  const addFiles = useCallback(
    (files: File[]) => {
      const images = files.filter((file) => {
        if (file.type.startsWith('image/')) return true;
        toast.error(t('preview.notPicture', { name: file.name }));
        return false;
      });
      const taken = images.slice(0, room(images.length));
      const fresh = taken.map((file) => {
        const src = URL.createObjectURL(file);
        urls.current.push(src);
        return { key: nextKey++, name: file.name, src, file };
      });
      setPictures((all) => [
        ...all,
        ...fresh.map(({ file: _, ...picture }) => ({ ...picture, status: 'uploading' as const })),
      ]);
      for (const { key, name, src, file } of fresh) {
        const form = new FormData();
        form.append('file', file, file.name || 'picture.png');
        void request('/api/files', { method: 'POST', body: form })
          .then(async (response) => (await response.json()) as UploadedFile)
          .then(
            (uploaded) => {
              const sent: SentPicture = {
                name,
                src,
                file: { type: 'image', transfer_method: 'local_file', upload_file_id: uploaded.id },
              };
              setPictures((all) => all.map((p) => (p.key === key ? { ...p, status: 'ready', sent } : p)));
            },
            (error: unknown) => {
              toast.error(t('preview.uploadFailed', { name, message: errorMessage(error, t) }));
              setPictures((all) => all.filter((p) => p.key !== key));
            },
          );
      }
    },
    [room, t],
  );

  const addUrl = useCallback(
    (url: string) => {
      if (room(1) === 0) return;
      const name = url.split('/').at(-1) || url;
      const sent: SentPicture = { name, src: url, file: { type: 'image', transfer_method: 'remote_url', url } };
      setPictures((all) => [...all, { key: nextKey++, name, src: url, status: 'ready', sent }]);
    },
    [room],
  );

  const remove = useCallback((key: number) => setPictures((all) => all.filter((p) => p.key !== key)), []);
  const clear = useCallback(() => setPictures([]), []);
  const uploading = pictures.some((p) => p.status === 'uploading');
  const sent = pictures.flatMap((p) => (p.sent ? [p.sent] : []));
  return { pictures, uploading, sent, addFiles, addUrl, remove, clear };
}

export type Pictures = ReturnType<typeof usePictures>;
