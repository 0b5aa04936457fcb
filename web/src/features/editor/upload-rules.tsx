import { useId, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Checkbox } from '@/components/ui/checkbox';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { bareExtension, FILE_KINDS, type FileKind, type TransferMethod } from '@/lib/files';

/** In the words of the DSL. */
export interface UploadRulesValue {
  allowed_file_types: FileKind[];
  allowed_file_extensions: string[];
  allowed_file_upload_methods: TransferMethod[];
}

interface UploadRulesProps {
  value: UploadRulesValue;
  onChange: (patch: Partial<UploadRulesValue>) => void;
  disabled?: boolean;
}

/** Which files are taken, and how they arrive. */
export function UploadRules({ value, onChange, disabled = false }: UploadRulesProps) {
  const { t } = useTranslation();
  // Without any kind every kind is taken; the boxes say so.
  const kinds = value.allowed_file_types.length > 0 ? value.allowed_file_types : FILE_KINDS;
  const methods = value.allowed_file_upload_methods;
  return (
    <>
      <Boxes
        label={t('features.kinds')}
        options={FILE_KINDS.map((kind) => ({ value: kind, label: t(`features.${kind}`) }))}
        chosen={kinds}
        onChange={(allowed_file_types) => onChange({ allowed_file_types })}
        disabled={disabled}
      />
      {kinds.includes('custom') && (
        <ExtensionsField
          value={value.allowed_file_extensions}
          onChange={(allowed_file_extensions) => onChange({ allowed_file_extensions })}
          disabled={disabled}
        />
      )}
      <Boxes
        label={t('features.methods')}
        options={(['local_file', 'remote_url'] as const).map((method) => ({
          value: method,
          label: t(`features.${method}`),
        }))}
        chosen={methods}
        onChange={(allowed_file_upload_methods) => onChange({ allowed_file_upload_methods })}
        disabled={disabled}
      />
    </>
  );
}

interface BoxesProps<T extends string> {
  label: string;
  options: readonly { value: T; label: string }[];
  chosen: readonly T[];
  onChange: (chosen: T[]) => void;
  disabled: boolean;
}

/** Some of a few; the last one can't be taken away. */
function Boxes<T extends string>({ label, options, chosen, onChange, disabled }: BoxesProps<T>) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <fieldset>
      <legend className="mb-1.5 font-medium text-sm">{label}</legend>
      <div className="flex flex-wrap gap-x-4 gap-y-2">
        {options.map(({ value, label: name }) => {
          const on = chosen.includes(value);
          const last = on && chosen.length === 1;
          return (
            <span
              key={value}
              className="flex items-center gap-2 text-sm"
              title={last ? t('features.keepOne') : undefined}
            >
              <Checkbox
                id={`${id}-${value}`}
                checked={on}
                disabled={disabled || last}
                onCheckedChange={(next) =>
                  onChange(
                    options.map((o) => o.value).filter((o) => (o === value ? next === true : chosen.includes(o))),
                  )
                }
              />
              <label htmlFor={`${id}-${value}`}>{name}</label>
            </span>
          );
        })}
      </div>
    </fieldset>
  );
}

interface ExtensionsFieldProps {
  value: string[];
  onChange: (value: string[]) => void;
  disabled: boolean;
}

function ExtensionsField({ value, onChange, disabled }: ExtensionsFieldProps) {
  const { t } = useTranslation();
  const [text, setText] = useState(() => value.map((extension) => `.${bareExtension(extension)}`).join(', '));
  return (
    <Field label={t('features.customExtensions')} hint={t('features.customExtensionsText')} className="max-w-96">
      {(control) => (
        <Input
          {...control}
          className="h-8 font-mono"
          placeholder=".step, .dwg"
          spellCheck={false}
          disabled={disabled}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            const names = event.target.value
              .split(/[\s,;，；]+/)
              .map(bareExtension)
              .filter(Boolean);
            onChange([...new Set(names)].map((name) => `.${name}`));
          }}
        />
      )}
    </Field>
  );
}
