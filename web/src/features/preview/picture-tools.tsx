import { ImagePlus, Link2, LoaderCircle, X } from 'lucide-react';
import { type DragEvent, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Input } from '@/components/ui/input';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { Tooltip } from '@/components/ui/tooltip';
import type { Vision } from '@/lib/app-config';
import type { Pictures } from './use-pictures';

export function PictureStrip({ pictures }: { pictures: Pictures }) {
  const { t } = useTranslation();
  if (pictures.pictures.length === 0) return null;
  return (
    <ul className="flex flex-wrap gap-2">
      {pictures.pictures.map((picture) => (
        <li key={picture.key} className="group/pic relative">
          <img
            src={picture.src}
            alt={picture.name}
            className="size-16 rounded-lg border border-line bg-sunken object-cover"
          />
          {picture.status === 'uploading' && (
            <span
              role="status"
              aria-label={t('preview.uploading', { name: picture.name })}
              className="absolute inset-0 flex items-center justify-center rounded-lg bg-black/40 text-white"
            >
              <LoaderCircle className="size-5 animate-spin" aria-hidden />
            </span>
          )}
          <button
            type="button"
            aria-label={t('preview.removePicture', { name: picture.name })}
            onClick={() => pictures.remove(picture.key)}
            className="absolute -top-1.5 -right-1.5 flex size-5 items-center justify-center rounded-full border border-line bg-raised text-ink-2 shadow-2 hover:text-ink"
          >
            <X className="size-3" aria-hidden />
          </button>
        </li>
      ))}
    </ul>
  );
}

export function PictureButtons({
  pictures,
  vision,
  disabled,
}: {
  pictures: Pictures;
  vision: Vision;
  disabled: boolean;
}) {
  const { t } = useTranslation();
  const input = useRef<HTMLInputElement>(null);
  const [open, setOpen] = useState(false);
  const [url, setUrl] = useState('');
  const full = disabled || pictures.pictures.length >= vision.number_limits;
  const valid = /^https?:\/\/\S+\.\S+|^https?:\/\/localhost/.test(url.trim());
  return (
    <>
      {vision.transfer_methods.includes('local_file') && (
        <>
          <Tooltip text={t('preview.attach')}>
            <Button
              variant="ghost"
              size="icon"
              aria-label={t('preview.attach')}
              disabled={full}
              onClick={() => input.current?.click()}
            >
              <ImagePlus />
            </Button>
          </Tooltip>
          <input
            ref={input}
            type="file"
            accept="image/png,image/jpeg,image/webp,image/gif,image/bmp"
            multiple={vision.number_limits > 1}
            className="hidden"
            data-testid="picture-input"
            onChange={(event) => {
              pictures.addFiles([...(event.target.files ?? [])]);
              event.target.value = '';
            }}
          />
        </>
      )}
      {vision.transfer_methods.includes('remote_url') && (
        <Popover open={open} onOpenChange={setOpen}>
          <Tooltip text={t('preview.attachUrl')}>
            <PopoverTrigger asChild>
              <Button variant="ghost" size="icon" aria-label={t('preview.attachUrl')} disabled={full}>
                <Link2 />
              </Button>
            </PopoverTrigger>
          </Tooltip>
          <PopoverContent align="start" side="top" className="w-80 p-2.5">
            <form
              className="flex gap-2"
              onSubmit={(event) => {
                event.preventDefault();
                event.stopPropagation();
                if (!valid) return;
                pictures.addUrl(url.trim());
                setUrl('');
                setOpen(false);
              }}
            >
              <Input
                type="url"
                className="h-8"
                aria-label={t('preview.attachUrl')}
                placeholder={t('preview.urlPlaceholder')}
                value={url}
                onChange={(event) => setUrl(event.target.value)}
              />
              <Button type="submit" variant="primary" disabled={!valid}>
                {t('common.add')}
              </Button>
            </form>
          </PopoverContent>
        </Popover>
      )}
    </>
  );
}

/** Lets a surface take dropped pictures; `over` while one hovers. */
export function usePictureDrop(enabled: boolean, onFiles: (files: File[]) => void) {
  const [depth, setDepth] = useState(0);
  const holdsFiles = (event: DragEvent) => event.dataTransfer.types.includes('Files');
  return {
    over: enabled && depth > 0,
    handlers: enabled
      ? {
          onDragEnter: (event: DragEvent) => holdsFiles(event) && setDepth((d) => d + 1),
          onDragLeave: (event: DragEvent) => holdsFiles(event) && setDepth((d) => Math.max(0, d - 1)),
          onDragOver: (event: DragEvent) => holdsFiles(event) && event.preventDefault(),
          onDrop: (event: DragEvent) => {
            if (!holdsFiles(event)) return;
            event.preventDefault();
            setDepth(0);
            onFiles([...event.dataTransfer.files]);
          },
        }
      : {},
  };
}

export function DropOverlay() {
  const { t } = useTranslation();
  return (
    <div className="pointer-events-none absolute inset-2 z-20 flex animate-fade flex-col items-center justify-center gap-2 rounded-xl border-2 border-accent border-dashed bg-accent-soft/90 font-medium text-accent-ink">
      <ImagePlus className="size-7" aria-hidden />
      {t('preview.dropHere')}
    </div>
  );
}

/** A picture of a message; opens large. */
export function Thumbnail({ src, name }: { src: string; name: string }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        aria-label={`${t('preview.openPicture')}: ${name}`}
        onClick={() => setOpen(true)}
        className="rounded-lg"
      >
        <img
          src={src}
          alt={name}
          className="max-h-44 max-w-60 rounded-lg border border-line bg-sunken object-contain transition-opacity hover:opacity-90"
        />
      </button>
      <Dialog open={open} onOpenChange={setOpen} title={name} className="max-w-4xl">
        <img src={src} alt={name} className="mx-auto max-h-[70vh] rounded-md object-contain" />
      </Dialog>
    </>
  );
}
