import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node';
import { makeTemporaryFolder } from './temporary-folder.js';

const START_TIMEOUT_MS = 10_000;

/** Why tests with a broker are skipped; `undefined` when there is one. */
export const NATS_MISSING: string | undefined =
  findNatsServer() === undefined
    ? 'there is no nats-server here; scripts/lib/debian-servers.mjs installs it for root'
    : undefined;

/** A broker of a test's own, with JetStream. */
export interface NatsFixture extends AsyncDisposable {
  readonly url: string;
  connect(options?: ConnectionOptions): Promise<NatsConnection>;
  /** Kills it without a warning. */
  kill(): Promise<void>;
  /** Starts it again, with what it has stored. */
  restart(): Promise<void>;
}

/** Starts a broker on a free port, in a folder that goes with it. */
export async function startNats(): Promise<NatsFixture> {
  const program = findNatsServer();
  if (program === undefined) throw new Error(NATS_MISSING);
  const folder = await makeTemporaryFolder();
  const port = await freePort();
  const url = `nats://127.0.0.1:${port}`;
  const start = (): Promise<ChildProcess> => startServer(program, port, folder.path);
  let server = await start();
  const kill = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
  };
  return {
    url,
    connect: (options = {}) => connect({ servers: url, ...options }),
    kill,
    async restart() {
      await kill();
      server = await start();
    },
    async [Symbol.asyncDispose]() {
      await kill();
      await folder.remove();
    },
  };
}

async function startServer(program: string, port: number, storeDir: string): Promise<ChildProcess> {
  const server = spawn(program, ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', storeDir], { stdio: 'ignore' });
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      const connection = await connect({ servers: `127.0.0.1:${port}`, reconnect: false });
      await connection.close();
      return server;
    } catch (error) {
      if (server.exitCode !== null || Date.now() > deadlineMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** The one that the scripts have found, or the system's. */
function findNatsServer(): string | undefined {
  const { NATS_SERVER_PATH: named, PATH = '' } = process.env;
  if (named !== undefined) return named === '' ? undefined : named;
  return [...PATH.split(delimiter), '/usr/sbin', '/usr/local/sbin']
    .map((folder) => join(folder, 'nats-server'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
