import { beforeEach, describe, expect, test, vi } from 'vitest';
import { ImagedReplica } from '../../../src/host/imaged-replica.js';
import { JournalFollower } from '../../../src/persistence/journal/journal-follower.js';
import { decodeJournalRecord } from '../../../src/persistence/journal/journal-record.js';
import type { OwnTables, TransactionWork } from '../../../src/persistence/journal/own-tables.js';
import { OwnTransactions } from '../../../src/persistence/journal/own-transactions.js';
import { MemoryReplica } from '../../../src/persistence/memory/memory-replica.js';
import { SqliteOwnTables } from '../../../src/persistence/sqlite/own-tables/sqlite-own-tables.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { openTab as openOwnTablesTab } from '../../support/own-tables-tab.js';
import { SharedJournal } from '../../support/shared-journal.js';

let journal: SharedJournal;
let clock: ManualClock;
/** How long the other tabs were asked to give way, each time. */
let asked: number[];

beforeEach(() => {
  [journal, clock, asked] = [new SharedJournal(), new ManualClock(), []];
});

interface Tab {
  readonly follower: JournalFollower;
  readonly own: OwnTransactions;
  readonly run: <T>(work: TransactionWork<T>) => Promise<T>;
  /** What is committed, in SQL. */
  readonly read: (text: string) => readonly Readonly<Record<string, unknown>>[];
}

const openTab = async (asks: boolean = true): Promise<Tab> => {
  const database = await openSqlJs();
  const follower = new JournalFollower({
    replica: new ImagedReplica(database, clock).create(),
    journal: journal.connect(),
  });
  await follower.open();
  const tables = new SqliteOwnTables({ database, clock });
  const own = new OwnTransactions({
    ...{ follower, clock, ownTables: tables, lockTimeoutMs: 1_000 },
    askForWay: asks ? (durationMs) => asked.push(durationMs) : undefined,
  });
  return {
    ...{ follower, own },
    run: (work) => own.run(work, {}),
    read: (text) => {
      follower.replica.flush?.();
      return tables.read(text).rows;
    },
  };
};

/** Another tab: each call is a commit of its, and so one that is first. */
const openOther = async (): Promise<() => Promise<void>> => {
  const { recorder } = await openOwnTablesTab(journal, clock);
  return async () => {
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
  };
};

const createNotes: TransactionWork<unknown> = ({ connection }) =>
  connection.query('CREATE TABLE notes (text PRIMARY KEY)');

const note =
  (text: string): TransactionWork<unknown> =>
  ({ connection }) =>
    connection.query('INSERT INTO notes VALUES ($1)', [text]);

const notes = (tab: Tab): unknown[] => tab.read('SELECT text FROM notes ORDER BY text').map(({ text }) => text);

/** Work that is under way until it is told to end. */
const held = (): {
  readonly work: TransactionWork<string>;
  readonly begun: Promise<void>;
  readonly end: () => void;
} => {
  const [gate, begun] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const work: TransactionWork<string> = async (transaction) => {
    await note('held')(transaction);
    begun.resolve();
    await gate.promise;
    return 'done';
  };
  return { work, begun: begun.promise, end: gate.resolve };
};

describe('a transaction', () => {
  test('is one record of what its work did, and gives what that resolved with', async () => {
    const tab = await openTab();
    const result = await tab.run(async (transaction) => {
      await createNotes(transaction);
      await note('a')(transaction);
      return transaction.insertEvents([sampleEvent(newOriginatorId(), 1), sampleEvent(newOriginatorId(), 1)]);
    });
    expect(result).toEqual([1, 2]);
    expect(journal.records).toHaveLength(1);
    expect(decodeJournalRecord(1, journal.records[0]!)).toHaveLength(1);
    expect(notes(tab)).toEqual(['a']);
    expect(tab.follower.applied).toBe(1);
  });

  test('that changes nothing makes no record', async () => {
    const tab = await openTab();
    expect(await tab.run(async ({ connection }) => (await connection.query('SELECT 7 AS n')).rows)).toEqual([{ n: 7 }]);
    expect(journal.records).toHaveLength(0);
  });

  test('is as durable as it asks for', async () => {
    const tab = await openTab();
    await tab.own.run(createNotes, { durability: 'relaxed' });
    await tab.own.run(note('a'), {});
    expect(journal.durabilities).toEqual(['relaxed', 'strict']);
  });

  test('whose work rejects leaves nothing, and says why', async () => {
    const tab = await openTab();
    await tab.run(createNotes);
    const failing = tab.run(async (transaction) => {
      await note('a')(transaction);
      throw new RangeError('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(notes(tab)).toEqual([]);
    expect(journal.records).toHaveLength(1);
    await tab.run(note('b'));
    expect(notes(tab)).toEqual(['b']);
  });

  test('waits for the one before it', async () => {
    const tab = await openTab();
    await tab.run(createNotes);
    const { work, begun, end } = held();
    const first = tab.run(work);
    await begun;
    const seen: unknown[] = [];
    const second = tab.run(async ({ connection }) => {
      seen.push(...(await connection.query('SELECT text FROM notes')).rows);
    });
    expect(seen).toEqual([]);
    end();
    await Promise.all([first, second]);
    expect(seen).toEqual([{ text: 'held' }]);
  });
});

describe('a transaction that another tab overtakes', () => {
  test('is run again on the newer state, and only the last round counts', async () => {
    const [tab, overtake] = [await openTab(), await openOther()];
    await tab.run(createNotes);
    const seen: unknown[] = [];
    const result = await tab.run(async (transaction) => {
      const { rows } = await transaction.connection.query('SELECT count(*) AS n FROM stored_events');
      seen.push(rows[0]?.['n']);
      await note(`round ${seen.length}`)(transaction);
      const [id] = await transaction.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      if (seen.length <= 2) await overtake();
      return id;
    });
    expect(seen).toEqual([0, 1, 2]);
    expect(result).toBe(3);
    expect(notes(tab)).toEqual(['round 3']);
    expect(journal.records).toHaveLength(4);
  });

  test('begins on what others recorded before it, though nobody told of that', async () => {
    const [tab, overtake] = [await openTab(), await openOther()];
    await tab.run(createNotes);
    await overtake();
    let rounds = 0;
    await tab.run(async (transaction) => {
      rounds++;
      await note('a')(transaction);
    });
    expect(rounds).toBe(1);
  });

  test('twenty times gives up, says so, and leaves nothing', async () => {
    const [tab, overtake] = [await openTab(), await openOther()];
    await tab.run(createNotes);
    let rounds = 0;
    const working = tab.run(async (transaction) => {
      await note(`round ${++rounds}`)(transaction);
      await overtake();
    });
    await expect(working).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
      details: { reason: 'overtaken', rounds: 20 },
    });
    expect(rounds).toBe(20);
    expect(notes(tab)).toEqual([]);
    expect(journal.records).toHaveLength(21);
    expect(tab.own.isOpen).toBe(false);
    await tab.run(note('later'));
    expect(notes(tab)).toEqual(['later']);
  });

  test('nineteen times goes through', async () => {
    const [tab, overtake] = [await openTab(), await openOther()];
    await tab.run(createNotes);
    let rounds = 0;
    await tab.run(async (transaction) => {
      await note(`round ${++rounds}`)(transaction);
      if (rounds < 20) await overtake();
    });
    expect(notes(tab)).toEqual(['round 20']);
  });

  test('asks for the way from the fourth time on: twice what the work takes, and some more, more each time', async () => {
    const [tab, overtake] = [await openTab(), await openOther()];
    await tab.run(createNotes);
    const tookMs = [10, 10, 10, 40, 0, 200, 10];
    let rounds = 0;
    await tab.run(async (transaction) => {
      await note(`round ${rounds}`)(transaction);
      clock.advance(tookMs[rounds++]!);
      if (rounds < tookMs.length) await overtake();
    });
    expect(rounds).toBe(7);
    expect(asked).toEqual([100, 40, 480]);
  });

  test('three times asks nobody; nor does one that nobody can hear', async () => {
    const overtake = await openOther();
    for (const [asks, times] of [
      [true, 3],
      [false, 10],
    ] as const) {
      const tab = await openTab(asks);
      let rounds = 0;
      await tab.run(async (transaction) => {
        await transaction.insertEvents([sampleEvent(newOriginatorId(), 1)]);
        if (rounds++ < times) await overtake();
      });
      expect(rounds).toBe(times + 1);
    }
    expect(asked).toEqual([]);
  });
});

describe('a savepoint', () => {
  test('takes back what it did, and not what was done around it', async () => {
    const tab = await openTab();
    await tab.run(createNotes);
    await tab.run(async (transaction) => {
      await note('before')(transaction);
      const inner = transaction.transaction(async (savepoint) => {
        await note('inside')(savepoint);
        const { rows } = await savepoint.connection.query('SELECT count(*) AS n FROM notes');
        expect(rows).toEqual([{ n: 2 }]);
        await savepoint.insertEvents([sampleEvent(newOriginatorId(), 1)]);
        throw new RangeError('not this');
      });
      await expect(inner).rejects.toThrow('not this');
      await transaction.transaction(note('second'));
      await note('after')(transaction);
    });
    expect(notes(tab)).toEqual(['after', 'before', 'second']);
    expect(tab.follower.replica.maxNotificationId()).toBe(0);
    expect(journal.records).toHaveLength(2);
  });

  test('is gone with the transaction around it, and run again with it', async () => {
    const [tab, overtake] = [await openTab(), await openOther()];
    await tab.run(createNotes);
    let rounds = 0;
    await tab.run(async (transaction) => {
      await transaction.transaction(note(`round ${++rounds}`));
      if (rounds === 1) await overtake();
    });
    expect(notes(tab)).toEqual(['round 2']);
    const failing = tab.run(async (transaction) => {
      await transaction.transaction(note('inside'));
      throw new RangeError('all of it');
    });
    await expect(failing).rejects.toThrow('all of it');
    expect(notes(tab)).toEqual(['round 2']);
  });
});

describe('while a transaction is open', () => {
  test('silence ends it, and whoever waits goes on', async () => {
    const tab = await openTab();
    await tab.run(createNotes);
    const { work, begun } = held();
    const silent = tab.run(work);
    await begun;
    const next = tab.run(note('next'));
    clock.advance(9_999);
    expect(tab.own.isOpen).toBe(true);
    clock.advance(1);
    await expect(silent).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR', details: { reason: 'idle' } });
    await next;
    expect(notes(tab)).toEqual(['next']);
  });

  test('readers wait for its end', async () => {
    const tab = await openTab();
    await tab.run(createNotes);
    await tab.own.whenClosed();
    const { work, begun, end } = held();
    const working = tab.run(work);
    await begun;
    const schedule = vi.spyOn(clock, 'schedule');
    const waited = vi.fn();
    const waiting = tab.own.whenClosed().then(waited);
    clock.advance(999);
    await Promise.resolve();
    expect(tab.own.isOpen).toBe(true);
    expect(waited).not.toHaveBeenCalled();
    end();
    expect(await working).toBe('done');
    await waiting;
    expect(tab.own.isOpen).toBe(false);
    // The timer is called off: the clock knows of none that could be.
    expect(schedule.mock.calls[0]?.[1]).toBe(1_000);
    expect((schedule.mock.results[0]?.value as () => unknown)()).toBe(false);
  });

  test('readers do not wait for ever: they are told that the store is locked', async () => {
    const tab = await openTab();
    await tab.run(createNotes);
    const { work, begun, end } = held();
    const working = tab.run(work);
    await begun;
    const waiting = tab.own.whenClosed();
    clock.advance(1_000);
    await expect(waiting).rejects.toMatchObject({
      code: 'OPERATIONAL_ERROR',
      details: { reason: 'locked', lockTimeoutMs: 1_000 },
    });
    end();
    expect(await working).toBe('done');
  });

  test('closing the store takes it back, and refuses the one that waits', async () => {
    const tab = await openTab();
    await tab.run(createNotes);
    const { work, begun } = held();
    const working = tab.run(work);
    await begun;
    const waiting = tab.run(note('waiting'));
    tab.follower.beginClosing();
    await expect(working).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
    await expect(waiting).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
    expect(journal.records).toHaveLength(1);
  });
});

describe('a replica', () => {
  const transactionsOver = (ownTables: OwnTables | undefined): [OwnTransactions, JournalFollower] => {
    const follower = new JournalFollower({ replica: new MemoryReplica(), journal: journal.connect() });
    return [new OwnTransactions({ follower, ownTables, clock, askForWay: undefined }), follower];
  };

  test('without SQL has no transactions', async () => {
    const [own] = transactionsOver(undefined);
    await expect(own.run(createNotes, {})).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });

  test('that could not be taken back is used no more', async () => {
    const tables = { isSound: true, attempt: vi.fn(), read: vi.fn() };
    const [own, follower] = transactionsOver(tables);
    tables.attempt.mockRejectedValueOnce(new RangeError('of the work'));
    await expect(own.run(createNotes, {})).rejects.toThrow('of the work');
    tables.isSound = false;
    const cause = new Error('ROLLBACK failed');
    tables.attempt.mockRejectedValueOnce(cause);
    await expect(own.run(createNotes, {})).rejects.toMatchObject({ code: 'INTERNAL_ERROR', cause });
    tables.isSound = true;
    await expect(own.run(createNotes, {})).rejects.toMatchObject({ code: 'INTERNAL_ERROR', cause });
    expect(tables.attempt).toHaveBeenCalledTimes(2);
    expect(() => follower.assertSound()).toThrow('could not be taken back');
    expect(own.isOpen).toBe(false);
  });
});
