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
export type Tag = Schemas['Tag'];
export type Template = Schemas['Template'];
export type ModelRef = Schemas['ModelRef'];
export type MappedModels = Schemas['MappedModels'];
export type Annotation = Schemas['Annotation'];
type ModelKind = 'llm' | 'text-embedding' | 'rerank';
export type Model = Narrow<
  Schemas['Model'],
  { kind: ModelKind; status: 'ready' | 'available' | 'loading' | 'failed' | 'refused' }
>;
export type EngineStatus = Schemas['EngineStatus'];
export type ModelPlan = Schemas['ModelPlan'];
export type Pull = Narrow<Schemas['Pull'], { status: 'running' | 'done' | 'failed' }>;
export type DefaultModels = Schemas['DefaultModels'];
export type ToolProvider = Schemas['ToolProvider'];
export type ToolInfo = Schemas['ToolInfo'];
export type ToolParameter = Schemas['Parameter'];
export type ToolCallResult = Schemas['ToolCallResult'];
export type OpenapiProvider = Schemas['OpenapiProvider'];
export type OpenapiPreview = Schemas['OpenapiPreview'];
export type McpServer = Schemas['McpServer'];
export type WorkflowTool = Schemas['WorkflowTool'];
export type Secret = Schemas['Secret'];
export type AuditEntry = Schemas['AuditEntry'];
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
