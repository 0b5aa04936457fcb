import { ArrowDown, ArrowUp, PencilLine, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Group } from '@/components/app-features/group';
import { Badge } from '@/components/ui/badge';
import { Button } from '@/components/ui/button';
import { type FormField, newField } from '@/lib/app-config';
import { FIELD_ICONS, VariableDialog } from './variable-dialog';

interface VariablesProps {
  fields: FormField[];
  onChange: (fields: FormField[]) => void;
  completion: boolean;
  disabled: boolean;
}

export function Variables({ fields, onChange, completion, disabled }: VariablesProps) {
  const { t } = useTranslation();
  const [editing, setEditing] = useState<{ index: number; field: FormField } | null>(null);

  const move = (index: number, by: number) => {
    const next = [...fields];
    const [field] = next.splice(index, 1);
    if (field) next.splice(index + by, 0, field);
    onChange(next);
  };
  const save = (field: FormField) => {
    if (!editing) return;
    const next = [...fields];
    next[editing.index] = field;
    onChange(next);
    setEditing(null);
  };
  const add = () => {
    let name = 'variable';
    for (let n = 2; fields.some((field) => field.variable === name); n += 1) name = `variable_${n}`;
    setEditing({ index: fields.length, field: { ...newField(name), label: '' } });
  };

  return (
    <Group
      title={t('editor.variables')}
      text={t(completion ? 'editor.variablesTextCompletion' : 'editor.variablesText', { example: '{{name}}' })}
      action={
        !disabled && (
          <Button size="xs" onClick={add}>
            <Plus />
            {t('editor.addVariable')}
          </Button>
        )
      }
    >
      {fields.length === 0 ? (
        <p className="rounded-lg border border-line-strong border-dashed px-3.5 py-3 text-ink-3 text-sm">
          {t('editor.variablesEmpty', { brace: '{{' })}
        </p>
      ) : (
        <ul className="divide-y rounded-lg border border-line bg-surface shadow-1">
          {fields.map((field, index) => {
            const Icon = FIELD_ICONS[field.type];
            return (
              <li key={field.variable} className="group/row flex h-10.5 items-center gap-2.5 pr-1.5 pl-3">
                <Icon className="size-4 shrink-0 text-ink-3" aria-hidden />
                <code className="truncate font-mono text-accent-ink text-xs">{field.variable}</code>
                {field.label !== field.variable && (
                  <span className="hidden min-w-0 truncate text-ink-2 text-sm @sm:inline">{field.label}</span>
                )}
                <span className="ml-auto flex shrink-0 items-center gap-0.5">
                  {field.required && (
                    <Badge className="mr-1.5 hidden @md:inline-flex">{t('editor.variableRequired')}</Badge>
                  )}
                  {!disabled && (
                    <>
                      <Button
                        variant="ghost"
                        size="icon-xs"
                        aria-label={`${t('editor.moveUp')}: ${field.variable}`}
                        disabled={index === 0}
                        onClick={() => move(index, -1)}
                      >
                        <ArrowUp />
                      </Button>
                      <Button
                        variant="ghost"
                        size="icon-xs"
                        aria-label={`${t('editor.moveDown')}: ${field.variable}`}
                        disabled={index === fields.length - 1}
                        onClick={() => move(index, 1)}
                      >
                        <ArrowDown />
                      </Button>
                      <Button
                        variant="ghost"
                        size="icon-xs"
                        aria-label={`${t('common.edit')}: ${field.variable}`}
                        onClick={() => setEditing({ index, field })}
                      >
                        <PencilLine />
                      </Button>
                      <Button
                        variant="ghost"
                        size="icon-xs"
                        aria-label={`${t('common.remove')}: ${field.variable}`}
                        onClick={() => onChange(fields.filter((_, other) => other !== index))}
                      >
                        <Trash2 />
                      </Button>
                    </>
                  )}
                </span>
              </li>
            );
          })}
        </ul>
      )}
      {editing && (
        <VariableDialog
          field={editing.field}
          fresh={editing.index === fields.length}
          taken={fields.filter((_, index) => index !== editing.index).map((field) => field.variable)}
          onSave={save}
          onClose={() => setEditing(null)}
        />
      )}
    </Group>
  );
}
