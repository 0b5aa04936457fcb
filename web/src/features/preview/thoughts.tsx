import { ChevronRight, Wrench } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { CodeBlock } from '@/components/code-block';
import { Markdown } from '@/components/markdown';
import { cn } from '@/lib/cn';
import { type Thought, toolCalls } from './stream';

/** What an agent thought and did on its way to the answer. */
export function Thoughts({ thoughts }: { thoughts: Thought[] }) {
  const { t } = useTranslation();
  const steps = thoughts.filter((thought) => thought.tool);
  if (steps.length === 0) return null;
  return (
    <ol aria-label={t('agent.steps')} className="mb-3 space-y-2 border-line-strong border-l-2 pl-3.5">
      {steps.map((thought) => (
        <li key={thought.id}>
          {thought.thought && (
            <div className="text-ink-2 text-sm">
              <Markdown text={thought.thought} />
            </div>
          )}
          {toolCalls(thought).map((call, index) => (
            <Call key={index} call={call} />
          ))}
        </li>
      ))}
    </ol>
  );
}

function Call({ call }: { call: ReturnType<typeof toolCalls>[number] }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const done = call.observation !== null;
  return (
    <div className="mt-1">
      <button
        type="button"
        aria-expanded={open}
        className="flex max-w-full items-center gap-1.5 rounded-md bg-hover px-2 py-1 text-left text-xs hover:brightness-95 dark:hover:brightness-125"
        onClick={() => setOpen(!open)}
      >
        <ChevronRight
          className={cn('size-3.5 shrink-0 text-ink-3 transition-transform', open && 'rotate-90')}
          aria-hidden
        />
        <Wrench className={cn('size-3.5 shrink-0', done ? 'text-accent' : 'animate-pulse text-ink-3')} aria-hidden />
        <span className="truncate font-medium">{call.label}</span>
        <span className="shrink-0 text-ink-3">{t(done ? 'agent.called' : 'agent.calling')}</span>
      </button>
      {open && (
        <div className="mt-1.5 space-y-1.5">
          <CodeBlock code={call.input} label={t('agent.input')} className="[&_pre]:max-h-48" />
          {call.observation !== null && (
            <CodeBlock code={call.observation} label={t('agent.observation')} className="[&_pre]:max-h-60" />
          )}
        </div>
      )}
    </div>
  );
}
