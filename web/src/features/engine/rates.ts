// What the engine's counters say between two looks at them.
import type { EngineStatus } from '@/lib/api/types';

type Llm = NonNullable<EngineStatus['models'][number]['llm']>;

/** One second or so of one model. */
export interface Sample {
  /** Milliseconds since 1970 */
  at: number;
  /** Tokens a second that were written */
  written: number;
  /** Prompt tokens a second that were read, without those that the cache spared */
  read: number;
  /** Rows of a mean step; 0 when nothing ran */
  rows: number;
  running: number;
  queued: number;
  kvUsed: number;
}

export const KEPT = 90;

/** The newer look against the older one; null when the counters began anew or no time has passed. */
export function sampleOf(before: { at: number; llm: Llm }, now: { at: number; llm: Llm }): Sample | null {
  const seconds = (now.at - before.at) / 1000;
  const grown = (key: 'n_completion_tokens' | 'n_step_tokens' | 'n_steps') => now.llm[key] - before.llm[key];
  const [written, rows, steps] = [grown('n_completion_tokens'), grown('n_step_tokens'), grown('n_steps')];
  if (seconds <= 0 || written < 0 || rows < 0 || steps < 0) return null;
  return {
    at: now.at,
    written: written / seconds,
    read: Math.max(0, rows - written) / seconds,
    rows: steps > 0 ? rows / steps : 0,
    running: now.llm.n_running,
    queued: now.llm.n_queued,
    kvUsed: now.llm.kv_used_tokens,
  };
}

/** `history` with what `now` adds to it, per model. */
export function remember(
  history: ReadonlyMap<string, Sample[]>,
  before: EngineStatus | null,
  now: EngineStatus,
): Map<string, Sample[]> {
  const next = new Map<string, Sample[]>();
  for (const { name, llm } of now.models) {
    const old = before?.models.find((model) => model.name === name)?.llm;
    const kept = history.get(name) ?? [];
    const sample =
      llm && old && before ? sampleOf({ at: Date.parse(before.at), llm: old }, { at: Date.parse(now.at), llm }) : null;
    next.set(name, sample ? [...kept, sample].slice(-KEPT) : kept);
  }
  return next;
}

/** How much of `whole` is `part`, 0 to 1; null when there is no whole. */
export const share = (part: number, whole: number) => (whole > 0 ? Math.min(1, part / whole) : null);

/** The roundest number that is not below `value`: 1, 2 or 5 times a power of ten. */
export function ceiling(value: number): number {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}
