import { zodResolver } from '@hookform/resolvers/zod';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { FormError } from '@/components/form-error';
import { PasswordInput } from '@/components/password-input';
import { Button } from '@/components/ui/button';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { nameRule, newPasswordRule } from '@/lib/rules';
import { useAcceptInvitation } from './queries';

interface AcceptFormProps {
  token: string;
  email: string;
  accountExists: boolean;
  onDone: () => void;
}

export function AcceptForm({ token, email, accountExists, onDone }: AcceptFormProps) {
  const { t } = useTranslation();
  const accept = useAcceptInvitation();
  const schema = z.object({
    name: accountExists ? z.string() : nameRule(t),
    password: accountExists ? z.string().min(1, t('validation.required')) : newPasswordRule(t),
  });
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { name: '', password: '' } });
  const { errors } = form.formState;
  return (
    <form
      noValidate
      className="space-y-4.5"
      onSubmit={form.handleSubmit(({ name, password }) =>
        accept.mutate({ token, password, ...(accountExists ? {} : { name }) }, { onSuccess: onDone }),
      )}
    >
      <Field label={t('auth.email')}>
        {(control) => <Input {...control} type="email" value={email} autoComplete="username" readOnly disabled />}
      </Field>
      {!accountExists && (
        <Field label={t('auth.name')} error={errors.name?.message}>
          {(control) => <Input {...control} autoComplete="name" autoFocus {...form.register('name')} />}
        </Field>
      )}
      <Field
        label={t('auth.password')}
        hint={accountExists ? t('auth.inviteExisting') : t('auth.passwordHint')}
        error={errors.password?.message}
      >
        {(control) => (
          <PasswordInput
            {...control}
            autoComplete={accountExists ? 'current-password' : 'new-password'}
            {...form.register('password')}
          />
        )}
      </Field>
      <FormError error={accept.error} />
      <Button type="submit" variant="primary" size="lg" className="w-full" busy={accept.isPending}>
        {t('auth.inviteSubmit')}
      </Button>
    </form>
  );
}
