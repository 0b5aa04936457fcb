import type { components } from './schema';

type Schemas = components['schemas'];
/** What the description leaves as text but the server takes from a fixed list. */
type Narrow<T, N> = Omit<T, keyof N> & N;

export type Role = Schemas['Role'];
export type Account = Schemas['Account'];
export type Session = Schemas['Session'];
export type Member = Schemas['Member'];
export type ApiKey = Schemas['ApiKey'];
export type CreatedApiKey = Schemas['CreatedApiKey'];
export type AppMode = Schemas['AppMode'];
export type AppSummary = Schemas['AppSummary'];
export type App = Schemas['App'];
export type AppVersion = Schemas['AppVersion'];
export type ImportResult = Schemas['ImportResult'];
export type Annotation = Schemas['Annotation'];
type ModelKind = 'llm' | 'text-embedding' | 'rerank';
export type Model = Narrow<
  Schemas['Model'],
  { kind: ModelKind; status: 'ready' | 'available' | 'loading' | 'failed' | 'refused' }
>;
export type Provider = Narrow<
  Schemas['Provider'],
  {
    models: Narrow<
      Schemas['ProviderModel'],
      { kind: ModelKind; context_size: number; features: Schemas['Feature'][] }
    >[];
  }
>;
export type WriteProvider = Schemas['CreateProvider'];
/** The part of `POST /api/files`'s answer that is used here. */
export interface UploadedFile {
  id: string;
}
