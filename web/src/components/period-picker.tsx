import { useTranslation } from 'react-i18next';
import { dayText, type Period, type PeriodName } from '@/lib/period';
import { Input } from './ui/input';
import { Select } from './ui/select';

interface PeriodPickerProps {
  value: Period;
  onChange: (value: Period) => void;
  options: readonly PeriodName[];
}

/** A span of time: one of the usual ones, or chosen days. */
export function PeriodPicker({ value, onChange, options }: PeriodPickerProps) {
  const { t } = useTranslation();
  const today = dayText(new Date());
  const choose = (period: PeriodName) => {
    if (period !== 'custom') return onChange({ period });
    const weekAgo = new Date();
    weekAgo.setDate(weekAgo.getDate() - 6);
    onChange({ period, from: dayText(weekAgo), to: today });
  };
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Select
        size="sm"
        className="w-auto min-w-36"
        aria-label={t('logs.period')}
        value={value.period}
        onValueChange={(period) => choose(period as PeriodName)}
        options={options.map((period) => ({ value: period, label: t(`period.${period}`) }))}
      />
      {value.period === 'custom' &&
        (['from', 'to'] as const).map((side) => (
          <Input
            key={side}
            type="date"
            aria-label={t(`period.${side}`)}
            className="h-8 w-36"
            max={side === 'from' ? (value.to ?? today) : today}
            {...(side === 'to' && value.from ? { min: value.from } : {})}
            value={value[side] ?? ''}
            onChange={(event) => onChange({ ...value, [side]: event.target.value || undefined })}
          />
        ))}
    </div>
  );
}
