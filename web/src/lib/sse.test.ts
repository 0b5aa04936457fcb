import { describe, expect, it } from 'vitest';
import { readEvents } from './sse';

function streamOf(...chunks: (string | Uint8Array)[]) {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(typeof chunk === 'string' ? encoder.encode(chunk) : chunk);
      controller.close();
    },
  });
}
const all = async (stream: ReadableStream<Uint8Array>) => {
  const events = [];
  for await (const event of readEvents(stream)) events.push(event);
  return events;
};

describe('readEvents', () => {
  it('reads events with ids and names, whatever ends the lines', async () => {
    expect(await all(streamOf('id: 7\nevent: note\ndata: a\ndata: b\n\n', 'data:c\r\n\r\n', 'data: d\r\r'))).toEqual([
      { id: '7', event: 'note', data: 'a\nb' },
      { id: '7', event: 'message', data: 'c' },
      { id: '7', event: 'message', data: 'd' },
    ]);
  });

  it('skips keep-alives and comments, and an event that was cut off', async () => {
    expect(await all(streamOf('event: ping\n\n: hello\n\ndata: {"a":1}\n\ndata: cut'))).toEqual([
      { id: null, event: 'message', data: '{"a":1}' },
    ]);
  });

  it('survives any split, inside a character too', async () => {
    const bytes = new TextEncoder().encode('data: 你好 🪨\r\n\r\ndata: x\n\n');
    for (let at = 1; at < bytes.length; at += 1) {
      const events = await all(streamOf(bytes.slice(0, at), bytes.slice(at)));
      expect(
        events.map((event) => event.data),
        `split at ${at}`,
      ).toEqual(['你好 🪨', 'x']);
    }
  });
});
