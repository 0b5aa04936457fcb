import { FileUp } from 'lucide-react';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { FormError } from '@/components/form-error';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Input, Textarea } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import type { App, ImportResult } from '@/lib/api/types';
import { cn } from '@/lib/cn';
import { formatBytes } from '@/lib/format';
import { hasRemarks, ImportReport } from './import-report';
import { useConfirmImport, useImportApp } from './queries';

const MAX_BYTES = 10 << 20;
type Source = 'file' | 'url' | 'text';

export function ImportAppDialog({ onClose, onImported }: { onClose: () => void; onImported: (app: App) => void }) {
  const { t } = useTranslation();
  const [source, setSource] = useState<Source>('file');
  const [file, setFile] = useState<File | null>(null);
  const [url, setUrl] = useState('');
  const [text, setText] = useState('');
  const [result, setResult] = useState<ImportResult | null>(null);
  const start = useImportApp();
  const confirm = useConfirmImport();
  const size = source === 'file' ? (file?.size ?? 0) : source === 'text' ? text.length : 0;
  const tooLarge = size > MAX_BYTES;
  const ready = source === 'file' ? file !== null : source === 'url' ? /^https?:\/\/\S+/.test(url.trim()) : text.trim();

  const finish = (next: ImportResult) => {
    if (next.app && !hasRemarks(next)) {
      toast.success(t('apps.importDone', { name: next.app.name }));
      onImported(next.app);
    } else setResult(next);
  };
  const submit = async () => {
    if (!ready || tooLarge) return;
    const body =
      source === 'url' ? { url: url.trim() } : { yaml: source === 'file' && file ? await file.text() : text };
    start.mutate(body, { onSuccess: finish });
  };

  if (result) {
    const { app, import_id: importId } = result;
    return (
      <Dialog
        open
        onOpenChange={(open) => !open && onClose()}
        title={app ? t('apps.importWarnings') : t('apps.importPendingTitle')}
        description={app ? t('home.importReport', { name: app.name }) : t('apps.importPendingText')}
        className="max-w-xl"
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
                  onClick={() => confirm.mutate(importId, { onSuccess: finish })}
                >
                  {t('apps.importAnyway')}
                </Button>
              )
            )}
          </>
        }
      >
        <ImportReport
          result={result}
          onMapped={({ app, mapped, missing }) =>
            setResult({
              ...result,
              app,
              warnings: [],
              mapped: [...result.mapped, ...mapped],
              missing: { ...missing, plugins: result.missing.plugins },
            })
          }
        />
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
          <Button variant="primary" disabled={!ready || tooLarge} busy={start.isPending} onClick={() => void submit()}>
            {t('apps.importSubmit')}
          </Button>
        </>
      }
    >
      <Segmented<Source>
        label={t('home.importFrom')}
        className="mb-3"
        value={source}
        onChange={(next) => {
          setSource(next);
          start.reset();
        }}
        options={[
          { value: 'file', label: t('home.importFile') },
          { value: 'url', label: t('home.importUrl') },
          { value: 'text', label: t('home.importPaste') },
        ]}
      />
      {source === 'file' && <FileDrop file={file} onFile={setFile} />}
      {source === 'url' && (
        <>
          <Input
            autoFocus
            type="url"
            className="font-mono"
            aria-label={t('home.importUrl')}
            placeholder="https://github.com/…/app.yml"
            value={url}
            onChange={(event) => setUrl(event.target.value)}
            onKeyDown={(event) => event.key === 'Enter' && void submit()}
          />
          <p className="mt-1.5 text-ink-3 text-xs">{t('home.importUrlText')}</p>
        </>
      )}
      {source === 'text' && (
        <Textarea
          autoFocus
          rows={9}
          className="font-mono text-xs"
          aria-label={t('home.importPaste')}
          placeholder={'kind: app\napp:\n  name: …'}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      )}
      <div className="mt-3">
        <FormError error={tooLarge || start.error} text={tooLarge ? t('apps.importTooLarge') : undefined} />
      </div>
    </Dialog>
  );
}

function FileDrop({ file, onFile }: { file: File | null; onFile: (file: File | null) => void }) {
  const { t } = useTranslation();
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  return (
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
        onFile(event.dataTransfer.files[0] ?? null);
      }}
      className={cn(
        'flex flex-col items-center gap-3 rounded-lg border border-line-strong border-dashed px-6 py-9 text-center transition-colors',
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
        onChange={(event) => onFile(event.target.files?.[0] ?? null)}
      />
    </section>
  );
}
