import { X } from 'lucide-react';
import { Dialog as Radix } from 'radix-ui';
import { type ReactNode, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';
import { Button } from './button';

/** What had the focus; for an item of a menu, which closes, what opened the menu. */
function focusedNow(): HTMLElement | null {
  const element = document.activeElement;
  const menu = element?.closest('[role="menu"]')?.getAttribute('aria-labelledby');
  const opener = menu ? document.getElementById(menu) : element;
  return opener instanceof HTMLElement ? opener : null;
}

/** Back to what had the focus; where that is gone, to the dialog below, else to the page. */
function giveBack(opener: HTMLElement | null) {
  opener?.focus();
  if (opener?.isConnected && document.activeElement === opener) return;
  const below = [...document.querySelectorAll<HTMLElement>('[role="dialog"][data-state="open"]')].at(-1);
  (below ?? document.querySelector<HTMLElement>('main'))?.focus();
}

interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  description?: ReactNode;
  children?: ReactNode;
  /** Buttons, right-aligned under the content. */
  footer?: ReactNode;
  /** `side` slides in from the right and takes the full height. */
  variant?: 'center' | 'side';
  className?: string;
}

export function Dialog({
  open,
  onOpenChange,
  title,
  description,
  children,
  footer,
  variant = 'center',
  className,
}: DialogProps) {
  const { t } = useTranslation();
  // Dialogs here have no trigger of their own to give the focus back to.
  const opener = useRef<HTMLElement | null>(null);
  const wasOpen = useRef(false);
  if (open && !wasOpen.current) opener.current = focusedNow();
  wasOpen.current = open;
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 animate-fade bg-black/35 dark:bg-black/60" />
        <Radix.Content
          {...(description ? {} : { 'aria-describedby': undefined })}
          // a field that asks for the focus has it by now; else the dialog itself, rather than its close button
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            if (event.currentTarget instanceof HTMLElement) event.currentTarget.focus();
          }}
          onCloseAutoFocus={() => giveBack(opener.current)}
          className={cn(
            'fixed z-50 flex flex-col bg-raised shadow-3 outline-none',
            variant === 'center'
              ? 'top-1/2 left-1/2 max-h-[calc(100dvh-3rem)] w-[calc(100vw-2rem)] max-w-lg -translate-x-1/2 -translate-y-1/2 animate-fade rounded-xl border'
              : 'inset-y-0 right-0 w-full max-w-md animate-slide border-l',
            className,
          )}
        >
          <div className="flex items-start gap-3 px-5 pt-4.5 pb-3">
            <div className="min-w-0 grow">
              <Radix.Title className="font-semibold text-ink text-lg tracking-tight">{title}</Radix.Title>
              {description && (
                <Radix.Description className="mt-0.5 text-ink-2 text-sm">{description}</Radix.Description>
              )}
            </div>
            <Radix.Close asChild>
              <Button variant="ghost" size="icon" className="-mt-1 -mr-2" aria-label={t('common.close')}>
                <X />
              </Button>
            </Radix.Close>
          </div>
          <div className="min-h-0 grow overflow-y-auto px-5 pt-1 pb-5">{children}</div>
          {footer && <div className="flex flex-wrap justify-end gap-2 border-t px-5 py-3.5">{footer}</div>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface ConfirmProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  text: string;
  action: string;
  danger?: boolean;
  busy?: boolean;
  onConfirm: () => void;
}

/** Asks before something that can't be taken back. */
export function Confirm({ open, onOpenChange, title, text, action, danger, busy, onConfirm }: ConfirmProps) {
  const { t } = useTranslation();
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title={title}
      description={text}
      className="max-w-md"
      footer={
        <>
          <Button onClick={() => onOpenChange(false)}>{t('common.cancel')}</Button>
          <Button variant={danger ? 'danger' : 'primary'} busy={busy ?? false} onClick={onConfirm}>
            {action}
          </Button>
        </>
      }
    />
  );
}
