import type { ReactNode } from 'react';

/** Sections of a page that are pages themselves; the children are links with [`pageTab`]. */
export function PageTabs({ label, children }: { label: string; children: ReactNode }) {
  return (
    <nav aria-label={label} className="mb-6 flex gap-1 overflow-x-auto border-b">
      {children}
    </nav>
  );
}

export const pageTab =
  '-mb-px flex h-9 items-center gap-2 whitespace-nowrap border-transparent border-b-2 px-2.5 text-ink-2 text-sm hover:text-ink data-[status=active]:border-accent data-[status=active]:font-medium data-[status=active]:text-ink [&_svg]:size-4';
