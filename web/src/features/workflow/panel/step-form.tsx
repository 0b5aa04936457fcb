import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { FileField } from '@/components/file-field';
import { Button } from '@/components/ui/button';
import { Field } from '@/components/ui/field';
import { Textarea } from '@/components/ui/input';
import { Select } from '@/components/ui/select';
import type { ChosenFile } from '@/lib/files';
import { Section } from '../fields/parts';
import { type Data, list, number, record, records, text } from '../graph/types';
import { fileRules } from '../run/inputs';

interface StepFormProps {
  data: Data;
  onAnswer: (form: Data) => void;
}

/** The form of a node that asks a person, when it is tried alone. */
export function StepForm({ data, onAnswer }: StepFormProps) {
  const { t } = useTranslation();
  const inputs = records(data.inputs);
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [files, setFiles] = useState<Record<string, ChosenFile[]>>({});
  const answered = inputs.map((input) => {
    const name = text(input.output_variable_name);
    const sent = (files[name] ?? []).flatMap((file) => file.sent ?? []);
    if (input.type === 'file') return [name, sent[0]];
    if (input.type === 'file-list') return [name, sent];
    const initial = record(input.default);
    return [name, texts[name] ?? (initial.type === 'variable' ? '' : text(initial.value))];
  });
  const values: Data = Object.fromEntries(answered);
  const isUploading = Object.values(files).some((all) => all.some((file) => !file.sent && !file.error));
  return (
    <Section title={t('studio.panel.answer')}>
      <div className="space-y-3">
        {inputs.map((input) => {
          const name = text(input.output_variable_name);
          const put = (value: string) => setTexts((all) => ({ ...all, [name]: value }));
          const options = list(record(input.option_source).value).map(String).filter(Boolean);
          return (
            <Field key={name} label={name}>
              {(control) =>
                input.type === 'file' || input.type === 'file-list' ? (
                  <FileField
                    id={control.id}
                    label={name}
                    describedBy={undefined}
                    invalid={false}
                    rules={fileRules(input, input.type === 'file' ? 1 : number(input.number_limits, 10))}
                    files={files[name] ?? []}
                    onChange={(update) => setFiles((all) => ({ ...all, [name]: update(all[name] ?? []) }))}
                  />
                ) : input.type === 'select' && options.length > 0 ? (
                  <Select
                    {...control}
                    value={text(values[name])}
                    onValueChange={put}
                    placeholder={t('form.choose')}
                    options={options.map((option) => ({ value: option, label: option }))}
                  />
                ) : (
                  <Textarea
                    {...control}
                    rows={2}
                    className="min-h-9"
                    value={text(values[name])}
                    onChange={(event) => put(event.target.value)}
                  />
                )
              }
            </Field>
          );
        })}
        <div className="flex flex-wrap gap-2">
          {records(data.user_actions).map((action) => (
            <Button
              key={text(action.id)}
              disabled={isUploading}
              onClick={() => onAnswer({ inputs: values, action: text(action.id) })}
            >
              {text(action.title) || text(action.id)}
            </Button>
          ))}
        </div>
      </div>
    </Section>
  );
}
