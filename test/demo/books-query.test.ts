import { afterAll, beforeAll, expect, it } from 'vitest';
import { readBooks } from '../../demo/server/books-query.js';
import { ITEM_COUNTED, ITEM_STEPPED, RECOUNT_DONE } from '../../demo/stock-events.js';
import { PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { PostgresUnitLog } from '../../src/server/log/postgres/postgres-unit-log.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import type { PostgresFixture } from '../support/postgres-fixture.js';
import { pendingUnits } from '../support/unit-wire.js';

let postgres: PostgresFixture;
const schema = uniqueName();

beforeAll(async () => {
  const plain = await openPostgres();
  await plain.pool.query(`CREATE SCHEMA ${schema}`);
  await plain.close();
  // The demo names its tables, and finds them in whichever schema comes first.
  const url = new URL(plain.url);
  url.searchParams.set('options', `-c search_path=${schema}`);
  postgres = await openPostgres({ connectionString: url.href });
});
afterAll(() => postgres.close());

it('one event that is not the demo’s does not take the books from everybody', async () => {
  const recorder = new PostgresProcessRecorder({ pool: postgres.pool, applicationName: 'stockcount' });
  await recorder.createTable();
  const unitLog = new PostgresUnitLog({ recorder, name: 'daybook_stockcount' });
  await unitLog.createTables();
  const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
  const deviceId = crypto.randomUUID();
  const good = { sku: 'a', name: 'Screws', quantity: 7, previousQuantity: 6, countedAt: '2026-01-02T03:04:05.000Z' };
  const states = [
    utf8(JSON.stringify(good)),
    utf8('no JSON'),
    utf8(''),
    Uint8Array.of(0xff, 0x00),
    utf8('null'),
    utf8('[]'),
    utf8('{}'),
    utf8(JSON.stringify({ ...good, sku: 7 })),
    utf8(JSON.stringify({ ...good, name: { toString: 'x' } })),
    utf8(JSON.stringify({ ...good, quantity: 'many' })),
    utf8(JSON.stringify({ ...good, countedAt: 'yesterday' })),
    utf8(JSON.stringify({ ...good, name: 'x'.repeat(500_000) })),
    utf8(JSON.stringify({ ...good, name: 'Nails \u0000' })),
    utf8(JSON.stringify({ ...good, countedBy: { deviceId, name: 'Ana' } })),
    utf8(JSON.stringify({ ...good, countedBy: { deviceId, name: 7 } })),
    utf8(JSON.stringify({ ...good, countedBy: { deviceId: 'nobody', name: 'Ana' } })),
    utf8(JSON.stringify({ ...good, countedBy: 'Ana' })),
    utf8(JSON.stringify({ ...good, countedBy: null })),
  ];
  const events = states.map((state): StoredEvent => ({
    originatorId: crypto.randomUUID(),
    originatorVersion: 1,
    topic: ITEM_COUNTED,
    state,
  }));
  const counted = utf8(JSON.stringify({ ...good, doneAt: good.countedAt }));
  const done: StoredEvent = {
    originatorId: crypto.randomUUID(),
    originatorVersion: 1,
    topic: RECOUNT_DONE,
    state: counted,
  };
  const stepped: StoredEvent = {
    originatorId: crypto.randomUUID(),
    originatorVersion: 1,
    topic: ITEM_STEPPED,
    state: utf8(JSON.stringify({ ...good, quantity: undefined, change: -2 })),
  };
  const tracking = { applicationName: deviceId, notificationId: 1 };
  await recorder.insertEvents([...events, done, stepped], { tracking });
  const books = await readBooks(postgres.pool, 50);
  expect([books.total, books.distinctTotal, books.devices]).toEqual([events.length + 2, events.length + 2, 1]);
  const last = events.length;
  expect(books.rows.map(({ position, kind, name, quantity }) => [position, kind, name, quantity])).toEqual([
    [last + 2, 'stepped', 'Screws', -2],
    [last + 1, 'recount-done', 'Screws', 7],
    ...Array.from({ length: 5 }, (_, index) => [last - index, 'counted', 'Screws', 7]),
    [last - 5, 'counted', 'Nails \u0000', 7],
    [1, 'counted', 'Screws', 7],
  ]);
  const named = books.rows.filter((row) => row.deviceId !== undefined || row.deviceName !== undefined);
  expect(named).toMatchObject([{ position: last - 4, deviceId, deviceName: 'Ana' }]);
  // Books that were begun by the first protocol go on with units: devices of both are devices.
  await unitLog.push(pendingUnits(1), { subject: '', replicaId: crypto.randomUUID() });
  expect(await readBooks(postgres.pool, 50)).toMatchObject({ total: events.length + 3, devices: 2 });
});
