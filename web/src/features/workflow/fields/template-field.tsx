import { Maximize2, Variable as VariableIcon } from 'lucide-react';
import { lazy, type ReactNode, Suspense, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Popover, PopoverContent, PopoverTrigger } from '@/components/ui/popover';
import { Tooltip } from '@/components/ui/tooltip';
import { cn } from '@/lib/cn';
import { template } from '../graph/references';
import type { EditorHandle } from './code-mirror';
import { useScope } from './scope';
import { VariableList } from './variable-list';

const TemplateEditor = lazy(() => import('./template-editor'));

/** A name in `{{#…#}}` that is no variable, with what it is called. */
export interface Special {
  name: string;
  label: string;
}

interface TemplateFieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** One line without a frame of its own around it. */
  isLine?: boolean;
  minRows?: number;
  placeholder?: string;
  specials?: readonly Special[];
  /** Beside the label. */
  actions?: ReactNode;
  disabled: boolean;
  className?: string;
}

/** Text with variables in it, drawn as chips; typing `{` offers them. */
export function TemplateField(props: TemplateFieldProps) {
  const {
    label,
    value,
    onChange,
    isLine = false,
    minRows = 3,
    placeholder,
    specials,
    actions,
    disabled,
    className,
  } = props;
  const { t } = useTranslation();
  const id = useId();
  const sources = useScope();
  const editor = useRef<EditorHandle>(null);
  const [picking, setPicking] = useState(false);
  const [large, setLarge] = useState(false);
  const insert = (text: string) => {
    setPicking(false);
    editor.current?.insert(text);
  };
  const pick = (
    <Popover open={picking} onOpenChange={setPicking}>
      <Tooltip text={t('studio.vars.insert')}>
        <PopoverTrigger asChild>
          <Button
            variant="ghost"
            size="icon-xs"
            aria-label={`${t('studio.vars.insert')}: ${label}`}
            disabled={disabled}
            className="text-ink-3"
          >
            <VariableIcon />
          </Button>
        </PopoverTrigger>
      </Tooltip>
      <PopoverContent
        aria-label={t('studio.vars.insert')}
        align="end"
        onCloseAutoFocus={(event) => event.preventDefault()}
      >
        {specials && specials.length > 0 && (
          <div className="flex flex-wrap gap-1 border-b px-3 py-2">
            {specials.map((special) => (
              <Button key={special.name} size="xs" variant="soft" onClick={() => insert(`{{#${special.name}#}}`)}>
                {special.label}
              </Button>
            ))}
          </div>
        )}
        <VariableList sources={sources} onPick={(selector) => insert(template(selector))} />
      </PopoverContent>
    </Popover>
  );
  const edit = (isLarge: boolean) => (
    <Suspense fallback={<Waiting value={value} rows={isLine ? 1 : minRows} />}>
      <TemplateEditor
        ref={editor}
        label={label}
        value={value}
        onChange={onChange}
        sources={sources}
        specials={specials ?? []}
        isLine={isLine}
        minRows={isLarge ? 22 : isLine ? 1 : minRows}
        placeholder={placeholder ?? ''}
        disabled={disabled}
      />
    </Suspense>
  );
  if (isLine) {
    return (
      <div
        className={cn(
          'flex min-w-0 items-start rounded-md border border-line-strong bg-surface pr-0.5 shadow-1 focus-within:border-accent focus-within:ring-3 focus-within:ring-accent/20',
          disabled && 'opacity-60',
          className,
        )}
      >
        <div className="min-w-0 grow">{edit(false)}</div>
        <span className="flex h-8 items-center">{pick}</span>
      </div>
    );
  }
  return (
    <div
      className={cn(
        'overflow-clip rounded-lg border border-line-strong bg-surface shadow-1 focus-within:border-accent focus-within:ring-3 focus-within:ring-accent/15',
        disabled && 'opacity-70',
        className,
      )}
    >
      <div className="flex h-8.5 items-center gap-0.5 border-b bg-sunken/60 pr-1 pl-3">
        <span id={id} className="mr-auto min-w-0 truncate font-medium text-sm">
          {label}
        </span>
        {actions}
        {pick}
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
      {!large && edit(false)}
      {large && (
        <Dialog open onOpenChange={setLarge} title={label} className="h-[85dvh] max-w-4xl">
          <div className="-mx-1 rounded-lg border bg-surface">
            <div className="flex justify-end border-b px-1.5 py-1">{pick}</div>
            {edit(true)}
          </div>
        </Dialog>
      )}
    </div>
  );
}

function Waiting({ value, rows }: { value: string; rows: number }) {
  return (
    <div
      aria-busy
      className="overflow-hidden whitespace-pre-wrap px-3 py-1.5 text-ink-3 text-sm"
      style={{ minHeight: `${rows * 1.25 + 0.75}rem` }}
    >
      {value.slice(0, 400)}
    </div>
  );
}
