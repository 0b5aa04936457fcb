import { type QueryClient, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { api, request, unwrap } from '@/lib/api/client';
import { ApiError } from '@/lib/api/errors';
import type { components } from '@/lib/api/schema';
import type { SentFile } from '@/lib/files';
import type { WireValues } from './values';

type Schemas = components['schemas'];
export type LinkedForm = Schemas['LinkedForm'];
export type FormQuestions = Schemas['FormQuestions'];
export type FormInput = Schemas['FormInput'];
export type FormFileRules = Schemas['FormFileRules'];
export type FormAction = Schemas['FormAction'];
type Upload = Schemas['Upload'];

const path = (token: string) => ({ path: { form_token: token } });

export const formQuery = (token: string) =>
  queryOptions({
    queryKey: ['form', token],
    queryFn: ({ signal }) => unwrap(api.GET('/api/forms/{form_token}', { params: path(token), signal })),
    // somebody else may have answered meanwhile
    refetchOnWindowFocus: true,
  });

/** It was settled by somebody else, or by time. */
const isSettled = (error: unknown) => error instanceof ApiError && error.status === 412;

/** Asks the form itself how it was settled. */
export const settleForm = (client: QueryClient, token: string) =>
  client.invalidateQueries({ queryKey: formQuery(token).queryKey });

export function useAnswer(token: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { inputs: WireValues; action: string }) =>
      unwrap(api.POST('/api/forms/{form_token}', { params: path(token), body })),
    onSuccess: (form) => client.setQueryData(formQuery(token).queryKey, form),
    onError: (error) => (isSettled(error) ? settleForm(client, token) : undefined),
    meta: { silent: true },
  });
}

/** Takes in a file for the one who has the form's link. */
export function useUpload(token: string) {
  const client = useQueryClient();
  return async (file: File): Promise<SentFile> => {
    const body = new FormData();
    body.append('file', file);
    try {
      const response = await request(`/api/forms/${encodeURIComponent(token)}/files`, { method: 'POST', body });
      const { id, type } = (await response.json()) as Upload;
      return { type, transfer_method: 'local_file', upload_file_id: id };
    } catch (error) {
      if (isSettled(error)) void settleForm(client, token);
      throw error;
    }
  };
}
