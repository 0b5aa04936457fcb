import { createFileRoute, Outlet } from '@tanstack/react-router';
import { Skeleton } from '@/components/ui/skeleton';
import { appQuery, modelsQuery } from '@/lib/api/queries';

export const Route = createFileRoute('/_console/apps/$appId')({
  loader: async ({ context, params }) => {
    void context.queryClient.prefetchQuery(modelsQuery);
    await context.queryClient.ensureQueryData(appQuery(params.appId));
  },
  pendingComponent: Pending,
  component: Outlet,
});

function Pending() {
  return (
    <div className="flex h-full flex-col">
      <div className="flex h-14 items-center gap-3 border-b px-5">
        <Skeleton className="size-7" />
        <Skeleton className="h-4 w-40" />
      </div>
      <div className="grid grow gap-6 p-6 lg:grid-cols-2">
        <div className="space-y-5">
          <Skeleton className="h-9" />
          <Skeleton className="h-56" />
          <Skeleton className="h-24" />
        </div>
        <Skeleton className="hidden h-full lg:block" />
      </div>
    </div>
  );
}
