import { describe, expect, it } from 'vitest';
import { endStep, newRun, type Run, type RunEvent, reduce, seconds, statuses, times } from './state';

const all = (events: RunEvent[], from: Run = newRun()) => events.reduce(reduce, from);
const started = (id: string, more: Record<string, unknown> = {}): RunEvent => ({
  event: 'node_started',
  task_id: 't',
  workflow_run_id: 'r',
  data: { id: `x-${id}`, node_id: id, node_type: 'llm', title: id, index: 1, ...more },
});
const finished = (id: string, more: Record<string, unknown> = {}): RunEvent => ({
  event: 'node_finished',
  data: { id: `x-${id}`, node_id: id, node_type: 'llm', title: id, status: 'succeeded', elapsed_time: 1, ...more },
});

describe('a run told by its events', () => {
  it('knows how each node stands, what was said, and how it ended', () => {
    const half = all([
      { event: 'workflow_started', task_id: 't', workflow_run_id: 'r', data: { inputs: { q: 1 } } },
      started('a'),
      finished('a', { execution_metadata: { total_tokens: 7 } }),
      started('b', { predecessor_node_id: 'a' }),
      { event: 'text_chunk', data: { text: 'He' } },
      { event: 'text_chunk', data: { text: 'llo' } },
    ]);
    expect(half).toMatchObject({ id: 'r', taskId: 't', status: 'running', text: 'Hello', inputs: { q: 1 } });
    expect(Object.fromEntries(statuses(half))).toEqual({ a: 'succeeded', b: 'running' });
    expect([...half.taken]).toEqual(['a>b']);
    expect(half.executions[0]?.tokens).toBe(7);
    const done = all([{ event: 'workflow_finished', data: { status: 'failed', error: 'no', elapsed_time: 2 } }], half);
    expect(done).toMatchObject({ status: 'failed', error: 'no', elapsedS: 2 });
    expect(statuses(done).get('b')).toBe('stopped');
  });

  it('replaces what was said, and speaks for chatflows too', () => {
    expect(
      all([
        { event: 'message', answer: 'a' },
        { event: 'message', answer: 'b' },
      ]).text,
    ).toBe('ab');
    expect(
      all([
        { event: 'text_chunk', data: { text: 'x' } },
        { event: 'text_replace', data: { text: 'y' } },
      ]).text,
    ).toBe('y');
  });

  it('waits for people and goes on', () => {
    const paused = all([
      started('ask'),
      { event: 'human_input_required', data: { form_id: 'f', node_id: 'ask', node_title: 'Ask', form_token: 'tok' } },
      { event: 'workflow_paused', data: { elapsed_time: 1 } },
    ]);
    expect(paused).toMatchObject({ status: 'paused', forms: [{ formId: 'f', token: 'tok' }] });
    expect(statuses(paused).get('ask')).toBe('paused');
    const on = all([{ event: 'human_input_form_filled', data: { node_id: 'ask' } }, finished('ask')], paused);
    expect(on.forms).toEqual([]);
    expect(statuses(on).get('ask')).toBe('succeeded');
  });

  it('counts tries, rounds and the steps of agents', () => {
    const run = all([
      started('a'),
      { event: 'node_retry', data: { id: 'x-a', node_id: 'a', error: 'busy', elapsed_time: 0.5 } },
      { event: 'agent_log', data: { node_execution_id: 'x-a', id: 'l', label: 'ROUND 1', status: 'start' } },
      { event: 'agent_log', data: { node_execution_id: 'x-a', id: 'l', label: 'ROUND 1', status: 'success' } },
      { event: 'loop_started', data: { id: 'x-l', node_id: 'l', node_type: 'loop', inputs: {} } },
      { event: 'loop_next', data: { id: 'x-l', node_id: 'l', index: 1 } },
    ]);
    expect(run.executions[0]).toMatchObject({
      retries: [{ error: 'busy' }],
      logs: [{ label: 'ROUND 1', status: 'success' }],
    });
    expect(run.executions[1]?.round).toBe(2);
  });

  it('adds up what the rounds of a node took', () => {
    const run = all([
      started('a'),
      finished('a', { elapsed_time: 0.5 }),
      started('a', { id: 'x-a2' }),
      finished('a', { id: 'x-a2', elapsed_time: 0.25 }),
      started('b'),
    ]);
    expect([...times(run)]).toEqual([['a', 0.75]]);
    expect([0.75, 2.5, 61].map(seconds)).toEqual(['750 ms', '2.50 s', '1 min 1 s']);
  });

  it('ends a try with its node', () => {
    expect(endStep(all([started('a'), finished('a', { outputs: { text: 'x' } })], newRun(true)))).toMatchObject({
      status: 'succeeded',
      outputs: { text: 'x' },
    });
    expect(endStep(newRun(true)).status).toBe('stopped');
  });
});
