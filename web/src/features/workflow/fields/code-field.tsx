import { Maximize2 } from 'lucide-react';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Tooltip } from '@/components/ui/tooltip';
import { cn } from '@/lib/cn';
import type { Language } from './code-editor';

const CodeEditor = lazy(() => import('./code-editor'));

interface CodeFieldProps {
  label: string;
  language: Language;
  value: string;
  onChange: (value: string) => void;
  minRows?: number;
  actions?: ReactNode;
  /** What is wrong with it. */
  problem?: string | null;
  disabled: boolean;
}

export function CodeField({
  label,
  language,
  value,
  onChange,
  minRows = 8,
  actions,
  problem,
  disabled,
}: CodeFieldProps) {
  const { t } = useTranslation();
  const [large, setLarge] = useState(false);
  const edit = (rows: number, maxRows: number) => (
    <Suspense
      fallback={<pre className="overflow-hidden px-3 py-1.5 font-mono text-ink-3 text-xs">{value.slice(0, 600)}</pre>}
    >
      <CodeEditor
        key={language}
        label={label}
        language={language}
        value={value}
        onChange={onChange}
        minRows={rows}
        maxRows={maxRows}
        disabled={disabled}
      />
    </Suspense>
  );
  return (
    <div>
      <div
        className={cn(
          'overflow-clip rounded-lg border border-line-strong bg-surface shadow-1 focus-within:border-accent focus-within:ring-3 focus-within:ring-accent/15',
          problem && 'border-danger',
        )}
      >
        <div className="flex h-8.5 items-center gap-1 border-b bg-sunken/60 pr-1 pl-3">
          <span className="mr-auto font-medium text-sm">{label}</span>
          {actions}
          <Tooltip text={t('studio.fields.larger')}>
            <Button
              variant="ghost"
              size="icon-xs"
              className="text-ink-3"
              aria-label={`${t('studio.fields.larger')}: ${label}`}
              onClick={() => setLarge(true)}
            >
              <Maximize2 />
            </Button>
          </Tooltip>
        </div>
        {!large && edit(minRows, 22)}
      </div>
      {problem && (
        <p role="alert" className="mt-1 text-danger text-xs">
          {problem}
        </p>
      )}
      {large && (
        <Dialog open onOpenChange={setLarge} title={label} className="h-[85dvh] max-w-5xl">
          <div className="rounded-lg border bg-surface">{edit(26, 200)}</div>
        </Dialog>
      )}
    </div>
  );
}
