import { CircleAlert, CircleCheck, TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';
import { findNode, titleOf, typeOf } from '../graph/types';
import { issueText } from '../issue-text';
import { KindIcon } from '../nodes/kind-icon';
import { useStudio } from '../store';
import { PanelFrame } from './panel-frame';

interface ChecksPanelProps {
  onGo: (nodeId: string) => void;
  onClose: () => void;
}

/** What is wrong with the draft, and what is probably a mistake: errors first. */
export function ChecksPanel({ onGo, onClose }: ChecksPanelProps) {
  const { t } = useTranslation();
  const errors = useStudio((studio) => studio.issues.filter((issue) => issue.severity === 'error').length);
  return (
    <PanelFrame
      title={t('studio.checks.title')}
      text={errors > 0 ? t('studio.checks.mustFix') : t('studio.checks.canPublish')}
      onClose={onClose}
    >
      <Checklist onGo={onGo} />
    </PanelFrame>
  );
}

function Checklist({ onGo }: { onGo: (nodeId: string) => void }) {
  const { t } = useTranslation();
  const issues = useStudio((studio) => studio.issues);
  const graph = useStudio((studio) => studio.config.graph);
  if (issues.length === 0) {
    return (
      <p className="flex items-center justify-center gap-2 px-4 py-8 text-ink-2 text-sm">
        <CircleCheck className="size-4.5 text-ok" aria-hidden />
        {t('studio.checks.none')}
      </p>
    );
  }
  return (
    <ul className="divide-y">
      {issues.map((issue, i) => {
        const node = issue.node_id ? findNode(graph, issue.node_id) : undefined;
        return (
          <li key={i}>
            <button
              type="button"
              disabled={!node}
              onClick={() => node && onGo(node.id)}
              className="flex w-full items-start gap-2.5 px-4 py-2.5 text-left hover:bg-hover disabled:hover:bg-transparent"
            >
              {issue.severity === 'error' ? (
                <CircleAlert className="mt-0.5 size-4 shrink-0 text-danger" aria-label={t('studio.checks.error')} />
              ) : (
                <TriangleAlert className="mt-0.5 size-4 shrink-0 text-warn" aria-label={t('studio.checks.warning')} />
              )}
              <span className="min-w-0">
                {node && (
                  <span className="flex items-center gap-1.5 font-medium text-sm">
                    <KindIcon type={typeOf(node)} className="size-3.5 shrink-0" />
                    <span className="truncate">{titleOf(node)}</span>
                  </span>
                )}
                <span
                  className={cn('block break-words text-xs', issue.severity === 'error' ? 'text-danger' : 'text-ink-2')}
                >
                  {issueText(issue, t)}
                </span>
                <code className="font-mono text-2xs text-ink-3">{issue.field}</code>
              </span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}
