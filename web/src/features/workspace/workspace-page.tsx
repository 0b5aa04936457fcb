import { zodResolver } from '@hookform/resolvers/zod';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { z } from 'zod';
import { FormError } from '@/components/form-error';
import { Panel, Section } from '@/components/page';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { api, unwrap } from '@/lib/api/client';
import { sessionQuery } from '@/lib/api/queries';
import type { Session } from '@/lib/api/types';
import { nameRule } from '@/lib/rules';

/** The workspace's own name, and another workspace beside it. */
export function WorkspacePage({ session }: { session: Session }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { data } = useQuery(sessionQuery);
  const [making, setMaking] = useState(false);
  const { name } = (data ?? session).workspace;
  const rename = useMutation({
    mutationFn: (body: { name: string }) => unwrap(api.PATCH('/api/workspace', { body })),
    onSuccess: () => client.invalidateQueries({ queryKey: sessionQuery.queryKey }),
    meta: { silent: true },
  });
  const form = useForm({ resolver: zodResolver(z.object({ name: nameRule(t) })), values: { name } });
  return (
    <Section
      title={t('workspace.general')}
      text={t('workspace.generalText')}
      actions={<Button onClick={() => setMaking(true)}>{t('workspace.another')}</Button>}
    >
      <Panel className="p-5">
        <form
          noValidate
          className="max-w-md space-y-4"
          onSubmit={form.handleSubmit((values) =>
            rename.mutate(values, { onSuccess: () => toast.success(t('common.saved')) }),
          )}
        >
          <Field label={t('auth.workspaceName')} error={form.formState.errors.name?.message}>
            {(control) => <Input {...control} {...form.register('name')} />}
          </Field>
          <FormError error={rename.error} />
          <Button type="submit" variant="primary" busy={rename.isPending} disabled={!form.formState.isDirty}>
            {t('common.save')}
          </Button>
        </form>
      </Panel>
      {making && <NewWorkspace onClose={() => setMaking(false)} />}
    </Section>
  );
}

function NewWorkspace({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const create = useMutation({
    mutationFn: (body: { name: string }) => unwrap(api.POST('/api/workspaces', { body })),
    onSuccess: (made) => {
      toast.success(t('workspace.made', { name: made.name }));
      onClose();
      return client.invalidateQueries({ queryKey: sessionQuery.queryKey });
    },
    meta: { silent: true },
  });
  const form = useForm({ resolver: zodResolver(z.object({ name: nameRule(t) })), defaultValues: { name: '' } });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t('workspace.another')}
      description={t('workspace.anotherText')}
      className="max-w-md"
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button variant="primary" type="submit" form="new-workspace" busy={create.isPending}>
            {t('common.create')}
          </Button>
        </>
      }
    >
      <form
        id="new-workspace"
        noValidate
        className="space-y-3"
        onSubmit={form.handleSubmit((values) => create.mutate(values))}
      >
        <Field label={t('auth.workspaceName')} error={form.formState.errors.name?.message}>
          {(control) => <Input {...control} autoFocus {...form.register('name')} />}
        </Field>
        <FormError error={create.error} />
      </form>
    </Dialog>
  );
}
