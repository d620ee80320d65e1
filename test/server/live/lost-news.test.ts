/** News of another process that nobody hears of: its notification is lost, or was never sent. Over HTTP, with PostgreSQL. */
import { afterEach, expect, inject, it, vi } from 'vitest';
import { createPgPool, PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import { startNodeHost } from '../../../src/server/hosts/index.js';
import type { NodeHost } from '../../../src/server/hosts/index.js';
import { unitLogName } from '../../../src/server/hosts/unit-log-name.js';
import { PostgresUnitLog } from '../../../src/server/log/postgres/postgres-unit-log.js';
import { readEventStream } from '../../../src/sync/exchange/event-stream.js';
import { PATIENTLY } from '../../support/patience.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { openPostgresProxy } from '../../support/postgres-proxy.js';
import { deviceRequest, pendingUnits } from '../../support/unit-wire.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Listening {
  readonly host: NodeHost;
  readonly applicationName: string;
  readonly heads: readonly number[];
}

/** A host, and a device that waits for its news. */
async function listening(): Promise<Listening> {
  const applicationName = uniqueName();
  const options = { port: 0, applicationName, log: () => undefined, allowAnonymous: true } as const;
  const host = await startNodeHost({ ...options, databaseUrl: inject('pgUrl') });
  const gone = new AbortController();
  closers.push(
    () => host.close(),
    async () => gone.abort(),
  );
  const { headers } = deviceRequest('/v2/live', {});
  const response = await fetch(`${host.url}/v2/live`, { headers, signal: gone.signal });
  const heads: number[] = [];
  void (async () => {
    const messages = readEventStream(response.body as ReadableStream<Uint8Array>, gone.signal);
    for await (const message of messages) if (message !== 'comment') heads.push(Number(message.data));
  })().catch(() => undefined);
  await vi.waitFor(() => expect(heads).toEqual([0]), PATIENTLY);
  const found = { host, applicationName, heads };
  await untilListening(found);
  return found;
}

async function listenersOf({ host, applicationName }: Listening): Promise<readonly unknown[]> {
  const text = 'SELECT pid FROM pg_stat_activity WHERE query = $1';
  const { rows } = await host.pool.query(text, [`LISTEN "${applicationName}_events"`]);
  return rows.map((row) => row['pid']);
}

async function untilListening(of: Listening): Promise<void> {
  await vi.waitFor(async () => expect(await listenersOf(of)).toHaveLength(1), PATIENTLY);
}

/** The log in another process, with its connections by way of a proxy. */
async function otherProcess({ applicationName }: Listening): Promise<{
  readonly log: PostgresUnitLog;
  readonly proxy: Awaited<ReturnType<typeof openPostgresProxy>>;
}> {
  const proxy = await openPostgresProxy(inject('pgUrl'));
  const pool = await createPgPool({ connectionString: proxy.url });
  closers.push(
    () => proxy.close(),
    () => pool.end(),
  );
  const recorder = new PostgresProcessRecorder({ pool, applicationName });
  return { log: new PostgresUnitLog({ recorder, name: unitLogName(applicationName) }), proxy };
}

const SENDER = { subject: '', replicaId: '00000000-0000-4000-8000-00000000000a' };

it('a notification that comes while the connection that listens is lost: the news come, and it is listened to again', async () => {
  const found = await listening();
  const { log } = await otherProcess(found);
  const [pid] = await listenersOf(found);
  await found.host.pool.query('SELECT pg_terminate_backend($1, 5000)', [pid]);
  await log.push(pendingUnits(1), SENDER);
  await vi.waitFor(() => expect(found.heads.at(-1)).toBe(1), PATIENTLY);
  await untilListening(found);
  expect(await listenersOf(found)).not.toEqual([pid]);
  await log.push(pendingUnits(1), SENDER);
  await vi.waitFor(() => expect(found.heads.at(-1)).toBe(2), PATIENTLY);
});

it('a process that dies between what it has recorded and the telling of it: the news come all the same', async () => {
  const found = await listening();
  const { log, proxy } = await otherProcess(found);
  const heard = vi.fn();
  const listener = await found.host.pool.connect();
  closers.push(async () => listener.release(new Error('Listened until now.')));
  listener.on?.('notification', heard);
  await listener.query(`LISTEN "${found.applicationName}_events"`);
  const answer = { severity: 'FATAL', sqlState: '57P01', message: 'terminating connection' } as const;
  proxy.faults.push({ text: '; COMMIT', answer });
  await expect(log.push(pendingUnits(1), SENDER)).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
  await vi.waitFor(() => expect(found.heads.at(-1)).toBe(1), PATIENTLY);
  expect(heard).not.toHaveBeenCalled();
});
