import { createFileRoute } from '@tanstack/react-router';
import { AboutPage } from '@/features/about/about-page';
import { atLeast } from '@/lib/api/queries';

export const Route = createFileRoute('/_console/settings/about')({ component: About });

function About() {
  const { session } = Route.useRouteContext();
  return <AboutPage session={session} admin={atLeast(session.workspace.role, 'admin')} />;
}
