import { zodResolver } from '@hookform/resolvers/zod';
import { Link } from '@tanstack/react-router';
import { Bot, LayoutTemplate, MessagesSquare, Route, TextCursorInput, Workflow } from 'lucide-react';
import { Controller, useForm } from 'react-hook-form';
import { useTranslation } from 'react-i18next';
import { z } from 'zod';
import { ChoiceCards } from '@/components/choice-card';
import { FormError } from '@/components/form-error';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input, Textarea } from '@/components/ui/input';
import type { App, AppMode, AppSummary } from '@/lib/api/types';
import { nameRule } from '@/lib/rules';
import { DEFAULT_ICON, IconPicker } from './icon-picker';
import { useCreateApp, useUpdateApp } from './queries';

const FORM_ID = 'app-form';

interface Values {
  mode: AppMode;
  name: string;
  description: string;
  icon: { icon: string; icon_background: string };
}

function useAppForm(defaults: Values) {
  const { t } = useTranslation();
  const schema = z.object({
    mode: z.enum(['chat', 'completion', 'agent-chat', 'advanced-chat', 'workflow']),
    name: nameRule(t, 255),
    description: z
      .string()
      .trim()
      .max(400, t('validation.tooLong', { max: 400 })),
    icon: z.object({ icon: z.string(), icon_background: z.string() }),
  });
  return useForm<Values>({ resolver: zodResolver(schema), defaultValues: defaults });
}

function InfoFields({ form }: { form: ReturnType<typeof useAppForm> }) {
  const { t } = useTranslation();
  const { errors } = form.formState;
  return (
    <>
      <div className="flex items-end gap-3">
        <Controller
          control={form.control}
          name="icon"
          render={({ field }) => <IconPicker value={field.value} onChange={field.onChange} />}
        />
        <Field label={t('apps.name')} error={errors.name?.message} className="grow">
          {(control) => (
            <Input {...control} autoFocus placeholder={t('apps.namePlaceholder')} {...form.register('name')} />
          )}
        </Field>
      </div>
      <Field label={t('apps.description')} optional error={errors.description?.message}>
        {(control) => (
          <Textarea
            {...control}
            rows={2}
            placeholder={t('apps.descriptionPlaceholder')}
            {...form.register('description')}
          />
        )}
      </Field>
    </>
  );
}

export function CreateAppDialog({ onClose, onCreated }: { onClose: () => void; onCreated: (app: App) => void }) {
  const { t } = useTranslation();
  const create = useCreateApp();
  const form = useAppForm({ mode: 'chat', name: '', description: '', icon: DEFAULT_ICON });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t('apps.createTitle')}
      description={t('apps.createText')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button variant="primary" type="submit" form={FORM_ID} busy={create.isPending}>
            {t('apps.createSubmit')}
          </Button>
        </>
      }
    >
      <form
        id={FORM_ID}
        noValidate
        className="space-y-4"
        onSubmit={form.handleSubmit(({ icon, ...values }) =>
          create.mutate({ ...values, ...icon }, { onSuccess: onCreated }),
        )}
      >
        <Controller
          control={form.control}
          name="mode"
          render={({ field }) => (
            <ChoiceCards<AppMode>
              label={t('apps.kind')}
              value={field.value}
              onChange={field.onChange}
              options={[
                { value: 'chat', title: t('modes.chat'), text: t('modes.chatText'), icon: <MessagesSquare /> },
                {
                  value: 'completion',
                  title: t('modes.completion'),
                  text: t('modes.completionText'),
                  icon: <TextCursorInput />,
                },
                { value: 'agent-chat', title: t('modes.agent-chat'), text: t('home.agentText'), icon: <Bot /> },
                {
                  value: 'advanced-chat',
                  title: t('modes.advanced-chat'),
                  text: t('home.chatflowText'),
                  icon: <Route />,
                },
                { value: 'workflow', title: t('modes.workflow'), text: t('home.workflowText'), icon: <Workflow /> },
              ]}
              other={
                <Link
                  to="/templates"
                  className="flex items-center gap-3 rounded-lg border border-accent-line border-dashed p-3 text-accent-ink text-sm hover:bg-accent-soft/50"
                >
                  <LayoutTemplate className="size-4.5 shrink-0" aria-hidden />
                  {t('templates.orBrowse')}
                </Link>
              }
            />
          )}
        />
        <InfoFields form={form} />
        <FormError error={create.error} />
      </form>
    </Dialog>
  );
}

export function EditAppDialog({ app, onClose }: { app: AppSummary; onClose: () => void }) {
  const { t } = useTranslation();
  const update = useUpdateApp(app.id);
  const emoji = app.icon_type === 'emoji';
  const form = useAppForm({
    mode: 'chat',
    name: app.name,
    description: app.description,
    icon: emoji ? { icon: app.icon, icon_background: app.icon_background } : DEFAULT_ICON,
  });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t('apps.editTitle')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button variant="primary" type="submit" form={FORM_ID} busy={update.isPending}>
            {t('common.save')}
          </Button>
        </>
      }
    >
      <form
        id={FORM_ID}
        noValidate
        className="space-y-4"
        onSubmit={form.handleSubmit(({ name, description, icon }) => {
          const keep = !emoji && !form.formState.dirtyFields.icon;
          const shown = keep
            ? { icon: app.icon, icon_background: app.icon_background, icon_type: app.icon_type as 'image' | 'link' }
            : { ...icon, icon_type: 'emoji' as const };
          update.mutate({ name, description, ...shown }, { onSuccess: onClose });
        })}
      >
        <InfoFields form={form} />
        <FormError error={update.error} />
      </form>
    </Dialog>
  );
}
