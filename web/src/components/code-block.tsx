import { Fragment } from 'react';
import { cn } from '@/lib/cn';
import { CopyIcon } from './copy';

const KEYWORDS =
  /^(?:as|async|await|break|class|const|continue|def|elif|else|export|False|fn|for|from|function|if|import|in|let|None|not|null|or|and|pub|print|return|struct|True|true|false|try|except|use|var|while|with|curl|npm|pip|uv)$/;
const TOKEN =
  /("""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`)|((?:^|(?<=\s))#(?!!)[^\n]*|(?<!:)\/\/[^\n]*)|\b(\d+(?:\.\d+)?)\b|([A-Za-z_]\w*)/gm;

/** A small tokenizer for the languages that examples and answers are written in: strings, comments, numbers, keywords. */
function highlight(code: string) {
  const parts: { text: string; kind?: string }[] = [];
  let last = 0;
  for (const match of code.matchAll(TOKEN)) {
    const [text, string, comment, number, word] = match;
    const kind = string
      ? 'tok-s'
      : comment
        ? 'tok-c'
        : number
          ? 'tok-n'
          : word && KEYWORDS.test(word)
            ? 'tok-k'
            : undefined;
    if (!kind) continue;
    if (match.index > last) parts.push({ text: code.slice(last, match.index) });
    parts.push({ text, kind });
    last = match.index + text.length;
  }
  parts.push({ text: code.slice(last) });
  return parts.map((part, index) =>
    part.kind ? (
      <span key={index} className={part.kind}>
        {part.text}
      </span>
    ) : (
      <Fragment key={index}>{part.text}</Fragment>
    ),
  );
}

export function CodeBlock({ code, className, label }: { code: string; className?: string; label?: string }) {
  return (
    <div className={cn('group/code relative rounded-lg border border-line bg-sunken', className)}>
      {label && <div className="border-b px-3.5 py-1.5 font-mono text-2xs text-ink-3">{label}</div>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre className="overflow-x-auto px-3.5 py-3 pr-11 font-mono text-[0.75rem] text-ink leading-[1.65]" tabIndex={0}>
        <code>{highlight(code)}</code>
      </pre>
      <CopyIcon text={code} className={cn('absolute right-1.5 bg-sunken', label ? 'top-0.5' : 'top-2')} />
    </div>
  );
}
