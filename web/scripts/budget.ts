import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

/** Script of a first visit (the entry and all it imports), in bytes after gzip. */
const INITIAL = 300 * 1024;
/** What only some routes need. */
const LAZY = ['@xyflow/', '@codemirror/', '@dagrejs/', 'elkjs', 'recharts', 'react-markdown'];

const kb = (bytes: number) => `${(bytes / 1024).toFixed(1)} kB`;

/** Fails the build when what a first visit loads has grown too large, or when a heavy library has left its lazy chunk. */
export function budget(): Plugin {
  return {
    name: 'budget',
    apply: 'build',
    writeBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter((output) => output.type === 'chunk');
      const byFile = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
      const initial = new Set(chunks.filter((chunk) => chunk.isEntry));
      for (const chunk of initial) {
        for (const file of chunk.imports) {
          const imported = byFile.get(file);
          if (imported) initial.add(imported);
        }
      }
      const sizes = [...initial].map(({ fileName, code }) => ({ fileName, bytes: gzipSync(code).length }));
      const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
      const modules = [...initial].flatMap((chunk) => chunk.moduleIds);
      const heavy = LAZY.filter((name) => modules.some((id) => id.includes(`/node_modules/${name}`)));
      if (heavy.length > 0)
        this.error(`Loaded on every first visit, but only some routes need it: ${heavy.join(', ')}.`);
      if (total > INITIAL) {
        const largest = sizes.sort((a, b) => b.bytes - a.bytes).map((one) => `\n  ${kb(one.bytes)} ${one.fileName}`);
        this.error(`A first visit loads ${kb(total)} of script, at most ${kb(INITIAL)} may be:${largest.join('')}`);
      }
      this.info(`a first visit loads ${kb(total)} of script after gzip (at most ${kb(INITIAL)})`);
    },
  };
}
