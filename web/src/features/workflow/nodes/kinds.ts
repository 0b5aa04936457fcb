// Every kind of node that the studio knows.
import { type Data, text } from '../graph/types';
import { agent } from './agent';
import { answer } from './answer';
import { assigner } from './assigner';
import { code } from './code';
import { documentExtractor } from './document-extractor';
import { end } from './end';
import { httpRequest } from './http-request';
import { humanInput } from './human-input';
import { ifElse } from './if-else';
import { iteration } from './iteration';
import type { KindName, NodeKind } from './kind';
import { knowledgeRetrieval } from './knowledge-retrieval';
import { listOperator } from './list-operator';
import { llm } from './llm';
import { loop, loopEnd } from './loop';
import { parameterExtractor } from './parameter-extractor';
import { questionClassifier } from './question-classifier';
import { start } from './start';
import { templateTransform } from './template-transform';
import { tool } from './tool';
import { triggerPlugin, triggerSchedule, triggerWebhook } from './triggers';
import { variableAggregator } from './variable-aggregator';

const ALL = [
  start,
  triggerWebhook,
  triggerSchedule,
  triggerPlugin,
  llm,
  agent,
  questionClassifier,
  parameterExtractor,
  knowledgeRetrieval,
  documentExtractor,
  ifElse,
  iteration,
  loop,
  loopEnd,
  humanInput,
  code,
  templateTransform,
  variableAggregator,
  assigner,
  listOperator,
  httpRequest,
  tool,
  answer,
  end,
];

const BY_NAME = new Map<string, NodeKind>(ALL.map((kind) => [kind.type, kind]));
// what older files call it
BY_NAME.set('variable-assigner', variableAggregator);

export const kindOf = (data: Data): NodeKind | undefined => BY_NAME.get(text(data.type));
export const kindNamed = (name: KindName): NodeKind => BY_NAME.get(name) ?? llm;
