import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '@/lib/app-config';
import { example, exampleInputs, LANGS, TASKS, tasksOf } from './examples';

const inputs = exampleInputs(
  parseConfig({
    user_input_form: [
      { 'text-input': { label: "Who's it", variable: 'who', required: true } },
      { number: { label: 'N', variable: 'n', required: true } },
      { checkbox: { label: 'B', variable: 'b', default: true } },
      { select: { label: 'S', variable: 's', required: true, options: ['x', 'y'] } },
      { file: { label: 'F', variable: 'f', required: true, allowed_file_types: ['document'] } },
      { 'file-list': { label: 'L', variable: 'l', required: true, allowed_file_types: ['image'] } },
      { json_object: { label: 'J', variable: 'j', required: true } },
      { paragraph: { label: 'Optional', variable: 'o', required: false } },
    ],
  }),
);

describe('examples', () => {
  it('fill in every required field', () => {
    const at = (url: string) => ({ transfer_method: 'remote_url', url });
    expect(inputs).toEqual({
      who: "Who's it",
      n: 1,
      b: true,
      s: 'x',
      f: { type: 'document', ...at('https://example.com/file.txt') },
      l: [{ type: 'image', ...at('https://example.com/file.jpg') }],
      j: {},
    });
  });

  for (const mode of ['chat', 'completion', 'workflow'] as const) {
    for (const task of TASKS) {
      for (const lang of LANGS) {
        it(`${mode} ${task} ${lang} is sound`, () => {
          if (mode === 'workflow' && !tasksOf('workflow').includes(task)) return;
          const code = example(task, lang, {
            mode,
            origin: 'http://127.0.0.1:8080',
            key: 'app-secret',
            inputs,
            question: 'What’s "this"?',
          });
          expect(code).toContain('app-secret');
          expect(code).toContain('http://127.0.0.1:8080/v1');
          if (lang === 'curl') execFileSync('bash', ['-n'], { input: code });
          else if (lang === 'python')
            execFileSync('python3', ['-c', 'import ast,sys; ast.parse(sys.stdin.read())'], { input: code });
          else execFileSync('node', ['--input-type=module', '--check'], { input: code });
        });
      }
    }
  }

  it('quotes for the shell so that bash sends what was meant', () => {
    const code = example('stream', 'curl', {
      mode: 'chat',
      origin: 'http://h',
      key: 'k',
      inputs,
      question: `It's "it"`,
    });
    const shown = execFileSync('bash', ['-c', `curl() { printf '%s' "\${@: -1}"; }\n${code}`], { encoding: 'utf8' });
    expect(JSON.parse(shown)).toEqual({ inputs, query: `It's "it"`, response_mode: 'streaming', user: 'user-1' });
  });
});
