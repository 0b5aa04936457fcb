import type { ReactNode } from 'react';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';

interface FieldProps {
  label: ReactNode;
  hint?: ReactNode;
  error?: string | undefined;
  optional?: boolean;
  className?: string;
  /** Receives what ties the control to its label and messages. */
  children: (control: { id: string; 'aria-invalid': boolean; 'aria-describedby': string | undefined }) => ReactNode;
}

/** A labelled control with its hint and error. */
export function Field({ label, hint, error, optional, className, children }: FieldProps) {
  const { t } = useTranslation();
  const id = useId();
  const note = error || hint ? `${id}-note` : undefined;
  return (
    <div className={cn('flex min-w-0 flex-col gap-1.5', className)}>
      <label htmlFor={id} className="font-medium text-ink text-sm">
        {label}
        {optional && <span className="ml-1 font-normal text-ink-3">{` ${t('common.optional')}`}</span>}
      </label>
      {children({ id, 'aria-invalid': Boolean(error), 'aria-describedby': note })}
      {error ? (
        <p id={note} role="alert" className="text-danger text-xs">
          {error}
        </p>
      ) : (
        hint && (
          <p id={note} className="text-ink-3 text-xs">
            {hint}
          </p>
        )
      )}
    </div>
  );
}
