import { zodResolver } from '@hookform/resolvers/zod';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { FormError } from '@/components/form-error';
import { PasswordInput } from '@/components/password-input';
import { Button } from '@/components/ui/button';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { emailRule, nameRule, newPasswordRule } from '@/lib/rules';
import { useSetUp } from './queries';

export function SetupForm({ onDone }: { onDone: () => void }) {
  const { t, i18n } = useTranslation();
  const setUp = useSetUp();
  const schema = z.object({
    name: nameRule(t),
    email: emailRule(t),
    password: newPasswordRule(t),
    workspace: z
      .string()
      .trim()
      .max(64, t('validation.tooLong', { max: 64 })),
  });
  const form = useForm({
    resolver: zodResolver(schema),
    defaultValues: { name: '', email: '', password: '', workspace: '' },
  });
  const { errors } = form.formState;
  return (
    <form
      noValidate
      className="space-y-4.5"
      onSubmit={form.handleSubmit((values) =>
        setUp.mutate(
          {
            name: values.name,
            email: values.email,
            password: values.password,
            language: i18n.language,
            workspace_name: values.workspace || t('auth.workspaceNamePlaceholder'),
          },
          { onSuccess: onDone },
        ),
      )}
    >
      <Field label={t('auth.name')} error={errors.name?.message}>
        {(control) => (
          <Input
            {...control}
            autoComplete="name"
            placeholder={t('auth.namePlaceholder')}
            autoFocus
            {...form.register('name')}
          />
        )}
      </Field>
      <Field label={t('auth.email')} error={errors.email?.message}>
        {(control) => (
          <Input
            {...control}
            type="email"
            autoComplete="username"
            placeholder="ada@example.com"
            {...form.register('email')}
          />
        )}
      </Field>
      <Field label={t('auth.password')} hint={t('auth.passwordHint')} error={errors.password?.message}>
        {(control) => <PasswordInput {...control} autoComplete="new-password" {...form.register('password')} />}
      </Field>
      <Field label={t('auth.workspaceName')} optional error={errors.workspace?.message}>
        {(control) => (
          <Input {...control} placeholder={t('auth.workspaceNamePlaceholder')} {...form.register('workspace')} />
        )}
      </Field>
      <FormError error={setUp.error} />
      <Button type="submit" variant="primary" size="lg" className="w-full" busy={setUp.isPending}>
        {t('auth.setupSubmit')}
      </Button>
    </form>
  );
}
