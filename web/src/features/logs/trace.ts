import type { components } from '@/lib/api/schema';

type Schemas = components['schemas'];
export type Span = Schemas['Span'];
export type NodeRun = Schemas['NodeRun'];

export const PARTS = ['prepare', 'queue', 'prefill', 'decode', 'work'] as const;
export type Part = (typeof PARTS)[number];

/** Tokens of a model's call. */
interface Call {
  prompt: number;
  completion: number;
  cached: number;
  image: number;
  /** Of the writing. */
  perSecond: number | null;
  firstTokenS: number;
}

/** One row of the waterfall. Times are seconds. */
export interface Bar {
  key: string;
  kind: 'prepare' | 'model' | 'tool' | 'node';
  name: string;
  /** Of a node. */
  nodeType?: string;
  /** How many iterations and loops stand around it. */
  depth: number;
  start: number;
  duration: number;
  parts: { part: Part; seconds: number }[];
  call: Call | null;
  error: string | null;
}

interface Times {
  prepare_s: number;
  queue_s: number;
  first_token_s: number;
}

/** How a model's time divides. What a provider does not tell apart is one piece. */
function modelParts(times: Times, total: number): Bar['parts'] {
  const first = Math.min(times.first_token_s, total);
  const prefill = Math.max(0, first - times.prepare_s - times.queue_s);
  const parts: Bar['parts'] = [
    { part: 'prepare', seconds: times.prepare_s },
    { part: 'queue', seconds: times.queue_s },
    { part: 'prefill', seconds: prefill },
    { part: 'decode', seconds: Math.max(0, total - times.prepare_s - times.queue_s - prefill) },
  ];
  return parts.filter((part) => part.seconds > 0);
}

function speed(completion: number, seconds: number): number | null {
  return completion > 1 && seconds > 0.005 ? (completion - 1) / seconds : null;
}

export function barsOfTrace(trace: Span[]): Bar[] {
  return trace.map((span, index) => ({
    key: String(index),
    kind: span.kind,
    name: span.name,
    depth: 0,
    start: span.start_s,
    duration: span.duration_s,
    parts: span.call
      ? modelParts(span.call, span.duration_s)
      : [{ part: span.kind === 'prepare' ? 'prepare' : 'work', seconds: span.duration_s }],
    call: span.call
      ? {
          prompt: span.call.prompt_tokens,
          completion: span.call.completion_tokens,
          cached: span.call.cached_tokens,
          image: span.call.image_tokens,
          perSecond: speed(span.call.completion_tokens, span.duration_s - span.call.first_token_s),
          firstTokenS: span.call.first_token_s,
        }
      : null,
    error: span.error ?? null,
  }));
}

const number = (value: unknown) => (typeof value === 'number' ? value : 0);
const record = (value: unknown) =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;

/** A node's usage, where it asked a model. */
function callOf(node: NodeRun): (Call & Times & { total: number }) | null {
  const detail = record(node.metadata.model_call);
  const usage = record(record(node.process_data)?.usage) ?? record(record(node.outputs)?.usage);
  if (!detail || !usage) return null;
  const total = number(detail.total_s);
  return {
    prompt: number(usage.prompt_tokens),
    completion: number(usage.completion_tokens),
    cached: number(detail.cached_tokens),
    image: number(detail.image_tokens),
    perSecond: speed(number(usage.completion_tokens), total - number(detail.first_token_s)),
    firstTokenS: number(detail.first_token_s),
    prepare_s: number(detail.prepare_s),
    queue_s: number(detail.queue_s),
    first_token_s: number(detail.first_token_s),
    total,
  };
}

/** `begun`: when the run was asked for, RFC 3339. */
export function barsOfNodes(nodes: NodeRun[], begun: string): Bar[] {
  const zero = new Date(begun).getTime() / 1000;
  return nodes.map((node) => {
    const duration = node.elapsed_s;
    const call = callOf(node);
    const around = call ? Math.max(0, duration - call.total) : duration;
    return {
      key: node.id,
      kind: 'node',
      name: node.title,
      nodeType: node.node_type,
      depth: node.rounds.length,
      start: Math.max(0, new Date(node.created_at).getTime() / 1000 - zero),
      duration,
      parts: [
        ...(around > 0 ? [{ part: 'work' as const, seconds: around }] : []),
        ...(call ? modelParts(call, Math.min(call.total, duration)) : []),
      ],
      call,
      error: node.error ?? null,
    };
  });
}

export const endOf = (bars: Bar[]) => Math.max(...bars.map((bar) => bar.start + bar.duration), 1e-6);

/** Round marks of a time axis: at most six, the first at 0. */
export function ticks(end: number): number[] {
  const raw = end / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw) ?? raw;
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => index * step);
}

export function seconds(value: number): string {
  if (value < 0.001) return value > 0 ? '<1 ms' : '0 ms';
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 60) return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} s`;
  return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
}
