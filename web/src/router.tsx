import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { createRouter, type RouterHistory } from '@tanstack/react-router';
import i18next from 'i18next';
import { toast } from 'sonner';
import { NotFound, RouteError } from './components/states';
import { ApiError, errorMessage } from './lib/api/errors';
import { sessionQuery } from './lib/api/queries';
import { routeTree } from './routeTree.gen';

declare module '@tanstack/react-query' {
  interface Register {
    /** A `silent` mutation shows its error where it happened, not as a toast. */
    mutationMeta: { silent?: boolean };
  }
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}

export function makeRouter(history?: RouterHistory) {
  const onLost = (error: Error) => {
    // The session ended on the server: the guard of the console sends to the sign-in page.
    if (error instanceof ApiError && error.status === 401 && queryClient.getQueryData(sessionQuery.queryKey)) {
      queryClient.setQueryData(sessionQuery.queryKey, null);
      void router.invalidate();
    }
  };
  const queryClient = new QueryClient({
    defaultOptions: {
      queries: {
        retry: (count, error) =>
          count < 2 && (!(error instanceof ApiError) || error.status === 0 || error.status >= 500),
        retryDelay: (attempt) => 400 * 2 ** attempt,
        refetchOnWindowFocus: false,
        staleTime: 10_000,
      },
    },
    queryCache: new QueryCache({ onError: onLost }),
    mutationCache: new MutationCache({
      onError: (error, _variables, _result, mutation) => {
        onLost(error);
        if (!mutation.meta?.silent) toast.error(errorMessage(error, i18next.t));
      },
    }),
  });
  const router = createRouter({
    routeTree,
    context: { queryClient },
    defaultPreload: 'intent',
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
    defaultErrorComponent: RouteError,
    defaultNotFoundComponent: NotFound,
    ...(history ? { history } : {}),
  });
  return router;
}
