import { zodResolver } from '@hookform/resolvers/zod';
import { useQuery } from '@tanstack/react-query';
import { Mail, Trash2, UserPlus } from 'lucide-react';
import { useState } from 'react';
import { Controller, useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { z } from 'zod';
import { CopyButton } from '@/components/copy';
import { FormError } from '@/components/form-error';
import { Panel, Section } from '@/components/page';
import { ErrorState } from '@/components/states';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { Confirm, Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import { Skeleton } from '@/components/ui/skeleton';
import type { Member, Role, Session } from '@/lib/api/types';
import { formatAgo, formatDate } from '@/lib/format';
import { emailRule } from '@/lib/rules';
import { invitationsQuery, membersQuery, useChangeRole, useInvite, useRemoveMember, useWithdraw } from './queries';

const ROLES = ['admin', 'editor', 'normal', 'dataset_operator'] as const satisfies readonly Role[];

export function MembersPage({ session }: { session: Session }) {
  const { t, i18n } = useTranslation();
  const members = useQuery(membersQuery);
  const invitations = useQuery(invitationsQuery);
  const changeRole = useChangeRole();
  const remove = useRemoveMember();
  const withdraw = useWithdraw();
  const [inviting, setInviting] = useState(false);
  const [asked, setAsked] = useState<Member | null>(null);
  const roleOptions = ROLES.map((role) => ({ value: role, label: t(`roles.${role}`), hint: t(`roles.${role}Text`) }));

  return (
    <Section
      title={t('settings.membersTitle')}
      text={t('settings.membersText', { workspace: session.workspace.name })}
      actions={
        <Button variant="primary" onClick={() => setInviting(true)}>
          <UserPlus />
          {t('settings.invite')}
        </Button>
      }
    >
      <Panel>
        {members.isPending ? (
          <div className="space-y-3 p-5">
            <Skeleton className="h-9" />
            <Skeleton className="h-9" />
          </div>
        ) : members.isError ? (
          <ErrorState error={members.error} onRetry={() => void members.refetch()} />
        ) : (
          <ul className="divide-y">
            {members.data.map((member) => {
              const self = member.account_id === session.account.id;
              const fixed = self || member.role === 'owner';
              return (
                <li key={member.account_id} className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-3">
                  <span className="flex size-8.5 shrink-0 items-center justify-center rounded-full bg-hover font-medium text-ink-2 text-sm">
                    {member.name.slice(0, 1).toUpperCase()}
                  </span>
                  <div className="min-w-40 grow">
                    <p className="truncate font-medium text-sm">
                      {member.name} {self && <span className="font-normal text-ink-3">{t('settings.you')}</span>}
                    </p>
                    <p className="truncate text-ink-3 text-xs">
                      {member.email}
                      {member.last_login_at &&
                        ` · ${t('settings.lastSeen', { ago: formatAgo(member.last_login_at, i18n.language) })}`}
                    </p>
                  </div>
                  {fixed ? (
                    <Badge>{t(`roles.${member.role}`)}</Badge>
                  ) : (
                    <>
                      <Select
                        size="sm"
                        className="w-36"
                        aria-label={`${t('settings.role')}: ${member.name}`}
                        value={member.role}
                        onValueChange={(role) =>
                          changeRole.mutate(
                            { id: member.account_id, role: role as Role },
                            {
                              onSuccess: () =>
                                toast.success(
                                  t('settings.roleChanged', { name: member.name, role: t(`roles.${role as Role}`) }),
                                ),
                            },
                          )
                        }
                        options={roleOptions}
                      />
                      <Button
                        variant="ghost"
                        size="icon"
                        className="text-ink-3"
                        aria-label={`${t('common.remove')}: ${member.name}`}
                        onClick={() => setAsked(member)}
                      >
                        <Trash2 />
                      </Button>
                    </>
                  )}
                </li>
              );
            })}
            {invitations.data?.map((invitation) => (
              <li key={invitation.id} className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-3">
                <span className="flex size-8.5 shrink-0 items-center justify-center rounded-full border border-line-strong border-dashed text-ink-3">
                  <Mail className="size-4" aria-hidden />
                </span>
                <div className="min-w-40 grow">
                  <p className="truncate text-sm">{invitation.email}</p>
                  <p className="text-ink-3 text-xs">
                    {t(`roles.${invitation.role}`)} ·{' '}
                    {t('settings.expires', { date: formatDate(invitation.expires_at, i18n.language) })}
                  </p>
                </div>
                <Badge tone="warn">{t('settings.pending')}</Badge>
                <Button
                  variant="ghost"
                  size="sm"
                  onClick={() =>
                    withdraw.mutate(invitation.id, { onSuccess: () => toast.success(t('settings.withdrawn')) })
                  }
                >
                  {t('settings.withdraw')}
                </Button>
              </li>
            ))}
          </ul>
        )}
      </Panel>
      {inviting && <InviteDialog roleOptions={roleOptions} onClose={() => setInviting(false)} />}
      <Confirm
        open={asked !== null}
        onOpenChange={() => setAsked(null)}
        title={t('settings.removeTitle', { name: asked?.name ?? '' })}
        text={t('settings.removeText')}
        action={t('common.remove')}
        danger
        busy={remove.isPending}
        onConfirm={() =>
          asked &&
          remove.mutate(asked.account_id, {
            onSuccess: () => {
              toast.success(t('settings.removed', { name: asked.name }));
              setAsked(null);
            },
          })
        }
      />
    </Section>
  );
}

interface InviteDialogProps {
  roleOptions: { value: Role; label: string; hint: string }[];
  onClose: () => void;
}

function InviteDialog({ roleOptions, onClose }: InviteDialogProps) {
  const { t, i18n } = useTranslation();
  const invite = useInvite();
  const form = useForm({
    resolver: zodResolver(z.object({ email: emailRule(t), role: z.enum(ROLES) })),
    defaultValues: { email: '', role: 'editor' as const },
  });
  if (invite.data) {
    return (
      <Dialog
        open
        onOpenChange={(open) => !open && onClose()}
        title={t('settings.inviteReady')}
        description={t(invite.data.is_mailed ? 'settings.inviteMailedText' : 'settings.inviteReadyText', {
          email: invite.data.email,
          date: formatDate(invite.data.expires_at, i18n.language),
        })}
        footer={
          <Button variant="primary" onClick={onClose}>
            {t('common.done')}
          </Button>
        }
      >
        <div className="flex items-center gap-2 rounded-lg border border-accent-line bg-accent-soft/60 p-2 pl-3.5">
          <code className="min-w-0 grow select-all break-all font-mono text-xs">{invite.data.url}</code>
          <CopyButton text={invite.data.url} />
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t('settings.inviteTitle')}
      description={t('settings.inviteText')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button type="submit" form="invite-form" variant="primary" busy={invite.isPending}>
            {t('settings.inviteCreate')}
          </Button>
        </>
      }
    >
      <form
        id="invite-form"
        noValidate
        className="space-y-4"
        onSubmit={form.handleSubmit((values) => invite.mutate(values))}
      >
        <Field label={t('auth.email')} error={form.formState.errors.email?.message}>
          {(control) => <Input {...control} type="email" autoFocus {...form.register('email')} />}
        </Field>
        <Controller
          control={form.control}
          name="role"
          render={({ field }) => (
            <Field label={t('settings.role')}>
              {(control) => (
                <Select {...control} value={field.value} onValueChange={field.onChange} options={roleOptions} />
              )}
            </Field>
          )}
        />
        <FormError error={invite.error} />
      </form>
    </Dialog>
  );
}
