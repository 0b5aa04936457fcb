import { Calculator, CloudDownload } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { FormError } from '@/components/form-error';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { Plan } from './plan-dialog';
import { usePull } from './queries';

/** A few that run well here; anything of a known architecture can be typed. */
const SUGGESTED = [
  { name: 'Qwen/Qwen3-VL-2B-Instruct', vision: true },
  { name: 'Qwen/Qwen3-VL-4B-Instruct', vision: true },
  { name: 'Qwen/Qwen3-VL-8B-Instruct', vision: true },
  { name: 'moonshotai/Kimi-VL-A3B-Instruct', vision: true },
  { name: 'Qwen/Qwen3-4B-Instruct-2507', vision: false },
  { name: 'BAAI/bge-m3', vision: false },
] as const;

/** Chooses a model of the hub, says whether it fits, and begins its download. */
export function PullDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const pull = usePull();
  const [model, setModel] = useState('');
  const [file, setFile] = useState('');
  const [planned, setPlanned] = useState<{ model: string; file: string } | null>(null);
  const named = /^(https?:\/\/huggingface\.co\/)?[\w.-]+\/[\w.-]+(@[\w./-]+)?\/?$/.test(model.trim());
  const current = planned?.model === model.trim() && planned.file === file.trim();
  const start = () =>
    pull.mutate(
      { model: model.trim(), ...(file.trim() ? { files: [file.trim()] } : {}) },
      {
        onSuccess: (started) => {
          toast.success(t('models.pullStarted', { model: started.model }));
          onClose();
        },
      },
    );
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t('models.pullTitle')}
      description={t('models.pullText')}
      className="max-w-xl"
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button disabled={!named || current} onClick={() => setPlanned({ model: model.trim(), file: file.trim() })}>
            <Calculator />
            {t('models.willItFit')}
          </Button>
          <Button variant="primary" disabled={!named} busy={pull.isPending} onClick={start}>
            <CloudDownload />
            {t('models.pull')}
          </Button>
        </>
      }
    >
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (named) start();
        }}
      >
        <Field label={t('models.name')} hint={t('models.nameText')}>
          {(control) => (
            <Input
              {...control}
              autoFocus
              spellCheck={false}
              className="font-mono"
              placeholder="Qwen/Qwen3-VL-2B-Instruct"
              value={model}
              onChange={(event) => setModel(event.target.value)}
            />
          )}
        </Field>
        <fieldset>
          <legend className="mb-1.5 text-ink-3 text-xs">{t('models.suggested')}</legend>
          <div className="flex flex-wrap gap-1.5">
            {SUGGESTED.map(({ name, vision }) => (
              <Button key={name} size="xs" aria-pressed={model === name} onClick={() => setModel(name)}>
                {name.split('/')[1]}
                {vision && <Badge tone="accent">{t('editor.vision')}</Badge>}
              </Button>
            ))}
          </div>
        </fieldset>
        <Field label={t('models.file')} optional hint={t('models.fileText')}>
          {(control) => (
            <Input
              {...control}
              spellCheck={false}
              className="font-mono"
              placeholder="*Q4_K_M.gguf"
              value={file}
              onChange={(event) => setFile(event.target.value)}
            />
          )}
        </Field>
        {planned && current && (
          <Plan request={{ model: planned.model, ...(planned.file ? { file: planned.file } : {}) }} />
        )}
        <FormError error={pull.error} />
        <button type="submit" hidden aria-hidden tabIndex={-1} />
      </form>
    </Dialog>
  );
}
