import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Eraser, PencilLine, Undo2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { FileList, filesOfValue } from '@/components/files/file-list';
import { FormError } from '@/components/form-error';
import { ErrorState } from '@/components/states';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Confirm, Dialog } from '@/components/ui/dialog';
import { Skeleton } from '@/components/ui/skeleton';
import { Tooltip } from '@/components/ui/tooltip';
import { api, unwrap } from '@/lib/api/client';
import { sourceTitle } from '../fields/variable-list';
import { findNode, typeOf } from '../graph/types';
import { KindIcon } from '../nodes/kind-icon';
import { GivenField, readGiven, useGivenProblem, written } from '../panel/given';
import { type DraftVariable, draftVariablesQuery, forgetValues } from '../queries';
import { useStudio } from '../store';
import { PanelFrame } from './panel-frame';

interface ValuesPanelProps {
  appId: string;
  onClose: () => void;
}

/** What the nodes last gave, and what the conversation holds: looked at, changed, taken back. */
export function ValuesPanel({ appId, onClose }: ValuesPanelProps) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { data, error, isPending, refetch } = useQuery(draftVariablesQuery(appId));
  const graph = useStudio((studio) => studio.config.graph);
  const [editing, setEditing] = useState<DraftVariable | null>(null);
  const [asking, setAsking] = useState(false);
  const clear = useMutation({
    mutationFn: () => unwrap(api.DELETE('/api/apps/{app_id}/draft/variables', { params: { path: { app_id: appId } } })),
    onSuccess: () => {
      setAsking(false);
      forgetValues(client, appId);
    },
  });
  const reset = useMutation({
    mutationFn: ({ node_id, name }: DraftVariable) =>
      unwrap(
        api.POST('/api/apps/{app_id}/draft/variables/{node_id}/{name}/reset', {
          params: { path: { app_id: appId, node_id, name } },
        }),
      ),
    onSuccess: () => forgetValues(client, appId),
  });
  // a start gives the system's variables too: they have a group of their own
  const shown = data?.filter((variable) => variable.kind !== 'node' || !variable.name.startsWith('sys.'));
  const groups = Map.groupBy(shown ?? [], (variable) => variable.node_id);
  const hasNodes = data?.some((variable) => variable.kind === 'node');
  return (
    <PanelFrame
      title={t('studio.values.title')}
      text={t('studio.values.text')}
      onClose={onClose}
      actions={
        hasNodes && (
          <Tooltip text={t('studio.values.clear')}>
            <Button variant="ghost" size="icon" aria-label={t('studio.values.clear')} onClick={() => setAsking(true)}>
              <Eraser />
            </Button>
          </Tooltip>
        )
      }
    >
      {isPending ? (
        <Skeleton className="m-4 h-40" />
      ) : error ? (
        <ErrorState error={error} onRetry={() => void refetch()} />
      ) : data.length === 0 ? (
        <p className="px-6 py-10 text-center text-ink-3 text-sm">{t('studio.values.empty')}</p>
      ) : (
        [...groups].map(([id, variables]) => {
          const node = findNode(graph, id);
          return (
            <div key={id} className="border-b last:border-b-0">
              <p className="flex items-center gap-1.5 px-4 pt-2.5 pb-1 font-medium text-xs">
                <KindIcon type={node ? typeOf(node) : id} className="size-3.5" />
                {sourceTitle({ id, title: variables[0]?.title ?? id }, t)}
              </p>
              <ul className="pb-1.5">
                {variables.map((variable) => (
                  <li key={variable.name} className="group/row px-4 py-1">
                    <div className="flex items-center gap-2">
                      <code className="min-w-0 truncate font-mono text-accent-ink text-xs">{variable.name}</code>
                      <span className="font-mono text-2xs text-ink-3">{variable.type}</span>
                      {variable.is_edited && <Badge tone="warn">{t('studio.values.edited')}</Badge>}
                      <span className="ml-auto flex">
                        {variable.is_edited && (
                          <Button
                            variant="ghost"
                            size="icon-xs"
                            aria-label={`${t('studio.values.reset')}: ${variable.name}`}
                            onClick={() => reset.mutate(variable)}
                          >
                            <Undo2 />
                          </Button>
                        )}
                        {(variable.kind === 'node' || variable.kind === 'conversation') && (
                          <Button
                            variant="ghost"
                            size="icon-xs"
                            aria-label={`${t('common.edit')}: ${variable.name}`}
                            onClick={() => setEditing(variable)}
                          >
                            <PencilLine />
                          </Button>
                        )}
                      </span>
                    </div>
                    <FileList files={filesOfValue(variable.value)} size="sm" className="mb-1.5" />
                    <p className="line-clamp-3 break-words font-mono text-[0.6875rem] text-ink-2 leading-4">
                      {typeof variable.value === 'string' ? variable.value : JSON.stringify(variable.value)}
                    </p>
                  </li>
                ))}
              </ul>
            </div>
          );
        })
      )}
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        title={t('studio.values.clear')}
        text={t('studio.values.clearText')}
        action={t('studio.values.clear')}
        danger
        busy={clear.isPending}
        onConfirm={() => clear.mutate()}
      />
      {editing && <EditDialog appId={appId} variable={editing} onClose={() => setEditing(null)} />}
    </PanelFrame>
  );
}

function EditDialog({ appId, variable, onClose }: { appId: string; variable: DraftVariable; onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const path = { app_id: appId, node_id: variable.node_id, name: variable.name };
  // what is shown in the list may be cut
  const whole = useQuery({
    queryKey: ['draft-variable', appId, variable.node_id, variable.name],
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/apps/{app_id}/draft/variables/{node_id}/{name}', { params: { path }, signal })),
    enabled: variable.value_truncated,
    gcTime: 0,
  });
  const [typed, setTyped] = useState<string | null>(null);
  const problemOf = useGivenProblem();
  const value = typed ?? written(whole.data?.value ?? variable.value, variable.type);
  const save = useMutation({
    mutationFn: () =>
      unwrap(
        api.PUT('/api/apps/{app_id}/draft/variables/{node_id}/{name}', {
          params: { path },
          body: { value: readGiven(value, variable.type) as Record<string, never> },
        }),
      ),
    onSuccess: () => {
      forgetValues(client, appId);
      onClose();
    },
    meta: { silent: true },
  });
  const problem = problemOf(value, variable.type);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={`${sourceTitle({ id: variable.node_id, title: variable.title ?? variable.node_id }, t)} · ${variable.name}`}
      description={t(variable.kind === 'conversation' ? 'studio.values.editConversation' : 'studio.values.editText')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            variant="primary"
            disabled={problem !== null || (variable.value_truncated && !whole.data)}
            busy={save.isPending}
            onClick={() => save.mutate()}
          >
            {t('common.save')}
          </Button>
        </>
      }
    >
      {variable.value_truncated && !whole.data ? (
        <Skeleton className="h-32" />
      ) : (
        <GivenField label={variable.name} type={variable.type} value={value} onChange={setTyped} problem={problem} />
      )}
      <FormError error={save.error} />
    </Dialog>
  );
}
