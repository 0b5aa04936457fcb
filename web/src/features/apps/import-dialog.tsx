import { FileUp, TriangleAlert } from 'lucide-react';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { FormError } from '@/components/form-error';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import type { App, ImportResult } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { formatBytes } from '@/lib/format';
import { useConfirmImport, useImportApp } from './queries';

const MAX_BYTES = 10 << 20;

export function ImportAppDialog({ onClose, onImported }: { onClose: () => void; onImported: (app: App) => void }) {
  const { t } = useTranslation();
  const [file, setFile] = useState<File | null>(null);
  const [over, setOver] = useState(false);
  const [result, setResult] = useState<ImportResult | null>(null);
  const input = useRef<HTMLInputElement>(null);
  const start = useImportApp();
  const confirm = useConfirmImport();
  const tooLarge = file !== null && file.size > MAX_BYTES;

  const finish = (next: ImportResult) => {
    if (next.status === 'completed' && next.app) onImported(next.app);
    else setResult(next);
  };
  const submit = async () => {
    if (!file) return;
    start.mutate(await file.text(), { onSuccess: finish });
  };

  if (result) {
    const { app, import_id: importId } = result;
    return (
      <Dialog
        open
        onOpenChange={(open) => !open && onClose()}
        title={app ? t('apps.importWarnings') : t('apps.importPendingTitle')}
        description={app ? undefined : t('apps.importPendingText')}
        footer={
          <>
            <Button onClick={onClose}>{t(app ? 'common.close' : 'common.cancel')}</Button>
            {app ? (
              <Button variant="primary" onClick={() => onImported(app)}>
                {t('apps.openApp')}
              </Button>
            ) : (
              importId && (
                <Button
                  variant="primary"
                  busy={confirm.isPending}
                  onClick={() => confirm.mutate(importId, { onSuccess: (next) => next.app && onImported(next.app) })}
                >
                  {t('apps.importAnyway')}
                </Button>
              )
            )}
          </>
        }
      >
        <ul className="space-y-2">
          {result.warnings.map((warning) => (
            <li key={warning} className="flex gap-2 rounded-md bg-warn-soft px-3 py-2 text-sm text-warn-ink">
              <TriangleAlert className="mt-0.5 size-4 shrink-0" aria-hidden />
              {warning}
            </li>
          ))}
        </ul>
        <FormError error={confirm.error} />
      </Dialog>
    );
  }

  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t('apps.importTitle')}
      description={t('apps.importText')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button variant="primary" disabled={!file || tooLarge} busy={start.isPending} onClick={() => void submit()}>
            {t('apps.importSubmit')}
          </Button>
        </>
      }
    >
      <section
        aria-label={t('apps.importHint')}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          setFile(event.dataTransfer.files[0] ?? null);
        }}
        className={cn(
          'flex flex-col items-center gap-3 rounded-lg border-2 border-line-strong border-dashed px-6 py-9 text-center transition-colors',
          over && 'border-accent bg-accent-soft/50',
        )}
      >
        <FileUp className="size-6 text-ink-3" aria-hidden />
        {file ? (
          <p className="font-medium text-sm">
            {file.name} <span className="font-normal text-ink-3">{formatBytes(file.size)}</span>
          </p>
        ) : (
          <p className="text-ink-2 text-sm">{t('apps.importHint')}</p>
        )}
        <Button onClick={() => input.current?.click()}>{t('apps.importPick')}</Button>
        <input
          ref={input}
          type="file"
          accept=".yml,.yaml"
          className="sr-only"
          tabIndex={-1}
          aria-label={t('apps.importPick')}
          onChange={(event) => setFile(event.target.files?.[0] ?? null)}
        />
      </section>
      <div className="mt-3">
        <FormError error={tooLarge || start.error} text={tooLarge ? t('apps.importTooLarge') : undefined} />
      </div>
    </Dialog>
  );
}
