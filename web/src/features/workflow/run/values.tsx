import { ChevronRight } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { CodeBlock } from '@/components/code-block';
import { FileList, filesOfValue } from '@/components/files/file-list';
import { Button } from '@/components/ui/button';
import { request } from '@/lib/api/client';
import { cn } from '@/lib/cn';
import { type Data, record } from '../graph/types';

interface ValuesProps {
  title: string;
  value: Data | null;
  isOpen?: boolean;
  /** Where the whole is, when less is here. */
  whole?: string | undefined;
}

/** What went into a node or came out of it. */
export function Values({ title, value, isOpen = false, whole }: ValuesProps) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(isOpen);
  const [all, setAll] = useState<Data | null>(null);
  const shown = all ?? value;
  if (!shown || Object.keys(shown).length === 0) return null;
  return (
    <div>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex w-full items-center gap-1 rounded py-1 text-left font-medium text-ink-2 text-xs hover:text-ink"
      >
        <ChevronRight className={cn('size-3.5 text-ink-3 transition-transform', open && 'rotate-90')} aria-hidden />
        {title}
      </button>
      {open && (
        <>
          <FileList files={filesOfValue(shown)} size="sm" className="mb-1.5" />
          <CodeBlock
            code={JSON.stringify(shown, null, 2)}
            className="max-h-80 overflow-y-auto [&_pre]:py-2 [&_pre]:text-[0.6875rem]"
          />
          {whole && !all && (
            <Button
              variant="ghost"
              size="xs"
              onClick={() => void request(whole).then(async (response) => setAll(record(await response.json())))}
            >
              {t('studio.run.whole')}
            </Button>
          )}
        </>
      )}
    </div>
  );
}
