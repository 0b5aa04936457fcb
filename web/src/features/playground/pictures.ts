import { useCallback, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import type { Attachment, FileRules } from '@/lib/files';

/** Held as data URLs: the playground keeps nothing on the server. */
type DataPicture = Attachment & { src: string };

const RULES: FileRules = { kinds: ['image'], extensions: [], methods: ['local_file'], limit: 8 };
/** What models read. */
const TYPE = /^image\/(png|jpeg|webp|gif|bmp)$/;
const MAX_BYTES = 10 << 20;
let nextKey = 1;

/** Pictures of the next question. */
export function useDataPictures() {
  const { t } = useTranslation();
  const [files, setFiles] = useState<DataPicture[]>([]);
  const addFiles = useCallback(
    (chosen: File[]) => {
      for (const file of chosen) {
        if (!TYPE.test(file.type)) {
          toast.error(t('files.notPicture', { name: file.name }));
          continue;
        }
        if (file.size > MAX_BYTES) {
          toast.error(t('playground.tooLarge', { name: file.name }));
          continue;
        }
        const reader = new FileReader();
        reader.onload = () => {
          const picture: DataPicture = { key: nextKey++, name: file.name, kind: 'image', src: String(reader.result) };
          setFiles((all) => (all.length < RULES.limit ? [...all, picture] : all));
        };
        reader.readAsDataURL(file);
      }
    },
    [t],
  );
  const remove = useCallback((key: number) => setFiles((all) => all.filter((p) => p.key !== key)), []);
  const clear = useCallback(() => setFiles([]), []);
  return { files, rules: RULES, addFiles, remove, clear };
}
