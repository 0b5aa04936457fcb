import { ArrowUp, Square } from 'lucide-react';
import type { ReactNode, RefObject } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './ui/button';

interface AskBoxProps {
  value: string;
  onChange: (value: string) => void;
  placeholder: string;
  /** An answer is on its way, and can be stopped. */
  isBusy: boolean;
  canSend: boolean;
  onSend: () => void;
  onStop: () => void;
  /** Takes files that are pasted. */
  onPasteFiles?: ((files: File[]) => void) | undefined;
  fieldRef?: RefObject<HTMLTextAreaElement | null>;
  /** What goes with the question, above it. */
  files?: ReactNode;
  /** Beside the button. */
  children?: ReactNode;
}

/** Where a question is written: Enter sends it, Shift and Enter begin a line. */
export function AskBox({ value, onChange, placeholder, isBusy, canSend, onSend, onStop, ...rest }: AskBoxProps) {
  const { t } = useTranslation();
  const { onPasteFiles, fieldRef, files, children } = rest;
  return (
    <form
      className="mx-auto max-w-3xl rounded-xl border border-line-strong bg-surface shadow-2 transition-[border-color,box-shadow] focus-within:border-accent focus-within:ring-3 focus-within:ring-accent/15"
      onSubmit={(event) => {
        event.preventDefault();
        onSend();
      }}
    >
      {files}
      <textarea
        ref={fieldRef}
        rows={1}
        aria-label={placeholder}
        placeholder={placeholder}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onPaste={(event) => {
          const pasted = [...event.clipboardData.files];
          if (pasted.length === 0 || !onPasteFiles) return;
          event.preventDefault();
          onPasteFiles(pasted);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
            event.preventDefault();
            onSend();
          }
        }}
        className="field-sizing-content max-h-44 min-h-10 w-full resize-none bg-transparent px-3.5 pt-2.5 text-base outline-none placeholder:text-ink-3"
      />
      <div className="flex items-center gap-0.5 px-2 pb-2">
        {children}
        {isBusy ? (
          <Button size="icon" className="ml-auto rounded-lg" aria-label={t('common.stop')} onClick={onStop}>
            <Square className="size-3.5! fill-current" />
          </Button>
        ) : (
          <Button
            type="submit"
            variant="primary"
            size="icon"
            className="ml-auto rounded-lg"
            aria-label={t('common.send')}
            disabled={!canSend}
          >
            <ArrowUp />
          </Button>
        )}
      </div>
    </form>
  );
}
