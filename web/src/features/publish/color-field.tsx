import { Check } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Button } from '@/components/ui/button';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { parseColor, readableOn } from '@/lib/brand';

/** The first is the page's own accent, with which the picker opens where no colour is chosen. */
const SWATCHES = ['#0d7a6f', '#1c64f2', '#6d3fd1', '#b4236a', '#c2410c', '#a16207', '#3f7d20', '#334155'] as const;

interface ColorFieldProps {
  /** Empty: the page's own. */
  color: string;
  isWrong: boolean;
  disabled: boolean;
  onChange: (color: string) => void;
}

/** The colour of the page's bubbles, buttons and links: picked, written, or one of some that go well. */
export function ColorField({ color, isWrong, disabled, onChange }: ColorFieldProps) {
  const { t } = useTranslation();
  const chosen = parseColor(color);
  return (
    <Field
      label={t('publish.color')}
      hint={t('publish.colorHint')}
      error={isWrong ? t('publish.colorWrong') : undefined}
      optional
      className="sm:col-span-2"
    >
      {(control) => (
        <div className="flex flex-wrap items-center gap-2">
          <Input
            type="color"
            aria-label={t('publish.colorPick')}
            className="h-9 w-12 p-1"
            disabled={disabled}
            value={chosen ?? SWATCHES[0]}
            onChange={(event) => onChange(event.target.value)}
          />
          <Input
            {...control}
            className="w-28 font-mono"
            placeholder={SWATCHES[0]}
            maxLength={7}
            spellCheck={false}
            disabled={disabled}
            value={color}
            onChange={(event) => onChange(event.target.value)}
          />
          <fieldset className="flex flex-wrap items-center gap-1.5" aria-label={t('publish.colorSwatches')}>
            {SWATCHES.map((swatch) => (
              <button
                key={swatch}
                type="button"
                aria-label={swatch}
                aria-pressed={swatch === chosen}
                disabled={disabled}
                onClick={() => onChange(swatch)}
                className="flex size-7 items-center justify-center rounded-md shadow-1 disabled:opacity-55"
                style={{ background: swatch, color: readableOn(swatch) }}
              >
                {swatch === chosen && <Check className="size-4" aria-hidden />}
              </button>
            ))}
          </fieldset>
          {color && (
            <Button variant="ghost" disabled={disabled} onClick={() => onChange('')}>
              {t('publish.colorReset')}
            </Button>
          )}
        </div>
      )}
    </Field>
  );
}
