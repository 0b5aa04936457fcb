import { Toaster as Sonner } from 'sonner';
import { useIsDark } from '@/lib/theme';

export function Toaster() {
  const dark = useIsDark();
  return (
    <Sonner
      theme={dark ? 'dark' : 'light'}
      position="bottom-right"
      toastOptions={{
        className: '!rounded-lg !border-line !bg-raised !text-ink !shadow-3 !font-sans !text-sm',
        descriptionClassName: '!text-ink-2',
      }}
    />
  );
}
