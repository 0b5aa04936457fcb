import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap } from '@/lib/api/client';
import type { Role } from '@/lib/api/types';

export const membersQuery = queryOptions({
  queryKey: ['members'],
  queryFn: async ({ signal }) =>
    (await unwrap(api.GET('/api/members', { params: { query: { limit: 100 } }, signal }))).data,
});

export const invitationsQuery = queryOptions({
  queryKey: ['invitations'],
  queryFn: async ({ signal }) =>
    (await unwrap(api.GET('/api/invitations', { params: { query: { limit: 100 } }, signal }))).data,
});

export function useChangeRole() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, role }: { id: string; role: Role }) =>
      unwrap(api.PATCH('/api/members/{account_id}', { params: { path: { account_id: id } }, body: { role } })),
    onSettled: () => client.invalidateQueries({ queryKey: membersQuery.queryKey }),
  });
}

export function useRemoveMember() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.DELETE('/api/members/{account_id}', { params: { path: { account_id: id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: membersQuery.queryKey }),
  });
}

export function useInvite() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { email: string; role: Role }) => unwrap(api.POST('/api/invitations', { body })),
    onSuccess: () => client.invalidateQueries({ queryKey: invitationsQuery.queryKey }),
    meta: { silent: true },
  });
}

export function useWithdraw() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.DELETE('/api/invitations/{invitation_id}', { params: { path: { invitation_id: id } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: invitationsQuery.queryKey }),
  });
}
