import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, setCsrfToken, unwrap } from '@/lib/api/client';
import { sessionQuery, setupQuery } from '@/lib/api/queries';
import type { Session } from '@/lib/api/types';

export const invitationQuery = (token: string) =>
  queryOptions({
    queryKey: ['invitation', token],
    queryFn: ({ signal }) => unwrap(api.GET('/api/invitations/accept', { params: { query: { token } }, signal })),
    retry: false,
  });

/** A new session replaces everything known from before. */
function useEnter() {
  const client = useQueryClient();
  return (session: Session) => {
    setCsrfToken(session.csrf_token);
    client.clear();
    client.setQueryData(sessionQuery.queryKey, session);
    client.setQueryData(setupQuery.queryKey, { needed: false, version: session.version });
  };
}

export function useSetUp() {
  const enter = useEnter();
  return useMutation({
    mutationFn: (body: { email: string; name: string; password: string; workspace_name?: string; language: string }) =>
      unwrap(api.POST('/api/setup', { body })),
    onSuccess: enter,
    meta: { silent: true },
  });
}

export function useSignIn() {
  const enter = useEnter();
  return useMutation({
    mutationFn: (body: { email: string; password: string }) => unwrap(api.POST('/api/session', { body })),
    onSuccess: enter,
    meta: { silent: true },
  });
}

export function useAcceptInvitation() {
  const enter = useEnter();
  return useMutation({
    mutationFn: (body: { token: string; name?: string; password: string }) =>
      unwrap(api.POST('/api/invitations/accept', { body })),
    onSuccess: enter,
    meta: { silent: true },
  });
}
