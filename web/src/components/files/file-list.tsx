import { FileAudio, FileIcon, FileText, Film, type LucideIcon } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';
import { filesIn } from '@/lib/file-values';
import { type FileKind, nameOfUrl, ownAddress, parseUrl } from '@/lib/files';
import { formatBytes } from '@/lib/format';
import { Dialog } from '../ui/dialog';

/** A file as people see it. */
export interface ShownFile {
  kind: FileKind;
  name: string;
  size?: number | undefined;
  /** What the browser fetches to show a picture, a sound or a film. */
  src?: string | null | undefined;
  /** Where its name leads. */
  href?: string | null | undefined;
}

/** A file that lies at an address somebody else gave: another host's is only linked, as fetching it would tell who looks. */
export function fileOf({ type, url, name }: { type: string; url: string | null; name: string }): ShownFile {
  const own = url ? ownAddress(url) : null;
  const href = own ?? (url ? parseUrl(url) : null);
  return { kind: type as FileKind, name: name || (href ? nameOfUrl(href) : ''), src: own, href };
}

/** The files among some values of a workflow. */
export const filesOfValue = (value: unknown): ShownFile[] =>
  filesIn(value)
    .slice(0, 12)
    .map(({ type, url, remote_url, filename }) =>
      fileOf({ type: type ?? 'custom', url: url || remote_url || null, name: filename ?? '' }),
    );

interface FileListProps {
  files: ShownFile[];
  size?: 'sm' | 'md';
  className?: string;
}

/** The files of a question, an answer or a run: pictures open large, sounds and films are played, others are named. */
export function FileList({ files, size = 'md', className }: FileListProps) {
  if (files.length === 0) return null;
  return (
    <ul className={cn('flex max-w-full flex-wrap gap-2', className)}>
      {files.map((file, index) => (
        <li key={index} className="min-w-0 max-w-full">
          <OneFile file={file} size={size} />
        </li>
      ))}
    </ul>
  );
}

function OneFile({ file, size }: { file: ShownFile; size: 'sm' | 'md' }) {
  // a link that has expired, a format that this browser does not know
  const [failed, setFailed] = useState(false);
  const { kind, name, src } = file;
  if (!src || failed) return <FileChip file={file} />;
  const onError = () => setFailed(true);
  if (kind === 'image') return <Picture src={src} name={name} size={size} onError={onError} />;
  if (kind !== 'audio' && kind !== 'video') return <FileChip file={file} />;
  const player = { src, controls: true, preload: 'metadata', 'aria-label': name, onError } as const;
  return (
    <figure className={cn('max-w-full rounded-lg border bg-surface p-1.5', size === 'sm' ? 'w-60' : 'w-80')}>
      {kind === 'audio' ? (
        <audio {...player} className="h-9 w-full" />
      ) : (
        <video {...player} playsInline className="max-h-64 w-full rounded-md bg-black" />
      )}
      <figcaption className="truncate px-1.5 pt-1 text-ink-2 text-xs" title={name}>
        {name}
      </figcaption>
    </figure>
  );
}

interface PictureProps {
  src: string;
  name: string;
  size: 'sm' | 'md';
  onError: () => void;
}

function Picture({ src, name, size, onError }: PictureProps) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        aria-label={t('files.openPicture', { name })}
        onClick={() => setOpen(true)}
        className="max-w-full cursor-zoom-in rounded-lg"
      >
        <img
          src={src}
          alt={name}
          onError={onError}
          className={cn(
            'max-w-full rounded-lg border bg-sunken object-contain transition-opacity hover:opacity-90',
            size === 'sm' ? 'max-h-20' : 'max-h-64 min-w-16 sm:max-w-80',
          )}
        />
      </button>
      <Dialog open={open} onOpenChange={setOpen} title={name} className="max-w-4xl">
        <img src={src} alt={name} className="mx-auto max-h-[70vh] rounded-md object-contain" />
      </Dialog>
    </>
  );
}

const ICONS: Partial<Record<FileKind, LucideIcon>> = { document: FileText, audio: FileAudio, video: Film };

function FileChip({ file }: { file: ShownFile }) {
  const Icon = ICONS[file.kind] ?? FileIcon;
  const content = (
    <>
      <Icon className="size-4 shrink-0 text-ink-3" aria-hidden />
      <span className="max-w-60 truncate">{file.name}</span>
      {file.size !== undefined && <span className="shrink-0 text-2xs text-ink-3">{formatBytes(file.size)}</span>}
    </>
  );
  const style = 'flex max-w-full items-center gap-2 rounded-lg border bg-surface px-3 py-2 text-sm';
  return file.href ? (
    <a
      href={file.href}
      target="_blank"
      rel="noopener noreferrer"
      title={file.name}
      className={cn(style, 'hover:border-accent-line')}
    >
      {content}
    </a>
  ) : (
    <span className={style} title={file.name}>
      {content}
    </span>
  );
}
