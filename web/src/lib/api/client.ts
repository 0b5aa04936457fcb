import createClient, { type Middleware } from 'openapi-fetch';
import { networkError, toApiError } from './errors';
import type { paths } from './schema';

let csrfToken = '';

/** Called with every session that arrives; unsafe requests carry its token. */
export function setCsrfToken(token: string) {
  csrfToken = token;
}

const csrf: Middleware = {
  onRequest({ request }) {
    if (request.method !== 'GET' && csrfToken) request.headers.set('X-CSRF-Token', csrfToken);
    return request;
  },
};

export const api = createClient<paths>({
  baseUrl: window.location.origin,
  credentials: 'same-origin',
  fetch: (request) => globalThis.fetch(request).catch(() => Promise.reject(networkError())),
});
api.use(csrf);

/** Unwraps an openapi-fetch answer: the data, or an `ApiError` thrown. */
export async function unwrap<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw toApiError(response.status, error, response.headers.get('Retry-After'));
  return data as T;
}

/** For what openapi-fetch does not do: streams, uploads, files. Throws `ApiError` unless the answer is 2xx. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (init.method && init.method !== 'GET' && csrfToken) headers.set('X-CSRF-Token', csrfToken);
  const response = await fetch(new URL(path, window.location.origin), {
    ...init,
    headers,
    credentials: 'same-origin',
  }).catch((error: unknown) => {
    throw error instanceof DOMException && error.name === 'AbortError' ? error : networkError();
  });
  if (!response.ok) {
    const body: unknown = await response.json().catch(() => null);
    throw toApiError(response.status, body, response.headers.get('Retry-After'));
  }
  return response;
}
