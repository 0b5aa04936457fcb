import type { TFunction } from 'i18next';

/** A refusal by the server, with the code that `errors.*` translates. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  /** The field to blame, as a path (`model.completion_params.temperature`). */
  readonly param: string | null;
  readonly retryAfterS: number | null;

  constructor(
    status: number,
    code: string,
    message: string,
    param: string | null = null,
    retryAfterS: number | null = null,
  ) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.param = param;
    this.retryAfterS = retryAfterS;
  }
}

/** Reads the console's envelope and Dify's; anything else keeps the status. */
export function toApiError(status: number, body: unknown, retryAfter?: string | null): ApiError {
  const outer = isRecord(body) ? body : {};
  const inner = isRecord(outer.error) ? outer.error : outer;
  const code = typeof inner.code === 'string' ? inner.code : status === 0 ? 'network' : `http_${status}`;
  const message = typeof inner.message === 'string' ? inner.message : '';
  const param = typeof inner.param === 'string' ? inner.param : typeof inner.params === 'string' ? inner.params : null;
  const seconds = retryAfter ? Number(retryAfter) : Number.NaN;
  return new ApiError(status, code, message, param, Number.isFinite(seconds) ? seconds : null);
}

export const networkError = () => new ApiError(0, 'network', '');

/** Codes whose server text says more than a fixed sentence could (it names the field and what to do). */
const SPECIFIC = new Set([
  'invalid_param',
  'bad_request',
  'completion_request_error',
  'context_length_exceeded',
  'app_unavailable',
  'model_not_found',
  'model_currently_not_support',
  'invalid_workflow',
  'conflict',
  'invalid_form_data',
  'forbidden',
]);

export function errorMessage(error: unknown, t: TFunction): string {
  if (!(error instanceof ApiError)) return t('errors.unknown');
  if (SPECIFIC.has(error.code) && error.message) return error.message;
  if (error.retryAfterS !== null) return t('errors.too_many_requests_in', { seconds: error.retryAfterS });
  const key = `errors.${error.code}` as 'errors.unknown';
  const text = t(key, { defaultValue: '' });
  return text || error.message || t('errors.unknown');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
