import { ChevronDown } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { CodeBlock } from '@/components/code-block';
import { Panel } from '@/components/page';
import { Segmented } from '@/components/ui/segmented';
import { cn } from '@/lib/cn';
import { type Endpoint, type Group, snippet } from './endpoints';
import { LANG_NAMES, LANGS, type Lang } from './examples';

interface ReferenceProps {
  groups: Group[];
  origin: string;
  apiKey: string;
  lang: Lang;
  onLang: (lang: Lang) => void;
}

const METHODS = {
  GET: 'text-ink-2',
  POST: 'text-accent-ink',
  PUT: 'text-warn-ink',
  DELETE: 'text-danger',
} as const;

/** Every endpoint; each opens an example. */
export function Reference({ groups, origin, apiKey, lang, onLang }: ReferenceProps) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<string | null>(null);
  return (
    <div className="space-y-4">
      <Segmented<Lang>
        label={t('api.lang')}
        value={lang}
        onChange={onLang}
        options={LANGS.map((value) => ({ value, label: LANG_NAMES[value] }))}
      />
      {groups.map((group) => (
        <Panel key={group.title}>
          <h3 className="border-b px-4 py-2 font-medium text-ink-2 text-xs">{t(`reference.${group.title}`)}</h3>
          <ul className="divide-y">
            {group.endpoints.map((endpoint) => {
              const key = `${endpoint.method} ${endpoint.path}`;
              return (
                <li key={key}>
                  <Line
                    endpoint={endpoint}
                    isOpen={open === key}
                    onToggle={() => setOpen(open === key ? null : key)}
                    code={() => snippet(endpoint, lang, origin, apiKey)}
                  />
                </li>
              );
            })}
          </ul>
        </Panel>
      ))}
    </div>
  );
}

interface LineProps {
  endpoint: Endpoint;
  isOpen: boolean;
  onToggle: () => void;
  code: () => string;
}

function Line({ endpoint, isOpen, onToggle, code }: LineProps) {
  const { t } = useTranslation();
  return (
    <>
      <button
        type="button"
        aria-expanded={isOpen}
        onClick={onToggle}
        className="grid w-full grid-cols-[3.5rem_1fr_1rem] items-baseline gap-x-3 gap-y-0.5 px-4 py-2.5 text-left hover:bg-hover lg:grid-cols-[3.5rem_22rem_1fr_1rem]"
      >
        <span className={cn('font-medium font-mono text-2xs', METHODS[endpoint.method])}>{endpoint.method}</span>
        <code className="break-all font-mono text-xs">/v1{endpoint.path}</code>
        <span className="text-ink-2 text-sm max-lg:col-start-2">{t(`reference.${endpoint.text}`)}</span>
        <ChevronDown
          className={cn(
            'size-4 self-center text-ink-3 transition-transform max-lg:col-start-3 max-lg:row-start-1',
            isOpen && 'rotate-180',
          )}
          aria-hidden
        />
      </button>
      {isOpen && (
        <div className="px-4 pb-4">
          <CodeBlock code={code()} />
        </div>
      )}
    </>
  );
}
