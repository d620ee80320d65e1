/** Real devices and a hub in Cloudflare's runtime, by HTTP and WebSockets. */
import { rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { readLog } from '../../src/testing/conformance/unit-samples.js';
import { openHubServer } from '../support/hub-server.js';
import type { HubServer, HubServerOptions } from '../support/hub-server.js';
import { PATIENTLY } from '../support/patience.js';
import { openPostgres } from '../support/postgres-fixture.js';
import type { PostgresFixture } from '../support/postgres-fixture.js';
import { Device } from '../support/postgres-scene.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';
import { makePostgresLog } from '../support/unit-log-fixture.js';
import type { PostgresLogFixture } from '../support/unit-log-fixture.js';

// A request that went to a runtime which was about to end has no answer for as long as requests may take.
const PATIENCE_MS = 60_000;

let folder: { readonly path: string };
let hub: HubServer;
const devices: Device[] = [];

beforeEach(async () => {
  folder = await makeTemporaryFolder();
  hub = await openHubServer(folder.path);
});
afterEach(async () => {
  for (const device of devices.splice(0)) await device.close();
  await hub.close();
  await rm(folder.path, { recursive: true });
});

async function start(token: string): Promise<Device> {
  const device = await new Device().start(hub.url, true, { token, patienceMs: PATIENCE_MS });
  devices.push(device);
  return device;
}

/** Each device has events in the order in which it heard of them. */
function inOrder(events: readonly StoredEvent[]): readonly StoredEvent[] {
  const placeOf = ({ originatorId, originatorVersion }: StoredEvent): string => `${originatorId} ${originatorVersion}`;
  return [...events].sort((one, other) => (placeOf(one) < placeOf(other) ? -1 : 1));
}

async function agree(...all: readonly Device[]): Promise<void> {
  for (const device of all) await device.settled();
  const [first, ...others] = await Promise.all(all.map(async (device) => inOrder(await device.events())));
  for (const events of others) expect(events).toEqual(first);
}

test('devices see each other, and listen by WebSockets', async () => {
  const [ann, bert] = [await start('ann'), await start('bert')];
  await vi.waitUntil(async () => (await hub.sockets()) === 2, PATIENTLY);
  const shelf = newOriginatorId();
  await ann.count(shelf);
  await vi.waitUntil(async () => (await bert.events()).length === 1, PATIENTLY);
  await bert.count(shelf);
  await vi.waitUntil(async () => (await ann.events()).length === 2, PATIENTLY);
  await agree(ann, bert);
});

test('what was sent is there once after the runtime has gone, and lines come back', { timeout: 150_000 }, async () => {
  const [ann, bert] = [await start('ann'), await start('bert')];
  const shelves = Array.from({ length: 10 }, newOriginatorId);
  for (const shelf of shelves) await ann.count(shelf);
  const { port } = new URL(hub.url);
  await hub.close();
  for (const shelf of shelves) await ann.receive(shelf);
  hub = await openHubServer(folder.path, { port: Number(port) });
  await agree(ann, bert);
  expect(await bert.events()).toHaveLength(20);
  await vi.waitUntil(async () => (await hub.sockets()) === 2, PATIENTLY);
});

test('who may not come in is told so by a request, and keeps what it has', async () => {
  const mallory = await start('bad');
  await mallory.count(newOriginatorId());
  await mallory.until(() => mallory.exchange.status.value.state === 'needs-auth');
  expect(mallory.exchange.status.value.pending).toBe(1);
  expect(await hub.sockets()).toBe(0);
});

describe('with PostgreSQL behind it, by Hyperdrive', () => {
  let postgres: PostgresFixture;
  let log: PostgresLogFixture;

  beforeEach(async () => {
    postgres = await openPostgres();
    log = await makePostgresLog(postgres.pool);
    await hub.close();
  });
  afterEach(() => postgres.close());

  const reopen = async (options: HubServerOptions = {}): Promise<void> => {
    const name = log.recorder.dialect.log!.eventsTable.replace(/^"|_events"$/g, '');
    hub = await openHubServer(folder.path, { ...options, postgres: { url: postgres.url, name } });
  };

  test('a hub brings its log there, each unit once, in the name of who had sent it', { timeout: 150_000 }, async () => {
    await reopen();
    const [ann, bert] = [await start('ann'), await start('bert')];
    const shelf = newOriginatorId();
    for (let count = 0; count < 5; count++) {
      await ann.receive(shelf);
      await bert.receive(newOriginatorId());
    }
    await agree(ann, bert);
    await vi.waitUntil(async () => (await log.open().head()) === 10, PATIENTLY);
    const { units } = await readLog(log.open());
    expect(units.map(({ origin }) => origin.author).sort()).toEqual([
      ...Array(5).fill('ann'),
      ...Array(5).fill('bert'),
    ]);
    const stored = await log.recorder.selectNotifications({ start: 1, limit: 100 });
    expect(inOrder(stored.map(({ id: _, ...event }) => event))).toEqual(inOrder(await ann.events()));
  });

  test('a Worker answers by PostgreSQL alone, to devices as to everybody', { timeout: 150_000 }, async () => {
    await reopen({ worker: 'postgres' });
    const [ann, bert] = [await start('ann'), await start('bert')];
    const shelf = newOriginatorId();
    await ann.count(shelf);
    await agree(ann, bert);
    await bert.count(shelf);
    await agree(bert, ann);
    expect(await log.recorder.selectEvents(shelf)).toHaveLength(2);
  });

  test(
    'a station goes on while PostgreSQL is out of reach, and what it measured is there once, later',
    { timeout: 150_000 },
    async () => {
      const { url } = postgres;
      const station = log.recorder.dialect.log!.eventsTable.replace(/^"|_events"$/g, '');
      const gone = new URL(url);
      gone.port = '1';
      const ids = [newOriginatorId(), newOriginatorId()];
      const measure = async (id: string, celsius: number): Promise<unknown> => {
        const request = { method: 'POST', body: JSON.stringify({ celsius }) };
        return await (await fetch(`${hub.url}/${station}/${id}`, request)).json();
      };
      const standing = async (): Promise<{ position: number; head: number }> =>
        (await (await fetch(`${hub.url}/${station}/x`)).json()) as { position: number; head: number };
      hub = await openHubServer(folder.path, { worker: 'stations', postgres: { url: gone.href, name: station } });
      for (const celsius of [3, -1, -2]) for (const id of ids) await measure(id, celsius);
      expect(await standing()).toEqual({ position: 0, head: 8 });
      await hub.close();
      hub = await openHubServer(folder.path, { worker: 'stations', postgres: { url, name: station } });
      await measure(ids[0]!, 4);
      await vi.waitUntil(async () => (await standing()).position === 9, { ...PATIENTLY, timeout: 60_000 });
      for (const [id, count] of [
        [ids[0]!, 5],
        [ids[1]!, 4],
      ] as const) {
        const events = await log.recorder.selectEvents(id);
        expect(events.map(({ originatorVersion }) => originatorVersion)).toEqual(
          [...Array(count).keys()].map((at) => at + 1),
        );
      }
      expect(await log.open().head()).toBe(9);
    },
  );
});
