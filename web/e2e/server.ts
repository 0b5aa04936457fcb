import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

async function untilReady(url: string, child: ChildProcess) {
  const deadline = Date.now() + 180_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`ashlar serve ended with ${child.exitCode} before it was ready`);
    const ready = await fetch(`${url}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  throw new Error('ashlar serve was not ready after 180 s');
}

/** Starts ASHLAR_BIN on an empty data directory: where it listens, and how to stop it again. */
export async function startServer(bin: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'ashlar-e2e-'));
  const listen = `127.0.0.1:${await freePort()}`;
  // workflows call servers that the specs start beside it
  const child = spawn(bin, ['serve', '--data-dir', dir, '--listen', listen, '--allow-network', '127.0.0.0/8'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const url = `http://${listen}`;
  const stop = async () => {
    if (child.exitCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 15_000))]);
      if (child.exitCode === null) child.kill('SIGKILL');
    }
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await untilReady(url, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

/** The server that most specs share. */
export default async function start() {
  const bin = process.env.ASHLAR_BIN;
  if (!bin) return;
  const { url, stop } = await startServer(bin);
  process.env.BASE_URL = url;
  return stop;
}
