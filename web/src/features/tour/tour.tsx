import { Link } from '@tanstack/react-router';
import {
  ArrowLeft,
  ArrowRight,
  FlaskConical,
  Gauge,
  Image,
  KeyRound,
  LayoutTemplate,
  Map as MapIcon,
  Rocket,
  X,
} from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Wall } from '@/components/mark';
import { Button } from '@/components/ui/button';
import { Dialog } from '@/components/ui/dialog';
import { cn } from '@/lib/cn';
import { recall, remember } from '@/lib/storage';

const KEY = 'ashlar.tour';

const STEPS = [
  { key: 'start', icon: <LayoutTemplate />, to: '/templates' },
  { key: 'ask', icon: <Image />, to: null },
  { key: 'publish', icon: <Rocket />, to: null },
  { key: 'call', icon: <KeyRound />, to: null },
  { key: 'compare', icon: <FlaskConical />, to: '/playground' },
  { key: 'watch', icon: <Gauge />, to: '/engine' },
] as const;

/** Until somebody has seen it or waved it away. */
export function TourBanner({ onStart }: { onStart: () => void }) {
  const { t } = useTranslation();
  const [seen, setSeen] = useState(() => recall(KEY) === 'seen');
  if (seen) return null;
  return (
    <section
      aria-label={t('tour.title')}
      className="relative mb-6 flex flex-wrap items-center gap-x-6 gap-y-3 overflow-hidden rounded-xl bg-[oklch(0.235_0.012_75)] px-5 py-4 text-white"
    >
      <Wall className="absolute inset-y-0 right-0 h-full w-2/3 opacity-70 [mask-image:linear-gradient(to_right,transparent,black_30%)]" />
      <div className="relative min-w-0 grow">
        <p className="font-semibold text-base">{t('tour.banner')}</p>
        <p className="text-sm text-white/75">{t('tour.bannerText')}</p>
      </div>
      <Button
        variant="primary"
        size="md"
        className="relative"
        onClick={() => {
          remember(KEY, 'seen');
          onStart();
        }}
      >
        <MapIcon />
        {t('tour.begin')}
      </Button>
      <Button
        variant="ghost"
        size="icon"
        className="relative text-white/80 hover:bg-white/15 hover:text-white"
        aria-label={t('tour.dismiss')}
        onClick={() => {
          remember(KEY, 'seen');
          setSeen(true);
        }}
      >
        <X />
      </Button>
    </section>
  );
}

interface TourProps {
  /** From 1. */
  step: number;
  onStep: (step: number) => void;
  onClose: () => void;
  admin: boolean;
}

/** From nothing to an app that is called over the API, in a few short steps. */
export function Tour({ step, onStep, onClose, admin }: TourProps) {
  const { t } = useTranslation();
  const steps = STEPS.filter(({ key }) => admin || key !== 'watch');
  const at = Math.min(Math.max(1, step), steps.length) - 1;
  const current = steps[at] ?? STEPS[0];
  const last = at === steps.length - 1;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t(`tour.${current.key}`)}
      className="max-w-xl"
      footer={
        <div className="flex w-full items-center gap-2">
          <span
            className="mr-auto flex gap-1.5"
            role="img"
            aria-label={t('tour.progress', { at: at + 1, of: steps.length })}
          >
            {steps.map(({ key }, index) => (
              <span
                key={key}
                className={cn('h-2 w-5 rounded-[2px] transition-colors', index <= at ? 'bg-accent' : 'bg-line-strong')}
              />
            ))}
          </span>
          {at > 0 && (
            <Button onClick={() => onStep(at)}>
              <ArrowLeft />
              {t('common.back')}
            </Button>
          )}
          <Button variant="primary" onClick={() => (last ? onClose() : onStep(at + 2))}>
            {last ? t('common.done') : t('tour.next')}
            {!last && <ArrowRight />}
          </Button>
        </div>
      }
    >
      <div className="flex gap-4">
        <span className="flex size-12 shrink-0 items-center justify-center rounded-xl bg-accent-soft text-accent-ink [&_svg]:size-6">
          {current.icon}
        </span>
        <div className="min-w-0 space-y-3">
          <p className="text-base">{t(`tour.${current.key}Text`)}</p>
          <Hint>{t(`tour.${current.key}Hint`)}</Hint>
          {current.to && (
            <Button asChild>
              <Link to={current.to}>
                {t('tour.takeMe')}
                <ArrowRight />
              </Link>
            </Button>
          )}
        </div>
      </div>
    </Dialog>
  );
}

function Hint({ children }: { children: ReactNode }) {
  return <p className="border-accent-line border-l-2 pl-3 text-ink-2 text-sm">{children}</p>;
}
