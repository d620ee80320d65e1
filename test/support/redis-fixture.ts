/**
 * A Redis of a test's own, and the two commands of it that are needed.
 *
 * Source: https://redis.io/docs/latest/develop/reference/protocol-spec/
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { CacheBackend } from '../../src/application/shared-cache.js';

const START_TIMEOUT_MS = 20_000;

/** Why there is no Redis for tests; `undefined` where there is one. */
export const REDIS_MISSING: string | undefined =
  redisServer() === undefined ? 'no redis-server on the path: apt-get install redis-server' : undefined;

/** A server, and clients of it. */
export interface RedisFixture {
  /** Another connection. */
  connect(): Promise<CacheBackend & { close(): void }>;
  close(): Promise<void>;
}

/** Starts one that keeps nothing on the disk. */
export async function openRedis(): Promise<RedisFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'daybook-redis-'));
  const path = join(folder, 'redis.sock');
  const flags = ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', folder];
  const server = spawn(redisServer() ?? '', flags, { stdio: 'ignore' });
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      (await openClient(path)).close();
      break;
    } catch (error) {
      if (server.exitCode !== null || Date.now() > deadlineMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return {
    connect: () => openClient(path),
    async close() {
      const ended = once(server, 'exit');
      server.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function openClient(path: string): Promise<CacheBackend & { close(): void }> {
  const socket = connect(path);
  await once(socket, 'connect');
  const ask = asker(socket);
  return {
    get: (key) => ask(['GET', key]),
    set: (key, text, ttlMs) => ask(['SET', key, text, 'PX', String(ttlMs)]),
    close: () => socket.destroy(),
  };
}

/** Sends commands; answers come in their order: `+OK`, `-ERR …`, or a text by its length. */
function asker(socket: Socket): (command: readonly string[]) => Promise<string | null> {
  const waiting: { resolve(text: string | null): void; reject(error: Error): void }[] = [];
  let bytes = Buffer.alloc(0);
  const next = (): boolean => {
    const end = bytes.indexOf('\r\n');
    if (end === -1) return false;
    const line = bytes.toString('utf8', 0, end);
    const length = line.startsWith('$') ? Number(line.slice(1)) : -1;
    const from = end + 2;
    if (length >= 0 && bytes.length < from + length + 2) return false;
    const asked = waiting.shift();
    if (line.startsWith('-')) asked?.reject(new Error(line.slice(1)));
    else asked?.resolve(length >= 0 ? bytes.toString('utf8', from, from + length) : line === '$-1' ? null : line);
    bytes = bytes.subarray(length >= 0 ? from + length + 2 : from);
    return true;
  };
  socket.on('data', (chunk) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (next());
  });
  socket.on('close', () => {
    for (const { reject } of waiting.splice(0)) reject(new Error('The connection to Redis was closed.'));
  });
  socket.on('error', () => undefined);
  return async (command) =>
    await new Promise((resolve, reject) => {
      if (socket.destroyed) {
        reject(new Error('The connection to Redis was closed.'));
        return;
      }
      waiting.push({ resolve, reject });
      const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
      socket.write(`*${command.length}\r\n${parts.join('')}`);
    });
}

/** The one that the scripts have found, or the system's. */
function redisServer(): string | undefined {
  const { REDIS_SERVER_PATH: named, PATH = '' } = process.env;
  if (named !== undefined) return named === '' ? undefined : named;
  return [...PATH.split(delimiter), '/usr/bin', '/usr/local/bin']
    .map((folder) => join(folder, 'redis-server'))
    .find((place) => existsSync(place));
}
