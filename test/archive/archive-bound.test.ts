/** A time as the position of an archive: by the event index, and by the events. */
import { describe, expect, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import { SqlEventIndex } from '../../src/application/event-index/sql-event-index.js';
import { archiveEvents, positionBefore } from '../../src/archive/index.js';
import type { PositionBeforeOptions } from '../../src/archive/index.js';
import { stockItem } from '../../src/testing/conformance/application-samples.js';
import { ARCHIVE_ENGINES, openShop } from '../support/archive-shop.js';
import { ManualClock } from '../support/manual-clock.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import { makeEvents } from '../support/stored-events.js';

const DAY_MS = 86_400_000;

/** Behind the events of the shop, whose times are of now, five that were recorded a day after each other, long ago. */
async function openOld(engine: string) {
  const shop = await openShop(engine);
  const { recorder, snapshots } = shop;
  await recorder.transaction(async ({ connection }) => {
    const { eventsTable, log } = recorder.dialect;
    await connection.query(`DELETE FROM ${log?.eventsTable ?? eventsTable ?? 'stored_events'}`);
  });
  await snapshots.remove();
  const clock = new ManualClock();
  const index = new SqlEventIndex({ recorder, table: uniqueName() });
  await index.createTables();
  const app = new Application({ recorder, aggregates: [stockItem], snapshots: { store: snapshots }, clock });
  const receive = (id: string, options: object = {}): Promise<unknown> =>
    app.execute(stockItem, id, { type: 'Receive', data: { quantity: 1 } }, options);
  const start = clock.nowMs();
  const [a, b] = [crypto.randomUUID(), crypto.randomUUID()];
  for (const id of [a, a, b, a, b]) {
    await receive(id);
    clock.advance(DAY_MS);
  }
  const decode = (notification: Parameters<Application['decode']>[0]) => app.decode(notification);
  const ids = (await shop.recorder.selectNotifications({ start: 33, limit: 100 })).map(({ id }) => id);
  const at = (days: number): Date => new Date(start + days * DAY_MS);
  return { ...shop, app, index, receive, decode, at, clock, a, ids };
}

describe.each(ARCHIVE_ENGINES)('%s', (engine) => {
  test.each(['index', 'events'])(
    'is the position before the first event that is not older, by the %s',
    async (means) => {
      const { app, recorder, index, decode, at, ids, a, snapshots, options } = await openOld(engine);
      await index.catchUp(app);
      const times: Pick<PositionBeforeOptions, 'eventIndex' | 'decode'> =
        means === 'index' ? { eventIndex: index } : { decode };
      const boundAt = (days: number, more: object = {}) =>
        positionBefore({ recorder, before: at(days), ...times, ...more });
      expect(await boundAt(0)).toEqual({ position: ids[0]! - 1, first: { notificationId: ids[0], time: at(0) } });
      expect(await boundAt(2)).toEqual({ position: ids[1], first: { notificationId: ids[2], time: at(2) } });
      expect(await boundAt(2.5)).toEqual({ position: ids[2], first: { notificationId: ids[3], time: at(3) } });
      expect(await boundAt(5)).toEqual({ position: ids[4], first: undefined });
      await app.takeSnapshot(stockItem, a);
      const { position: upTo } = await boundAt(1);
      const archived = await archiveEvents(options({ snapshots, decode, upTo }));
      expect(archived).toMatchObject({ events: 1, aggregates: [a] });
      expect(await boundAt(2)).toMatchObject({ position: ids[1] });
      const given = new AbortController();
      given.abort(new Error('given up'));
      await expect(boundAt(2, { signal: given.signal })).rejects.toThrow('given up');
    },
  );

  test('an event that says that it happened later keeps those behind it, when asked for that', async () => {
    const { app, recorder, receive, index, at, ids, clock } = await openOld(engine);
    await receive(crypto.randomUUID(), { occurredAt: at(100) });
    clock.advance(DAY_MS);
    await receive(crypto.randomUUID());
    await index.catchUp(app);
    const bound = { recorder, before: at(50), eventIndex: index };
    expect(await positionBefore({ ...bound, by: 'recordedAt' })).toMatchObject({ first: undefined });
    const late = ids[4]! + 1;
    expect(await positionBefore({ ...bound, by: 'occurredAt' })).toEqual({
      position: late - 1,
      first: { notificationId: late, time: at(100) },
    });
  });

  test('an event whose time is not known is not older', async () => {
    const { app, recorder, index, receive, at, ids, decode } = await openOld(engine);
    await index.catchUp(app);
    await receive(crypto.randomUUID());
    const unknown = { notificationId: ids[4]! + 1, time: undefined };
    const bound = { recorder, before: at(50) };
    expect(await positionBefore({ ...bound, eventIndex: index })).toEqual({ position: ids[4], first: unknown });
    expect(await positionBefore({ ...bound, decode })).toMatchObject({ first: undefined });
    const timeless = (notification: Parameters<typeof decode>[0]) =>
      decode(notification).then(() => ({ metadata: { recordedAt: undefined, occurredAt: undefined } }));
    expect(await positionBefore({ ...bound, decode: timeless })).toMatchObject({
      first: { notificationId: ids[0], time: undefined },
    });
  });
});

test('what cannot be asked is refused, and so is the index of another log', async () => {
  await using postgres = await openPostgres();
  const { recorder, make } = postgres;
  const other = await make();
  const table = uniqueName();
  await new SqlEventIndex({ recorder: other, table }).createTables();
  const eventIndex = new SqlEventIndex({ recorder, table });
  const before = new Date();
  await expect(positionBefore({ recorder, before, eventIndex })).rejects.toMatchObject({
    code: 'PROGRAMMING_ERROR',
    details: { option: 'eventIndex', owner: expect.stringContaining('.') },
  });
  for (const wrong of [
    { before },
    { before, eventIndex, decode: () => Promise.reject(new Error('not asked')) },
    { before: new Date(Number.NaN), eventIndex },
    { before: undefined as unknown as Date, eventIndex },
    { before, eventIndex, by: 'createdAt' as unknown as 'recordedAt' },
  ]) {
    await expect(positionBefore({ recorder, ...wrong })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  }
  await other.insertEvents(makeEvents(2));
  // Of a table that is not there what the database says.
  const missing = new SqlEventIndex({ recorder: other, table: uniqueName() });
  await expect(positionBefore({ recorder: other, before, eventIndex: missing })).rejects.toMatchObject({
    details: { sqlState: '42P01' },
  });
});
