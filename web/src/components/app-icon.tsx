import { cn } from '@/lib/cn';

interface AppIconProps {
  app: { icon_type: string; icon: string; icon_background: string; name: string };
  size?: 'sm' | 'md' | 'lg';
}

const SIZES = {
  sm: 'size-7 rounded-md text-[0.95rem]',
  md: 'size-10 rounded-lg text-xl',
  lg: 'size-14 rounded-xl text-3xl',
};

export function AppIcon({ app, size = 'md' }: AppIconProps) {
  const picture = app.icon_type !== 'emoji' && /^(https?:|data:image\/|\/)/.test(app.icon);
  return (
    <span
      aria-hidden
      className={cn(
        'inline-flex shrink-0 select-none items-center justify-center overflow-hidden leading-none',
        SIZES[size],
      )}
      style={{ background: app.icon_background || 'var(--sunken)' }}
    >
      {picture ? (
        <img src={app.icon} alt="" className="size-full object-cover" />
      ) : app.icon_type === 'emoji' ? (
        app.icon || '🤖'
      ) : (
        app.name.slice(0, 1).toUpperCase()
      )}
    </span>
  );
}
