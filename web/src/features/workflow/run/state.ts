// A run as its events tell it, or as it was stored. Pure.
import type { components } from '@/lib/api/schema';
import { type Data, number, record, records, text } from '../graph/types';

type NodeRun = components['schemas']['NodeRun'];

export type NodeStatus = 'running' | 'retry' | 'paused' | 'succeeded' | 'failed' | 'exception' | 'stopped';
export type RunStatus = 'running' | 'paused' | 'succeeded' | 'failed' | 'stopped' | 'partial-succeeded' | 'scheduled';

/** One execution of a node; a node inside of containers has one for each round. */
export interface Execution {
  id: string;
  nodeId: string;
  type: string;
  title: string;
  index: number;
  status: NodeStatus;
  predecessor: string | null;
  /** `iteration 3`, the outermost first. */
  rounds: { nodeId: string; index: number }[];
  inputs: Data | null;
  process: Data | null;
  outputs: Data | null;
  /** Less than all is here: the whole is asked for by the execution's id. */
  isCut: { inputs: boolean; process_data: boolean; outputs: boolean };
  error: string | null;
  elapsedS: number | null;
  tokens: number;
  /** Of branches: where the flow went on. */
  metadata: Data;
  retries: { error: string; elapsedS: number }[];
  logs: AgentLog[];
  /** Of containers: rounds that have begun. */
  round: number | null;
  startedAt: number;
}

export interface AgentLog {
  id: string;
  parentId: string | null;
  label: string;
  status: string;
  error: string | null;
  data: unknown;
  elapsedS: number | null;
}

export interface Form {
  formId: string;
  nodeId: string;
  title: string;
  token: string | null;
}

export interface Run {
  id: string;
  taskId: string;
  /** A node that was tried alone has no run of its own. */
  isStep: boolean;
  status: RunStatus;
  executions: Execution[];
  /** What it has said so far. */
  text: string;
  reasoning: string;
  inputs: Data | null;
  outputs: Data | null;
  error: string | null;
  elapsedS: number | null;
  tokens: number;
  steps: number;
  forms: Form[];
  /** Pairs `source>target` that were taken. */
  taken: ReadonlySet<string>;
}

export const newRun = (isStep = false): Run => ({
  id: '',
  taskId: '',
  isStep,
  status: 'running',
  executions: [],
  text: '',
  reasoning: '',
  inputs: null,
  outputs: null,
  error: null,
  elapsedS: null,
  tokens: 0,
  steps: 0,
  forms: [],
  taken: new Set(),
});

/** An event of a run's stream, of workflows and of chatflows alike. */
export interface RunEvent {
  event: string;
  task_id?: string;
  workflow_run_id?: string;
  data?: Data;
  [other: string]: unknown;
}

export function reduce(run: Run, event: RunEvent): Run {
  const data = record(event.data);
  const named: Run = {
    ...run,
    ...(event.task_id ? { taskId: event.task_id } : {}),
    ...(event.workflow_run_id && !run.isStep ? { id: event.workflow_run_id } : {}),
  };
  switch (event.event) {
    case 'workflow_started':
      return {
        ...named,
        status: 'running',
        inputs: record(data.inputs),
        ...(data.reason === 'resumption' ? { forms: [] } : {}),
      };
    case 'node_started':
      return withTaken({ ...named, executions: upsert(run.executions, started(data)) }, data);
    case 'iteration_started':
    case 'loop_started':
      return {
        ...named,
        executions: upsert(run.executions, { ...started(data), inputs: record(data.inputs), round: 0 }),
      };
    case 'iteration_next':
    case 'loop_next':
      return { ...named, executions: patch(run.executions, text(data.id), { round: number(data.index, 0) + 1 }) };
    case 'node_finished':
    case 'iteration_completed':
    case 'loop_completed':
      return { ...named, executions: upsert(run.executions, finished(data, run.executions)) };
    case 'node_retry':
      return {
        ...named,
        executions: run.executions.map((one) =>
          one.id === text(data.id)
            ? {
                ...one,
                status: 'retry',
                retries: [...one.retries, { error: text(data.error), elapsedS: number(data.elapsed_time, 0) }],
              }
            : one,
        ),
      };
    case 'text_chunk':
      return { ...named, text: run.text + text(data.text) };
    case 'text_replace':
      return { ...named, text: text(data.text) };
    case 'message':
      return { ...named, text: run.text + text(event.answer) };
    case 'message_replace':
      return { ...named, text: text(event.answer) };
    case 'reasoning_chunk':
      return { ...named, reasoning: run.reasoning + text(data.reasoning) };
    case 'agent_log':
      return { ...named, executions: withLog(run.executions, data) };
    case 'human_input_required': {
      const form: Form = {
        formId: text(data.form_id),
        nodeId: text(data.node_id),
        title: text(data.node_title),
        token: text(data.form_token) || null,
      };
      return {
        ...named,
        forms: [...run.forms.filter((one) => one.formId !== form.formId), form],
        executions: run.executions.map((one) =>
          one.nodeId === form.nodeId && one.status === 'running' ? { ...one, status: 'paused' } : one,
        ),
      };
    }
    case 'human_input_form_filled':
    case 'human_input_form_timeout':
      return { ...named, forms: run.forms.filter((form) => form.nodeId !== text(data.node_id)) };
    case 'workflow_paused':
      return {
        ...named,
        status: 'paused',
        elapsedS: number(data.elapsed_time, 0),
        tokens: number(data.total_tokens, 0),
      };
    case 'workflow_finished': {
      const status = (text(data.status) || 'succeeded') as RunStatus;
      return {
        ...named,
        status,
        outputs: data.outputs ? record(data.outputs) : null,
        error: text(data.error) || null,
        elapsedS: number(data.elapsed_time, 0),
        tokens: number(data.total_tokens, 0),
        steps: number(data.total_steps, 0),
        forms: [],
        executions: stopOpen(named.executions),
      };
    }
    default:
      return named.taskId === run.taskId && named.id === run.id ? run : named;
  }
}

/** A run that ended without saying so. */
export function end(run: Run, status: 'failed' | 'stopped', error: string | null): Run {
  return { ...run, status, error, executions: stopOpen(run.executions), forms: [] };
}

/** What a node that was tried came to; its stream has no end of a run. */
export function endStep(run: Run): Run {
  if (run.status !== 'running') return run;
  if (run.forms.length > 0) return { ...run, status: 'paused' };
  const one = run.executions.find((execution) => execution.rounds.length === 0) ?? run.executions[0];
  const status: RunStatus =
    one?.status === 'failed' ? 'failed' : one?.status === 'stopped' || !one ? 'stopped' : 'succeeded';
  return {
    ...run,
    status,
    error: one?.error ?? null,
    outputs: one?.outputs ?? null,
    elapsedS: one?.elapsedS ?? null,
    tokens: one?.tokens ?? 0,
    executions: stopOpen(run.executions),
  };
}

const stopOpen = (executions: Execution[]): Execution[] =>
  executions.map((one) =>
    one.status === 'running' || one.status === 'retry' || one.status === 'paused' ? { ...one, status: 'stopped' } : one,
  );

function withTaken(run: Run, data: Data): Run {
  const before = text(data.predecessor_node_id);
  if (!before) return run;
  return { ...run, taken: new Set(run.taken).add(`${before}>${text(data.node_id)}`) };
}

function started(data: Data): Execution {
  return {
    id: text(data.id),
    nodeId: text(data.node_id),
    type: text(data.node_type),
    title: text(data.title),
    index: number(data.index, 0),
    status: 'running',
    predecessor: text(data.predecessor_node_id) || null,
    rounds: roundsOf(data),
    inputs: null,
    process: null,
    outputs: null,
    isCut: { inputs: false, process_data: false, outputs: false },
    error: null,
    elapsedS: null,
    tokens: 0,
    metadata: {},
    retries: [],
    logs: [],
    round: null,
    startedAt: number(data.created_at, 0) * 1000,
  };
}

function finished(data: Data, before: Execution[]): Execution {
  const old = before.find((one) => one.id === text(data.id)) ?? started(data);
  const metadata = record(data.execution_metadata);
  return {
    ...old,
    status: (text(data.status) || 'succeeded') as NodeStatus,
    rounds: roundsOf({ ...metadata, ...data }),
    inputs: record(data.inputs),
    process: record(data.process_data),
    outputs: record(data.outputs),
    error: text(data.error) || null,
    elapsedS: number(data.elapsed_time, 0),
    tokens: number(metadata.total_tokens, number(data.total_tokens, 0)),
    metadata,
  };
}

function roundsOf(data: Data): { nodeId: string; index: number }[] {
  return (['iteration', 'loop'] as const).flatMap((kind) => {
    const nodeId = text(data[`${kind}_id`]);
    return nodeId ? [{ nodeId, index: number(data[`${kind}_index`], 0) }] : [];
  });
}

function upsert(executions: Execution[], one: Execution): Execution[] {
  const at = executions.findIndex((old) => old.id === one.id);
  const old = executions[at];
  if (!old) return [...executions, one];
  return executions.with(at, one.status === 'running' ? { ...one, logs: old.logs, retries: old.retries } : one);
}

const patch = (executions: Execution[], id: string, change: Partial<Execution>): Execution[] =>
  executions.map((one) => (one.id === id ? { ...one, ...change } : one));

function withLog(executions: Execution[], data: Data): Execution[] {
  const log: AgentLog = {
    id: text(data.id),
    parentId: text(data.parent_id) || null,
    label: text(data.label),
    status: text(data.status),
    error: text(data.error) || null,
    data: data.data,
    elapsedS:
      typeof record(data.metadata).elapsed_time === 'number' ? number(record(data.metadata).elapsed_time, 0) : null,
  };
  return executions.map((one) => {
    if (one.id !== text(data.node_execution_id)) return one;
    const at = one.logs.findIndex((old) => old.id === log.id);
    return { ...one, logs: at < 0 ? [...one.logs, log] : one.logs.with(at, log) };
  });
}

/** A stored node of a run. */
export function ofNodeRun(node: NodeRun): Execution {
  return {
    id: node.id,
    nodeId: node.node_id,
    type: node.node_type,
    title: node.title,
    index: node.index,
    status: node.status as NodeStatus,
    predecessor: node.predecessor_node_id ?? null,
    rounds: node.rounds.map((round) => ({ nodeId: round.node_id, index: round.index })),
    inputs: node.inputs ? record(node.inputs) : null,
    process: node.process_data ? record(node.process_data) : null,
    outputs: node.outputs ? record(node.outputs) : null,
    isCut: {
      inputs: node.inputs_truncated,
      process_data: node.process_data_truncated,
      outputs: node.outputs_truncated,
    },
    error: node.error ?? null,
    elapsedS: node.elapsed_s,
    tokens: node.usage.total_tokens,
    metadata: record(node.metadata),
    retries: node.retries.map((retry) => ({ error: retry.error, elapsedS: retry.elapsed_s })),
    logs: records(record(node.metadata).agent_log).map((log) => ({
      id: text(log.id),
      parentId: text(log.parent_id) || null,
      label: text(log.label),
      status: text(log.status),
      error: text(log.error) || null,
      data: log.data,
      elapsedS:
        typeof record(log.metadata).elapsed_time === 'number' ? number(record(log.metadata).elapsed_time, 0) : null,
    })),
    round: null,
    startedAt: new Date(node.created_at).getTime(),
  };
}

/** How each node stands: as its last execution does, and at work while any of them is. */
export function statuses(run: Run | null): Map<string, NodeStatus> {
  const found = new Map<string, NodeStatus>();
  for (const { nodeId, status } of run?.executions ?? []) {
    const before = found.get(nodeId);
    if (before === 'running' && status !== 'paused') continue;
    if (before === 'failed' && status === 'succeeded') continue;
    found.set(nodeId, status);
  }
  return found;
}

/** What each node took, in seconds, all its rounds together; nodes that have not ended are left out. */
export function times(run: Run | null): Map<string, number> {
  const found = new Map<string, number>();
  for (const { nodeId, elapsedS } of run?.executions ?? []) {
    if (elapsedS !== null) found.set(nodeId, (found.get(nodeId) ?? 0) + elapsedS);
  }
  return found;
}

export const seconds = (s: number): string =>
  s < 1
    ? `${Math.round(s * 1000)} ms`
    : s < 60
      ? `${s.toFixed(2)} s`
      : `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;

export const isOver = (run: Run): boolean =>
  run.status !== 'running' && run.status !== 'paused' && run.status !== 'scheduled';
