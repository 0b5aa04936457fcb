import { describe, expect, it } from 'vitest';
import { answered, ofHistory, type SiteEvent, WAITING } from './answer';
import type { HistoryMessage } from './api';

const stateOf = (...events: SiteEvent[]) => events.reduce(answered, WAITING);

describe('an answer', () => {
  it('grows, may be replaced, and ends', () => {
    const state = stateOf(
      { event: 'message', answer: 'Hel', task_id: 't', message_id: 'm', conversation_id: 'c' },
      { event: 'message', answer: 'lo' },
      { event: 'message_replace', answer: 'No.' },
      { event: 'message_end' },
    );
    expect(state).toMatchObject({ text: 'No.', status: 'done', taskId: 't', messageId: 'm', conversationId: 'c' });
  });

  it('keeps an agent’s thoughts by their id', () => {
    const thought = {
      event: 'agent_thought' as const,
      id: '1',
      thought: '',
      tool: 'clock',
      tool_input: '{}',
      observation: '',
    };
    const state = stateOf(thought, { ...thought, observation: 'noon' }, { event: 'agent_message', answer: 'Noon' });
    expect(state.thoughts).toEqual([{ id: '1', text: '', tool: 'clock', input: '{}', observation: 'noon' }]);
    expect(state.text).toBe('Noon');
  });

  it('waits for a person, and goes on', () => {
    const node = { id: 'n', title: 'Ask', node_type: 'human-input' };
    const paused = stateOf(
      { event: 'workflow_started', workflow_run_id: 'r' },
      { event: 'node_started', data: node },
      { event: 'human_input_required', data: { form_token: 'f', node_title: 'Ask', node_id: 'ask' } },
      { event: 'workflow_paused', data: { reasons: [{ form_token: 'f', node_title: 'Ask' }] } },
    );
    expect(paused).toMatchObject({ status: 'paused', runId: 'r', forms: [{ token: 'f', title: 'Ask' }] });
    const done = [
      { event: 'workflow_started' as const },
      { event: 'human_input_form_filled' as const, data: { node_id: 'ask', node_title: 'Ask' } },
      { event: 'node_finished' as const, data: { ...node, status: 'succeeded', elapsed_time: 2 } },
      { event: 'workflow_finished' as const, data: { status: 'succeeded', outputs: { a: 1 }, error: null } },
    ].reduce<typeof paused>(answered, paused);
    expect(done).toMatchObject({ status: 'done', forms: [], outputs: { a: 1 } });
    expect(done.steps).toEqual([{ id: 'n', title: 'Ask', type: 'human-input', status: 'succeeded', elapsed: 2 }]);
  });

  it('says why it failed', () => {
    expect(stateOf({ event: 'error', status: 429, code: 'rate_limit_error', message: 'busy' }).error).toEqual({
      status: 429,
      code: 'rate_limit_error',
      message: 'busy',
    });
    expect(
      stateOf({ event: 'workflow_finished', data: { status: 'failed', outputs: null, error: 'no' } }),
    ).toMatchObject({
      status: 'failed',
      error: { message: 'no' },
    });
  });

  it('is read from the history, open forms included', () => {
    const message: HistoryMessage = {
      id: 'm',
      query: 'q',
      answer: 'so far',
      inputs: {},
      message_files: [{ id: 'f', filename: 'a.png', type: 'image', url: '/files/1', belongs_to: 'assistant' }],
      agent_thoughts: [],
      feedback: null,
      status: 'paused',
      error: null,
      extra_contents: [
        { workflow_run_id: 'r', submitted: false, form_definition: { form_token: 't', node_title: 'Ask' } },
      ],
    };
    expect(ofHistory(message)).toMatchObject({
      status: 'paused',
      runId: 'r',
      forms: [{ token: 't', title: 'Ask' }],
      files: [{ type: 'image', url: '/files/1', name: 'a.png' }],
    });
  });
});
