import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';

interface PanelFrameProps {
  title: string;
  text?: string;
  actions?: ReactNode;
  onClose: () => void;
  children: ReactNode;
}

/** A panel beside the canvas. */
export function PanelFrame({ title, text, actions, onClose, children }: PanelFrameProps) {
  const { t } = useTranslation();
  return (
    <section aria-label={title} className="flex h-full min-h-0 flex-col">
      <header className="flex min-h-12 shrink-0 items-center gap-2 border-b py-1.5 pr-2 pl-4">
        <div className="min-w-0 grow">
          <h2 className="font-semibold text-sm">{title}</h2>
          {text && <p className="text-ink-3 text-xs">{text}</p>}
        </div>
        {actions}
        <Button variant="ghost" size="icon" aria-label={t('common.close')} onClick={onClose}>
          <X />
        </Button>
      </header>
      <div className="min-h-0 grow overflow-y-auto">{children}</div>
    </section>
  );
}
