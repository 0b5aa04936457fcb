import { Search, X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { cn } from '@/lib/cn';
import { Button } from './button';
import { Input } from './input';

interface SearchInputProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  className?: string;
}

/** A field to search with; it gives way to what stands in the same row before that wraps. */
export function SearchInput({ label, value, onChange, className }: SearchInputProps) {
  const { t } = useTranslation();
  return (
    <div className={cn('relative flex h-9 min-w-44 max-w-64 flex-1 items-center max-sm:min-w-full', className)}>
      <Search className="pointer-events-none absolute left-2.5 size-4 text-ink-3" aria-hidden />
      <Input
        type="search"
        aria-label={label}
        placeholder={label}
        className="h-full px-8.5 [&::-webkit-search-cancel-button]:hidden"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
      {value && (
        <Button
          variant="ghost"
          size="icon-xs"
          className="absolute right-1"
          aria-label={t('common.clear')}
          onClick={() => onChange('')}
        >
          <X />
        </Button>
      )}
    </div>
  );
}
