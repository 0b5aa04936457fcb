import { useCallback, useEffect, useRef } from 'react';
import { ApiError } from '@/lib/api/errors';
import { type AnswerState, answered, type SiteEvent, WAITING } from './answer';
import type { AnswerKind, Question, SiteClient } from './api';

/** Feeds the events of one answer at a time into `show`, once a frame. */
export function useAnswer(client: SiteClient, kind: AnswerKind) {
  const running = useRef<{ abort: AbortController; task: string | undefined; isStopping: boolean } | null>(null);
  useEffect(() => () => running.current?.abort.abort(), []);

  const read = useCallback(
    async (
      begin: (signal: AbortSignal) => AsyncGenerator<SiteEvent>,
      first: AnswerState,
      show: (answer: AnswerState) => void,
    ): Promise<AnswerState> => {
      running.current?.abort.abort();
      const mine: NonNullable<typeof running.current> = {
        abort: new AbortController(),
        task: undefined,
        isStopping: false,
      };
      running.current = mine;
      let state = first;
      let frame = 0;
      // words arrive faster than the screen
      const paint = () => {
        frame = 0;
        show(state);
      };
      show(state);
      try {
        for await (const event of begin(mine.abort.signal)) {
          state = answered(state, event);
          if (event.task_id && !mine.task) {
            mine.task = event.task_id;
            if (mine.isStopping) void client.stop(kind, event.task_id).catch(() => undefined);
          }
          if (!frame) frame = requestAnimationFrame(paint);
        }
      } catch (error) {
        if (mine.abort.signal.aborted) state = { ...state, status: 'stopped' };
        else {
          const { code, message, status } = error instanceof ApiError ? error : new ApiError(0, 'unknown', '');
          state = { ...state, status: 'failed', error: { code, message, status } };
        }
      }
      cancelAnimationFrame(frame);
      if (mine.isStopping && state.status === 'done') state = { ...state, status: 'stopped' };
      if (running.current === mine) running.current = null;
      show(state);
      return state;
    },
    [client, kind],
  );

  const ask = useCallback(
    (question: Question, show: (answer: AnswerState) => void) =>
      read((signal) => client.ask(kind, question, signal), WAITING, show),
    [client, kind, read],
  );
  const goOn = useCallback(
    (paused: AnswerState, show: (answer: AnswerState) => void) =>
      read((signal) => client.goOn(kind, paused.runId ?? '', signal), paused, show),
    [client, kind, read],
  );

  /** The server still sends what it has; the stream is closed when it does not react. */
  const stop = useCallback(() => {
    const mine = running.current;
    if (!mine) return;
    mine.isStopping = true;
    if (mine.task) void client.stop(kind, mine.task).catch(() => undefined);
    setTimeout(() => mine.abort.abort(), 3000);
  }, [client, kind]);

  /** Leaves the answer to itself. */
  const leave = useCallback(() => running.current?.abort.abort(), []);
  return { ask, goOn, stop, leave };
}
