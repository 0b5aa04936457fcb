import { zodResolver } from '@hookform/resolvers/zod';
import { useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { FormError } from '@/components/form-error';
import { PasswordInput } from '@/components/password-input';
import { Button } from '@/components/ui/button';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { ApiError } from '@/lib/api/errors';
import { useSignIn } from './queries';

export function SignInForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const signIn = useSignIn();
  const schema = z.object({
    email: z.string().trim().min(1, t('validation.required')),
    password: z.string().min(1, t('validation.required')),
  });
  const form = useForm({ resolver: zodResolver(schema), defaultValues: { email: '', password: '' } });
  const { errors } = form.formState;
  const [before, after] = t('auth.forgot', { command: '|' }).split('|');
  const wrong = signIn.error instanceof ApiError && signIn.error.status === 401;
  return (
    <form
      noValidate
      className="space-y-4.5"
      onSubmit={form.handleSubmit((values) => signIn.mutate(values, { onSuccess: onDone }))}
    >
      <Field label={t('auth.email')} error={errors.email?.message}>
        {(control) => <Input {...control} type="email" autoComplete="username" autoFocus {...form.register('email')} />}
      </Field>
      <Field label={t('auth.password')} error={errors.password?.message}>
        {(control) => <PasswordInput {...control} autoComplete="current-password" {...form.register('password')} />}
      </Field>
      <FormError error={signIn.error} text={wrong ? t('auth.wrongPassword') : undefined} />
      <Button type="submit" variant="primary" size="lg" className="w-full" busy={signIn.isPending}>
        {t('auth.signInSubmit')}
      </Button>
      <p className="text-ink-3 text-xs leading-5">
        {before}
        <code className="whitespace-nowrap rounded bg-hover px-1 py-0.5 font-mono text-ink-2">
          ashlar admin reset-password
        </code>
        {after}
      </p>
    </form>
  );
}
