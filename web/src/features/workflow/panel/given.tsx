import { useTranslation } from 'react-i18next';
import { Textarea } from '@/components/ui/input';
import { CodeField } from '../fields/code-field';

interface GivenFieldProps {
  label: string;
  type: string;
  value: string;
  onChange: (value: string) => void;
  problem: string | null;
}

/** A value typed by hand: texts as they are, the rest as JSON. */
export function GivenField({ label, type, value, onChange, problem }: GivenFieldProps) {
  if (type === 'string' || type === 'secret') {
    return (
      <Textarea
        aria-label={label}
        rows={2}
        className="field-sizing-content max-h-64 min-h-9 text-sm"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    );
  }
  return (
    <CodeField
      label={`${label} · ${type}`}
      language="json"
      value={value}
      onChange={onChange}
      minRows={type === 'number' || type === 'boolean' ? 1 : 4}
      problem={problem}
      disabled={false}
    />
  );
}

/** As it is typed. */
export function written(value: unknown, type: string): string {
  if (type === 'string' || type === 'secret')
    return typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value);
  return value === undefined || value === null ? '' : JSON.stringify(value, null, 2);
}

/** What was typed, or undefined when it is no value of that type. Nothing typed is null. */
export function readGiven(source: string, type: string): unknown {
  if (type === 'string' || type === 'secret') return source;
  if (source.trim() === '') return null;
  try {
    const value: unknown = JSON.parse(source);
    if (type === 'number' && typeof value !== 'number') return undefined;
    if (type === 'boolean' && typeof value !== 'boolean') return undefined;
    if (type.startsWith('array') && !Array.isArray(value)) return undefined;
    return value;
  } catch {
    return type === 'any' ? source : undefined;
  }
}

export function useGivenProblem() {
  const { t } = useTranslation();
  return (source: string, type: string): string | null =>
    readGiven(source, type) === undefined ? t('studio.fields.badValue', { type }) : null;
}
