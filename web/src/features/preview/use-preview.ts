import { useCallback, useEffect, useRef, useState } from 'react';
import { fileOf, type ShownFile } from '@/components/files/file-list';
import type { SentAttachment } from '@/components/files/use-attachments';
import { fetchFollowUps } from '@/lib/api/follow-ups';
import { runPreview, stopPreview, type Thought, type Usage } from './stream';

export interface Turn {
  key: number;
  query: string;
  files: SentAttachment[];
  answer: string;
  /** `waiting` until the first word. */
  status: 'waiting' | 'streaming' | 'done' | 'stopped' | 'failed';
  error?: unknown;
  messageId?: string;
  usage?: Usage | null;
  fromAnnotation?: boolean;
  followUps?: string[];
  /** What came with the answer. */
  answerFiles: ShownFile[];
  /** Of agents. */
  thoughts?: Thought[];
}

export interface Ask {
  query: string;
  inputs: Record<string, unknown>;
  files: SentAttachment[];
  config: Record<string, unknown>;
  followUps: boolean;
}

let nextKey = 1;

/** One conversation with the draft; completion apps use it for one turn at a time. */
export function usePreview(appId: string, conversational: boolean) {
  const [turns, setTurns] = useState<Turn[]>([]);
  const conversation = useRef<string | undefined>(undefined);
  const controller = useRef<AbortController | null>(null);
  const task = useRef<string | undefined>(undefined);
  const stopping = useRef(false);

  const patch = useCallback((key: number, change: (turn: Turn) => Turn) => {
    setTurns((all) => all.map((turn) => (turn.key === key ? change(turn) : turn)));
  }, []);

  const reset = useCallback(() => {
    controller.current?.abort();
    controller.current = null;
    conversation.current = undefined;
    setTurns([]);
  }, []);

  useEffect(() => () => controller.current?.abort(), []);

  const ask = useCallback(
    async ({ query, inputs, files, config, followUps }: Ask, instead?: number) => {
      controller.current?.abort();
      const abort = new AbortController();
      controller.current = abort;
      task.current = undefined;
      stopping.current = false;
      const key = nextKey++;
      const fresh: Turn = { key, query, files, answer: '', answerFiles: [], status: 'waiting' };
      setTurns((all) => (conversational ? [...all.filter((turn) => turn.key !== instead), fresh] : [fresh]));

      // Words arrive faster than the screen: they are painted once a frame.
      let received = '';
      let frame = 0;
      const paint = () => {
        frame = 0;
        const answer = received;
        patch(key, (turn) => ({
          ...turn,
          answer,
          status: turn.status === 'waiting' && answer ? 'streaming' : turn.status,
        }));
      };
      const paintSoon = () => {
        if (!frame) frame = requestAnimationFrame(paint);
      };
      try {
        const body = {
          ...(conversational || query ? { query } : {}),
          inputs,
          files: files.map((file) => file.sent),
          config,
          ...(conversational && conversation.current ? { conversation_id: conversation.current } : {}),
        };
        for await (const event of runPreview(appId, body, abort.signal)) {
          if (event.task_id && !task.current) {
            task.current = event.task_id;
            if (stopping.current) void stopPreview(appId, event.task_id).catch(() => undefined);
          }
          if (event.conversation_id) conversation.current = event.conversation_id;
          const messageId = event.message_id;
          if (event.event === 'message' || event.event === 'agent_message') received += event.answer;
          else if (event.event === 'agent_thought') {
            // what was written before a tool is called is the thought behind the call
            if (event.tool) received = '';
            patch(key, (turn) => ({
              ...turn,
              thoughts: [...(turn.thoughts ?? []).filter((thought) => thought.id !== event.id), event],
            }));
          } else if (event.event === 'message_file') {
            if (event.belongs_to !== 'assistant') continue;
            const file = fileOf({ ...event, name: '' });
            patch(key, (turn) => ({ ...turn, answerFiles: [...turn.answerFiles, file] }));
          } else if (event.event === 'message_replace') received = event.answer;
          else if (event.event === 'message_end') {
            cancelAnimationFrame(frame);
            const answer = received;
            patch(key, (turn) => ({
              ...turn,
              answer,
              ...(messageId ? { messageId } : {}),
              status: stopping.current ? 'stopped' : 'done',
              usage: event.metadata?.usage ?? null,
              fromAnnotation: Boolean(event.metadata?.annotation_reply),
            }));
            if (followUps && messageId && !stopping.current) {
              void fetchFollowUps(appId, messageId, abort.signal)
                .then((questions) => patch(key, (turn) => ({ ...turn, followUps: questions })))
                .catch(() => undefined);
            }
            continue;
          }
          paintSoon();
        }
      } catch (error) {
        cancelAnimationFrame(frame);
        const answer = received;
        patch(key, (turn) =>
          abort.signal.aborted || stopping.current
            ? { ...turn, answer, status: 'stopped' }
            : { ...turn, answer, status: 'failed', error },
        );
      }
    },
    [appId, conversational, patch],
  );

  /** Asks the server to stop; it still sends what it has and the usage. Closes the stream when it does not react. */
  const stop = useCallback(() => {
    const abort = controller.current;
    stopping.current = true;
    if (task.current) void stopPreview(appId, task.current).catch(() => undefined);
    setTimeout(() => {
      if (controller.current === abort && stopping.current) abort?.abort();
    }, 3000);
  }, [appId]);

  const last = turns.at(-1);
  const busy = last?.status === 'waiting' || last?.status === 'streaming';
  return {
    turns,
    busy,
    ask,
    stop,
    reset,
    first: turns.length <= 1,
    clearConversation: () => (conversation.current = undefined),
  };
}
