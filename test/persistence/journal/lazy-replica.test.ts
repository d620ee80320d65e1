import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DurableRecorder } from '../../../src/persistence/journal/durable-recorder.js';
import { LazyReplica } from '../../../src/persistence/journal/lazy-replica.js';
import { MemoryReplica } from '../../../src/persistence/memory/memory-replica.js';
import { CommitCheck } from '../../../src/persistence/journal/replica.js';
import { unitMark } from '../../../src/persistence/journal/unit-mark.js';
import type { CheckedCommit, Replica } from '../../../src/persistence/journal/replica.js';
import type { UnitMark } from '../../../src/persistence/journal/unit-mark.js';
import { SqliteReplica } from '../../../src/persistence/sqlite/sqlite-replica.js';
import { SqliteUnits } from '../../../src/persistence/sqlite/sqlite-units.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import type { SqliteDatabase } from '../../../src/persistence/sqlite/sqlite-driver.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { SharedJournal } from '../../support/shared-journal.js';

const LONG_MS = 1_000;

/** Counts the transactions that reach it, and refuses them when told to. */
class CountingReplica extends MemoryReplica {
  readonly applied: number[] = [];
  isBroken = false;

  override apply(commits: readonly CheckedCommit[]): void {
    if (this.isBroken) throw new Error('injected: the replica is broken');
    this.applied.push(commits.length);
    super.apply(commits);
  }
}

const setUp = (): { clock: ManualClock; below: CountingReplica; replica: LazyReplica } => {
  const clock = new ManualClock();
  const below = new CountingReplica();
  return { clock, below, replica: new LazyReplica(below, { clock }) };
};

const commitOf = (replica: Replica, ...events: CheckedCommit['events']): CheckedCommit =>
  new CommitCheck(replica).check(events, undefined);

const REFUSED = { code: 'REFUSED', message: 'Not this one.' };

describe('a lazy replica', () => {
  test('applies what waits in one transaction when nothing has come for a while', () => {
    const { clock, below, replica } = setUp();
    const id = newOriginatorId();
    for (let version = 1; version <= 5; version++) {
      replica.apply([commitOf(replica, sampleEvent(id, version))]);
      clock.advance(15);
    }
    expect(below.applied).toEqual([]);
    clock.advance(LONG_MS);
    clock.advance(LONG_MS);
    expect(below.applied).toEqual([5]);
    expect(below.maxNotificationId()).toBe(5);
  });

  test('asks the replica below nothing when it checks and applies to an aggregate that it knows', () => {
    const { below, replica } = setUp();
    const id = newOriginatorId();
    replica.apply([commitOf(replica, sampleEvent(id, 1))]);
    for (const question of ['maxOriginatorVersion', 'hasEvent', 'maxNotificationId', 'apply'] as const) {
      below[question] = () => expect.unreachable(`asked for ${question}`);
    }
    for (let version = 2; version <= 100; version++) replica.apply([commitOf(replica, sampleEvent(id, version))]);
    expect(replica.maxNotificationId()).toBe(100);
  });

  test('applies many events as soon as the commit is answered, without a pause', () => {
    const { clock, below, replica } = setUp();
    replica.apply([commitOf(replica, ...sampleEvents(newOriginatorId(), 1, 255))]);
    clock.advance(1);
    expect(below.applied).toEqual([]);
    replica.apply([commitOf(replica, sampleEvent(newOriginatorId(), 1))]);
    expect(below.applied).toEqual([]);
    clock.advance(0);
    expect(below.applied).toEqual([2]);
  });

  test('lets a bounded number of events wait, and of commits without events', () => {
    const { below, replica } = setUp();
    replica.apply([commitOf(replica, ...sampleEvents(newOriginatorId(), 1, 2_047))]);
    expect(below.applied).toEqual([]);
    replica.apply([commitOf(replica, sampleEvent(newOriginatorId(), 1))]);
    expect(below.applied).toEqual([2]);
    for (let notificationId = 1; notificationId <= 2_048; notificationId++) {
      replica.apply([{ events: [], firstNotificationId: 0, tracking: { applicationName: 'up', notificationId } }]);
    }
    expect(below.applied).toEqual([2, 2_048]);
  });

  test('knows no aggregate less for having forgotten it', () => {
    const { replica } = setUp();
    const ids = Array.from({ length: 5_000 }, newOriginatorId);
    for (const id of ids) replica.apply([commitOf(replica, sampleEvent(id, 3))]);
    for (const id of ids) expect(replica.maxOriginatorVersion(id)).toBe(3);
  });

  test('reads an aggregate of which nothing waits without a transaction', () => {
    const { below, replica } = setUp();
    const [quiet, busy] = [newOriginatorId(), newOriginatorId()];
    replica.apply([commitOf(replica, sampleEvent(quiet, 1))]);
    replica.flush();
    replica.apply([commitOf(replica, sampleEvent(busy, 1))]);
    expect(replica.selectEvents(quiet, {})).toHaveLength(1);
    expect(below.applied).toEqual([1]);
    expect(replica.selectEvents(busy, {})).toHaveLength(1);
    expect(below.applied).toEqual([1, 1]);
  });

  test('tells whoever waits for a change of synchronisation before it applies it, and answers no question before it has', async () => {
    const database = await openSqlJs();
    const tables = new SqliteReplica(database, {}, { units: new SqliteUnits(database) });
    tables.createTables();
    const clock = new ManualClock();
    const replica = new LazyReplica(tables, { clock });
    const setAside = (): void => {
      const id = newOriginatorId();
      replica.apply([commitOf(replica, sampleEvent(id, 1))]);
      const { units } = replica;
      const [pending] = units?.selectPending(0, { eventsMax: 1, bytesMax: 1 }) ?? [];
      const { change } = units?.planSetAside([{ id: pending?.id ?? '', reason: REFUSED }], 1) ?? {};
      replica.apply([{ events: [], firstNotificationId: 0, tracking: undefined, sync: change }]);
      expect(tables.maxOriginatorVersion(id)).toBe(1);
      aggregates.push(id);
    };
    const aggregates: string[] = [];
    setAside();
    expect(replica.maxOriginatorVersion(aggregates[0] as string)).toBe(-1);
    setAside();
    clock.advance(0);
    expect(tables.maxOriginatorVersion(aggregates[1] as string)).toBe(-1);
    database.close();
  });

  test('keeps nothing that belongs to the caller', () => {
    const { replica } = setUp();
    const event = sampleEvent(newOriginatorId(), 1);
    const before = event.state.slice();
    replica.apply([commitOf(replica, event)]);
    event.state.fill(0);
    expect(replica.selectEvents(event.originatorId, {})[0]?.state).toEqual(before);
  });
});

describe('a replica below that fails', () => {
  test.each(['a reader', 'the timer'])('is noticed by %s, and answers nothing any more', (who) => {
    const { clock, below, replica } = setUp();
    const id = newOriginatorId();
    const commit = commitOf(replica, sampleEvent(id, 1));
    replica.apply([commit]);
    below.isBroken = true;
    const failure = expect.objectContaining({ code: 'INTERNAL_ERROR' }) as unknown as Error;
    if (who === 'the timer') clock.advance(LONG_MS);
    else expect(() => replica.selectEvents(id, {})).toThrow(failure);
    below.isBroken = false;
    const calls: readonly (() => unknown)[] = [
      () => replica.maxOriginatorVersion(id),
      () => replica.hasEvent(id, 1),
      () => replica.maxNotificationId(),
      () => replica.maxTrackingId('up'),
      () => replica.selectEvents(id, {}),
      () => replica.selectNotifications({ start: 1, limit: 1 }),
      () => replica.apply([commit]),
      () => replica.flush(),
    ];
    for (const call of calls) expect(call).toThrow(failure);
  });

  test('fails later commits and readers of the recorder, and loses nothing that was acknowledged', async () => {
    const journal = new SharedJournal();
    const { below, replica } = setUp();
    const recorder = await DurableRecorder.open({ replica, journal: journal.connect() });
    const id = newOriginatorId();
    expect(await recorder.insertEvents([sampleEvent(id, 1)])).toEqual([1]);
    below.isBroken = true;
    await expect(recorder.selectEvents(id)).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
    const commit = recorder.insertEvents([sampleEvent(id, 2)]);
    await expect(commit).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
    await expect(recorder.maxNotificationId()).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
    expect(journal.records).toHaveLength(1);
    const again = await DurableRecorder.open({ replica: new MemoryReplica(), journal: journal.connect() });
    expect(await again.selectEvents(id)).toEqual([sampleEvent(id, 1)]);
  });
});

describe('any sequence of commits and questions', () => {
  const ids = Array.from({ length: 4 }, newOriginatorId);
  const aggregate = fc.nat({ max: ids.length - 1 });
  const version = fc.integer({ min: 0, max: 12 });
  const application = fc.constantFrom('up', 'down');
  const question = fc.oneof(
    fc.record({ ask: fc.constant('version' as const), aggregate }),
    fc.record({ ask: fc.constant('taken' as const), aggregate, version }),
    fc.record({ ask: fc.constant('last' as const) }),
    fc.record({ ask: fc.constant('tracked' as const), application }),
    fc.record({ ask: fc.constant('events' as const), aggregate, gt: version, desc: fc.boolean() }),
    fc.record({ ask: fc.constant('notifications' as const), start: fc.integer({ min: 1, max: 20 }) }),
  );
  type Question = typeof question extends fc.Arbitrary<infer Q> ? Q : never;
  const commit = fc.record({
    ask: fc.constant('commit' as const),
    events: fc.uniqueArray(fc.record({ aggregate, version }), {
      maxLength: 4,
      selector: (event) => `${event.aggregate}:${event.version}`,
    }),
    tracking: fc.option(fc.record({ applicationName: application, notificationId: fc.integer({ min: 1, max: 20 }) }), {
      nil: undefined,
    }),
    /** As records of another tab are: checked by somebody else, so that this replica was asked nothing before. */
    isForeign: fc.boolean(),
  });
  /** What a server refuses leaves: the unit, and what stands on it. */
  const refusal = fc.record({ ask: fc.constant('refusal' as const), which: fc.nat({ max: 20 }) });
  const wait = fc.record({ ask: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 50 }) });
  const step = fc.oneof({ weight: 4, arbitrary: commit }, { weight: 3, arbitrary: question }, refusal, wait);

  const answer = (replica: Replica, asked: Question): unknown => {
    switch (asked.ask) {
      case 'version':
        return replica.maxOriginatorVersion(ids[asked.aggregate] as string);
      case 'taken':
        return replica.hasEvent(ids[asked.aggregate] as string, asked.version);
      case 'last':
        return replica.maxNotificationId();
      case 'tracked':
        return replica.maxTrackingId(asked.application);
      case 'events':
        return replica.selectEvents(ids[asked.aggregate] as string, { gt: asked.gt, desc: asked.desc });
      case 'notifications':
        return replica.selectNotifications({ start: asked.start, limit: 10 });
    }
  };

  const check = (
    replica: Replica,
    { events, tracking }: typeof commit extends fc.Arbitrary<infer C> ? C : never,
    // What a commit is as a unit is random; here one commit is checked twice.
    mark: UnitMark,
  ): CheckedCommit | string => {
    try {
      const stored = events.map((event) => sampleEvent(ids[event.aggregate] as string, event.version));
      return new CommitCheck(replica).check(stored, tracking, mark);
    } catch (error) {
      return (error as Error).message;
    }
  };

  const openTables = async (): Promise<{ database: SqliteDatabase; tables: SqliteReplica }> => {
    const database = await openSqlJs();
    const tables = new SqliteReplica(database, {}, { units: new SqliteUnits(database) });
    tables.createTables();
    return { database, tables };
  };

  const dump = (database: SqliteDatabase): unknown =>
    ['stored_events', 'tracking', 'sqlite_sequence', 'daybook_units', 'daybook_set_aside'].map((table) =>
      database.prepare(`SELECT * FROM ${table} ORDER BY 1`).all([]),
    );

  test('gives the same answers, and leaves the same tables, as applying each at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const [eager, lazily] = await Promise.all([openTables(), openTables()]);
        const clock = new ManualClock();
        const lazy = new LazyReplica(lazily.tables, { clock });
        for (const taken of steps) {
          if (taken.ask === 'wait') clock.advance(taken.ms);
          else if (taken.ask === 'commit') {
            const mark = unitMark();
            const checked = check(eager.tables, taken, mark);
            if (!taken.isForeign) expect(check(lazy, taken, mark)).toEqual(checked);
            if (typeof checked === 'string') continue;
            eager.tables.apply([checked]);
            lazy.apply([checked]);
          } else if (taken.ask === 'refusal') {
            const { units } = eager.tables;
            const pending = units?.selectPending(0, { eventsMax: 1_000, bytesMax: 1_000_000 }) ?? [];
            const { id } = pending[taken.which % pending.length] ?? {};
            if (id === undefined) continue;
            const sync = units?.planSetAside([{ id, reason: REFUSED }], 1).change;
            const change = { events: [], firstNotificationId: 0, tracking: undefined, sync };
            eager.tables.apply([change]);
            lazy.apply([change]);
          } else expect(answer(lazy, taken)).toEqual(answer(eager.tables, taken));
        }
        lazy.flush();
        expect(dump(lazily.database)).toEqual(dump(eager.database));
        eager.database.close();
        lazily.database.close();
      }),
      { numRuns: 200 },
    );
  });
});
