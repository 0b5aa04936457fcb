import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { CodeBlock } from '@/components/code-block';
import { FormError } from '@/components/form-error';
import { NewKey } from '@/components/new-key';
import { Panel, Section } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Confirm, Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { Skeleton } from '@/components/ui/skeleton';
import { api, unwrap } from '@/lib/api/client';
import type { ApiKey, CreatedApiKey } from '@/lib/api/types';
import { formatAgo, formatDate } from '@/lib/format';

type Kind = 'model' | 'dataset';

const workspaceKeysQuery = queryOptions({
  queryKey: ['workspace-keys'],
  queryFn: async ({ signal }) => (await unwrap(api.GET('/api/keys', { signal }))).data,
});

function useKeys() {
  const client = useQueryClient();
  const onSuccess = () => client.invalidateQueries({ queryKey: workspaceKeysQuery.queryKey });
  const create = useMutation({
    mutationFn: (body: { kind: Kind; name?: string }) => unwrap(api.POST('/api/keys', { body })),
    onSuccess,
    meta: { silent: true },
  });
  const revoke = useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE('/api/keys/{key_id}', { params: { path: { key_id: id } } })),
    onSuccess,
  });
  return { create, revoke };
}

/** Keys of the workspace: for any model over OpenAI's API, and for knowledge. */
export function KeysPage() {
  const { t, i18n } = useTranslation();
  const keys = useQuery(workspaceKeysQuery);
  const { create, revoke } = useKeys();
  const [dialog, setDialog] = useState<'new' | CreatedApiKey | null>(null);
  const [asked, setAsked] = useState<ApiKey | null>(null);
  const add = (
    <Button
      variant="primary"
      onClick={() => {
        create.reset();
        setDialog('new');
      }}
    >
      <Plus />
      {t('workspace.newKey')}
    </Button>
  );
  return (
    <Section title={t('workspace.keys')} text={t('workspace.keysText')} actions={keys.data?.length ? add : undefined}>
      <Panel>
        {keys.isPending ? (
          <div className="space-y-3 p-5">
            <Skeleton className="h-8" />
            <Skeleton className="h-8" />
          </div>
        ) : keys.isError ? (
          <ErrorState error={keys.error} onRetry={() => void keys.refetch()} />
        ) : keys.data.length === 0 ? (
          <EmptyState icon={<KeyRound />} title={t('workspace.noKeys')} text={t('workspace.noKeysText')}>
            {add}
          </EmptyState>
        ) : (
          <ul className="divide-y">
            {keys.data.map((key) => (
              <li key={key.id} className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-3">
                <div className="min-w-40 grow basis-0">
                  <p className="flex items-center gap-2 font-medium text-sm">
                    {key.name || t('workspace.unnamed')}
                    <Badge>{t(`workspace.key_${key.kind as Kind}`)}</Badge>
                  </p>
                  <code className="font-mono text-ink-3 text-xs">{key.hint}</code>
                </div>
                <span className="text-ink-3 text-xs" title={formatDate(key.created_at, i18n.language)}>
                  {key.last_used_at
                    ? t('workspace.usedAgo', { ago: formatAgo(key.last_used_at, i18n.language) })
                    : t('workspace.neverUsed')}
                </span>
                <Button
                  variant="ghost"
                  size="icon"
                  aria-label={t('workspace.revoke', { name: key.name || key.hint })}
                  onClick={() => setAsked(key)}
                >
                  <Trash2 />
                </Button>
              </li>
            ))}
          </ul>
        )}
      </Panel>
      {dialog === 'new' && (
        <KeyForm
          busy={create.isPending}
          error={create.error}
          onClose={() => setDialog(null)}
          onCreate={(body) => create.mutate(body, { onSuccess: setDialog })}
        />
      )}
      {dialog && dialog !== 'new' && <ShownKey created={dialog} onClose={() => setDialog(null)} />}
      <Confirm
        open={asked !== null}
        onOpenChange={() => setAsked(null)}
        title={t('workspace.revoke', { name: asked?.name || (asked?.hint ?? '') })}
        text={t('workspace.revokeText')}
        action={t('workspace.revokeAction')}
        danger
        busy={revoke.isPending}
        onConfirm={() =>
          asked &&
          revoke.mutate(asked.id, {
            onSuccess: () => {
              toast.success(t('workspace.revoked'));
              setAsked(null);
            },
          })
        }
      />
    </Section>
  );
}

function KeyForm({
  busy,
  error,
  onCreate,
  onClose,
}: {
  busy: boolean;
  error: unknown;
  onCreate: (body: { kind: Kind; name?: string }) => void;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const [kind, setKind] = useState<Kind>('model');
  const [name, setName] = useState('');
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t('workspace.newKey')}
      description={t(`workspace.key_${kind}Text`)}
      className="max-w-md"
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button variant="primary" type="submit" form="workspace-key" busy={busy}>
            {t('common.create')}
          </Button>
        </>
      }
    >
      <form
        id="workspace-key"
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          onCreate({ kind, ...(name.trim() ? { name: name.trim() } : {}) });
        }}
      >
        <Segmented<Kind>
          label={t('workspace.keyKind')}
          value={kind}
          onChange={setKind}
          options={[
            { value: 'model', label: t('workspace.key_model') },
            { value: 'dataset', label: t('workspace.key_dataset') },
          ]}
        />
        <Field label={t('workspace.keyName')} optional>
          {(control) => (
            <Input
              {...control}
              autoFocus
              maxLength={60}
              placeholder={t('workspace.keyNamePlaceholder')}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <FormError error={error} />
      </form>
    </Dialog>
  );
}

function ShownKey({ created, onClose }: { created: CreatedApiKey; onClose: () => void }) {
  const { t } = useTranslation();
  const example = `curl ${window.location.origin}/v1/chat/completions \\
  -H 'Authorization: Bearer ${created.token}' \\
  -H 'Content-Type: application/json' \\
  -d '{"model": "default", "messages": [{"role": "user", "content": "Hello!"}]}'`;
  return (
    <NewKey token={created.token} onClose={onClose}>
      {created.kind === 'model' && <CodeBlock code={example} label={t('workspace.keyExample')} className="mt-3" />}
    </NewKey>
  );
}
