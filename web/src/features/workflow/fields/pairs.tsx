import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { RemoveButton } from './parts';
import { TemplateField } from './template-field';

interface Pair {
  key: string;
  value: string;
}

/** `Key:Value` lines, as the DSL keeps headers and parameters. Lines without a colon are keys. */
function parsePairs(lines: string): Pair[] {
  return lines
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const colon = line.indexOf(':');
      return colon < 0
        ? { key: line.trim(), value: '' }
        : { key: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() };
    });
}

export const writePairs = (pairs: readonly Pair[]): string =>
  pairs
    .filter((pair) => pair.key !== '' || pair.value !== '')
    .map((pair) => `${pair.key}:${pair.value}`)
    .join('\n');

interface PairsProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  disabled: boolean;
}

/** Names and values, one row each; the last row is always a new one. */
export function Pairs({ label, value, onChange, disabled }: PairsProps) {
  const { t } = useTranslation();
  const [pairs, setPairs] = useState(() => parsePairs(value));
  const [written, setWritten] = useState(value);
  if (value !== written) {
    setWritten(value);
    setPairs(parsePairs(value));
  }
  const change = (all: Pair[]) => {
    const last = all.at(-1);
    const next = last?.key === '' && last.value === '' ? all.slice(0, -1) : all;
    setPairs(next);
    const lines = writePairs(next);
    setWritten(lines);
    if (lines !== value) onChange(lines);
  };
  const rows = disabled ? pairs : [...pairs, { key: '', value: '' }];
  return (
    <ul className="space-y-1.5" aria-label={label}>
      {rows.map((pair, i) => (
        <li key={i} className="flex items-start gap-1.5">
          <TemplateField
            isLine
            className="w-2/5 shrink-0"
            label={`${label}: ${t('studio.http.key')} ${i + 1}`}
            placeholder={t('studio.http.key')}
            value={pair.key}
            onChange={(key) => change(rows.map((old, other) => (other === i ? { ...old, key } : old)))}
            disabled={disabled}
          />
          <TemplateField
            isLine
            className="grow"
            label={`${label}: ${t('studio.http.value')} ${i + 1}`}
            placeholder={t('studio.http.value')}
            value={pair.value}
            onChange={(next) => change(rows.map((old, other) => (other === i ? { ...old, value: next } : old)))}
            disabled={disabled}
          />
          {i < pairs.length ? (
            <RemoveButton
              label={pair.key || String(i + 1)}
              onClick={() => change(pairs.filter((_, other) => other !== i))}
              disabled={disabled}
            />
          ) : (
            !disabled && <span className="w-8 shrink-0" />
          )}
        </li>
      ))}
    </ul>
  );
}
