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

/** Several nodes of one cluster, each with a process and a folder of its own. */
export interface NatsCluster extends AsyncDisposable {
  /** Of each node. */
  readonly urls: readonly string[];
  /** Connects to the first of some nodes that is there, and to any other one when that is lost. */
  connect(first?: number): Promise<NatsConnection>;
  /** Kills one without a warning. */
  kill(node: number): Promise<void>;
  /** Starts one again, with what it has stored. */
  restart(node: number): Promise<void>;
}

/** Starts a cluster of three nodes, whose streams may have three replicas. */
export async function startNatsCluster(): Promise<NatsCluster> {
  const program = findNatsServer();
  if (program === undefined) throw new Error(NATS_MISSING);
  const folder = await makeTemporaryFolder();
  const nodes = [1, 2, 3];
  const ports: number[] = [];
  const routePorts: number[] = [];
  for (const _ of nodes) ports.push(await freePort());
  for (const _ of nodes) routePorts.push(await freePort());
  const urls = ports.map((port) => `nats://127.0.0.1:${port}`);
  const routes = routePorts.map((port) => `nats://127.0.0.1:${port}`);
  const servers: ChildProcess[] = [];
  const start = async (node: number): Promise<ChildProcess> =>
    await startServer(program, ports[node]!, join(folder.path, `node-${node}`), [
      ...['-n', `node-${node}`, '--cluster_name', 'test', '--cluster', routes[node]!, '--routes', routes.join(',')],
    ]);
  const kill = async (node: number): Promise<void> => {
    const server = servers[node]!;
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
  };
  servers.push(...(await Promise.all(nodes.map((_, node) => start(node)))));
  return {
    urls,
    kill,
    connect: (first = 0) =>
      connect({
        servers: [...urls.slice(first), ...urls.slice(0, first)],
        ...{ noRandomize: true, maxReconnectAttempts: -1, reconnectTimeWait: 50 },
      }),
    async restart(node) {
      await kill(node);
      servers[node] = await start(node);
    },
    async [Symbol.asyncDispose]() {
      for (const [node] of nodes.entries()) await kill(node);
      await folder.remove();
    },
  };
}

async function startServer(
  program: string,
  port: number,
  storeDir: string,
  more: readonly string[] = [],
): Promise<ChildProcess> {
  const args = ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', storeDir, ...more];
  const server = spawn(program, args, { stdio: 'ignore' });
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
