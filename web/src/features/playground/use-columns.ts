import { useCallback, useEffect, useRef, useState } from 'react';
import { type Content, type Measured, type Message, streamAnswer } from './answer-stream';

export interface Exchange {
  question: Content;
  answer: string;
  status: 'waiting' | 'streaming' | 'done' | 'stopped' | 'failed';
  error?: unknown;
  measured?: Measured;
}

/** What a model is asked: the system prompt, what was said before, and the new question. */
export function conversation(system: string, before: Exchange[], question: Content): Message[] {
  return [
    ...(system.trim() ? [{ role: 'system' as const, content: system }] : []),
    ...before
      .filter((exchange) => exchange.status !== 'failed' && exchange.answer)
      .flatMap((exchange) => [
        { role: 'user' as const, content: exchange.question },
        { role: 'assistant' as const, content: exchange.answer },
      ]),
    { role: 'user', content: question },
  ];
}

/** Conversations side by side, by the model that holds each. */
export function useColumns() {
  const [columns, setColumns] = useState<Record<string, Exchange[]>>({});
  const latest = useRef(columns);
  latest.current = columns;
  const running = useRef(new Map<string, AbortController>());

  const stop = useCallback(() => {
    for (const controller of running.current.values()) controller.abort();
    running.current.clear();
  }, []);
  useEffect(() => stop, [stop]);

  const patch = useCallback((model: string, change: Partial<Exchange>) => {
    setColumns((all) => {
      const exchanges = all[model] ?? [];
      const last = exchanges.at(-1);
      return last ? { ...all, [model]: [...exchanges.slice(0, -1), { ...last, ...change }] } : all;
    });
  }, []);

  const ask = useCallback(
    (models: string[], system: string, question: Content, params: Record<string, unknown>) => {
      stop();
      for (const model of models) {
        const before = latest.current[model] ?? [];
        const controller = new AbortController();
        running.current.set(model, controller);
        setColumns((all) => ({
          ...all,
          [model]: [...(all[model] ?? []), { question, answer: '', status: 'waiting' }],
        }));
        let frame = 0;
        let received = '';
        const onText = (text: string) => {
          received = text;
          frame ||= requestAnimationFrame(() => {
            frame = 0;
            patch(model, { answer: received, status: 'streaming' });
          });
        };
        void streamAnswer(
          { model, messages: conversation(system, before, question), params },
          onText,
          controller.signal,
        )
          .then(
            (measured) => ({ status: 'done' as const, measured }),
            (error: unknown) =>
              controller.signal.aborted ? { status: 'stopped' as const } : { status: 'failed' as const, error },
          )
          .then((end) => {
            cancelAnimationFrame(frame);
            if (running.current.get(model) === controller) running.current.delete(model);
            patch(model, { answer: received, ...end });
          });
      }
    },
    [patch, stop],
  );

  const clear = useCallback(() => {
    stop();
    setColumns({});
  }, [stop]);
  const busy = Object.values(columns).some((exchanges) =>
    ['waiting', 'streaming'].includes(exchanges.at(-1)?.status ?? ''),
  );
  return { columns, busy, ask, stop, clear };
}
