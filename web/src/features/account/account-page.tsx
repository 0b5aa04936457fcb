import { zodResolver } from '@hookform/resolvers/zod';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { z } from 'zod';
import { ThemePicker } from '@/components/appearance';
import { FormError } from '@/components/form-error';
import { Panel, Section } from '@/components/page';
import { PasswordInput } from '@/components/password-input';
import { Button } from '@/components/ui/button';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { api, unwrap } from '@/lib/api/client';
import { sessionQuery } from '@/lib/api/queries';
import type { Account } from '@/lib/api/types';
import { LANGUAGES, nearestLanguage, setLanguage } from '@/lib/i18n';
import { nameRule, newPasswordRule } from '@/lib/rules';

function useUpdateAccount() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { name?: string; language?: string; theme?: Account['theme'] }) =>
      unwrap(api.PATCH('/api/account', { body })),
    onSuccess: (account) => client.setQueryData(sessionQuery.queryKey, (old) => (old ? { ...old, account } : old)),
  });
}

export function AccountPage({ account }: { account: Account }) {
  const { t, i18n } = useTranslation();
  const update = useUpdateAccount();
  const form = useForm({
    resolver: zodResolver(z.object({ name: nameRule(t) })),
    defaultValues: { name: account.name },
  });
  return (
    <>
      <Section title={t('settings.profile')} text={t('settings.accountText')}>
        <Panel className="p-5">
          <form
            noValidate
            className="max-w-md space-y-4"
            onSubmit={form.handleSubmit((values) =>
              update.mutate(values, {
                onSuccess: (saved) => {
                  form.reset({ name: saved.name });
                  toast.success(t('common.saved'));
                },
              }),
            )}
          >
            <Field label={t('auth.name')} error={form.formState.errors.name?.message}>
              {(control) => <Input {...control} autoComplete="name" {...form.register('name')} />}
            </Field>
            <Field label={t('auth.email')}>
              {(control) => <Input {...control} type="email" value={account.email} disabled readOnly />}
            </Field>
            <Button type="submit" variant="primary" busy={update.isPending} disabled={!form.formState.isDirty}>
              {t('common.save')}
            </Button>
          </form>
        </Panel>
      </Section>
      <Section title={t('settings.appearance')}>
        <Panel className="divide-y">
          <div className="flex flex-wrap items-center justify-between gap-3 px-5 py-3.5">
            <span className="text-sm">{t('common.theme')}</span>
            <ThemePicker onChange={(theme) => update.mutate({ theme })} />
          </div>
          <div className="flex flex-wrap items-center justify-between gap-3 px-5 py-3.5">
            <span className="text-sm">{t('common.language')}</span>
            <Select
              size="sm"
              className="w-40"
              aria-label={t('common.language')}
              value={nearestLanguage(i18n.language)}
              onValueChange={(language) => {
                const next = nearestLanguage(language);
                setLanguage(next);
                update.mutate({ language: next });
              }}
              options={LANGUAGES.map(({ code, label }) => ({ value: code, label }))}
            />
          </div>
        </Panel>
      </Section>
      <PasswordSection email={account.email} />
    </>
  );
}

function PasswordSection({ email }: { email: string }) {
  const { t } = useTranslation();
  const change = useMutation({
    mutationFn: (body: { current_password: string; new_password: string }) =>
      unwrap(api.PUT('/api/account/password', { body })),
    meta: { silent: true },
  });
  const schema = z
    .object({ current: z.string().min(1, t('validation.required')), next: newPasswordRule(t), again: z.string() })
    .refine((values) => values.next === values.again, { path: ['again'], message: t('validation.passwordsDiffer') });
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { current: '', next: '', again: '' } });
  const { errors } = form.formState;
  return (
    <Section title={t('settings.passwordTitle')} text={t('settings.passwordText')}>
      <Panel className="p-5">
        <form
          noValidate
          className="max-w-md space-y-4"
          onSubmit={form.handleSubmit((values) =>
            change.mutate(
              { current_password: values.current, new_password: values.next },
              {
                onSuccess: () => {
                  form.reset();
                  toast.success(t('settings.passwordChanged'));
                },
              },
            ),
          )}
        >
          <input type="email" autoComplete="username" value={email} readOnly hidden />
          <Field label={t('settings.currentPassword')} error={errors.current?.message}>
            {(control) => <PasswordInput {...control} autoComplete="current-password" {...form.register('current')} />}
          </Field>
          <Field label={t('settings.newPassword')} hint={t('auth.passwordHint')} error={errors.next?.message}>
            {(control) => <PasswordInput {...control} autoComplete="new-password" {...form.register('next')} />}
          </Field>
          <Field label={t('settings.repeatPassword')} error={errors.again?.message}>
            {(control) => <PasswordInput {...control} autoComplete="new-password" {...form.register('again')} />}
          </Field>
          <FormError error={change.error} />
          <Button type="submit" busy={change.isPending}>
            {t('settings.changePassword')}
          </Button>
        </form>
      </Panel>
    </Section>
  );
}
