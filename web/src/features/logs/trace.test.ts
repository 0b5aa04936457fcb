import { describe, expect, it } from 'vitest';
import { barsOfNodes, barsOfTrace, type NodeRun, seconds, ticks } from './trace';

describe('the waterfall', () => {
  it('divides a model’s time into queue, prefill and decode', () => {
    const [prepare, model] = barsOfTrace([
      { kind: 'prepare', name: '', start_s: 0, duration_s: 0.1, call: null, error: null },
      {
        kind: 'model',
        name: 'local/tiny',
        start_s: 0.1,
        duration_s: 2,
        call: {
          prompt_tokens: 90,
          completion_tokens: 31,
          cached_tokens: 64,
          image_tokens: 12,
          prepare_s: 0.1,
          queue_s: 0.2,
          first_token_s: 0.5,
        },
        error: null,
      },
    ]);
    expect(prepare?.parts).toEqual([{ part: 'prepare', seconds: 0.1 }]);
    const rounded = model?.parts.map(({ part, seconds }) => [part, Number(seconds.toFixed(6))]);
    expect(rounded).toEqual([
      ['prepare', 0.1],
      ['queue', 0.2],
      ['prefill', 0.2],
      ['decode', 1.5],
    ]);
    expect(model?.call).toMatchObject({ prompt: 90, cached: 64, image: 12, perSecond: 20 });
  });

  it('keeps one piece where a provider tells nothing', () => {
    const call = {
      prompt_tokens: 1,
      completion_tokens: 1,
      cached_tokens: 0,
      image_tokens: 0,
      prepare_s: 0,
      queue_s: 0,
      first_token_s: 0,
    };
    const [bar] = barsOfTrace([{ kind: 'model', name: 'x/y', start_s: 0, duration_s: 1, call, error: null }]);
    expect(bar?.parts).toEqual([{ part: 'decode', seconds: 1 }]);
    expect(bar?.call?.perSecond).toBeNull();
  });

  it('puts nodes where they began, with what stands around the model’s call', () => {
    const node = {
      id: 'n',
      title: 'Answer',
      node_type: 'llm',
      rounds: [{}],
      created_at: '2026-01-01T00:00:02Z',
      elapsed_s: 1,
      metadata: { model_call: { total_s: 0.75, first_token_s: 0.25, prepare_s: 0, queue_s: 0 } },
      process_data: { usage: { prompt_tokens: 5, completion_tokens: 11 } },
    } as unknown as NodeRun;
    const [bar] = barsOfNodes([node], '2026-01-01T00:00:00Z');
    expect(bar).toMatchObject({ start: 2, depth: 1, call: { prompt: 5, perSecond: 20 } });
    expect(bar?.parts.map((part) => part.part)).toEqual(['work', 'prefill', 'decode']);
  });

  it('marks time in round steps', () => {
    expect(ticks(4.3)).toEqual([0, 1, 2, 3, 4]);
    expect(ticks(0.09)).toHaveLength(5);
    expect([seconds(0), seconds(0.0004), seconds(0.25), seconds(3.21), seconds(75)]).toEqual([
      '0 ms',
      '<1 ms',
      '250 ms',
      '3.21 s',
      '1 min 15 s',
    ]);
  });
});
