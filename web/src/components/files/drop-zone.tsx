import { FilePlus2, ImagePlus } from 'lucide-react';
import { type ComponentProps, type DragEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';
import { type FileRules, picturesOnly } from '@/lib/files';

interface DropZoneProps extends ComponentProps<'section'> {
  /** Null: nothing is taken. */
  rules: FileRules | null;
  onFiles: (files: File[]) => void;
}

/** Takes files that are dropped anywhere on what it holds. */
export function DropZone({ rules, onFiles, className, children, ...section }: DropZoneProps) {
  const { t } = useTranslation();
  const [over, setOver] = useState(false);
  const isTaken = (event: DragEvent) =>
    rules?.methods.includes('local_file') && event.dataTransfer.types.includes('Files');
  const pictures = rules && picturesOnly(rules);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is one more way beside the buttons
    <section
      {...section}
      className={cn('relative', className)}
      onDragOver={(event) => {
        if (!isTaken(event)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(event) => {
        if (!isTaken(event)) return;
        event.preventDefault();
        setOver(false);
        onFiles([...event.dataTransfer.files]);
      }}
    >
      {over && (
        <div className="pointer-events-none absolute inset-2 z-20 flex animate-fade flex-col items-center justify-center gap-2 rounded-xl border-2 border-accent border-dashed bg-accent-soft/90 font-medium text-accent-ink">
          {pictures ? <ImagePlus className="size-7" aria-hidden /> : <FilePlus2 className="size-7" aria-hidden />}
          {t(pictures ? 'files.dropPictureHere' : 'files.dropHere')}
        </div>
      )}
      {children}
    </section>
  );
}
