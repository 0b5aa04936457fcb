import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { endpointsOf, snippet } from './endpoints';
import { LANGS } from './examples';

const MODES = ['chat', 'completion', 'agent-chat', 'advanced-chat', 'workflow'] as const;
const all = MODES.flatMap((mode) =>
  endpointsOf(mode, { who: `It's "me"`, on: true, none: null }, 'Why?').flatMap((group) => group.endpoints),
);

describe('the reference', () => {
  it('names only routes that the server has', async () => {
    const document = JSON.parse(await readFile('openapi.json', 'utf8')) as { paths: Record<string, object> };
    const known = new Set(
      Object.entries(document.paths).flatMap(([path, item]) =>
        Object.keys(item).map(
          (method) =>
            `${method.toUpperCase()} ${path.replaceAll('annotation-reply/{action}', 'annotation-reply/enable')}`,
        ),
      ),
    );
    const unknown = all.map(({ method, path }) => `${method} /v1${path}`).filter((line) => !known.has(line));
    expect(unknown).toEqual([]);
  });

  it('shows each kind of app its own', () => {
    const paths = (mode: (typeof MODES)[number]) =>
      endpointsOf(mode, {}, '').flatMap((group) => group.endpoints.map((e) => e.path));
    expect(paths('workflow')).not.toContain('/chat/completions');
    expect(paths('completion')).not.toContain('/conversations');
    expect(paths('advanced-chat')).toContain('/form/human_input/{form_token}');
  });

  it('is sound in every language', () => {
    for (const lang of LANGS) {
      const codes = all.map((endpoint) => snippet(endpoint, lang, 'http://127.0.0.1:8080', 'app-secret'));
      for (const code of codes) expect(code).toContain('Bearer app-secret');
      if (lang === 'curl') execFileSync('bash', ['-n'], { input: codes.join('\n') });
      else if (lang === 'python')
        execFileSync('python3', ['-c', 'import ast,sys\nfor code in sys.stdin.read().split("\\0"): ast.parse(code)'], {
          input: codes.join('\0'),
        });
      else for (const code of new Set(codes)) execFileSync('node', ['--input-type=module', '--check'], { input: code });
    }
  });
});
