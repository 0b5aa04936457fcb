import { CircleAlert, FileAudio, FileIcon, FileText, Film, LoaderCircle, X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';
import type { Attachment, FileKind } from '@/lib/files';
import { formatBytes } from '@/lib/format';

const ICONS: Record<FileKind, typeof FileIcon> = {
  image: FileIcon,
  video: Film,
  document: FileText,
  audio: FileAudio,
  custom: FileIcon,
};

interface ChosenFilesProps {
  files: Attachment[];
  onRemove: (key: number) => void;
  className?: string;
}

/** The files that go out with the next question. */
export function ChosenFiles({ files, onRemove, className }: ChosenFilesProps) {
  const { t } = useTranslation();
  if (files.length === 0) return null;
  return (
    <ul className={cn('flex flex-wrap gap-2', className)}>
      {files.map((file) => (
        <li
          key={file.key}
          className={cn('relative rounded-lg border bg-surface', file.error && 'border-danger')}
          title={file.error ?? file.name}
        >
          <Face file={file} />
          {file.isUploading && (
            <span
              role="status"
              aria-label={t('files.uploading', { name: file.name })}
              className="absolute inset-0 flex items-center justify-center rounded-lg bg-black/40 text-white"
            >
              <LoaderCircle className="size-5 animate-spin" aria-hidden />
            </span>
          )}
          {file.error && (
            <span role="alert" className="flex max-w-48 items-center gap-1 px-2 pb-1 text-2xs text-danger">
              <CircleAlert className="size-3 shrink-0" aria-hidden />
              {file.error}
            </span>
          )}
          <button
            type="button"
            aria-label={t('files.remove', { name: file.name })}
            onClick={() => onRemove(file.key)}
            className="absolute -top-1.5 -right-1.5 flex size-5 items-center justify-center rounded-full border bg-raised text-ink-2 shadow-2 hover:text-ink"
          >
            <X className="size-3" aria-hidden />
          </button>
        </li>
      ))}
    </ul>
  );
}

function Face({ file }: { file: Attachment }) {
  if (file.kind === 'image' && file.src)
    return <img src={file.src} alt={file.name} className="size-16 rounded-lg bg-sunken object-cover" />;
  const Icon = ICONS[file.kind];
  return (
    <span className="flex h-16 max-w-60 items-center gap-2.5 px-3">
      <Icon className="size-5 shrink-0 text-ink-3" aria-hidden />
      <span className="min-w-0">
        <span className="block truncate text-sm">{file.name}</span>
        {file.size !== undefined && <span className="block text-2xs text-ink-2">{formatBytes(file.size)}</span>}
      </span>
    </span>
  );
}
