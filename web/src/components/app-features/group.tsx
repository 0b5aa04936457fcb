import { type ReactNode, useId } from 'react';
import { Switch } from '@/components/ui/switch';
import type { FeatureConfig } from '@/lib/app-config';

/** What the parts of this panel get: settings in, changed settings out. */
export interface FeaturePartProps {
  config: FeatureConfig;
  set: (patch: Partial<FeatureConfig>) => void;
  disabled: boolean;
}

/** A titled part of the editor. */
export function Group({
  title,
  text,
  action,
  children,
}: {
  title: string;
  text?: string;
  action?: ReactNode;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <div className="mb-2 flex items-start gap-3">
        <div className="min-w-0 grow">
          <h2 id={id} className="font-semibold text-sm">
            {title}
          </h2>
          {text && <p className="text-ink-3 text-xs">{text}</p>}
        </div>
        {action}
      </div>
      {children}
    </section>
  );
}

interface FeatureProps {
  icon: ReactNode;
  title: string;
  text: string;
  enabled: boolean;
  onToggle: (enabled: boolean) => void;
  disabled: boolean;
  busy?: boolean;
  /** Shown under the title although the feature may be on. */
  warning?: string | false | undefined;
  children?: ReactNode;
}

/** One switchable feature; its settings open under it. */
export function Feature({ icon, title, text, enabled, onToggle, disabled, busy, warning, children }: FeatureProps) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="px-3.5 py-3">
      <div className="flex items-center gap-3">
        <span className={enabled ? 'text-accent [&_svg]:size-4.5' : 'text-ink-3 [&_svg]:size-4.5'} aria-hidden>
          {icon}
        </span>
        <div className="min-w-0 grow">
          <h3 id={id} className="font-medium text-sm">
            {title}
          </h3>
          <p className="text-ink-3 text-xs">{text}</p>
        </div>
        <Switch
          aria-labelledby={id}
          checked={enabled}
          onCheckedChange={onToggle}
          disabled={disabled || busy || false}
        />
      </div>
      {warning && (
        <p className="mt-2 rounded-md bg-warn-soft px-2.5 py-1.5 text-warn-ink text-xs sm:ml-7.5">{warning}</p>
      )}
      {enabled && children && <div className="mt-3 space-y-3.5 sm:ml-7.5">{children}</div>}
    </section>
  );
}
