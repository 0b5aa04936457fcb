import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { toast } from 'sonner';
import { FormError } from '@/components/form-error';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input, Textarea } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import type { WorkflowTool } from '@/lib/api/types';
import { useSaveWorkflowTool, workflowAppsQuery } from './queries';

/** What a model may call it: letters, digits and underscores. */
function toolName(label: string): string {
  return label
    .normalize('NFKD')
    .replace(/[^\w\s-]/g, '')
    .trim()
    .replace(/[\s-]+/g, '_')
    .toLowerCase()
    .slice(0, 60);
}

/** A published workflow as a tool of agents and of other workflows. */
export function WorkflowDialog({ tool, onClose }: { tool?: WorkflowTool; onClose: () => void }) {
  const { t } = useTranslation();
  const { data: apps, isSuccess } = useQuery({ ...workflowAppsQuery, enabled: !tool });
  const save = useSaveWorkflowTool(tool?.id);
  const [appId, setAppId] = useState(tool?.app_id ?? '');
  const [name, setName] = useState(tool?.name ?? '');
  const [label, setLabel] = useState(tool?.label ?? '');
  const [description, setDescription] = useState(tool?.description ?? '');
  const named = /^[A-Za-z0-9_]{1,64}$/.test(name);
  const ready = appId !== '' && named && description.trim() !== '';
  const submit = () =>
    save.mutate(
      {
        app_id: appId,
        name,
        ...(label.trim() ? { label: label.trim() } : {}),
        description: description.trim(),
        parameters: tool?.parameters ?? [],
      },
      {
        onSuccess: (saved) => {
          toast.success(t('tools.saved', { name: saved.label }));
          onClose();
        },
      },
    );
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t(tool ? 'tools.editWorkflow' : 'tools.addWorkflow')}
      description={t('tools.workflowText')}
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button variant="primary" type="submit" form="workflow-tool" disabled={!ready} busy={save.isPending}>
            {t('common.save')}
          </Button>
        </>
      }
    >
      <form
        id="workflow-tool"
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) submit();
        }}
      >
        {tool ? (
          <p className="text-ink-2 text-sm">{tool.app_name}</p>
        ) : (
          <Field
            label={t('tools.workflow')}
            hint={isSuccess && apps.length === 0 ? t('tools.noWorkflows') : t('tools.workflowHint')}
          >
            {(control) => (
              <Select
                {...control}
                placeholder={t('tools.chooseWorkflow')}
                value={appId}
                onValueChange={(id) => {
                  const app = apps?.find((other) => other.id === id);
                  setAppId(id);
                  if (!name) setName(toolName(app?.name ?? ''));
                  if (!label) setLabel(app?.name ?? '');
                  if (!description) setDescription(app?.description ?? '');
                }}
                options={(apps ?? []).map((app) => ({ value: app.id, label: app.name }))}
              />
            )}
          </Field>
        )}
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label={t('tools.label')}>
            {(control) => (
              <Input {...control} maxLength={100} value={label} onChange={(event) => setLabel(event.target.value)} />
            )}
          </Field>
          <Field
            label={t('tools.callName')}
            hint={t('tools.callNameText')}
            error={name && !named ? t('tools.callNameText') : undefined}
          >
            {(control) => (
              <Input
                {...control}
                className="font-mono"
                spellCheck={false}
                value={name}
                onChange={(event) => setName(event.target.value)}
              />
            )}
          </Field>
        </div>
        <Field label={t('tools.whatFor')} hint={t('tools.whatForText')}>
          {(control) => (
            <Textarea
              {...control}
              rows={3}
              value={description}
              onChange={(event) => setDescription(event.target.value)}
            />
          )}
        </Field>
        <FormError error={save.error} />
      </form>
    </Dialog>
  );
}
