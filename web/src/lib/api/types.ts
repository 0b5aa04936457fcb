import type { components } from './schema';

type Schemas = components['schemas'];

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
export type ImportResult = Schemas['Import'];
export type Annotation = Schemas['Annotation'];
export type UploadedFile = Schemas['UploadedFile'];
export type Model = Schemas['Model'];
export type Provider = Schemas['Provider'];
export type WriteProvider = Schemas['WriteProvider'];
