import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DurableRecorder } from '../../../src/persistence/journal/durable-recorder.js';
import { encodeJournalRecord } from '../../../src/persistence/journal/journal-record.js';
import { MemoryReplica } from '../../../src/persistence/memory/memory-replica.js';
import { SqliteReplica } from '../../../src/persistence/sqlite/sqlite-replica.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { openImaged } from '../../support/imaged-memory.js';
import { SharedJournal } from '../../support/shared-journal.js';
import type { JournalFault } from '../../support/shared-journal.js';

const openOn = async (journal: SharedJournal): Promise<DurableRecorder> =>
  DurableRecorder.open({ replica: new MemoryReplica(), journal: journal.connect() });

const everything = async (recorder: DurableRecorder): Promise<unknown[]> =>
  (await recorder.selectNotifications({ start: 1, limit: 100_000 })).map((notification) => ({
    ...notification,
    state: new Uint8Array(notification.state),
  }));

describe('commits', () => {
  test('resolve only after the record is durable, and no reader sees them before', async () => {
    const journal = new SharedJournal();
    const recorder = await openOn(journal);
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    journal.beforeRequest = async () => gate;
    let resolved = false;
    const commit = recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]).then(() => (resolved = true));
    expect(await recorder.maxNotificationId()).toBe(0);
    expect(await everything(recorder)).toEqual([]);
    expect(resolved).toBe(false);
    open();
    await commit;
    expect(journal.records).toHaveLength(1);
    expect(await recorder.maxNotificationId()).toBe(1);
  });

  test('of one tick become one record, each with its own outcome', async () => {
    const journal = new SharedJournal();
    const recorder = await openOn(journal);
    const id = newOriginatorId();
    const outcomes = await Promise.allSettled([
      ...sampleEvents(id, 1, 50).map((event) => recorder.insertEvents([event])),
      recorder.insertEvents([sampleEvent(id, 25)]),
      ...sampleEvents(id, 51, 100).map((event) => recorder.insertEvents([event])),
    ]);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(outcomes[50]).toMatchObject({ status: 'rejected', reason: { code: 'INTEGRITY_ERROR' } });
    expect(journal.records).toHaveLength(1);
    expect(await recorder.maxNotificationId()).toBe(100);
  });

  test('that are large together become several records, also if one alone is larger', async () => {
    const journal = new SharedJournal();
    const recorder = await openOn(journal);
    const large = (count: number): Promise<unknown> =>
      recorder.insertEvents(
        sampleEvents(newOriginatorId(), 1, count).map((event) => ({ ...event, state: new Uint8Array(700_000) })),
      );
    await Promise.all([large(10), large(10), large(10), large(30), large(1)]);
    expect(journal.records).toHaveLength(4);
    expect(Math.max(...journal.records.map((record) => record?.length ?? 0))).toBeLessThan(22_000_000);
    expect(await recorder.maxNotificationId()).toBe(61);
  });

  test('with an event that could never be pushed are refused, and nothing of them is stored', async () => {
    const journal = new SharedJournal();
    const recorder = await openOn(journal);
    const id = newOriginatorId();
    const [small, large] = sampleEvents(id, 1, 2);
    const tooLarge = [small!, { ...large!, state: new Uint8Array(700_001) }];
    const refusal = { code: 'EVENT_TOO_LARGE', details: { stateBytes: 700_001, stateBytesMax: 700_000 } };
    await expect(recorder.insertEvents(tooLarge)).rejects.toMatchObject(refusal);
    await expect(recorder.insertEvents(tooLarge, { unit: { scopes: ['north'] } })).rejects.toMatchObject(refusal);
    expect([await everything(recorder), journal.records]).toEqual([[], []]);
    expect(await recorder.insertEvents([small!, { ...large!, state: new Uint8Array(700_000) }])).toEqual([1, 2]);
  });

  test('that fail leave nothing behind, and the next one goes through', async () => {
    const journal = new SharedJournal();
    const recorder = await openOn(journal);
    const event = sampleEvent(newOriginatorId(), 1);
    journal.nextFault = () => 'fails';
    await expect(recorder.insertEvents([event])).rejects.toThrow('injected');
    expect(await everything(recorder)).toEqual([]);
    journal.nextFault = () => 'none';
    expect(await recorder.insertEvents([event])).toEqual([1]);
  });

  test('whose answer was lost are found when the caller tries again', async () => {
    const journal = new SharedJournal();
    const recorder = await openOn(journal);
    const event = sampleEvent(newOriginatorId(), 1);
    journal.nextFault = () => 'fails-after-writing';
    await expect(recorder.insertEvents([event])).rejects.toThrow('injected');
    journal.nextFault = () => 'none';
    await expect(recorder.insertEvents([event])).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
    expect(await everything(recorder)).toHaveLength(1);
  });

  test('are finished by close, and refused after it', async () => {
    const journal = new SharedJournal();
    const recorder = await openOn(journal);
    const commit = recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await recorder.close();
    expect(await commit).toEqual([1]);
    await expect(recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).rejects.toMatchObject({
      code: 'INTERFACE_ERROR',
    });
    await expect(recorder.maxNotificationId()).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
  });
});

describe('two tabs', () => {
  test('a tab that is behind checks again on what the other wrote', async () => {
    const journal = new SharedJournal();
    const [first, second] = [await openOn(journal), await openOn(journal)];
    const id = newOriginatorId();
    await first.insertEvents([sampleEvent(id, 1)]);
    await expect(second.insertEvents([sampleEvent(id, 1)])).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
    expect(await second.insertEvents([sampleEvent(id, 2)])).toEqual([2]);
    expect(journal.records).toHaveLength(2);
  });

  test('a tab that is overtaken checks again and appends in the same request', async () => {
    const journal = new SharedJournal();
    const [first, second] = [await openOn(journal), await openOn(journal)];
    const [id, own] = [newOriginatorId(), newOriginatorId()];
    await first.insertEvents([sampleEvent(id, 1)]);
    let requests = 0;
    journal.beforeRequest = async () => {
      requests++;
    };
    const outcomes = await Promise.allSettled([
      second.insertEvents([sampleEvent(id, 1)]),
      second.insertEvents([sampleEvent(own, 1)]),
    ]);
    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: { code: 'INTEGRITY_ERROR' } },
      { status: 'fulfilled', value: [2] },
    ]);
    expect(requests).toBe(1);
    expect(await everything(await openOn(journal))).toEqual(await everything(second));
  });

  test('a commit that only becomes possible when the tab is overtaken is as durable as it asks for', async () => {
    const journal = new SharedJournal();
    const [first, second] = [await openOn(journal), await openOn(journal)];
    const [taken, wanted] = [newOriginatorId(), newOriginatorId()];
    await first.insertEvents([sampleEvent(taken, 1)]);
    const outcomes = await Promise.allSettled([
      second.insertEvents([sampleEvent(taken, 1), sampleEvent(wanted, 1)], { durability: 'relaxed' }),
      second.insertEvents([sampleEvent(wanted, 1)], { durability: 'strict' }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    expect(journal.durabilities.at(-1)).toBe('strict');
  });

  test('a hint makes a reader catch up first', async () => {
    const journal = new SharedJournal();
    const [first, second] = [await openOn(journal), await openOn(journal)];
    await first.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    second.noteHead(1);
    expect(await everything(second)).toEqual(await everything(first));
  });

  test('a hint that comes while the last page is read is not forgotten', async () => {
    const journal = new SharedJournal();
    const first = await openOn(journal);
    const connection = journal.connect();
    const { promise: reached, resolve: reach } = Promise.withResolvers<number>();
    let hasRead: () => Promise<void> = async () => undefined;
    const second = await DurableRecorder.open({
      replica: new MemoryReplica(),
      journal: {
        ...connection,
        readAfter: async (position, limit) => {
          const entries = await connection.readAfter(position, limit);
          await hasRead();
          return entries;
        },
      },
      onApplied: (position) => {
        if (position === 2) reach(position);
      },
    });
    await first.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    hasRead = async () => {
      hasRead = async () => undefined;
      await first.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      second.noteHead(2);
    };
    second.noteHead(1);
    expect(await reached).toBe(2);
  });

  test('a hint of a record that does not exist does no harm', async () => {
    const journal = new SharedJournal();
    const recorder = await openOn(journal);
    recorder.noteHead(1_000);
    expect(await recorder.maxNotificationId()).toBe(0);
    expect(await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)])).toEqual([1]);
  });
});

describe('a damaged journal', () => {
  const written = async (): Promise<SharedJournal> => {
    const journal = new SharedJournal();
    const recorder = await openOn(journal);
    for (const event of sampleEvents(newOriginatorId(), 1, 3)) await recorder.insertEvents([event]);
    return journal;
  };

  test('is not opened, and keeps every byte', async () => {
    const journal = await written();
    const record = journal.records[1] as Uint8Array;
    record[record.length - 1] = (record[record.length - 1] as number) ^ 1;
    const before = structuredClone(journal.records);
    await expect(openOn(journal)).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL', details: { position: 2 } });
    expect(journal.records).toEqual(before);
  });

  test('with a missing record is not opened', async () => {
    const journal = await written();
    journal.records.splice(1, 1);
    await expect(openOn(journal)).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL' });
  });

  test('found while open stops this replica for good, also for writing', async () => {
    const journal = await written();
    const recorder = await openOn(journal);
    const broken = encodeJournalRecord(9, [{ events: [], firstNotificationId: 0, tracking: undefined }]);
    journal.records.push(broken);
    recorder.noteHead(4);
    await expect(recorder.maxNotificationId()).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL' });
    const insert = recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await expect(insert).rejects.toMatchObject({ code: 'CORRUPT_JOURNAL' });
    expect(journal.records).toHaveLength(4);
  });

  test('of a newer version is refused as such', async () => {
    const journal = await written();
    (journal.records[2] as Uint8Array)[4] = 5;
    await expect(openOn(journal)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });
});

// Few chunks for each image, so that most checkpoints come through although any request of theirs may fail.
const CHUNK_BYTES = 1_024;

describe('any interleaving of tabs, checkpoints and faults', () => {
  const ids = Array.from({ length: 3 }, newOriginatorId);
  const action = fc.record({
    tab: fc.nat({ max: 2 }),
    aggregate: fc.nat({ max: 2 }),
    version: fc.integer({ min: 1, max: 12 }),
    // A commit that waits for an earlier one has a record of its own, and its tab may have slept until then.
    after: fc.option(fc.nat({ max: 25 }), { nil: undefined }),
    tracking: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined, freq: 2 }),
    fault: fc.constantFrom<JournalFault>(...Array<'none'>(8).fill('none'), 'fails', 'fails-after-writing'),
  });
  type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;
  const upkeep = fc.record({
    tab: fc.nat({ max: 2 }),
    work: fc.constantFrom('checkpoint', 'both', 'both'),
  });
  const doUpkeep = async (journal: SharedJournal, tab: DurableRecorder, work: string): Promise<void> => {
    try {
      // This tab is awake; the others may sleep on.
      tab.noteHead(journal.records.length);
      await tab.maxNotificationId();
      if (work !== 'compact') await tab.checkpoint();
      if (work !== 'checkpoint') await tab.compact(4);
    } catch (error) {
      expect(String(error)).toContain('injected');
    }
  };

  test('keeps what was acknowledged, once, nothing that was refused, in one gapless journal, alike in every replica', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(action, { maxLength: 25, size: 'max' }),
        fc.array(upkeep, { maxLength: 12, size: 'max' }),
        fc.array(fc.boolean()),
        async (scheduler, actions, upkeeps, asks) => {
          const journal = new SharedJournal();
          journal.asksOvertaken = () => asks.pop() ?? true;
          const tabs = await Promise.all(Array.from({ length: 3 }, () => openImaged(journal, CHUNK_BYTES)));
          const faults = actions.map(({ fault }) => fault);
          journal.nextFault = () => faults.pop() ?? 'none';
          journal.beforeRequest = async () => scheduler.schedule(Promise.resolve());
          const acknowledged: string[] = [];
          const refused: string[] = [];
          const commit = async (one: Action, index: number, before: Promise<unknown>): Promise<void> => {
            await before;
            const { tab, aggregate, version, tracking } = one;
            const event = sampleEvent(ids[aggregate] as string, version, `commit${index}`);
            const options =
              tracking === undefined ? {} : { tracking: { applicationName: 'up', notificationId: tracking } };
            const insert = (tabs[tab] as DurableRecorder).insertEvents([event], options);
            const given = await insert.catch((error: unknown) => {
              if ((error as { code?: string }).code === 'INTEGRITY_ERROR') refused.push(`commit${index}`);
              else expect(String(error)).toContain('injected');
              return [];
            });
            acknowledged.push(...given.map((id) => `${id} commit${index}`));
          };
          // Upkeep is done by turns, as the lock has it, each time a few commits have come through.
          let turn = Promise.resolve();
          const commits: Promise<void>[] = [];
          const upkeepEvery = Math.ceil(actions.length / (upkeeps.length + 1));
          actions.forEach((one, index) => {
            const before = one.after === undefined ? undefined : commits[one.after % Math.max(index, 1)];
            const done = commit(one, index, Promise.all([before, index % 2 === 0 ? undefined : turn]));
            commits.push(done);
            const next = index % upkeepEvery === 0 ? upkeeps.pop() : undefined;
            if (next === undefined) return;
            turn = Promise.all([turn, done]).then(() =>
              doUpkeep(journal, tabs[next.tab] as DurableRecorder, next.work),
            );
          });
          await scheduler.waitFor(Promise.all([...commits, turn]));
          journal.beforeRequest = async () => undefined;
          journal.nextFault = () => 'none';
          for (const tab of tabs) tab.noteHead(journal.records.length);

          const fresh = await openImaged(journal, CHUNK_BYTES);
          const truth = await everything(fresh);
          for (const tab of tabs) expect(await everything(tab)).toEqual(truth);
          expect(await everything(await openOn(journal.uncompacted()))).toEqual(truth);
          const found = (truth as { id: number; topic: string }[]).map(({ id, topic }) => `${id} ${topic}`);
          for (const commit of acknowledged) expect(found).toContain(commit);
          const topics = (truth as { topic: string }[]).map(({ topic }) => topic);
          for (const commit of refused) expect(topics).not.toContain(commit);
          expect(new Set(found).size).toBe(found.length);
          expect((truth as { id: number }[]).map(({ id }) => id)).toEqual(truth.map((_event, index) => index + 1));
        },
      ),
      { numRuns: 500, timeout: 5_000 },
    );
  });

  test('replays to the same SQLite tables, byte for byte', async () => {
    const journal = new SharedJournal();
    const open = async (): Promise<{ recorder: DurableRecorder; dump: () => string }> => {
      const database = await openSqlJs();
      const replica = new SqliteReplica(database);
      replica.createTables();
      const recorder = await DurableRecorder.open({ replica, journal: journal.connect() });
      const dump = (): string =>
        JSON.stringify(
          ['stored_events', 'tracking', 'sqlite_sequence'].map((table) =>
            database
              .prepare(`SELECT * FROM ${table} ORDER BY 1`)
              .all([])
              .map((row) => row.map(String)),
          ),
        );
      return { recorder, dump };
    };
    const writer = await open();
    for (let round = 1; round <= 20; round++) {
      const id = newOriginatorId();
      await Promise.all([
        writer.recorder.insertEvents(sampleEvents(id, 1, 3)),
        writer.recorder.insertEvents([sampleEvent(id, 4)], {
          tracking: { applicationName: 'up', notificationId: round },
        }),
      ]);
    }
    expect((await open()).dump()).toBe(writer.dump());
  });
});
