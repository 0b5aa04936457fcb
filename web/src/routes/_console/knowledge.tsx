import { createFileRoute, Link } from '@tanstack/react-router';
import { LayoutTemplate, LibraryBig } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Page } from '@/components/page';
import { EmptyState } from '@/components/states';
import { Button } from '@/components/ui/button';

export const Route = createFileRoute('/_console/knowledge')({ component: Knowledge });

/** The place of knowledge bases, which this server does not have yet; it says so, and what does the job meanwhile. */
function Knowledge() {
  const { t } = useTranslation();
  return (
    <Page title={t('nav.knowledge')}>
      <EmptyState
        icon={<LibraryBig />}
        title={t('knowledge.emptyTitle')}
        text={t('knowledge.emptyText')}
        className="rounded-xl border border-line-strong border-dashed bg-surface/50 py-20"
      >
        <Button asChild size="md">
          <Link to="/templates" search={{ category: 'documents' }}>
            <LayoutTemplate />
            {t('knowledge.templates')}
          </Link>
        </Button>
      </EmptyState>
    </Page>
  );
}
