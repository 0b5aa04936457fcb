import { useEffect } from 'react';

/** What the tab is called while this is on screen. */
export function useTitle(title: string | undefined) {
  useEffect(() => {
    document.title = title ? `${title} · Ashlar` : 'Ashlar';
  }, [title]);
}
