import { Check, Copy } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './ui/button';
import { Tooltip } from './ui/tooltip';

async function toClipboard(text: string) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Plain http on another host than localhost has no clipboard API.
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

function useCopied(text: string) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1600);
    return () => clearTimeout(timer);
  }, [copied]);
  return { copied, copy: () => void toClipboard(text).then(() => setCopied(true)) };
}

export function CopyIcon({ text, label, className }: { text: string; label?: string; className?: string }) {
  const { t } = useTranslation();
  const { copied, copy } = useCopied(text);
  const name = copied ? t('common.copied') : (label ?? t('common.copy'));
  return (
    <Tooltip text={name}>
      <Button variant="ghost" size="icon-xs" aria-label={name} onClick={copy} {...(className ? { className } : {})}>
        {copied ? <Check className="text-accent" /> : <Copy />}
      </Button>
    </Tooltip>
  );
}

export function CopyButton({ text }: { text: string }) {
  const { t } = useTranslation();
  const { copied, copy } = useCopied(text);
  return (
    <Button onClick={copy}>
      {copied ? <Check className="text-accent" /> : <Copy />}
      {copied ? t('common.copied') : t('common.copy')}
    </Button>
  );
}
