import { Play, Sparkles, Square } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { AttachButtons } from '@/components/files/attach-buttons';
import { ChosenFiles } from '@/components/files/chosen-files';
import { DropZone } from '@/components/files/drop-zone';
import { FileList } from '@/components/files/file-list';
import { Button } from '@/components/ui/button';
import type { App } from '@/lib/api/types';
import { type AppConfig, fieldsOf, initialInputs, uploadRules } from '@/lib/app-config';
import { Answer } from './answer';
import { type Inputs, InputsForm, missingInputs, wireInputs } from './inputs-form';
import { useMessageFiles } from './use-message-files';
import { usePreview } from './use-preview';

export function CompletionPreview({ app, config }: { app: App; config: AppConfig }) {
  const { t } = useTranslation();
  const { turns, busy, ask, stop } = usePreview(app.id, false);
  const rules = uploadRules(config.file_upload);
  const attachments = useMessageFiles(rules);
  const fields = fieldsOf(config);
  const [touched, setTouched] = useState<Inputs>({});
  const values = { ...initialInputs(fields), ...touched };
  const missing = missingInputs(fields, values);
  const turn = turns[0];

  const run = () => {
    if (missing.length > 0) {
      toast.warning(t('preview.formMissing', { names: missing.join(', ') }));
      return;
    }
    const inputs = wireInputs(fields, values);
    const query = typeof inputs.query === 'string' ? inputs.query : '';
    void ask({ query, inputs, files: config.file_upload.enabled ? attachments.sent : [], config, followUps: false });
  };

  return (
    <DropZone
      rules={rules}
      onFiles={attachments.addFiles}
      aria-label={t('preview.titleCompletion')}
      className="flex h-full min-h-0 flex-col"
    >
      <header className="flex h-12 shrink-0 items-center border-b px-5">
        <h2 className="font-semibold text-sm">{t('preview.titleCompletion')}</h2>
      </header>
      <div className="min-h-0 grow overflow-y-auto">
        <div className="mx-auto max-w-2xl space-y-5 px-5 py-6">
          <form
            className="space-y-4 rounded-xl border border-line bg-surface p-4 shadow-1"
            onSubmit={(event) => {
              event.preventDefault();
              run();
            }}
          >
            <InputsForm fields={fields} values={values} onChange={setTouched} />
            <ChosenFiles files={attachments.files} onRemove={attachments.remove} />
            <div className="flex items-center gap-1">
              <AttachButtons attachments={attachments} />
              {busy ? (
                <Button size="md" className="ml-auto" onClick={stop}>
                  <Square className="size-3.5! fill-current" />
                  {t('common.stop')}
                </Button>
              ) : (
                <Button
                  type="submit"
                  variant="primary"
                  size="md"
                  className="ml-auto"
                  disabled={attachments.isUploading}
                >
                  <Play />
                  {t('preview.run')}
                </Button>
              )}
            </div>
          </form>
          <div className="rounded-xl border border-line bg-surface shadow-1" aria-live="polite">
            <h3 className="border-b px-4 py-2.5 font-medium text-ink-2 text-sm">{t('preview.result')}</h3>
            <div className="min-h-32 p-4">
              {turn ? (
                <>
                  <FileList files={turn.files} className="mb-3" />
                  <Answer turn={turn} onRetry={busy ? undefined : run} />
                </>
              ) : (
                <p className="flex flex-col items-center gap-2 py-6 text-ink-3 text-sm">
                  <Sparkles className="size-5" aria-hidden />
                  {t('preview.resultEmpty')}
                </p>
              )}
            </div>
          </div>
        </div>
      </div>
    </DropZone>
  );
}
