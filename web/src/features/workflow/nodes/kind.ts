import type { ComponentType } from 'react';
import type { Data } from '../graph/types';

export const KIND_NAMES = [
  'start',
  'trigger-webhook',
  'trigger-schedule',
  'trigger-plugin',
  'llm',
  'agent',
  'question-classifier',
  'parameter-extractor',
  'knowledge-retrieval',
  'document-extractor',
  'if-else',
  'iteration',
  'loop',
  'loop-end',
  'human-input',
  'code',
  'template-transform',
  'variable-aggregator',
  'assigner',
  'list-operator',
  'http-request',
  'tool',
  'answer',
  'end',
] as const;
export type KindName = (typeof KIND_NAMES)[number];

export interface SummaryProps {
  data: Data;
}

export interface PanelProps {
  id: string;
  data: Data;
  /** Changes the data; `step` names the field, so that typing in it is undone at once. */
  set: (change: Data | ((data: Data) => Data), step?: string) => void;
  disabled: boolean;
}

/** All that the studio knows of one kind of node. */
export interface NodeKind {
  type: KindName;
  /** What a new one begins with, beside its type and title. */
  defaults: () => Data;
  /** Under the title, on the canvas. */
  Summary?: ComponentType<SummaryProps>;
  Panel: ComponentType<PanelProps>;
  /** Whether a failure can be caught: by a branch or by default values. */
  catches?: boolean;
  /** Whether a failure can be tried again. */
  retries?: boolean;
  /** Whether it can be tried alone. */
  canTry?: boolean;
}

export const DEFAULT_MODEL = {
  provider: 'local',
  name: 'default',
  mode: 'chat',
  completion_params: { temperature: 0.7 },
};
