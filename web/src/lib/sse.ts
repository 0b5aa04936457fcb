/** One server-sent event: its id if it has one, its name (`message` when unnamed) and its data. */
export interface ServerEvent {
  id: string | null;
  event: string;
  data: string;
}

/** Splits a stream of bytes into events. Keep-alives without data are dropped; a cut-off last event is too, as the standard says. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let buffer = '';
  let id: string | null = null;
  let event = 'message';
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      buffer += done ? decoder.decode() : decoder.decode(value, { stream: true });
      let end = lineEnd(buffer, done);
      while (end) {
        const line = buffer.slice(0, end.at);
        buffer = buffer.slice(end.next);
        if (line === '') {
          if (data.length > 0) yield { id, event, data: data.join('\n') };
          event = 'message';
          data = [];
        } else if (!line.startsWith(':')) {
          const colon = line.indexOf(':');
          const field = colon < 0 ? line : line.slice(0, colon);
          const text = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
          if (field === 'data') data.push(text);
          else if (field === 'event') event = text;
          else if (field === 'id') id = text;
        }
        end = lineEnd(buffer, done);
      }
      if (done) return;
    }
  } finally {
    // Not awaited: a connection that hangs must not keep its error from being shown.
    void reader.cancel().catch(() => undefined);
  }
}

function lineEnd(text: string, final: boolean): { at: number; next: number } | null {
  const at = text.search(/[\r\n]/);
  if (at < 0) return null;
  if (text[at] === '\r') {
    // A carriage return at the very end may be the first half of \r\n.
    if (at + 1 === text.length && !final) return null;
    return { at, next: text[at + 1] === '\n' ? at + 2 : at + 1 };
  }
  return { at, next: at + 1 };
}
