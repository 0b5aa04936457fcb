import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { CopyButton } from './copy';
import { Button } from './ui/button';
import { Dialog } from './ui/dialog';

interface NewKeyProps {
  token: string;
  onClose: () => void;
  /** What may be done with it. */
  children: ReactNode;
}

/** A key that was just made: the one time that it is shown. */
export function NewKey({ token, onClose, children }: NewKeyProps) {
  const { t } = useTranslation();
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t('api.keyTitle')}
      description={t('api.keyOnce')}
      footer={
        <Button variant="primary" onClick={onClose}>
          {t('common.done')}
        </Button>
      }
    >
      <div className="flex items-center gap-2 rounded-lg border border-accent-line bg-accent-soft/60 p-2 pl-3.5">
        <code data-testid="new-key" className="min-w-0 grow select-all break-all font-mono text-sm">
          {token}
        </code>
        <CopyButton text={token} />
      </div>
      {children}
    </Dialog>
  );
}
