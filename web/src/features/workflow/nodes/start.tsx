import { ArrowDown, ArrowUp, PencilLine } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { AddButton, Empty, freeName, RemoveButton, replaced, Section, without } from '../fields/parts';
import { renameVariable, updateData } from '../graph/edit';
import { fieldType } from '../graph/outputs';
import { systemVariables } from '../graph/scope';
import { type Data, records, text } from '../graph/types';
import { useStudio, useStudioStore } from '../store';
import { FormFieldDialog } from './form-field-dialog';
import type { NodeKind, PanelProps, SummaryProps } from './kind';
import { Course } from './summary';

export const start: NodeKind = {
  type: 'start',
  defaults: () => ({ variables: [] }),
  Summary,
  Panel,
};

const SHOWN = 4;

function Summary({ data }: SummaryProps) {
  const fields = records(data.variables);
  return (
    <>
      {fields.slice(0, SHOWN).map((field, i) => (
        <Course key={i}>
          <code className="min-w-0 truncate font-mono text-[0.6875rem] text-accent-ink">{text(field.variable)}</code>
          <span className="ml-auto shrink-0 text-2xs text-ink-3">{fieldType(text(field.type))}</span>
        </Course>
      ))}
      {fields.length > SHOWN && <Course>+{fields.length - SHOWN}</Course>}
    </>
  );
}

function Panel({ id, data, set, disabled }: PanelProps) {
  const { t } = useTranslation();
  const store = useStudioStore();
  const isChat = useStudio((studio) => studio.isChat);
  const [editing, setEditing] = useState<{ index: number; field: Data } | null>(null);
  const fields = records(data.variables);
  const names = fields.map((field) => text(field.variable));
  const write = (variables: Data[]) => set({ ...data, variables });
  const move = (i: number, by: number) => {
    const next = [...fields];
    const [field] = next.splice(i, 1);
    if (field) next.splice(i + by, 0, field);
    write(next);
  };
  const save = (field: Data) => {
    if (!editing) return;
    const before = text(fields[editing.index]?.variable);
    const name = text(field.variable);
    store.getState().editGraph((graph) => {
      const renamed = before && before !== name ? renameVariable(graph, id, before, name) : graph;
      return updateData(renamed, id, (now) => ({
        ...now,
        variables: before ? replaced(fields, editing.index, field) : [...fields, field],
      }));
    });
    setEditing(null);
  };
  return (
    <>
      <Section
        title={t('studio.start.form')}
        hint={t(isChat ? 'studio.start.formTextChat' : 'studio.start.formText')}
        action={
          <AddButton
            label={t('common.add')}
            disabled={disabled}
            onClick={() =>
              setEditing({
                index: fields.length,
                field: {
                  variable: freeName('input', names),
                  label: '',
                  type: 'text-input',
                  required: true,
                  max_length: 256,
                  options: [],
                },
              })
            }
          />
        }
      >
        {fields.length === 0 ? (
          <Empty>{t(isChat ? 'studio.start.emptyChat' : 'studio.start.empty')}</Empty>
        ) : (
          <ul className="divide-y rounded-lg border border-line bg-surface shadow-1">
            {fields.map((field, i) => (
              <li key={i} className="flex h-10 items-center gap-2 pr-1 pl-3">
                <code className="min-w-0 truncate font-mono text-accent-ink text-xs">{text(field.variable)}</code>
                <span className="min-w-0 truncate text-ink-3 text-xs">
                  {typeof field.label === 'string' ? field.label : ''}
                </span>
                <span className="ml-auto flex shrink-0 items-center">
                  {field.required === true && <Badge className="mr-1">{t('editor.variableRequired')}</Badge>}
                  {!disabled && (
                    <>
                      <Button
                        variant="ghost"
                        size="icon-xs"
                        disabled={i === 0}
                        aria-label={`${t('editor.moveUp')}: ${text(field.variable)}`}
                        onClick={() => move(i, -1)}
                      >
                        <ArrowUp />
                      </Button>
                      <Button
                        variant="ghost"
                        size="icon-xs"
                        disabled={i === fields.length - 1}
                        aria-label={`${t('editor.moveDown')}: ${text(field.variable)}`}
                        onClick={() => move(i, 1)}
                      >
                        <ArrowDown />
                      </Button>
                      <Button
                        variant="ghost"
                        size="icon-xs"
                        aria-label={`${t('common.edit')}: ${text(field.variable)}`}
                        onClick={() => setEditing({ index: i, field })}
                      >
                        <PencilLine />
                      </Button>
                      <RemoveButton
                        label={text(field.variable)}
                        onClick={() => write(without(fields, i))}
                        disabled={disabled}
                      />
                    </>
                  )}
                </span>
              </li>
            ))}
          </ul>
        )}
      </Section>
      <Section title={t('studio.start.system')} hint={t('studio.start.systemText')}>
        <ul className="space-y-1 text-xs">
          {systemVariables(isChat).map((variable) => (
            <li key={variable.name} className="flex justify-between">
              <code className="font-mono text-accent-ink">sys.{variable.name}</code>
              <span className="font-mono text-2xs text-ink-3">{variable.type}</span>
            </li>
          ))}
        </ul>
      </Section>
      {editing && (
        <FormFieldDialog
          field={editing.field}
          isNew={!fields[editing.index]}
          taken={names.filter((_, i) => i !== editing.index)}
          onSave={save}
          onClose={() => setEditing(null)}
        />
      )}
    </>
  );
}
