import { useQuery } from '@tanstack/react-query';
import { RotateCcw } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Skeleton } from '@/components/ui/skeleton';
import { sourceTitle } from '../fields/variable-list';
import { findNode, titleOf } from '../graph/types';
import { GivenField, readGiven, useGivenProblem, written } from '../panel/given';
import { nodeVariablesQuery } from '../queries';
import { useStudio } from '../store';
import type { GivenVariable } from './runner';
import type { Run } from './state';

interface ReplayDialogProps {
  appId: string;
  run: Run;
  nodeId: string;
  flush: () => Promise<boolean>;
  onStart: (overrides: GivenVariable[]) => void;
  onClose: () => void;
}

/** From a node on once more: what stands before it stays as it was, unless it is changed here. */
export function ReplayDialog({ appId, run, nodeId, flush, onStart, onClose }: ReplayDialogProps) {
  const { t } = useTranslation();
  const node = useStudio((studio) => findNode(studio.config.graph, nodeId));
  const { data, isPending } = useQuery(nodeVariablesQuery(appId, nodeId, flush));
  const [typed, setTyped] = useState<Record<string, string>>({});
  const problemOf = useGivenProblem();
  const rows = (data ?? [])
    .filter(
      (variable) =>
        variable.selector[0] !== nodeId &&
        variable.type !== 'file' &&
        variable.type !== 'array[file]' &&
        variable.selector[0] !== 'env',
    )
    .map((variable) => {
      const type = variable.type ?? 'any';
      const key = variable.selector.join('.');
      const [from = ''] = variable.selector;
      const source = sourceTitle({ id: from, title: variable.title ?? from }, t);
      return { key, type, variable, source, was: written(valueIn(run, variable.selector) ?? variable.value, type) };
    });
  const bad = rows.some((row) => typed[row.key] !== undefined && problemOf(typed[row.key] ?? '', row.type) !== null);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t('studio.run.replayTitle', { title: node ? titleOf(node) : nodeId })}
      description={t('studio.run.replayText')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            variant="primary"
            disabled={bad}
            onClick={() =>
              onStart(
                rows.flatMap((row) => {
                  const value = typed[row.key];
                  return value === undefined || value === row.was
                    ? []
                    : [{ selector: row.variable.selector, value: readGiven(value, row.type) }];
                }),
              )
            }
          >
            <RotateCcw />
            {t('studio.run.replay')}
          </Button>
        </>
      }
    >
      {isPending ? (
        <Skeleton className="h-24" />
      ) : rows.length === 0 ? (
        <p className="text-ink-3 text-sm">{t('studio.panel.readsNothing')}</p>
      ) : (
        <div className="space-y-3">
          {rows.map((row) => (
            <div key={row.key}>
              <p className="mb-1 flex items-baseline gap-1.5 text-xs">
                <span className="truncate text-ink-3">{row.source}</span>
                <code className="truncate font-mono text-accent-ink">{row.variable.selector.slice(1).join('.')}</code>
              </p>
              <GivenField
                label={row.key}
                type={row.type}
                value={typed[row.key] ?? row.was}
                onChange={(value) => setTyped((all) => ({ ...all, [row.key]: value }))}
                problem={typed[row.key] === undefined ? null : problemOf(typed[row.key] ?? '', row.type)}
              />
            </div>
          ))}
        </div>
      )}
    </Dialog>
  );
}

/** What the run had there. */
function valueIn(run: Run, [id = '', name = '', ...path]: string[]): unknown {
  const outputs = run.executions.findLast((one) => one.nodeId === id && one.rounds.length === 0)?.outputs;
  let value: unknown = outputs?.[name];
  for (const key of path)
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
  return value;
}
