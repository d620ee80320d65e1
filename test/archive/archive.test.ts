/** Old events leave for archives, and come from there for who asks: on PostgreSQL and SQLite. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { SqlEventIndex } from '../../src/application/event-index/sql-event-index.js';
import { archiveEvents, planArchive } from '../../src/archive/index.js';
import type { ArchivableRecorder, ArchiveEventsOptions, ArchivePlace } from '../../src/archive/index.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import type { Notification } from '../../src/persistence/stored-event.js';
import { folderArchive } from '../../src/server/hosts/folder-archive.js';
import { stockItem } from '../../src/testing/conformance/application-samples.js';
import { hashEvents } from '../../src/transfer/index.js';
import { ARCHIVE_ENGINES, openShop } from '../support/archive-shop.js';
import { KilledError, killedRecorder } from '../support/fault-recorder.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import { makeEvents } from '../support/stored-events.js';
import { TRANSFER_ENGINES } from '../support/transfer-engines.js';
import { makeSqliteLog } from '../support/sqlite-log-fixture.js';
import { makePostgresLog } from '../support/unit-log-fixture.js';

describe.each(ARCHIVE_ENGINES)('%s', (engine) => {
  test('what is old and below a snapshot leaves; loading, recording and following go on', async () => {
    const { recorder, app, ids, options, before, readAll } = await openShop(engine);
    const { hash } = await hashEvents(recorder);
    const plan = { events: 15, aggregates: 3, firstId: 1, lastId: 19 };
    expect(await planArchive(options())).toMatchObject(plan);
    expect(await readAll()).toEqual(before);
    const archived = await archiveEvents(options());
    // Of each with a snapshot the versions 1 to 5.
    expect(archived).toMatchObject({ events: 15, hasMore: false });
    expect([...archived.aggregates].sort()).toEqual(ids.slice(0, 3).sort());
    const [a, , , d] = ids as [string, string, string, string];
    expect((await recorder.selectEvents(a, { gt: 5 })).map((event) => event.originatorVersion)).toEqual([6, 7, 8]);
    expect(await recorder.selectEvents(d)).toHaveLength(8);
    expect((await app.repository.get(stockItem, a)).state).toMatchObject({ quantity: 8 });
    await app.execute(stockItem, a, { type: 'Receive', data: { quantity: 1 } });
    expect((await recorder.selectNotifications({ start: 24, limit: 100 })).map(({ id }) => id).slice(-1)).toEqual([33]);
    expect(await readAll()).toEqual([...before, ...(await recorder.selectNotifications({ start: 33, limit: 1 }))]);
    expect((await hashEvents(recorder, { after: 24 })).events).toBe(9);
    expect(hash).not.toBe(archived.hash);
    expect(await archiveEvents(options())).toMatchObject({ events: 0, id: undefined, hasMore: false });
    expect(await planArchive(options())).toEqual({ events: 0, aggregates: 0, stateBytes: 0, firstId: 0, lastId: 0 });
  });

  test('whoever gives it up is told so, and nothing has left', async () => {
    const { options, readAll, before, place, history } = await openShop(engine);
    const ending = new AbortController();
    const given: ArchivePlace = {
      ...place,
      read(uri) {
        ending.abort(new Error('given up'));
        return place.read(uri);
      },
    };
    await expect(archiveEvents(options({ place: given, signal: ending.signal }))).rejects.toThrow('given up');
    await expect(planArchive(options({ signal: ending.signal }))).rejects.toThrow('given up');
    expect(await readAll()).toEqual(before);
    expect(await history.archives()).toEqual([]);
  });

  test('reading what has left says where it is, and is answered from there with `olderEvents`', async () => {
    const { recorder, app, appWith, ids, options, snapshots, history } = await openShop(engine);
    const { uri, id: archiveId } = await archiveEvents(options());
    const [a] = ids as [string];
    const ofAggregate = { code: 'HISTORY_ARCHIVED', details: { originatorId: a, version: 5, uri, archiveId } };
    for (const bounds of [
      {},
      { gt: 2 },
      { lte: 3 },
      { lte: 7 },
      { desc: true },
      { limit: 2 },
      { desc: true, limit: 4 },
    ]) {
      await expect(recorder.selectEvents(a, bounds), JSON.stringify(bounds)).rejects.toMatchObject(ofAggregate);
    }
    expect(await recorder.selectEvents(a, { desc: true, limit: 3 })).toHaveLength(3);
    const ofLog = { code: 'HISTORY_ARCHIVED', details: { uri, notificationId: 19 } };
    for (const range of [
      { start: 1, limit: 10 },
      { start: 1, limit: 1 },
      { start: 2, stop: 3, limit: 10 },
      { start: 15, limit: 100 },
    ]) {
      await expect(recorder.selectNotifications(range), JSON.stringify(range)).rejects.toMatchObject(ofLog);
    }
    const topics = ['none'];
    await expect(recorder.selectNotifications({ start: 1, limit: 10, topics })).rejects.toMatchObject(ofLog);
    expect(await recorder.selectNotifications({ start: 20, limit: 100 })).toHaveLength(13);
    expect(await recorder.selectNotifications({ start: 33, limit: 100 })).toEqual([]);
    // A transaction sees the same.
    await recorder.transaction(async (transaction) => {
      await expect(transaction.selectEvents(a)).rejects.toMatchObject(ofAggregate);
    });
    await expect(app.repository.load(stockItem, a, { version: 3 })).rejects.toMatchObject({ code: 'HISTORY_ARCHIVED' });
    const { olderEvents } = history;
    const whole = appWith({ olderEvents });
    expect((await whole.repository.load(stockItem, a, { version: 3 })).state).toMatchObject({ quantity: 3 });
    expect(await whole.repository.history(stockItem, a)).toHaveLength(8);
    // Snapshots may be lost: nothing is lost with them.
    await snapshots.remove();
    await expect(app.repository.get(stockItem, a)).rejects.toMatchObject({ code: 'HISTORY_ARCHIVED' });
    expect((await whole.repository.get(stockItem, a)).state).toMatchObject({ quantity: 8 });
  });

  test('what an index finds that has left says where it is', async () => {
    const { recorder, options, app } = await openShop(engine);
    const index = new SqlEventIndex({ recorder, table: uniqueName() });
    await index.createTables();
    const { recorder: log } = app;
    await index.catchUp({ recorder: log, decode: (notification) => app.decode(notification) });
    const found = async (query: object): Promise<number> => {
      let count = 0;
      for await (const _ of index.notifications(query)) count++;
      return count;
    };
    expect(await found({})).toBe(32);
    const { uri } = await archiveEvents(options());
    await expect(found({})).rejects.toMatchObject({ code: 'HISTORY_ARCHIVED', details: { uri, start: 1 } });
    expect(await found({ after: 19 })).toBe(13);
    expect(await found({ after: 19, topics: ['none'] })).toBe(0);
  });

  test('a place that is archived is taken', async () => {
    const { recorder, ids, options } = await openShop(engine);
    await archiveEvents(options());
    const [a, , , d] = ids as [string, string, string, string];
    for (const firstVersion of [1, 3, 5]) {
      await expect(recorder.insertEvents(makeEvents(1, { originatorId: a, firstVersion }))).rejects.toMatchObject({
        code: 'INTEGRITY_ERROR',
        details: { constraint: 'event', originatorId: a, originatorVersion: firstVersion },
      });
    }
    await recorder.insertEvents([...makeEvents(1), ...makeEvents(1, { originatorId: a, firstVersion: 9 })]);
    await recorder.insertEvents(makeEvents(1, { originatorId: d, firstVersion: 9 }));
  });

  test('again and again, some at once, up to a position: archives add up, and digests with them', async () => {
    const { recorder, app, appWith, ids, options, history, readAll, before } = await openShop(engine);
    const first = await archiveEvents(options({ upTo: 9 }));
    expect([first.events, first.hasMore]).toEqual([7, false]);
    const some = await archiveEvents(options({ eventsMax: 3 }));
    expect([some.events, some.hasMore]).toEqual([3, true]);
    while ((await archiveEvents(options({ eventsMax: 3 }))).hasMore);
    expect(await readAll()).toEqual(before);
    for (const id of ids) await app.takeSnapshot(stockItem, id);
    await archiveEvents(options());
    expect(await readAll()).toEqual(before);
    expect((await history.archives()).length).toBeGreaterThan(4);
    const whole = appWith({ olderEvents: history.olderEvents });
    for (const id of ids) {
      expect(await whole.repository.history(stockItem, id)).toHaveLength(8);
      expect((await app.repository.get(stockItem, id)).state).toMatchObject({ quantity: 8 });
    }
    const { selectRemaining } = recorder as unknown as ArchivableRecorder;
    // Of each aggregate the event of its snapshot.
    expect(await selectRemaining.call(recorder, { start: 1, limit: 100 })).toHaveLength(4);
  });

  test('killed anywhere, everything is there: here, or in an archive; and it goes on', async () => {
    let [calls, archived] = [Infinity, 0];
    let shop: Awaited<ReturnType<typeof openShop>> | undefined;
    for (let atCall = 1; atCall <= calls; atCall++) {
      for (const when of ['before', 'after'] as const) {
        shop ??= await openShop(engine);
        const { recorder, options, readAll, before, app, ids, history, close } = shop;
        // Where nothing is old enough, the tables are made.
        await archiveEvents(options({ upTo: 0 }));
        const killed = killedRecorder(recorder, { atCall, when });
        const outcome = await archiveEvents(options({ recorder: killed.recorder })).catch((error: unknown) => error);
        if (!(outcome instanceof Error)) calls = killed.calls();
        else expect(outcome).toBeInstanceOf(KilledError);
        expect(await readAll(), `call ${atCall}, ${when}`).toEqual(before);
        const there = (await history.archives()).length;
        expect(there).toBeLessThan(2);
        if (there === 0) continue;
        archived++;
        expect((await app.repository.get(stockItem, ids[0]!)).state).toMatchObject({ quantity: 8 });
        expect(await archiveEvents(options())).toMatchObject({ events: 0 });
        await close();
        shop = undefined;
      }
    }
    expect(calls).toBeGreaterThan(8);
    expect(archived).toBeGreaterThan(1);
  }, 240_000);

  test('nothing leaves that the place has not kept, or that has changed meanwhile', async () => {
    const { recorder, place, path, options, before, ids } = await openShop(engine);
    const all = (): Promise<readonly Notification[]> => recorder.selectNotifications({ start: 1, limit: 1_000 });
    const damaged = (change: (text: string) => string): ArchivePlace => ({
      ...place,
      async write(name, file) {
        const uri = await place.write(name, file);
        const kept = fileURLToPath(uri);
        await writeFile(kept, change(await readFile(kept, 'utf8')));
        return uri;
      },
    });
    const places: readonly (readonly [ArchivePlace, string])[] = [
      [damaged((text) => text.slice(0, -10)), 'EVENTS_FILE'],
      [damaged((text) => text.replace('quantity', 'quantitY')), 'EVENTS_FILE'],
      [
        damaged(
          () =>
            '{"daybook":"events","format":1,"engine":"sqlite","after":0}\n{"end":true,"events":0,"position":0,"hash":"' +
            '00'.repeat(32) +
            '"}\n',
        ),
        'INTERNAL_ERROR',
      ],
      [{ ...place, write: async () => Promise.resolve('nowhere') }, 'INTERNAL_ERROR'],
    ];
    for (const [kept, code] of places) {
      await expect(archiveEvents(options({ place: kept }))).rejects.toMatchObject({ code });
      expect(await all()).toEqual(before);
    }
    const failing: ArchivePlace = { ...place, write: async () => Promise.reject(new Error('no room')) };
    await expect(archiveEvents(options({ place: failing }))).rejects.toThrow('no room');
    const { eventsTable, log } = recorder.dialect;
    const overtaken: ArchivePlace = {
      ...place,
      async write(name, file) {
        const uri = await place.write(name, file);
        await recorder.transaction(async ({ connection }) => {
          await connection.query(
            `UPDATE ${eventsTable ?? log!.eventsTable} SET topic = 'another' WHERE notification_id = 2`,
          );
        });
        return uri;
      },
    };
    await expect(archiveEvents(options({ place: overtaken }))).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
      details: { reason: 'changed', originatorId: ids[1] },
    });
    expect(await all()).toHaveLength(32);
    expect((await readdir(path)).length).toBeGreaterThan(3);
  });

  test('a snapshot of another history lets nothing leave', async () => {
    const { options, snapshots } = await openShop(engine);
    const foreign: ArchiveEventsOptions['snapshots'] = {
      async select(id) {
        const snapshot = await snapshots.select(id);
        return snapshot && { ...snapshot, eventId: crypto.randomUUID() };
      },
    };
    expect(await archiveEvents(options({ snapshots: foreign }))).toMatchObject({ events: 0 });
  });
});

test('where a log of units stands on the events, where tenants share them, in memory and on devices nothing leaves', async () => {
  await using postgres = await openPostgres();
  const { recorder } = await makePostgresLog(postgres.pool);
  await recorder.insertEvents(makeEvents(3));
  const means = {
    snapshots: { select: () => Promise.resolve(undefined) },
    decode: () => Promise.reject(new Error('not asked')),
    place: folderArchive('/nowhere'),
    upTo: 10,
  };
  const refused = (await archiveEvents({ ...means, recorder }).catch((error: unknown) => error)) as Error;
  expect(refused).toMatchObject({ code: 'NOT_SUPPORTED', details: { reason: 'log' } });
  await expect(planArchive({ ...means, recorder })).rejects.toMatchObject({ details: { reason: 'log' } });
  for (const name of ['memory', 'a device’s store, journal in memory', 'PostgreSQL, a table of many tenants']) {
    const opened = await TRANSFER_ENGINES[name]!();
    await expect(archiveEvents({ ...means, recorder: opened.recorder }), name).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      details: { reason: name.startsWith('PostgreSQL') ? 'tenants' : 'engine' },
    });
    await opened.close();
  }
  // The way out that the message names.
  for (const [sql] of refused.message.matchAll(/DROP TABLE [^;]+/g)) await postgres.pool.query(sql);
  expect(await archiveEvents({ ...means, recorder })).toMatchObject({ events: 0 });
  for (const wrong of [{ upTo: -1 }, { upTo: 0.5 }, { eventsMax: 0 }]) {
    await expect(archiveEvents({ ...means, ...wrong, recorder: postgres.recorder })).rejects.toMatchObject({
      code: 'PROGRAMMING_ERROR',
    });
  }
});

test('a log of units in SQLite keeps its events, too, until its tables are dropped', async () => {
  const { recorder, close } = await TRANSFER_ENGINES['SQLite on sql.js']!();
  const sql = recorder as unknown as SqlRecorder;
  const log = await makeSqliteLog(sql);
  await log.insertBeside(makeEvents(3));
  const means = {
    ...{
      recorder,
      snapshots: { select: () => Promise.resolve(undefined) },
      place: folderArchive('/nowhere'),
      upTo: 10,
    },
    decode: () => Promise.reject(new Error('not asked')),
  };
  const refused = (await archiveEvents(means).catch((error: unknown) => error)) as Error;
  expect(refused).toMatchObject({ code: 'NOT_SUPPORTED', details: { reason: 'log' } });
  await sql.transaction(async ({ connection }) => {
    for (const [drop] of refused.message.matchAll(/DROP TABLE [^;]+/g)) await connection.query(drop);
  });
  expect(await archiveEvents(means)).toMatchObject({ events: 0 });
  await close();
});
