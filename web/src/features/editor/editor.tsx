import { useQuery } from '@tanstack/react-query';
import { Plus, TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Group } from '@/components/app-features/group';
import { findModel, ModelPicker } from '@/components/model-picker';
import { Parameters } from '@/components/parameters';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { modelsQuery } from '@/lib/api/queries';
import type { App } from '@/lib/api/types';
import { fieldsOf, newField, type PromptMessage, referencedVariables, withFields } from '@/lib/app-config';
import { Agent } from './agent';
import { Features } from './features';
import { PromptEditor } from './prompt-editor';
import type { Draft } from './use-draft';
import { Variables } from './variables';

/** Dify sections that this page does not edit but that an imported app may carry. */
const OTHERS = [
  'dataset_configs',
  'external_data_tools',
  'agent_mode',
  'text_to_speech',
  'speech_to_text',
  'more_like_this',
];

export function Editor({ app, draft, disabled }: { app: App; draft: Draft; disabled: boolean }) {
  const { t } = useTranslation();
  const { config, change } = draft;
  const { data: models } = useQuery(modelsQuery);
  const model = findModel(models, config.model);
  const fields = fieldsOf(config);
  const variables = fields.map((field) => ({ name: field.variable, label: field.label }));
  const known = new Set(variables.map((variable) => variable.name));
  const missing = referencedVariables(config).filter((name) => !known.has(name));
  const completion = app.mode === 'completion';
  const kept = OTHERS.filter(
    (key) => carriesSomething(config[key]) && !(key === 'agent_mode' && app.mode === 'agent-chat'),
  );

  const addVariables = (names: string[]) =>
    change((c) => {
      const have = new Set(fieldsOf(c).map((field) => field.variable));
      return withFields(c, [...fieldsOf(c), ...names.filter((name) => !have.has(name)).map(newField)]);
    });

  return (
    <div className="@container space-y-6">
      <Group title={t('editor.model')}>
        <div className="flex gap-2">
          <ModelPicker
            choice={config.model}
            onChange={(choice) => change((c) => ({ ...c, model: { ...c.model, ...choice } }))}
            disabled={disabled}
          />
          <Parameters
            params={config.model.completion_params}
            onChange={(completion_params) => change((c) => ({ ...c, model: { ...c.model, completion_params } }))}
            contextSize={model?.context_size}
            disabled={disabled}
          />
        </div>
      </Group>

      <div>
        {config.prompt_type === 'advanced' ? (
          <Group title={t('editor.advancedPrompt')} text={t('editor.advancedPromptText')}>
            <div className="space-y-3">
              {config.model.mode === 'completion' ? (
                <PromptEditor
                  label={t('editor.prompt')}
                  value={config.completion_prompt_config.prompt.text}
                  onChange={(text) =>
                    change((c) => ({
                      ...c,
                      completion_prompt_config: {
                        ...c.completion_prompt_config,
                        prompt: { ...c.completion_prompt_config.prompt, text },
                      },
                    }))
                  }
                  variables={variables}
                  onNewVariable={(name) => addVariables([name])}
                  disabled={disabled}
                />
              ) : (
                config.chat_prompt_config.prompt.map((message, index) => (
                  <PromptEditor
                    key={index}
                    label={t(`editor.${message.role}`)}
                    value={message.text}
                    minRows={3}
                    onChange={(text) =>
                      change((c) => ({
                        ...c,
                        chat_prompt_config: {
                          ...c.chat_prompt_config,
                          prompt: c.chat_prompt_config.prompt.map(
                            (old, other): PromptMessage => (other === index ? { ...old, text } : old),
                          ),
                        },
                      }))
                    }
                    variables={variables}
                    onNewVariable={(name) => addVariables([name])}
                    disabled={disabled}
                  />
                ))
              )}
            </div>
          </Group>
        ) : (
          <PromptEditor
            label={t('editor.prompt')}
            value={config.pre_prompt}
            onChange={(pre_prompt) => change((c) => ({ ...c, pre_prompt }))}
            variables={variables}
            onNewVariable={(name) => addVariables([name])}
            placeholder={
              completion
                ? t('editor.promptPlaceholderCompletion', { topic: '{{topic}}' })
                : t('editor.promptPlaceholder')
            }
            disabled={disabled}
          />
        )}
        {missing.length > 0 && !disabled && (
          <div className="mt-2 flex flex-wrap items-center gap-2 rounded-lg bg-warn-soft px-3 py-2 text-sm text-warn-ink">
            <TriangleAlert className="size-4 shrink-0" aria-hidden />
            {t('editor.undefinedVariables')}
            {missing.map((name) => (
              <Badge key={name} tone="warn" className="font-mono ring-1 ring-warn/40">
                {name}
              </Badge>
            ))}
            <Button size="xs" className="ml-auto" onClick={() => addVariables(missing)}>
              <Plus />
              {t('editor.addThem')}
            </Button>
          </div>
        )}
      </div>

      <Variables
        fields={fields}
        onChange={(next) => change((c) => withFields(c, next))}
        completion={completion}
        disabled={disabled}
      />
      {app.mode === 'agent-chat' && <Agent config={config} change={change} model={model} disabled={disabled} />}
      <Features app={app} config={config} change={change} model={model} disabled={disabled} />
      {kept.length > 0 && <p className="text-ink-3 text-xs">{t('editor.otherSettings', { list: kept.join(', ') })}</p>}
    </div>
  );
}

/** Whether an untouched Dify section does anything: defaults that say "off" do not. */
function carriesSomething(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value !== 'object' || value === null) return false;
  if ('enabled' in value) return value.enabled === true;
  if ('datasets' in value) return JSON.stringify(value.datasets).includes('"id"');
  return false;
}
