import { Braces, Plus } from 'lucide-react';
import { type KeyboardEvent, type ReactNode, useId, useLayoutEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Menu, MenuContent, MenuItem, MenuSeparator, MenuTrigger } from '@/components/ui/menu';
import { Popover, PopoverAnchor, PopoverContent } from '@/components/ui/popover';
import { VARIABLE } from '@/lib/app-config';
import { cn } from '@/lib/cn';

const TOKEN = /\{\{(#(?:query|context|histories)#|[A-Za-z_][A-Za-z0-9_]{0,29})\}\}/g;

interface PromptEditorProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  variables: { name: string; label: string }[];
  onNewVariable?: (name: string) => void;
  placeholder?: string;
  disabled?: boolean;
  minRows?: number;
  /** Beside the label. */
  actions?: ReactNode;
}

interface Completion {
  /** Where `{{` begins. */
  from: number;
  typed: string;
}

/**
 * A plain textarea with the coloured text drawn under it, so that input methods, undo and screen readers work as everywhere;
 * typing `{{` offers the variables.
 */
export function PromptEditor({
  label,
  value,
  onChange,
  variables,
  onNewVariable,
  placeholder,
  disabled,
  minRows = 8,
  actions,
}: PromptEditorProps) {
  const { t } = useTranslation();
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const backdrop = useRef<HTMLDivElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const caret = useRef<number | null>(null);
  // Where the list of variables hangs: at the braces that are being typed, wherever the page has scrolled to.
  const anchor = useRef({ getBoundingClientRect: () => new DOMRect() });
  const [completion, setCompletion] = useState<Completion | null>(null);
  const [active, setActive] = useState(0);

  const names = new Set(variables.map((variable) => variable.name));
  const typed = completion?.typed ?? '';
  const matches = completion ? variables.filter((v) => v.name.toLowerCase().includes(typed.toLowerCase())) : [];
  const offerNew = Boolean(completion && onNewVariable && VARIABLE.test(typed) && !names.has(typed));
  const options = [
    ...matches.map((v) => ({ ...v, fresh: false })),
    ...(offerNew ? [{ name: typed, label: '', fresh: true }] : []),
  ];
  const open = completion !== null && options.length > 0;

  useLayoutEffect(() => {
    if (caret.current === null || !area.current) return;
    area.current.setSelectionRange(caret.current, caret.current);
    caret.current = null;
  });

  const look = () => {
    const element = area.current;
    if (!element || element.selectionStart !== element.selectionEnd) return setCompletion(null);
    const before = element.value.slice(0, element.selectionStart);
    const match = /\{\{([A-Za-z0-9_]*)$/.exec(before);
    if (!match) return setCompletion(null);
    const place = placeOf(backdrop.current, box.current, match.index);
    anchor.current = {
      getBoundingClientRect: () => {
        const frame = box.current?.getBoundingClientRect();
        return new DOMRect((frame?.left ?? 0) + place.left, (frame?.top ?? 0) + place.top, 1, place.height);
      },
    };
    setCompletion({ from: match.index, typed: match[1] ?? '' });
    setActive(0);
  };

  const put = (from: number, to: number, text: string) => {
    const element = area.current;
    if (!element) return;
    element.focus();
    element.setSelectionRange(from, to);
    // insertText keeps the browser's undo history; where it is missing the value is replaced.
    if (!document.execCommand?.('insertText', false, text)) {
      caret.current = from + text.length;
      onChange(element.value.slice(0, from) + text + element.value.slice(to));
    }
  };

  const choose = (name: string, fresh: boolean) => {
    if (!completion || !area.current) return;
    const end = area.current.selectionEnd;
    const closed = area.current.value.slice(end, end + 2) === '}}' ? end + 2 : end;
    put(completion.from, closed, `{{${name}}}`);
    if (fresh) onNewVariable?.(name);
    setCompletion(null);
  };

  const insert = (name: string) => {
    const element = area.current;
    if (!element) return;
    put(element.selectionStart, element.selectionEnd, `{{${name}}}`);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (!open || event.nativeEvent.isComposing) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      setActive((active + (event.key === 'ArrowDown' ? 1 : options.length - 1)) % options.length);
    } else if (event.key === 'Enter' || event.key === 'Tab') {
      const option = options[active];
      if (!option) return;
      event.preventDefault();
      choose(option.name, option.fresh);
    } else if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      setCompletion(null);
    }
  };

  return (
    <div className="overflow-clip rounded-lg border border-line-strong bg-surface shadow-1 transition-[border-color,box-shadow] focus-within:border-accent focus-within:ring-3 focus-within:ring-accent/15">
      <div className="flex h-9.5 items-center gap-1 border-b bg-sunken/60 pr-1.5 pl-3.5">
        <label htmlFor={id} className="mr-auto font-medium text-sm">
          {label}
        </label>
        {actions}
        {!disabled && (
          <Menu>
            <MenuTrigger asChild>
              <Button variant="ghost" size="xs" onMouseDown={(event) => event.preventDefault()}>
                <Braces />
                {t('editor.insertVariable')}
              </Button>
            </MenuTrigger>
            <MenuContent onCloseAutoFocus={(event) => event.preventDefault()}>
              {variables.map((variable) => (
                <MenuItem key={variable.name} onSelect={() => setTimeout(() => insert(variable.name))}>
                  <code className="font-mono text-accent-ink text-xs">{`{{${variable.name}}}`}</code>
                  <span className="ml-auto max-w-36 truncate pl-4 text-ink-3 text-xs">
                    {variable.label !== variable.name && variable.label}
                  </span>
                </MenuItem>
              ))}
              {variables.length > 0 && onNewVariable && <MenuSeparator />}
              {onNewVariable && (
                <MenuItem
                  onSelect={() => {
                    let name = 'variable';
                    for (let n = 2; names.has(name); n += 1) name = `variable_${n}`;
                    onNewVariable(name);
                    setTimeout(() => insert(name));
                  }}
                >
                  <Plus />
                  {t('editor.newVariableBlank')}
                </MenuItem>
              )}
            </MenuContent>
          </Menu>
        )}
      </div>
      <div className="max-h-[26rem] overflow-y-auto">
        <div ref={box} className="relative grid" style={{ minHeight: `${minRows * 1.5 + 1.25}rem` }}>
          <div
            ref={backdrop}
            aria-hidden
            className="prompt-text pointer-events-none col-start-1 row-start-1 px-3.5 py-2.5 text-ink"
          >
            {paint(value, names)}
            {'\n'}
          </div>
          <textarea
            ref={area}
            id={id}
            value={value}
            disabled={disabled}
            placeholder={placeholder}
            spellCheck={false}
            role="combobox"
            aria-expanded={open}
            aria-autocomplete="list"
            aria-controls={`${id}-list`}
            aria-activedescendant={open ? `${id}-${active}` : undefined}
            onChange={(event) => {
              onChange(event.target.value);
              requestAnimationFrame(look);
            }}
            onKeyDown={onKeyDown}
            onClick={look}
            onBlur={() => setCompletion(null)}
            className="prompt-text col-start-1 row-start-1 size-full resize-none overflow-hidden bg-transparent px-3.5 py-2.5 text-transparent caret-ink outline-none placeholder:text-ink-3/75"
          />
          <Popover open={open} onOpenChange={(next) => !next && setCompletion(null)}>
            <PopoverAnchor virtualRef={anchor} />
            <PopoverContent
              id={`${id}-list`}
              role="listbox"
              aria-label={t('editor.insertVariable')}
              align="start"
              sideOffset={4}
              className="max-h-56 w-60 rounded-lg p-1"
              onOpenAutoFocus={(event) => event.preventDefault()}
              onCloseAutoFocus={(event) => event.preventDefault()}
              onFocusOutside={(event) => event.preventDefault()}
            >
              {options.map((option, index) => (
                <div
                  key={option.name}
                  id={`${id}-${index}`}
                  role="option"
                  tabIndex={-1}
                  aria-selected={index === active}
                  onMouseDown={(event) => {
                    event.preventDefault();
                    choose(option.name, option.fresh);
                  }}
                  onMouseEnter={() => setActive(index)}
                  className={cn(
                    'flex cursor-pointer items-center gap-2 rounded-md px-2 py-1.5 text-sm',
                    index === active && 'bg-hover',
                  )}
                >
                  {option.fresh ? (
                    <>
                      <Plus className="size-3.5 text-ink-3" aria-hidden />
                      {t('editor.newVariable', { name: option.name })}
                    </>
                  ) : (
                    <>
                      <code className="font-mono text-accent-ink text-xs">{option.name}</code>
                      {option.label !== option.name && (
                        <span className="ml-auto truncate text-ink-3 text-xs">{option.label}</span>
                      )}
                    </>
                  )}
                </div>
              ))}
            </PopoverContent>
          </Popover>
        </div>
      </div>
      <div className="flex justify-between gap-3 px-3.5 pb-2 text-2xs text-ink-3">
        <span>{t('editor.promptHint', { brace: '{{' })}</span>
        <span className="tabular-nums">{t('editor.characters', { count: value.length })}</span>
      </div>
    </div>
  );
}

/** The text with its variables marked; the characters are exactly those of the textarea. */
function paint(text: string, known: Set<string>): ReactNode[] {
  const parts: ReactNode[] = [];
  let last = 0;
  for (const match of text.matchAll(TOKEN)) {
    const name = match[1] ?? '';
    parts.push(text.slice(last, match.index));
    parts.push(
      <mark
        key={match.index}
        className={cn(
          'rounded-[3px] bg-transparent text-inherit ring-1',
          name.startsWith('#') || known.has(name)
            ? 'bg-accent-soft text-accent-ink ring-accent-line'
            : 'bg-warn-soft text-warn-ink ring-warn/40',
        )}
      >
        {match[0]}
      </mark>,
    );
    last = match.index + match[0].length;
  }
  parts.push(text.slice(last));
  return parts;
}

/** Where the character at `offset` is drawn, in the coordinates of `box`. */
function placeOf(backdrop: HTMLElement | null, box: HTMLElement | null, offset: number) {
  const nowhere = { left: 14, top: 10, height: 24 };
  if (!backdrop || !box) return nowhere;
  const walker = document.createTreeWalker(backdrop, NodeFilter.SHOW_TEXT);
  let rest = offset;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const length = node.textContent?.length ?? 0;
    if (rest <= length) {
      const range = document.createRange();
      range.setStart(node, rest);
      range.setEnd(node, Math.min(rest + 1, length));
      if (!range.getBoundingClientRect) return nowhere;
      const at = range.getBoundingClientRect();
      const frame = box.getBoundingClientRect();
      return { left: at.left - frame.left, top: at.top - frame.top, height: at.height };
    }
    rest -= length;
  }
  return nowhere;
}
