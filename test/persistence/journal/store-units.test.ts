import { describe, expect, test } from 'vitest';
import { ImagedReplica } from '../../../src/host/imaged-replica.js';
import { derivedUnitId } from '../../../src/persistence/derived-unit-id.js';
import { encodeJournalRecord } from '../../../src/persistence/journal/journal-record.js';
import { DurableRecorder } from '../../../src/persistence/journal/durable-recorder.js';
import { MemoryReplica } from '../../../src/persistence/memory/memory-replica.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { SqliteReplica } from '../../../src/persistence/sqlite/sqlite-replica.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import type { SyncProgress } from '../../../src/persistence/unit-recorder.js';
import { LogPages } from '../../../src/testing/conformance/log-pages.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { systemClock } from '../../../src/util/clock.js';
import { openTab } from '../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../support/own-tables-tab.js';
import { SharedJournal } from '../../support/shared-journal.js';
import { dumpTables } from '../../support/table-dump.js';

const ALL = { eventsMax: 100_000, bytesMax: 1e9 };

async function dumped({ recorder, database }: OwnTablesTab): Promise<string> {
  await recorder.query('SELECT 1');
  return dumpTables(database);
}

describe('a store that was recorded before there were units', () => {
  const [a, b] = [newOriginatorId(), newOriginatorId()];
  const commits: readonly (readonly StoredEvent[])[] = [
    [sampleEvent(a, 1), sampleEvent(b, 1)],
    [sampleEvent(a, 2)],
    [sampleEvent(b, 2), sampleEvent(b, 3), sampleEvent(a, 3)],
  ];

  /** As a release before wrote it. */
  const oldJournal = (): SharedJournal => {
    const journal = new SharedJournal();
    let firstNotificationId = 1;
    for (const [index, events] of commits.entries()) {
      const record = encodeJournalRecord(index + 1, [{ events, firstNotificationId, tracking: undefined }]);
      expect(record[4]).toBe(1);
      journal.records.push(record);
      journal.archive.push(record);
      firstNotificationId += events.length;
    }
    return journal;
  };

  test('has a unit for each event, with an id that follows from the event', async () => {
    const { recorder } = await openTab(oldJournal());
    const units = await recorder.selectPendingUnits(0, ALL);
    const events = commits.flat();
    expect(units.map(({ id }) => id)).toEqual(events.map(derivedUnitId));
    expect(units.map(({ firstNotificationId }) => firstNotificationId)).toEqual(
      events.map((_event, index) => index + 1),
    );
    expect(units.map(({ after }) => after)).toEqual(
      events.map(({ originatorId, originatorVersion }) => [
        events
          .filter((e) => e.originatorId === originatorId && e.originatorVersion === originatorVersion - 1)
          .map(derivedUnitId)[0],
      ]),
    );
    await expect(
      recorder.insertEvents([sampleEvent(a, 4)], { unit: { id: units[3]?.id as string } }),
    ).rejects.toMatchObject({ code: 'INTEGRITY_ERROR', details: { constraint: 'unit' } });
  });

  test('counts what is pending where a checkpoint has no counts, and goes on from there', async () => {
    const journal = oldJournal();
    const before = await openTab(journal);
    const counts = (progress: SyncProgress): number[] => [progress.pendingUnits, progress.pendingEvents];
    expect(counts(await before.recorder.syncProgress())).toEqual([6, 6]);
    before.database.exec(`DROP TABLE daybook_pending; DROP TRIGGER daybook_pending_added;
      DROP TRIGGER daybook_pending_gone; DROP TRIGGER daybook_pending_changed`);
    await before.recorder.checkpoint();
    const { recorder, database } = await openTab(journal);
    expect(counts(await recorder.syncProgress())).toEqual([6, 6]);
    await recorder.insertEvents([sampleEvent(a, 4), sampleEvent(b, 4)], { unit: { id: newOriginatorId() } });
    expect(counts(await recorder.syncProgress())).toEqual([7, 8]);
    const { rows } = await recorder.query(
      'SELECT count(*) AS units, sum(events) AS events FROM daybook_units WHERE position IS NULL',
    );
    expect(rows).toEqual([{ units: 7, events: 8 }]);
    database.close();
  });

  test('has the same units from a checkpoint that knows of none, in every tab, before and after it goes on', async () => {
    const journal = oldJournal();
    // Written by a release without the tables.
    const database = await openSqlJs();
    const replica = new SqliteReplica(database);
    replica.createTables();
    const images = { save: () => database.serialize(), load: () => replica };
    const old = await DurableRecorder.open({ replica, images, journal: journal.connect() });
    expect(await old.checkpoint()).toBe('published');
    const fromImage = await openTab(journal);
    const fromRecords = await openTab(oldJournal());
    expect(await dumped(fromImage)).toBe(await dumped(fromRecords));
    await fromImage.recorder.insertEvents([sampleEvent(a, 4)]);
    const replayed = await openTab(journal.uncompacted());
    expect(await dumped(replayed)).toBe(await dumped(fromImage));
    expect((await replayed.recorder.selectPendingUnits(0, ALL)).length).toBe(commits.flat().length + 1);
  });

  test('is confirmed also where versions were recorded with gaps', async () => {
    const journal = new SharedJournal();
    const { recorder } = await openTab(journal);
    const events = [sampleEvent(a, 1), sampleEvent(a, 4), sampleEvent(a, 9)];
    for (const event of events) await recorder.insertEvents([event]);
    const units = await recorder.selectPendingUnits(0, ALL);
    const outcome = await recorder.insertPage(new LogPages(CURSOR_START, 0).next(...units));
    expect(outcome.confirmed).toEqual(units.map(({ id }) => id));
    expect(await recorder.selectEvents(a)).toEqual(events);
  });

  test('is confirmed by a server that has derived the same', async () => {
    const { recorder } = await openTab(oldJournal());
    const log = new LogPages(CURSOR_START, 0);
    const page = log.next(...commits.flat().map((event) => ({ id: derivedUnitId(event), events: [event] })));
    expect(await recorder.insertPage(page)).toMatchObject({ isStored: true, addedEvents: 0, setAside: [] });
    expect(await recorder.syncProgress()).toMatchObject({ pendingUnits: 0, pendingEvents: 0 });
    expect(await recorder.maxNotificationId()).toBe(commits.flat().length);
  });
});

describe('a transaction of the caller’s own', () => {
  test('is one unit, whatever it consists of, under the id that is said in it', async () => {
    const { recorder } = await openTab(new SharedJournal());
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const unit = { id: crypto.randomUUID(), isCommutative: true, scopes: ['s'] };
    await recorder.transaction(async (transaction) => {
      await transaction.connection.query('CREATE TABLE own (value TEXT)');
      await transaction.insertEvents([sampleEvent(a, 1)]);
      await transaction.insertEvents([sampleEvent(b, 1)], { unit });
      await transaction.transaction((inner) => inner.insertEvents([sampleEvent(a, 2)], { unit }));
      await expect(
        transaction.insertEvents([sampleEvent(b, 2)], { unit: { id: crypto.randomUUID() } }),
      ).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    });
    const units = await recorder.selectPendingUnits(0, ALL);
    expect(units).toHaveLength(1);
    expect(units[0]).toMatchObject({ ...unit, events: [sampleEvent(a, 1), sampleEvent(b, 1), sampleEvent(a, 2)] });
  });

  test('is refused an id that is taken, and has one of its own where none is said', async () => {
    const { recorder } = await openTab(new SharedJournal());
    const id = crypto.randomUUID();
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], { unit: { id } });
    await recorder.transaction(async (transaction) => {
      await transaction.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      await expect(
        transaction.insertEvents([sampleEvent(newOriginatorId(), 1)], { unit: { id } }),
      ).rejects.toMatchObject({ code: 'INTEGRITY_ERROR', details: { constraint: 'unit', unitId: id } });
    });
    const [first, second] = await recorder.selectPendingUnits(0, ALL);
    expect(first?.id).toBe(id);
    expect(second?.id).not.toBe(id);
    expect(second?.events).toHaveLength(1);
  });
});

describe('the tables of units', () => {
  test('are read by anybody’s SQL, and written by nobody’s', async () => {
    const { recorder } = await openTab(new SharedJournal());
    const a = newOriginatorId();
    await recorder.insertEvents([sampleEvent(a, 1)]);
    await recorder.insertPage((await LogPages.after(recorder)).next({ events: [sampleEvent(a, 1, 'theirs')] }));
    const tables = ['daybook_units', 'daybook_marks', 'daybook_set_aside', 'daybook_set_aside_events'];
    for (const table of tables) {
      expect((await recorder.query(`SELECT count(*) AS n FROM ${table}`)).rows).toEqual([{ n: 1 }]);
      for (const sql of [
        `DELETE FROM ${table}`,
        `DROP TABLE ${table}`,
        `INSERT INTO ${table} SELECT * FROM ${table}`,
      ]) {
        await expect(
          recorder.transaction(({ connection }) => connection.query(sql)),
          sql,
        ).rejects.toMatchObject({
          code: 'PROGRAMMING_ERROR',
        });
      }
    }
  });

  test('are refused to a recorder that has none, and a unit with them', async () => {
    const journal = new SharedJournal();
    const recorder = await DurableRecorder.open({ replica: new MemoryReplica(), journal: journal.connect() });
    const event = sampleEvent(newOriginatorId(), 1);
    const page = new LogPages(CURSOR_START, 0).next({ events: [event] });
    expect(recorder.supports.units).toBe(false);
    for (const call of [
      recorder.insertEvents([event], { unit: {} }),
      recorder.syncProgress(),
      recorder.insertPage(page),
      recorder.rewind(CURSOR_START),
      recorder.endHeal({ rewinds: 0, refused: [] }),
      new MemoryProcessRecorder().insertEvents([event], { unit: {} }),
    ]) {
      await expect(call).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    }
    expect(journal.records).toHaveLength(0);
    // What a tab with units has recorded is read; what synchronisation has changed is not passed over.
    const { recorder: other } = await openTab(journal);
    await other.insertEvents([event]);
    recorder.noteHead(1);
    expect(await recorder.selectEvents(event.originatorId)).toHaveLength(1);
    await other.insertPage(page);
    recorder.noteHead(2);
    await expect(recorder.selectEvents(event.originatorId)).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
  });
});

describe('a page', () => {
  test('that was journalled before the tab died is there when it opens again, and is not stored twice', async () => {
    const journal = new SharedJournal();
    const { recorder } = await openTab(journal);
    const a = newOriginatorId();
    await recorder.insertEvents([sampleEvent(a, 1)]);
    const [own] = await recorder.selectPendingUnits(0, ALL);
    const page = new LogPages(CURSOR_START, 0).next({ events: [sampleEvent(a, 1, 'theirs')] });
    journal.nextFault = () => 'fails-after-writing';
    await expect(recorder.insertPage(page)).rejects.toThrow('injected');
    journal.nextFault = () => 'none';
    const again = await openTab(journal);
    expect(await again.recorder.insertPage(page)).toMatchObject({ isStored: false });
    expect(await again.recorder.selectEvents(a)).toEqual([sampleEvent(a, 1, 'theirs')]);
    expect((await again.recorder.selectSetAside(0, ALL)).map(({ id }) => id)).toEqual([own?.id]);
    // The tab that was not told finds out as it goes on.
    expect(await recorder.insertPage(page)).toMatchObject({ isStored: false });
    expect(await dumped(again)).toBe(await dumped(await openTab(journal.uncompacted())));
  });

  test('that storage refuses has changed nothing, and is stored by the next attempt', async () => {
    const journal = new SharedJournal();
    const tab = await openTab(journal);
    const a = newOriginatorId();
    await tab.recorder.insertEvents([sampleEvent(a, 1)]);
    const before = await dumped(tab);
    const page = new LogPages(CURSOR_START, 0).next({ events: [sampleEvent(a, 1, 'theirs')] });
    journal.nextFault = () => 'fails';
    await expect(tab.recorder.insertPage(page)).rejects.toThrow('injected');
    journal.nextFault = () => 'none';
    expect(await dumped(tab)).toBe(before);
    expect(await tab.recorder.insertPage(page)).toMatchObject({ isStored: true });
  });

  test.each([
    ['at once', true],
    ['after the fact', false],
  ])('that two tabs store at the same time is stored once; who was overtaken hears of it %s', async (_when, asks) => {
    const journal = new SharedJournal();
    journal.asksOvertaken = () => asks;
    const tabs = [await openTab(journal), await openTab(journal)];
    const a = newOriginatorId();
    const log = new LogPages(CURSOR_START, 0);
    for (let version = 1; version <= 5; version++) {
      const page = log.next({ events: [sampleEvent(a, version)] });
      const outcomes = await Promise.all(tabs.map(({ recorder }) => recorder.insertPage(page)));
      expect(outcomes.filter(({ isStored }) => isStored)).toHaveLength(1);
    }
    expect(journal.records).toHaveLength(5);
    expect(await dumped(tabs[0] as OwnTablesTab)).toBe(await dumped(tabs[1] as OwnTablesTab));
  });

  test('gives way to a commit of another tab that was first, and sets it aside where it must', async () => {
    const journal = new SharedJournal();
    const [first, second] = [await openTab(journal), await openTab(journal)];
    const a = newOriginatorId();
    // The other tab's replica does not know of it.
    await first.recorder.insertEvents([sampleEvent(a, 1, 'mine')]);
    const page = new LogPages(CURSOR_START, 0).next({ events: [sampleEvent(a, 1, 'theirs')] });
    const outcome = await second.recorder.insertPage(page);
    expect(outcome.setAside).toHaveLength(1);
    expect(await second.recorder.selectEvents(a)).toEqual([sampleEvent(a, 1, 'theirs')]);
  });

  test('is refused, and blocks nobody, when it turns out to be impossible on what another tab has stored', async () => {
    const journal = new SharedJournal();
    const [first, second] = [await openTab(journal), await openTab(journal)];
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    await first.recorder.insertEvents([sampleEvent(a, 1)]);
    // It follows on what only that tab has, and which no server has.
    const page = new LogPages(CURSOR_START, 0).next({ events: [sampleEvent(a, 2, 'theirs')] });
    await expect(second.recorder.insertPage(page)).rejects.toMatchObject({ code: 'DATA_ERROR' });
    expect(await second.recorder.insertEvents([sampleEvent(b, 1)])).toEqual([2]);
  });

  test('lets a commit go before the next one: it waits for one page at the most', async () => {
    const journal = new SharedJournal();
    const { recorder } = await openTab(journal);
    const log = new LogPages(CURSOR_START, 0);
    const pages = Array.from({ length: 3 }, () =>
      log.next(...Array.from({ length: 250 }, () => ({ events: sampleEvents(newOriginatorId(), 1, 2) }))),
    );
    const following = (async () => {
      for (const page of pages) await recorder.insertPage(page);
    })();
    expect(await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([501]);
    await following;
    expect(await recorder.maxNotificationId()).toBe(1_501);
  });
});

test('a replica of images keeps its units through a checkpoint', async () => {
  const journal = new SharedJournal();
  const { recorder } = await openTab(journal);
  await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], { unit: { scopes: ['s'] } });
  await recorder.insertPage((await LogPages.after(recorder)).next({ events: [sampleEvent(newOriginatorId(), 1)] }));
  await recorder.checkpoint();
  const database = await openSqlJs();
  const images = new ImagedReplica(database, systemClock);
  const opened = await DurableRecorder.open({ replica: images.create(), images, journal: journal.connect() });
  expect(await opened.syncProgress()).toEqual(await recorder.syncProgress());
  expect(await opened.selectPendingUnits(0, ALL)).toEqual(await recorder.selectPendingUnits(0, ALL));
});
