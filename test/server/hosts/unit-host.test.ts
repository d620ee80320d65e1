/** A host of units: its log, its keys, and its streams, over HTTP, with PostgreSQL. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, inject, it, vi } from 'vitest';
import { packLostUnits, unpackPage } from '../../../src/persistence/unit-batch.js';
import type { ConfirmedUnit, PendingUnit } from '../../../src/persistence/unit.js';
import { startNodeHost } from '../../../src/server/hosts/index.js';
import type { NodeHost, NodeHostOptions } from '../../../src/server/hosts/index.js';
import { readEventStream } from '../../../src/sync/exchange/event-stream.js';
import { asLost } from '../../../src/testing/conformance/unit-samples.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { FAST_POSTGRES, makeTemporaryFolder } from '../../support/temporary-folder.js';
import { deviceRequest, jsonOf, pendingUnits, pushRequest } from '../../support/unit-wire.js';

const hosts: NodeHost[] = [];
const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

async function start(options: NodeHostOptions = {}): Promise<NodeHost> {
  const base = { port: 0, applicationName: uniqueName(), log: vi.fn() };
  const database = options.databaseDir === undefined ? { databaseUrl: inject('pgUrl') } : {};
  const auth = options.tokens === undefined ? { allowAnonymous: true } : {};
  const host = await startNodeHost({ ...base, ...database, ...auth, ...options });
  hosts.push(host);
  return host;
}

afterEach(async () => {
  for (const host of hosts.splice(0)) await host.close();
});

async function send({ url }: NodeHost, request: Request): Promise<Response> {
  const { method, headers } = request;
  return await fetch(url + new URL(request.url).pathname, { method, headers, body: await request.arrayBuffer() });
}

const push = async (host: NodeHost, units: readonly PendingUnit[], headers = {}): Promise<Response> =>
  await send(host, pushRequest(units, headers));

async function pull(host: NodeHost): Promise<readonly ConfirmedUnit[]> {
  const answer = await send(host, deviceRequest('/v2/units', { after: '0', events: 1_000, bytes: 1_000_000 }));
  return unpackPage(new Uint8Array(await answer.arrayBuffer())).units;
}

async function heal(host: NodeHost, units: readonly ConfirmedUnit[]): Promise<unknown> {
  const answer = await send(host, deviceRequest('/v2/heal', packLostUnits(asLost(units))));
  return (await jsonOf(answer))['decisions'];
}

const idsOf = (units: readonly { readonly id: string }[]): string[] => units.map(({ id }) => id);

describe('a host of units', () => {
  it('takes them, gives them, and has them where the recorder has its events', async () => {
    const host = await start();
    const units = pendingUnits(3);
    expect(await jsonOf(await push(host, units))).toMatchObject({ head: 3 });
    expect(idsOf(await pull(host))).toEqual(idsOf(units));
    expect(await host.recorder.maxNotificationId()).toBe(3);
    expect(await host.unitLog.head()).toBe(3);
  });

  it('gives what was recorded before it kept units, and what others insert', async () => {
    const applicationName = uniqueName();
    const [before, beside] = pendingUnits(2).map(({ events }) => events);
    const old = await start({ applicationName });
    await old.recorder.insertEvents(before ?? []);
    await old.close();
    const host = await start({ applicationName });
    await host.recorder.insertEvents(beside ?? []);
    expect((await pull(host)).flatMap(({ events }) => events)).toEqual([...(before ?? []), ...(beside ?? [])]);
  });

  it('asks what an operator says, and keeps the limits', async () => {
    const host = await start({
      authorizePush: ({ scopes }) => scopes.length === 0 || { code: 'NO_SCOPES', message: 'None, please.' },
      syncLimits: { events: 500 },
    });
    const [unit] = pendingUnits(1);
    const answer = await push(host, [{ ...(unit as PendingUnit), scopes: ['north'] }]);
    expect(answer.headers.get('daybook-limits')).toContain('events=500');
    expect(await jsonOf(answer)).toMatchObject({ decisions: [[unit?.id, 'rejected', 'NO_SCOPES', 'None, please.']] });
    const closed = await start({ authorizePull: () => false });
    expect((await push(closed, pendingUnits(1))).status).toBe(403);
  });

  it('may be of any application, whatever its name, and each has tables of its own', async () => {
    const long = `${uniqueName()}_with_a_name_that_is_long`;
    const [one, other] = [await start({ applicationName: long }), await start({ applicationName: `${long}er` })];
    await push(one, pendingUnits(2));
    await push(other, pendingUnits(1));
    expect([await one.unitLog.head(), await other.unitLog.head()]).toEqual([2, 1]);
    const again = await start({ applicationName: long.toUpperCase() });
    expect(await again.unitLog.head()).toBe(2);
  });

  it('answers /ready while somebody holds the table for long', async () => {
    const host = await start();
    await host.recorder.transaction(async (transaction) => {
      await transaction.insertEvents(pendingUnits(1)[0]?.events ?? []);
      expect((await fetch(`${host.url}/ready`)).status).toBe(200);
    });
  });
});

describe('the keys of a host', () => {
  it('bring back what its database has lost, and nothing that was sealed with others', async () => {
    const host = await start({ sealKeys: [key(1)] });
    await push(host, pendingUnits(2));
    const units = await pull(host);
    const restored = await start({ sealKeys: [key(2), key(1)] });
    expect(await heal(restored, units)).toEqual(units.map(({ id }) => [id, 'restored']));
    expect(idsOf(await pull(restored))).toEqual(idsOf(units));
    const strange = await start({ sealKeys: [key(2)] });
    expect(await heal(strange, units)).toEqual(units.map(({ id }) => [id, 'refused']));
  });

  it('are said to be missing, and nothing is sealed', async () => {
    const log = vi.fn<(message: string, error: unknown) => void>();
    const host = await start({ log });
    expect(log.mock.calls).toEqual([[expect.any(String), expect.stringContaining('DAYBOOK_SEAL_KEYS')]]);
    await push(host, pendingUnits(1));
    expect((await pull(host)).map(({ origin }) => origin.seal.length)).toEqual([0]);
  });

  it('that can be none are refused before anything is started', async () => {
    for (const sealKeys of [[], [new Uint8Array(31)], ['k'.repeat(44)] as never]) {
      await expect(start({ databaseDir: '/nonexistent/folder', sealKeys })).rejects.toMatchObject({
        code: 'PROGRAMMING_ERROR',
        details: { option: 'sealKeys' },
      });
    }
  });

  it('lie beside the embedded database, for their owner only, and stay', async () => {
    const folder = await makeTemporaryFolder();
    const databaseDir = join(folder.path, 'books');
    const log = vi.fn();
    const options = { databaseDir, embedded: FAST_POSTGRES, applicationName: 'warehouse', log };
    const first = await start(options);
    await push(first, pendingUnits(1));
    const units = await pull(first);
    const path = join(databaseDir, 'seal-keys');
    const text = await readFile(path, 'utf8');
    expect([(await stat(path)).mode & 0o777, /^[\w-]{43}\n$/.test(text)]).toEqual([0o600, true]);
    expect(log).not.toHaveBeenCalled();
    await first.close();

    const second = await start(options);
    expect(await readFile(path, 'utf8')).toBe(text);
    expect(await heal(second, units)).toEqual(units.map(({ id }) => [id, 'known']));
    await second.close();

    await writeFile(path, 'not a key\n');
    await expect(start(options)).rejects.toMatchObject({ code: 'DATABASE_FOLDER', details: { path } });
    await folder.remove();
  });
});

describe('the streams of a host', () => {
  const listenersOf = async ({ pool }: NodeHost, applicationName: string): Promise<number> => {
    const listening = 'SELECT pid FROM pg_stat_activity WHERE query = $1';
    return (await pool.query(listening, [`LISTEN "${applicationName}_events"`])).rows.length;
  };

  it('hear of another host of the same database, by its notifications, and end with their own', async () => {
    const applicationName = uniqueName();
    const [one, other] = [await start({ applicationName }), await start({ applicationName })];
    const { headers } = deviceRequest('/v2/live', {});
    const response = await fetch(`${one.url}/v2/live`, { headers });
    const stream = readEventStream(response.body as ReadableStream<Uint8Array>, new AbortController().signal);
    const heads: string[] = [];
    const reading = (async (): Promise<void> => {
      for await (const message of stream) if (message !== 'comment') heads.push(message.data);
    })();
    await vi.waitFor(async () => expect(await listenersOf(other, applicationName)).toBe(1));
    await push(other, pendingUnits(2));
    await vi.waitFor(() => expect(heads.at(-1)).toBe('2'));
    await one.close();
    await reading;
    expect(await listenersOf(other, applicationName)).toBe(0);
  });
});
