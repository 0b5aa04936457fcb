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
startI18n();

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <RouterProvider router={makeRouter()} />
    </StrictMode>,
  );
}
