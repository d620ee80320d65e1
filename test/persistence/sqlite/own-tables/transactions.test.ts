import { describe, expect, test } from 'vitest';
import { DurableRecorder } from '../../../../src/persistence/journal/durable-recorder.js';
import { MemoryReplica } from '../../../../src/persistence/memory/memory-replica.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../../../src/testing/manual-clock.js';
import { openTab } from '../../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../../support/own-tables-tab.js';
import { SharedJournal } from '../../../support/shared-journal.js';
import { dumpTables } from '../../../support/table-dump.js';

const counted = async ({ recorder }: OwnTablesTab): Promise<unknown> =>
  (await recorder.query('SELECT count(*) AS n FROM shelves')).rows[0]?.['n'];

async function openWithTable(journal = new SharedJournal()): Promise<{ journal: SharedJournal; tab: OwnTablesTab }> {
  const tab = await openTab(journal);
  await tab.recorder.transaction(async ({ connection }) => {
    await connection.query('CREATE TABLE shelves (name TEXT PRIMARY KEY, items INTEGER NOT NULL DEFAULT 0)');
  });
  return { journal, tab };
}

describe('a transaction', () => {
  test('is one record: events, tracking records and own rows', async () => {
    const { journal, tab } = await openWithTable();
    const id = newOriginatorId();
    await tab.recorder.transaction(async (transaction) => {
      await transaction.insertEvents([sampleEvent(id, 1)], { tracking: { applicationName: 'up', notificationId: 3 } });
      await transaction.connection.query('INSERT INTO shelves (name) VALUES ($1)', ['A1']);
      await transaction.insertEvents([sampleEvent(id, 2)], {
        tracking: { applicationName: 'down', notificationId: 5 },
      });
      await transaction.insertEvents([], { tracking: { applicationName: 'up', notificationId: 4 } });
    });
    expect(journal.records).toHaveLength(2);
    const other = await openTab(journal);
    expect(await other.recorder.selectEvents(id)).toHaveLength(2);
    expect(await other.recorder.maxTrackingId('up')).toBe(4);
    expect(await other.recorder.maxTrackingId('down')).toBe(5);
    expect(await counted(other)).toBe(1);
  });

  test('sees its events in SQL, with their ids', async () => {
    const { tab } = await openWithTable();
    await tab.recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
    const seen = await tab.recorder.transaction(async (transaction) => {
      const [id] = await transaction.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      const { rows } = await transaction.connection.query('SELECT max(notification_id) AS id FROM stored_events');
      return [id, rows[0]?.['id']];
    });
    expect(seen).toEqual([4, 4]);
  });

  test('that did nothing, or nothing that is left, appends nothing', async () => {
    const { journal, tab } = await openWithTable();
    await tab.recorder.transaction(async (transaction) => {
      await transaction.connection.query('CREATE TABLE IF NOT EXISTS shelves (name)');
      await transaction.connection.query('SELECT * FROM shelves');
      const taken = transaction.transaction(async (inner) => {
        await inner.connection.query("INSERT INTO shelves VALUES ('A1', 1)");
        await inner.connection.query('CREATE TABLE other (x)');
        throw new RangeError('taken back');
      });
      await expect(taken).rejects.toThrow('taken back');
    });
    expect(journal.records).toHaveLength(1);
  });

  test('that another tab overtook is run again on the new state', async () => {
    const { journal, tab } = await openWithTable();
    const other = await openTab(journal);
    await tab.recorder.transaction(({ connection }) => connection.query("INSERT INTO shelves VALUES ('A1', 10)"));
    const seen: unknown[] = [];
    await tab.recorder.transaction(async ({ connection }) => {
      const { rows } = await connection.query('SELECT items FROM shelves');
      seen.push(rows[0]?.['items']);
      await connection.query('UPDATE shelves SET items = items + 1');
      if (seen.length === 1) {
        await other.recorder.transaction((theirs) => theirs.connection.query('UPDATE shelves SET items = items * 2'));
      }
    });
    expect(seen).toEqual([10, 20]);
    expect((await tab.recorder.query('SELECT items FROM shelves')).rows).toEqual([{ items: 21 }]);
    other.recorder.noteHead(4);
    expect((await other.recorder.query('SELECT items FROM shelves')).rows).toEqual([{ items: 21 }]);
  });

  test('that is overtaken again and again gives up, retryably, and leaves nothing', async () => {
    const { journal, tab } = await openWithTable();
    const other = await openTab(journal);
    let rounds = 0;
    const work = tab.recorder.transaction(async ({ connection }) => {
      rounds++;
      await connection.query("INSERT INTO shelves VALUES ('mine', 1)");
      await other.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    });
    await expect(work).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR', details: { reason: 'overtaken' } });
    expect(rounds).toBe(20);
    expect(await counted(tab)).toBe(0);
  });

  test('whose append fails leaves nothing, and the next one goes through', async () => {
    const { journal, tab } = await openWithTable();
    const work = (): Promise<unknown> =>
      tab.recorder.transaction(({ connection }) => connection.query("INSERT INTO shelves VALUES ('A1', 1)"));
    journal.nextFault = () => 'fails';
    await expect(work()).rejects.toThrow('injected');
    journal.nextFault = () => 'none';
    expect(await counted(tab)).toBe(0);
    await work();
    expect(await counted(tab)).toBe(1);
  });

  test('whose tab died between the journal and the tables is there when the store is opened again', async () => {
    const { journal, tab } = await openWithTable();
    journal.nextFault = () => 'fails-after-writing';
    const work = tab.recorder.transaction(async (transaction) => {
      await transaction.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      await transaction.connection.query("INSERT INTO shelves VALUES ('A1', 1)");
    });
    await expect(work).rejects.toThrow('injected');
    journal.nextFault = () => 'none';
    const again = await openTab(journal);
    expect(await counted(again)).toBe(1);
    expect(await again.recorder.maxNotificationId()).toBe(1);
    // This tab finds its own record as it finds another tab's.
    expect(await tab.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([2]);
    expect(await counted(tab)).toBe(1);
  });

  test('enforces foreign keys, checks and types, and leaves no trace of what they refused', async () => {
    const { tab } = await openWithTable();
    const work = tab.recorder.transaction(async ({ connection }) => {
      await connection
        .query('CREATE TABLE boxes (shelf TEXT NOT NULL REFERENCES shelves (name), n CHECK (n > 0)) STRICT')
        .catch(() => undefined);
      await connection.query(
        'CREATE TABLE boxes (shelf TEXT NOT NULL REFERENCES shelves (name), n INTEGER CHECK (n > 0)) STRICT',
      );
      const orphan = connection.query("INSERT INTO boxes VALUES ('none', 1)");
      await expect(orphan).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
      await connection.query("INSERT INTO shelves VALUES ('A1', 0)");
      await connection.query("INSERT INTO boxes VALUES ('A1', 1)");
      await expect(connection.query("INSERT INTO boxes VALUES ('A1', 0)")).rejects.toMatchObject({
        code: 'INTEGRITY_ERROR',
      });
    });
    await work;
    expect((await tab.recorder.query('SELECT * FROM boxes')).rows).toEqual([{ shelf: 'A1', n: 1 }]);
  });

  test('that SQLite takes back by itself runs nothing more, and is refused at its end', async () => {
    const { journal, tab } = await openWithTable();
    await tab.recorder.transaction(async ({ connection }) => {
      await connection.query('CREATE TABLE full (id INTEGER PRIMARY KEY AUTOINCREMENT, a UNIQUE)');
      await connection.query('INSERT INTO full VALUES (9223372036854775807, 0)');
    });
    const before = dumpTables(tab.database);
    const outcomes: PromiseSettledResult<unknown>[] = [];
    const work = tab.recorder.transaction(async (transaction) => {
      const { connection } = transaction;
      await connection.query("INSERT INTO shelves VALUES ('A1', 1)");
      const failing = connection.query('INSERT OR IGNORE INTO full (a) SELECT 1 UNION ALL SELECT 2');
      await expect(failing).rejects.toThrow(/full/);
      const later = [
        connection.query("INSERT INTO shelves VALUES ('A2', 1)"),
        transaction.insertEvents([sampleEvent(newOriginatorId(), 1)]),
        transaction.transaction((inner) => inner.connection.query("INSERT INTO shelves VALUES ('A3', 1)")),
      ];
      outcomes.push(...(await Promise.allSettled(later)));
    });
    const ended = { code: 'OPERATIONAL_ERROR', details: { reason: 'ended' } };
    await expect(work).rejects.toMatchObject(ended);
    expect(outcomes).toMatchObject(Array(3).fill({ status: 'rejected', reason: ended }));
    expect(dumpTables(tab.database)).toBe(before);
    await tab.recorder.transaction(({ connection }) => connection.query("INSERT INTO shelves VALUES ('A4', 1)"));
    expect(await counted(tab)).toBe(1);
    expect(journal.records).toHaveLength(3);
  });

  test('is refused by a replica without SQL, as is a record that needs it', async () => {
    const { journal, tab } = await openWithTable();
    const memory = await DurableRecorder.open({ replica: new MemoryReplica(), journal: new SharedJournal().connect() });
    await expect(memory.transaction(async () => undefined)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    await expect(memory.query('SELECT 1')).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    const opening = DurableRecorder.open({ replica: new MemoryReplica(), journal: journal.connect() });
    await expect(opening).rejects.toMatchObject({ cause: { code: 'NOT_SUPPORTED' } });
    await tab.recorder.close();
  });
});

describe('while a transaction is open', () => {
  test('no read sees its rows, and plain commits wait and are written after it, in a record of their own', async () => {
    const { journal, tab } = await openWithTable();
    const reads: Promise<unknown>[] = [];
    const id = newOriginatorId();
    await tab.recorder.transaction(async (transaction) => {
      await transaction.insertEvents([sampleEvent(id, 1)]);
      await transaction.connection.query("INSERT INTO shelves VALUES ('A1', 1)");
      reads.push(
        tab.recorder.selectEvents(id),
        tab.recorder.maxNotificationId(),
        counted(tab),
        ...sampleEvents(newOriginatorId(), 1, 5).map((event) => tab.recorder.insertEvents([event])),
      );
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(journal.records).toHaveLength(1);
    });
    const [events, largest, shelves, ...ids] = await Promise.all(reads);
    // Reads that had to wait may come before or after the commit, whole.
    expect([0, 1]).toContain((events as unknown[]).length);
    expect([0, 1]).toContain(largest);
    expect([0, 1]).toContain(shelves);
    expect(ids).toEqual([[2], [3], [4], [5], [6]]);
    expect(journal.records).toHaveLength(3);
  });

  test('nothing is seen of what is taken back', async () => {
    const { tab } = await openWithTable();
    const reads: Promise<unknown>[] = [];
    const work = tab.recorder.transaction(async (transaction) => {
      await transaction.connection.query("INSERT INTO shelves VALUES ('A1', 1)");
      reads.push(counted(tab));
      throw new RangeError('taken back');
    });
    await expect(work).rejects.toThrow('taken back');
    expect(await Promise.all(reads)).toEqual([0]);
  });

  test('a reader waits for a limited time only, and is told why', async () => {
    const clock = new ManualClock();
    const tab = await openTab(new SharedJournal(), clock);
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const work = tab.recorder.transaction(async () => {
      begin();
      await gate;
    });
    await begun;
    const read = tab.recorder.maxNotificationId();
    clock.advance(5_000);
    await expect(read).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR', details: { reason: 'locked' } });
    open();
    await work;
    expect(await tab.recorder.maxNotificationId()).toBe(0);
  });

  test('silence ends it: it is taken back, told so, and whoever waits goes on', async () => {
    const clock = new ManualClock();
    const journal = new SharedJournal();
    const tab = await openTab(journal, clock);
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const late: Promise<unknown>[] = [];
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const work = tab.recorder.transaction(async (transaction) => {
      await transaction.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      begin();
      await gate;
      late.push(transaction.insertEvents([sampleEvent(newOriginatorId(), 1)]));
      await late[0];
    });
    await begun;
    const waiting = tab.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    clock.advance(10_000);
    await expect(work).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR', details: { reason: 'idle' } });
    expect(await waiting).toEqual([1]);
    open();
    await gate;
    await expect(late[0]).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
    expect(journal.records).toHaveLength(1);
  });

  test('close takes it back, and does not wait for it', async () => {
    const { journal, tab } = await openWithTable();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const work = tab.recorder.transaction(async (transaction) => {
      await transaction.connection.query("INSERT INTO shelves VALUES ('A1', 1)");
      begin();
      await new Promise(() => undefined);
    });
    await begun;
    const outcome = expect(work).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
    await tab.recorder.close();
    await outcome;
    expect(journal.records).toHaveLength(1);
    await expect(tab.recorder.transaction(async () => undefined)).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
  });
});

describe('own tables', () => {
  test('are in checkpoints, and in a store that was opened from one, which goes on from there', async () => {
    const { journal, tab } = await openWithTable();
    await tab.recorder.transaction(({ connection }) => connection.query("INSERT INTO shelves VALUES ('A1', 1)"));
    await tab.recorder.checkpoint();
    await tab.recorder.transaction(({ connection }) => connection.query("INSERT INTO shelves VALUES ('A2', 2)"));
    await tab.recorder.checkpoint();
    await tab.recorder.compact(100);
    expect(journal.records.filter((record) => record !== undefined)).toHaveLength(1);
    const other = await openTab(journal);
    expect(dumpTables(other.database)).toBe(dumpTables(tab.database));
    await other.recorder.transaction(({ connection }) => connection.query('UPDATE shelves SET items = items + 1'));
    tab.recorder.noteHead(4);
    expect((await tab.recorder.query('SELECT items FROM shelves ORDER BY name')).rows).toEqual([
      { items: 2 },
      { items: 3 },
    ]);
  });

  test('of a tab that slept through a compaction come with the image, and can be written at once', async () => {
    const { journal, tab } = await openWithTable();
    const sleeper = await openTab(journal);
    await sleeper.recorder.transaction(({ connection }) => connection.query("INSERT INTO shelves VALUES ('S', 0)"));
    tab.recorder.noteHead(2);
    for (const name of ['A', 'B', 'C']) {
      await tab.recorder.transaction(({ connection }) => connection.query('INSERT INTO shelves VALUES (?, 1)', [name]));
      await tab.recorder.checkpoint();
    }
    await tab.recorder.compact(100);
    await sleeper.recorder.transaction(({ connection }) => connection.query('UPDATE shelves SET items = items + 1'));
    tab.recorder.noteHead(6);
    await tab.recorder.query('SELECT 1');
    expect(dumpTables(tab.database)).toBe(dumpTables(sleeper.database));
    expect(await counted(tab)).toBe(4);
  });
});

describe('durability', () => {
  const open = async (journal: SharedJournal, durability: 'strict' | 'relaxed'): Promise<DurableRecorder> =>
    DurableRecorder.open({ replica: new MemoryReplica(), journal: journal.connect(durability) });
  const event = () => [sampleEvent(newOriginatorId(), 1)];

  test('of a group is that of the commit that asks for most', async () => {
    const journal = new SharedJournal();
    const strict = await open(journal, 'strict');
    await strict.insertEvents(event());
    await strict.insertEvents(event(), { durability: 'relaxed' });
    await Promise.all([
      strict.insertEvents(event(), { durability: 'relaxed' }),
      strict.insertEvents(event(), { durability: 'relaxed' }),
    ]);
    await Promise.all([strict.insertEvents(event(), { durability: 'relaxed' }), strict.insertEvents(event())]);
    const relaxed = await open(journal, 'relaxed');
    await relaxed.insertEvents(event());
    await Promise.all([relaxed.insertEvents(event(), { durability: 'strict' }), relaxed.insertEvents(event())]);
    // The last but one found its position taken first.
    expect(journal.durabilities).toEqual(['strict', 'relaxed', 'relaxed', 'strict', 'relaxed', 'strict']);
    expect(journal.records).toHaveLength(6);
  });

  test('of a transaction is what it asks for', async () => {
    const { journal, tab } = await openWithTable();
    await tab.recorder.transaction((transaction) => transaction.insertEvents(event()), { durability: 'relaxed' });
    expect(journal.durabilities).toEqual(['strict', 'relaxed']);
  });

  test('that there is not is refused', async () => {
    const recorder = await open(new SharedJournal(), 'strict');
    const options = { durability: 'eternal' as 'strict' };
    await expect(recorder.insertEvents(event(), options)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    await expect(recorder.transaction(async () => undefined, options)).rejects.toMatchObject({
      code: 'PROGRAMMING_ERROR',
    });
  });
});
