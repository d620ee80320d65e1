/** Events as a server and its devices read them: by the clock of the device, and by that of the server. */
import { afterEach, describe, expect, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import { SqlEventIndex } from '../../src/application/event-index/sql-event-index.js';
import type { NotifiedEvent } from '../../src/application/events/notified-event.js';
import type { ReadEventsOptions } from '../../src/application/selection.js';
import { LiveQueries } from '../../src/live/live-queries.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { ChangeNews } from '../../src/persistence/store-changes.js';
import type { PendingUnit } from '../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import type { Sender } from '../../src/server/log/unit-log.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { testStock } from '../../src/testing/conformance/order-world.js';
import { sampleUnit } from '../../src/testing/conformance/unit-samples.js';
import { PATIENTLY } from '../support/patience.js';
import { sharedPglite } from '../support/pglite-fixture.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import { createSqlAlchemyTables } from '../support/sqlalchemy-tables.js';
import { StockPerson } from '../support/stock-people.js';
import { closeScenes, Scene } from '../support/sync-scene.js';
import { makePostgresLog } from '../support/unit-log-fixture.js';
import type { PostgresLogFixture } from '../support/unit-log-fixture.js';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  await closeScenes();
});

async function onPostgres(options: Parameters<typeof makePostgresLog>[1] = {}): Promise<PostgresLogFixture> {
  const { pool, close } = await openPostgres();
  cleanUps.push(close);
  if (options.schema !== undefined) await pool.query(`CREATE SCHEMA ${options.schema}`);
  return await makePostgresLog(pool, options);
}

const TABLES: Readonly<Record<string, () => Promise<PostgresLogFixture>>> = {
  PostgreSQL: () => onPostgres(),
  'PostgreSQL, in a schema, ids as texts': () => onPostgres({ schema: uniqueName(), originatorIdType: 'text' }),
  'PostgreSQL, tables of Python 10': () => onPostgres({ layout: '10' }),
  'PostgreSQL, tables of SQLAlchemy': async () => {
    const { pool, close } = await openPostgres();
    cleanUps.push(close);
    return await makePostgresLog(pool, await createSqlAlchemyTables(pool, uniqueName()));
  },
  PGlite: async () => await makePostgresLog(sharedPglite()),
};

const ANN: Sender = { subject: 'ann', replicaId: crypto.randomUUID() };
const BOB: Sender = { subject: 'bob', replicaId: crypto.randomUUID() };
const DEVICE_MS = 1_600_000_000_000;
const add = { type: 'Add', data: { quantity: 1 } } as const;

/** What a device has recorded in one unit, whose clock is years behind. */
async function unitOf(count: number, actorId: string): Promise<PendingUnit> {
  const recorder = new MemoryProcessRecorder();
  const clock = { nowMs: () => DEVICE_MS } as never;
  const app = new Application({ recorder, aggregates: [testStock], clock });
  for (let left = count; left > 0; left--)
    await app.execute(testStock, newOriginatorId(), add, { metadata: { actorId } });
  const all = await recorder.selectNotifications({ start: 1, limit: count });
  return sampleUnit(all.map(({ id: _id, ...event }) => event));
}

async function read(app: Application, options: ReadEventsOptions): Promise<readonly NotifiedEvent[]> {
  const events: NotifiedEvent[] = [];
  for await (const event of app.readAll(options)) events.push(event);
  return events;
}

describe.each(Object.entries(TABLES))('on the server, %s', (_name, open) => {
  test('events that were pushed are read with both clocks, by an index that is in line with pushes', async () => {
    const { recorder, open: openLog, insertBeside } = await open();
    const eventIndex = new SqlEventIndex({ recorder, table: uniqueName() });
    await eventIndex.createTables();
    let nowMs = 1_764_000_000_000;
    const app: Application = new Application({
      ...{ recorder, aggregates: [testStock], eventIndex },
      serverRecords: { serverRecords: (ids) => log.serverRecords(ids) },
    });
    const inline = { participants: [eventIndex], decode: (event: never) => app.decode(event) };
    const log = openLog({ inline, clock: { nowMs: () => nowMs } });
    await log.push([await unitOf(3, 'anna')], ANN);
    nowMs += 60_000;
    await log.push([await unitOf(1, 'anna'), await unitOf(2, 'bert')], BOB);
    const events = await read(app, { actorId: 'anna', from: new Date(DEVICE_MS), withServer: true });
    expect(events.map(({ server, metadata }) => [server?.author, server?.recordedAt, metadata.recordedAt])).toEqual([
      ...Array.from({ length: 3 }, () => ['ann', new Date(nowMs - 60_000), new Date(DEVICE_MS)]),
      ['bob', new Date(nowMs), new Date(DEVICE_MS)],
    ]);
    expect(await read(app, { actorId: 'anna' })).toEqual(events.map(({ server: _server, ...event }) => event));
    // What the log has not been told of yet is in no unit.
    await insertBeside((await unitOf(1, 'carl')).events);
    const all = await read(app, { withServer: true });
    expect(all.map(({ server }) => server?.author)).toEqual(['ann', 'ann', 'ann', 'bob', 'bob', 'bob', undefined]);
    expect(await log.serverRecords([])).toEqual(new Map());
  });
});

test('a log in memory knows as much', async () => {
  const log = new MemoryUnitLog({ clock: { nowMs: () => 5_000 } });
  await log.push([await unitOf(2, 'anna')], ANN);
  const record = { author: 'ann', recordedAt: new Date(5_000) };
  expect(await log.serverRecords([1, 2, 3])).toEqual(new Map([1, 2].map((id) => [id, record])));
});

test('a device reads what its server says of what is confirmed, and nothing of what is pending', async () => {
  const scene = await Scene.open();
  const [anna, bert] = [await StockPerson.of(scene), await StockPerson.of(scene)];
  cleanUps.push(
    () => anna.offline(),
    () => bert.offline(),
  );
  const id = newOriginatorId();
  await anna.do(id, 'Receive', { quantity: 5 });
  const told = async ({ app }: StockPerson): Promise<readonly unknown[]> =>
    (await read(app, { withServer: true })).map(({ server }) => server?.recordedAt);
  expect(await told(anna)).toEqual([undefined]);
  const news = new ChangeNews();
  const live = new LiveQueries({ recorder: news });
  cleanUps.push(() => live.close());
  const query = live.query((reads) => reads.events(anna.app, { withServer: true }));
  cleanUps.push(query.subscribe(() => undefined));
  await anna.synchronise();
  await anna.offline();
  await bert.synchronise();
  const [confirmed] = await told(anna);
  expect(confirmed).toBeInstanceOf(Date);
  expect(await told(bert)).toEqual([confirmed]);
  // Nothing was added by the page: it has confirmed what was there.
  news.noteChanged({ tables: ['daybook_units'], aggregates: [] });
  await expect.poll(() => query.value.data?.[0]?.server?.recordedAt, PATIENTLY).toEqual(confirmed);
  await bert.do(id, 'Receive', { quantity: 1 });
  expect(await told(bert)).toEqual([confirmed, undefined]);
});

test('where nobody knows, it is refused, and so is what is neither yes nor no', async () => {
  const app = new Application({ recorder: new MemoryProcessRecorder(), aggregates: [testStock] });
  await expect(read(app, { withServer: true })).rejects.toMatchObject({
    ...{ code: 'PROGRAMMING_ERROR', details: { option: 'withServer' } },
    message: expect.stringContaining('"serverRecords"') as string,
  });
  await expect(read(app, { withServer: 1 as unknown as boolean })).rejects.toThrow('withServer must be true or false');
});
