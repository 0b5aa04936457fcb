import { Lock } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { atLeast } from '@/lib/api/queries';
import type { Session } from '@/lib/api/types';
import { EmptyState } from './states';

export function AdminOnly({ session, children }: { session: Session; children: ReactNode }) {
  const { t } = useTranslation();
  if (atLeast(session.workspace.role, 'admin')) return children;
  return <EmptyState icon={<Lock />} title={t('settings.noAccess')} text={t('settings.noAccessText')} />;
}
