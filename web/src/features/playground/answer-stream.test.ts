import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { streamAnswer, tokensPerSecond } from './answer-stream';
import { conversation, type Exchange } from './use-columns';

const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const answer = (lines: string[], status = 200) =>
  server.use(
    http.post('*/api/playground/chat/completions', () =>
      HttpResponse.text(lines.map((line) => `data: ${line}\n\n`).join(''), {
        status,
        headers: { 'Content-Type': 'text/event-stream' },
      }),
    ),
  );
const chunk = (content: string) => JSON.stringify({ choices: [{ delta: { content }, finish_reason: null }] });
const ask = (onText: (text: string) => void = () => undefined) => {
  let clock = -500;
  const question = { model: 'local/m', messages: [], params: {} };
  // every look at the clock is half a second later
  return streamAnswer(question, onText, new AbortController().signal, () => {
    clock += 500;
    return clock;
  });
};

it('gathers the words and what they took', async () => {
  answer([
    chunk('A red '),
    chunk('circle.'),
    JSON.stringify({ choices: [{ delta: {}, finish_reason: 'stop' }] }),
    JSON.stringify({
      choices: [],
      usage: { prompt_tokens: 80, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 64 } },
    }),
    '[DONE]',
  ]);
  const seen: string[] = [];
  const measured = await ask((text) => seen.push(text));
  expect(seen).toEqual(['A red ', 'A red circle.']);
  expect(measured).toEqual({
    promptTokens: 80,
    completionTokens: 5,
    cachedTokens: 64,
    firstToken: 0.5,
    total: 1,
    finishReason: 'stop',
  });
  expect(tokensPerSecond(measured)).toBe(8);
  expect(tokensPerSecond({ ...measured, completionTokens: 1 })).toBeNull();
});

it('fails with the code of the refusal, inside the stream and before it', async () => {
  answer([chunk('A'), JSON.stringify({ error: { code: 'completion_request_error', message: 'It broke.' } })]);
  await expect(ask()).rejects.toMatchObject({ code: 'completion_request_error' });
  answer([chunk('A')]);
  await expect(ask()).rejects.toMatchObject({ code: 'interrupted' });
});

it('tells a model what was said before, without what failed', () => {
  const said: Exchange[] = [
    { question: 'Hi', answer: 'Hello', status: 'done' },
    { question: 'Go on', answer: '', status: 'failed' },
  ];
  expect(conversation(' ', said, 'And?').map((message) => message.content)).toEqual(['Hi', 'Hello', 'And?']);
  expect(conversation('Be brief', [], 'And?')[0]).toEqual({ role: 'system', content: 'Be brief' });
});
