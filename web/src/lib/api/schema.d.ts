// Shaped like the output of openapi-typescript, from the console API agreement.

interface ErrorBody {
  error: { code: string; message: string; type: string; param?: string | null };
}
interface Failure {
  headers: Record<string, unknown>;
  content: { 'application/json': ErrorBody };
}
interface Ok<T> {
  headers: Record<string, unknown>;
  content: { 'application/json': T };
}
interface NoContent {
  headers: Record<string, unknown>;
  content?: never;
}
type Op<Params, Body, Status extends number, Out> = {
  parameters: Params;
  responses: { [S in Status]: [Out] extends [never] ? NoContent : Ok<Out> } & { 400: Failure };
} & ([Body] extends [never] ? { requestBody?: never } : { requestBody: { content: { 'application/json': Body } } });
interface None {
  query?: never;
  header?: never;
  path?: never;
  cookie?: never;
}
interface P<Path extends Record<string, string>, Query = never> {
  query?: Query;
  header?: never;
  path: Path;
  cookie?: never;
}
interface Q<Query> {
  query?: Query;
  header?: never;
  path?: never;
  cookie?: never;
}
interface Page<T> {
  data: T[];
  next_cursor: string | null;
}
interface PageQuery {
  limit?: number;
  cursor?: string;
}
type Get<Params, Out> = Op<Params, never, 200, Out>;

type S = components['schemas'];

export interface components {
  schemas: {
    Role: 'owner' | 'admin' | 'editor' | 'normal' | 'dataset_operator';
    Setup: { needed: boolean; version: string };
    Account: { id: string; email: string; name: string; language: string; theme: 'system' | 'light' | 'dark' };
    WorkspaceRole: { id: string; name: string; role: S['Role'] };
    Session: {
      account: S['Account'];
      workspace: S['WorkspaceRole'];
      workspaces: S['WorkspaceRole'][];
      csrf_token: string;
      version: string;
    };
    Member: {
      account_id: string;
      email: string;
      name: string;
      role: S['Role'];
      created_at: string;
      last_login_at: string | null;
    };
    Invitation: { id: string; email: string; role: S['Role']; expires_at: string; created_at?: string };
    CreatedInvitation: S['Invitation'] & { url: string };
    InvitationPreview: { workspace_name: string; email: string; role: S['Role']; account_exists: boolean };
    ApiKey: { id: string; name: string; hint: string; created_at: string; last_used_at: string | null };
    CreatedApiKey: S['ApiKey'] & { token: string };
    AppMode: 'chat' | 'completion' | 'agent-chat' | 'advanced-chat' | 'workflow';
    AppSummary: {
      id: string;
      name: string;
      description: string;
      mode: S['AppMode'];
      icon_type: 'emoji' | 'image' | 'link';
      icon: string;
      icon_background: string;
      tags: string[];
      published: boolean;
      created_at: string;
      updated_at: string;
      created_by_name: string | null;
    };
    AppVersion: {
      id: string;
      number: number;
      name: string;
      note: string;
      created_at: string;
      created_by_name: string | null;
      current: boolean;
    };
    AnnotationReply: { enabled: boolean; score_threshold?: number | null };
    App: S['AppSummary'] & {
      enable_api: boolean;
      enable_site: boolean;
      max_active_requests: number;
      site: Record<string, unknown>;
      draft: Record<string, unknown>;
      draft_revision: number;
      published_version: S['AppVersion'] | null;
      has_unpublished_changes: boolean;
      annotation_reply: S['AnnotationReply'];
    };
    CreateApp: {
      name: string;
      mode: S['AppMode'];
      description?: string;
      icon_type?: string;
      icon?: string;
      icon_background?: string;
    };
    UpdateApp: {
      name?: string;
      description?: string;
      icon_type?: string;
      icon?: string;
      icon_background?: string;
      tags?: string[];
      enable_api?: boolean;
      enable_site?: boolean;
      max_active_requests?: number;
    };
    Import: {
      status: 'completed' | 'completed_with_warnings' | 'pending';
      app?: S['App'] | null;
      import_id?: string | null;
      warnings: string[];
    };
    Annotation: { id: string; question: string; answer: string; hit_count: number; created_at: string };
    UploadedFile: {
      id: string;
      name: string;
      size: number;
      extension: string;
      mime_type: string;
      source_url: string;
    };
    ModelKind: 'llm' | 'text-embedding' | 'rerank';
    ModelStatus: 'ready' | 'available' | 'loading' | 'failed' | 'refused';
    Model: {
      provider: string;
      name: string;
      kind: S['ModelKind'];
      architecture?: string | null;
      features: string[];
      context_size: number;
      status: S['ModelStatus'];
      reason?: string | null;
      memory_bytes?: number | null;
      is_default: boolean;
    };
    ProviderModel: { name: string; kind: S['ModelKind']; context_size: number; features: string[] };
    Provider: {
      id: string;
      name: string;
      base_url: string;
      has_api_key: boolean;
      timeout_ms: number;
      max_retries: number;
      models: S['ProviderModel'][];
    };
    WriteProvider: {
      name: string;
      base_url: string;
      api_key?: string;
      timeout_ms: number;
      max_retries: number;
      models: S['ProviderModel'][];
    };
    ProviderTest: { ok: boolean; error?: string | null; models: string[] };
  };
}

export interface paths {
  '/api/setup': {
    get: Get<None, S['Setup']>;
    post: Op<
      None,
      { email: string; name: string; password: string; workspace_name?: string; language?: string },
      201,
      S['Session']
    >;
  };
  '/api/session': {
    get: Get<None, S['Session']>;
    post: Op<None, { email: string; password: string }, 200, S['Session']>;
    patch: Op<None, { workspace_id: string }, 200, S['Session']>;
    delete: Op<None, never, 204, never>;
  };
  '/api/account': {
    patch: Op<None, { name?: string; language?: string; theme?: S['Account']['theme'] }, 200, S['Account']>;
  };
  '/api/account/password': { put: Op<None, { current_password: string; new_password: string }, 204, never> };
  '/api/members': { get: Get<Q<PageQuery>, Page<S['Member']>> };
  '/api/members/{account_id}': {
    patch: Op<P<{ account_id: string }>, { role: S['Role'] }, 200, S['Member']>;
    delete: Op<P<{ account_id: string }>, never, 204, never>;
  };
  '/api/invitations': {
    get: Get<Q<PageQuery>, Page<S['Invitation']>>;
    post: Op<None, { email: string; role: S['Role'] }, 201, S['CreatedInvitation']>;
  };
  '/api/invitations/{invitation_id}': { delete: Op<P<{ invitation_id: string }>, never, 204, never> };
  '/api/invitations/accept': {
    get: Get<Q<{ token: string }>, S['InvitationPreview']>;
    post: Op<None, { token: string; name?: string; password: string }, 200, S['Session']>;
  };
  '/api/workspace': { patch: Op<None, { name?: string }, 200, S['WorkspaceRole']> };
  '/api/apps': {
    get: Get<Q<PageQuery & { mode?: string; tag?: string; keyword?: string }>, Page<S['AppSummary']>>;
    post: Op<None, S['CreateApp'], 201, S['App']>;
  };
  '/api/apps/{app_id}': {
    get: Get<P<{ app_id: string }>, S['App']>;
    patch: Op<P<{ app_id: string }>, S['UpdateApp'], 200, S['App']>;
    delete: Op<P<{ app_id: string }>, never, 204, never>;
  };
  '/api/apps/{app_id}/draft': {
    put: Op<P<{ app_id: string }>, { config: Record<string, unknown>; revision: number }, 200, S['App']>;
  };
  '/api/apps/{app_id}/duplicate': { post: Op<P<{ app_id: string }>, { name?: string }, 201, S['App']> };
  '/api/apps/{app_id}/publish': {
    post: Op<P<{ app_id: string }>, { name?: string; note?: string }, 200, S['AppVersion']>;
  };
  '/api/apps/{app_id}/versions': { get: Get<P<{ app_id: string }, PageQuery>, Page<S['AppVersion']>> };
  '/api/apps/{app_id}/versions/{version_id}/restore': {
    post: Op<P<{ app_id: string; version_id: string }>, never, 200, S['App']>;
  };
  '/api/apps/import': { post: Op<None, { yaml?: string; url?: string }, 200, S['Import']> };
  '/api/apps/import/{import_id}/confirm': { post: Op<P<{ import_id: string }>, never, 200, S['Import']> };
  '/api/apps/{app_id}/annotations': {
    get: Get<P<{ app_id: string }, PageQuery>, Page<S['Annotation']>>;
    post: Op<P<{ app_id: string }>, { question: string; answer: string }, 201, S['Annotation']>;
  };
  '/api/apps/{app_id}/annotations/{annotation_id}': {
    put: Op<
      P<{ app_id: string; annotation_id: string }>,
      { question: string; answer: string },
      200,
      S['Annotation']
    >;
    delete: Op<P<{ app_id: string; annotation_id: string }>, never, 204, never>;
  };
  '/api/apps/{app_id}/annotation-reply': {
    put: Op<P<{ app_id: string }>, { enabled: boolean; score_threshold?: number }, 200, S['AnnotationReply']>;
  };
  '/api/apps/{app_id}/keys': {
    get: Get<P<{ app_id: string }, PageQuery>, Page<S['ApiKey']>>;
    post: Op<P<{ app_id: string }>, { name?: string }, 201, S['CreatedApiKey']>;
  };
  '/api/apps/{app_id}/keys/{key_id}': { delete: Op<P<{ app_id: string; key_id: string }>, never, 204, never> };
  '/api/models': { get: Get<Q<PageQuery & { kind?: S['ModelKind'] }>, Page<S['Model']>> };
  '/api/models/local/{name}/load': { post: Op<P<{ name: string }>, never, 200, S['Model']> };
  '/api/models/local/{name}/unload': { post: Op<P<{ name: string }>, never, 200, S['Model']> };
  '/api/providers': {
    get: Get<Q<PageQuery>, Page<S['Provider']>>;
    post: Op<None, S['WriteProvider'], 201, S['Provider']>;
  };
  '/api/providers/{provider_id}': {
    patch: Op<P<{ provider_id: string }>, Partial<S['WriteProvider']>, 200, S['Provider']>;
    delete: Op<P<{ provider_id: string }>, never, 204, never>;
  };
  '/api/providers/{provider_id}/test': { post: Op<P<{ provider_id: string }>, never, 200, S['ProviderTest']> };
}
