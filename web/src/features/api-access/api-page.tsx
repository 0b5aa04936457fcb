import { useQuery } from '@tanstack/react-query';
import { KeyRound, Plus, Trash2, TriangleAlert } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { CodeBlock } from '@/components/code-block';
import { CopyIcon } from '@/components/copy';
import { FormError } from '@/components/form-error';
import { NewKey } from '@/components/new-key';
import { PageBody, Panel, Section } from '@/components/page';
import { EmptyState, ErrorState } from '@/components/states';
import { Button } from '@/components/ui/button';
import { Confirm, Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { Segmented } from '@/components/ui/segmented';
import { Skeleton } from '@/components/ui/skeleton';
import { Switch } from '@/components/ui/switch';
import type { ApiKey, App, CreatedApiKey } from '@/lib/api/types';
import { formatAgo, formatDate } from '@/lib/format';
import { endpointsOf } from './endpoints';
import { configOf, example, exampleInputs, LANG_NAMES, LANGS, type Lang, type Task, tasksOf } from './examples';
import { keysQuery, useCreateKey, useEnableApi, useRevokeKey } from './queries';
import { Reference } from './reference';

const MAX_KEYS = 10;

interface ApiPageProps {
  app: App;
  canEdit: boolean;
  task: Task;
  lang: Lang;
  onSelect: (selection: { task: Task; lang: Lang }) => void;
}

export function ApiPage({ app, canEdit, task, lang, onSelect }: ApiPageProps) {
  const { t } = useTranslation();
  const enable = useEnableApi(app.id);
  const [token, setToken] = useState<string | null>(null);
  const origin = window.location.origin;
  const config = configOf(app);
  const mode = app.mode === 'completion' || app.mode === 'workflow' ? app.mode : 'chat';
  const tasks = tasksOf(app.mode);
  const shown = tasks.includes(task) ? task : 'stream';
  const key = token ?? 'app-…';
  const inputs = exampleInputs(config);
  const question = config.suggested_questions.find((one) => one.trim()) ?? 'Hello!';
  const code = example(shown, lang, { mode, origin, key, inputs, question });
  const groups = endpointsOf(app.mode, inputs, question);

  return (
    <PageBody className="pt-5 sm:px-6">
      <div className="max-w-4xl">
        {!app.published_version && (
          <p className="mb-5 flex items-center gap-2.5 rounded-lg bg-warn-soft px-3.5 py-2.5 text-sm text-warn-ink">
            <TriangleAlert className="size-4 shrink-0" aria-hidden />
            {t('api.notPublished')}
          </p>
        )}
        <Section title={t('api.title')} text={t('api.text')}>
          <Panel className="divide-y">
            <div className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-3">
              <span className="w-28 text-ink-2 text-sm">{t('api.baseUrl')}</span>
              <code className="min-w-0 grow break-all font-mono text-xs">{`${origin}/v1`}</code>
              <CopyIcon text={`${origin}/v1`} />
            </div>
            <div className="flex items-center gap-4 px-4 py-3">
              <div className="grow">
                <p className="text-sm">{t('api.enabled')}</p>
                <p className="text-ink-3 text-xs">{t('api.enabledText')}</p>
              </div>
              <Switch
                aria-label={t('api.enabled')}
                checked={app.enable_api}
                disabled={!canEdit || enable.isPending}
                onCheckedChange={(on) => enable.mutate(on)}
              />
            </div>
          </Panel>
        </Section>
        <Keys app={app} canEdit={canEdit} onCreated={setToken} />
        <Section title={t('api.examples')} text={t('api.examplesText')}>
          <div className="mb-3 flex flex-wrap justify-between gap-2">
            <Segmented<Task>
              label={t('api.task')}
              value={shown}
              onChange={(next) => onSelect({ task: next, lang })}
              className="max-w-full overflow-x-auto"
              options={tasks.map((value) => ({ value, label: t(`api.${value}`) }))}
            />
            <Segmented<Lang>
              label={t('api.lang')}
              value={lang}
              onChange={(next) => onSelect({ task, lang: next })}
              options={LANGS.map((value) => ({ value, label: LANG_NAMES[value] }))}
            />
          </div>
          <p className="mb-2 text-ink-3 text-xs">
            {t(`api.${shown}Text`)}{' '}
            {shown === 'picture' && !config.file_upload.image.enabled && (
              <span className="text-warn-ink">{t('api.pictureOff')}</span>
            )}
          </p>
          <CodeBlock code={code} />
        </Section>
        <Section title={t('api.reference')} text={t('reference.text')}>
          <Reference
            groups={groups}
            origin={origin}
            apiKey={key}
            lang={lang}
            onLang={(next) => onSelect({ task: shown, lang: next })}
          />
        </Section>
      </div>
    </PageBody>
  );
}

function Keys({ app, canEdit, onCreated }: { app: App; canEdit: boolean; onCreated: (token: string) => void }) {
  const { t, i18n } = useTranslation();
  const keys = useQuery({ ...keysQuery(app.id), enabled: canEdit });
  const revoke = useRevokeKey(app.id);
  const [creating, setCreating] = useState(false);
  const [asked, setAsked] = useState<ApiKey | null>(null);
  const full = (keys.data?.length ?? 0) >= MAX_KEYS;
  if (!canEdit) return null;
  const create = (
    <Button variant="primary" onClick={() => setCreating(true)} disabled={full}>
      <Plus />
      {t('api.createKey')}
    </Button>
  );
  return (
    <Section
      title={t('api.keys')}
      text={full ? t('api.limit') : t('api.keysText')}
      actions={keys.data?.length ? create : undefined}
    >
      <Panel>
        {keys.isPending ? (
          <div className="space-y-2 p-4">
            <Skeleton className="h-6" />
            <Skeleton className="h-6" />
          </div>
        ) : keys.isError ? (
          <ErrorState error={keys.error} onRetry={() => void keys.refetch()} />
        ) : keys.data.length === 0 ? (
          <EmptyState icon={<KeyRound />} title={t('api.keysEmpty')} text={t('api.keysEmptyText')} className="py-8">
            {create}
          </EmptyState>
        ) : (
          <div className="overflow-x-auto">
            <table className="w-full text-left text-sm">
              <thead>
                <tr className="border-b text-ink-3 text-xs">
                  <th className="px-4 py-2 font-normal">{t('api.keyName')}</th>
                  <th className="px-4 py-2 font-normal">{t('api.key')}</th>
                  <th className="px-4 py-2 font-normal">{t('api.created')}</th>
                  <th className="px-4 py-2 font-normal">{t('api.lastUsed')}</th>
                  <th className="w-12">
                    <span className="sr-only">{t('api.revoke')}</span>
                  </th>
                </tr>
              </thead>
              <tbody className="divide-y">
                {keys.data.map((key) => (
                  <tr key={key.id}>
                    <td className="px-4 py-2.5 font-medium">
                      {key.name || <span className="text-ink-3">{t('api.unnamed')}</span>}
                    </td>
                    <td className="whitespace-nowrap px-4 py-2.5 font-mono text-ink-2 text-xs">{key.hint}</td>
                    <td className="whitespace-nowrap px-4 py-2.5 text-ink-2">
                      {formatDate(key.created_at, i18n.language)}
                    </td>
                    <td className="whitespace-nowrap px-4 py-2.5 text-ink-2">
                      {key.last_used_at ? formatAgo(key.last_used_at, i18n.language) : t('common.never')}
                    </td>
                    <td className="pr-2 text-right">
                      <Button
                        variant="ghost"
                        size="icon"
                        className="text-ink-3"
                        aria-label={`${t('api.revoke')}: ${key.name || key.hint}`}
                        onClick={() => setAsked(key)}
                      >
                        <Trash2 />
                      </Button>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      {creating && <CreateKeyDialog app={app} onCreated={onCreated} onClose={() => setCreating(false)} />}
      <Confirm
        open={asked !== null}
        onOpenChange={() => setAsked(null)}
        title={t('api.revokeTitle')}
        text={t('api.revokeText', { hint: asked?.hint ?? '' })}
        action={t('api.revoke')}
        danger
        busy={revoke.isPending}
        onConfirm={() =>
          asked &&
          revoke.mutate(asked.id, {
            onSuccess: () => {
              setAsked(null);
              toast.success(t('api.revoked'));
            },
          })
        }
      />
    </Section>
  );
}

function CreateKeyDialog({
  app,
  onCreated,
  onClose,
}: {
  app: App;
  onCreated: (token: string) => void;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const create = useCreateKey(app.id);
  const [name, setName] = useState('');
  const [key, setKey] = useState<CreatedApiKey | null>(null);
  if (key) {
    return (
      <NewKey token={key.token} onClose={onClose}>
        <p className="mt-3 text-ink-3 text-xs">{t('api.keyInExamples')}</p>
      </NewKey>
    );
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t('api.createKey')}
      description={t('api.keysText')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" form="key-form" variant="primary" busy={create.isPending}>
            {t('common.create')}
          </Button>
        </>
      }
    >
      <form
        id="key-form"
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate(name.trim(), {
            onSuccess: (created) => {
              setKey(created);
              onCreated(created.token);
            },
          });
        }}
      >
        <Field label={t('api.keyName')} optional>
          {(control) => (
            <Input
              {...control}
              autoFocus
              maxLength={60}
              placeholder={t('api.keyNamePlaceholder')}
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <FormError error={create.error} />
      </form>
    </Dialog>
  );
}
