// Kept first: see the file.
import './lib/zod-config';

import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import './app.css';
import { startI18n } from './lib/i18n';
import { startTheme } from './lib/theme';
import { makeRouter } from './router';

startTheme();

const root = document.getElementById('root');
if (root) {
  const router = makeRouter();
  // The page's code comes while the server is asked who is there.
  for (const { routeId } of router.matchRoutes(router.latestLocation)) {
    void router.loadRouteChunk(router.routesById[routeId as keyof typeof router.routesById]);
  }
  // What index.html shows stays until there is a whole page to take its place.
  void Promise.all([startI18n(), router.load()]).then(() =>
    createRoot(root).render(
      <StrictMode>
        <RouterProvider router={router} />
      </StrictMode>,
    ),
  );
}
