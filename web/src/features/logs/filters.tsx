import { Download, X } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { PeriodPicker } from '@/components/period-picker';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/input';
import { Menu, MenuContent, MenuItem, MenuTrigger } from '@/components/ui/menu';
import { SearchInput } from '@/components/ui/search-input';
import { Select } from '@/components/ui/select';
import type { App } from '@/lib/api/types';
import { exportUrl } from './queries';
import { isFiltered, LOG_PERIODS, type LogSearch, periodOf, RUN_STATUSES, SOURCES } from './search';

interface FiltersProps {
  app: App;
  search: LogSearch;
  onSearch: (change: Partial<LogSearch>) => void;
}

/** What the list is narrowed to; all of it is in the link. */
export function Filters({ app, search, onSearch }: FiltersProps) {
  const { t } = useTranslation();
  const ofRuns = app.mode === 'workflow';
  return (
    <div className="mb-4 flex flex-wrap items-center gap-2">
      <SearchField
        label={t(ofRuns ? 'logs.searchRuns' : 'logs.search')}
        value={search.q ?? ''}
        onChange={(q) => onSearch({ q: q || undefined })}
      />
      <PeriodPicker
        value={periodOf(search)}
        options={LOG_PERIODS}
        onChange={(period) => onSearch({ from: undefined, to: undefined, ...period })}
      />
      <Choice
        label={t('logs.source')}
        value={search.source}
        any={t('logs.anySource')}
        options={SOURCES.map((source) => ({ value: source, label: t(`logs.source_${source}`) }))}
        onChange={(source) => onSearch({ source: source as LogSearch['source'] })}
      />
      {ofRuns ? (
        <Choice
          label={t('logs.status')}
          value={search.status}
          any={t('logs.anyStatus')}
          options={RUN_STATUSES.map((status) => ({ value: status, label: t(`logs.status_${status}`) }))}
          onChange={(status) => onSearch({ status: status as LogSearch['status'] })}
        />
      ) : (
        <>
          <Choice
            label={t('logs.rating')}
            value={search.rating}
            any={t('logs.anyRating')}
            options={(['like', 'dislike'] as const).map((rating) => ({ value: rating, label: t(`logs.${rating}`) }))}
            onChange={(rating) => onSearch({ rating: rating as LogSearch['rating'] })}
          />
          <SearchField
            label={t('logs.user')}
            narrow
            value={search.user ?? ''}
            onChange={(user) => onSearch({ user: user || undefined })}
          />
          {(['annotated', 'failed'] as const).map((flag) => (
            <Button
              key={flag}
              variant={search[flag] ? 'soft' : 'secondary'}
              aria-pressed={search[flag] ?? false}
              onClick={() => onSearch({ [flag]: search[flag] ? undefined : true })}
            >
              {t(`logs.${flag}`)}
            </Button>
          ))}
        </>
      )}
      {isFiltered(search) && (
        <Button
          variant="ghost"
          onClick={() =>
            onSearch({
              q: undefined,
              user: undefined,
              source: undefined,
              rating: undefined,
              status: undefined,
              annotated: undefined,
              failed: undefined,
              period: 'all',
              from: undefined,
              to: undefined,
            })
          }
        >
          <X />
          {t('logs.clear')}
        </Button>
      )}
      <Menu>
        <MenuTrigger asChild>
          <Button className="ml-auto">
            <Download />
            {t('logs.export')}
          </Button>
        </MenuTrigger>
        <MenuContent>
          {(['csv', 'jsonl'] as const).map((format) => (
            <MenuItem key={format} asChild>
              <a href={exportUrl(app, search, format)} download>
                {t(format === 'csv' ? 'logs.exportCsv' : 'logs.exportJsonl')}
              </a>
            </MenuItem>
          ))}
        </MenuContent>
      </Menu>
    </div>
  );
}

interface ChoiceProps {
  label: string;
  value: string | undefined;
  any: string;
  options: { value: string; label: string }[];
  onChange: (value: string | undefined) => void;
}

function Choice({ label, value, any, options, onChange }: ChoiceProps) {
  return (
    <Select
      size="sm"
      className="w-auto min-w-32"
      aria-label={label}
      value={value ?? ''}
      onValueChange={(next) => onChange(next || undefined)}
      options={[{ value: '', label: any }, ...options]}
    />
  );
}

interface SearchFieldProps {
  label: string;
  value: string;
  narrow?: boolean;
  onChange: (value: string) => void;
}

/** Searches when the typing rests. */
function SearchField({ label, value, narrow, onChange }: SearchFieldProps) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(() => onChange(text.trim()), 350);
    return () => clearTimeout(timer);
  }, [text, value, onChange]);
  return narrow ? (
    <Input
      type="search"
      aria-label={label}
      placeholder={label}
      className="h-8 w-32"
      value={text}
      onChange={(event) => setText(event.target.value)}
    />
  ) : (
    <SearchInput label={label} value={text} onChange={setText} className="h-8 max-w-68" />
  );
}
