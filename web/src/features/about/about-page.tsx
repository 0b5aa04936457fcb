import { useQuery } from '@tanstack/react-query';
import { ChartNoAxesColumn, ExternalLink, HeartPulse } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Mark, Wall } from '@/components/mark';
import { Panel, Section } from '@/components/page';
import { engineQuery } from '@/lib/api/queries';
import type { Session } from '@/lib/api/types';
import { formatBytes } from '@/lib/format';

/** What runs here, under which licence, and where to read more. */
export function AboutPage({ session, admin }: { session: Session; admin: boolean }) {
  const { t } = useTranslation();
  const { data: engine } = useQuery({ ...engineQuery, enabled: admin });
  return (
    <Section title={t('workspace.about')}>
      <Panel className="relative overflow-hidden">
        <div className="relative overflow-hidden rounded-t-xl bg-[oklch(0.235_0.012_75)] px-5 py-8 text-white">
          <Wall className="absolute inset-0 size-full opacity-80" />
          <p className="relative flex items-center gap-2.5 font-semibold text-2xl tracking-tight">
            <Mark className="-ml-1.25 size-8 text-[oklch(0.78_0.1_180)]" />
            Ashlar
          </p>
          <p className="relative mt-1 text-sm text-white/75">{t('auth.tagline')}</p>
        </div>
        <dl className="divide-y">
          <Row name={t('workspace.version')}>{session.version}</Row>
          <Row name={t('workspace.licence')}>Apache License 2.0</Row>
          {engine && (
            <>
              <Row name={t('models.device')}>
                {[t(`engine.device_${engine.device as 'cpu' | 'cuda'}`), engine.cpu].filter(Boolean).join(' · ')}
              </Row>
              <Row name={t('models.memory')}>
                {t('engine.memoryLabel', {
                  own: formatBytes(engine.process_bytes),
                  total: formatBytes(engine.memory_total_bytes),
                })}
              </Row>
            </>
          )}
        </dl>
      </Panel>
      <ul className="mt-4 grid gap-3 sm:grid-cols-2">
        <LinkCard href="/metrics" icon={<ChartNoAxesColumn />} text={t('workspace.linkMetrics')} />
        <LinkCard href="/readyz" icon={<HeartPulse />} text={t('workspace.linkHealth')} />
      </ul>
    </Section>
  );
}

function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex flex-wrap gap-x-6 gap-y-0.5 px-5 py-3 text-sm">
      <dt className="w-32 text-ink-3">{name}</dt>
      <dd className="min-w-0 grow">{children}</dd>
    </div>
  );
}

function LinkCard({ href, icon, text }: { href: string; icon: ReactNode; text: string }) {
  return (
    <li>
      <a
        href={href}
        target="_blank"
        rel="noreferrer"
        className="flex items-center gap-2.5 rounded-lg border border-line bg-surface px-3.5 py-2.5 text-sm shadow-1 hover:border-line-strong [&_svg]:size-4 [&_svg]:text-ink-3"
      >
        {icon}
        <span className="grow">{text}</span>
        <ExternalLink aria-hidden />
      </a>
    </li>
  );
}
