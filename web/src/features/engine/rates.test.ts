import { expect, it } from 'vitest';
import { ENGINE } from '@/test/home-fixtures';
import { ceiling, KEPT, remember, sampleOf, share } from './rates';

const llm = ENGINE.models[0]?.llm;
if (!llm) throw new Error('the first model writes text');

it('turns counters into rates', () => {
  const now = { ...llm, n_completion_tokens: llm.n_completion_tokens + 60, n_step_tokens: llm.n_step_tokens + 260 };
  const sample = sampleOf({ at: 1000, llm }, { at: 3000, llm: { ...now, n_steps: llm.n_steps + 20 } });
  expect(sample).toMatchObject({ written: 30, read: 100, rows: 13, running: llm.n_running });
});

it('says nothing when a model was loaded anew, or when no time has passed', () => {
  expect(sampleOf({ at: 0, llm }, { at: 1000, llm: { ...llm, n_completion_tokens: 0 } })).toBeNull();
  expect(sampleOf({ at: 1000, llm }, { at: 1000, llm })).toBeNull();
});

it('remembers a while, for each model that is still there', () => {
  let history = new Map();
  let before = ENGINE;
  for (let second = 1; second <= KEPT + 5; second += 1) {
    const now = { ...ENGINE, at: new Date(Date.parse(ENGINE.at) + second * 1000).toISOString() };
    history = remember(history, before, now);
    before = now;
  }
  expect(history.get('ashlar-tiny')).toHaveLength(KEPT);
  expect(remember(history, before, { ...before, models: [] }).size).toBe(0);
});

it('rounds up to numbers that read well', () => {
  expect([0, 1, 1.2, 3, 7, 12, 51, 500].map(ceiling)).toEqual([1, 1, 2, 5, 10, 20, 100, 500]);
  expect([share(1, 0), share(1, 4), share(9, 4)]).toEqual([null, 0.25, 1]);
});
