import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LazyReplica } from '../../../src/persistence/journal/lazy-replica.js';
import { MemoryReplica } from '../../../src/persistence/memory/memory-replica.js';
import { CommitCheck } from '../../../src/persistence/journal/replica.js';
import { SqliteReplica } from '../../../src/persistence/sqlite/sqlite-replica.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';

const idOf = (index: number): string => `00000000-0000-4000-8000-${index.toString().padStart(12, '0')}`;

test('versions that are expected are looked up in one question, and then known', async () => {
  const database = await openSqlJs();
  const below = new SqliteReplica(database);
  below.createTables();
  below.insertEvents([sampleEvent(idOf(1), 7), sampleEvent(idOf(3), 2)]);
  let questions = 0;
  const versionsOf = below.maxOriginatorVersions.bind(below);
  below.maxOriginatorVersions = (ids) => {
    questions++;
    return versionsOf(ids);
  };
  below.maxOriginatorVersion = () => expect.unreachable('asked for one');
  const replica = new LazyReplica(below, { clock: new ManualClock() });
  replica.expect(new Set([1, 2, 3].map(idOf)));
  expect([1, 2, 3].map((index) => replica.maxOriginatorVersion(idOf(index)))).toEqual([7, -1, 2]);
  replica.expect(new Set([3, 2, 1].map(idOf)));
  expect(questions).toBe(1);
});

test('however many versions are expected, none is looked up alone', async () => {
  const database = await openSqlJs();
  const below = new SqliteReplica(database);
  below.createTables();
  const many = 10_000;
  below.insertEvents([sampleEvent(idOf(7), 7), sampleEvent(idOf(many - 1), 3)]);
  below.maxOriginatorVersion = () => expect.unreachable('asked for one');
  const replica = new LazyReplica(below, { clock: new ManualClock() });
  const ids = Array.from({ length: many }, (_, index) => idOf(index));
  replica.expect(new Set(ids));
  const versions = ids.map((id) => replica.maxOriginatorVersion(id));
  expect([versions[7], versions[many - 1], versions.filter((version) => version === -1).length]).toEqual([
    7,
    3,
    many - 2,
  ]);
  database.close();
});

test('whatever is expected, and whatever waits, the answers are those of a replica that applies at once', async () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('commit' as const), aggregate: fc.nat(5), count: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constant('expect' as const), aggregates: fc.uniqueArray(fc.nat(7)) }),
      fc.record({ kind: fc.constant('flush' as const) }),
    ),
  );
  await fc.assert(
    fc.asyncProperty(steps, async (taken) => {
      const database = await openSqlJs();
      const below = new SqliteReplica(database);
      below.createTables();
      const lazy = new LazyReplica(below, { clock: new ManualClock() });
      const plain = new MemoryReplica();
      for (const step of taken) {
        if (step.kind === 'flush') lazy.flush();
        else if (step.kind === 'expect') lazy.expect(new Set(step.aggregates.map(idOf)));
        else {
          const id = idOf(step.aggregate);
          const next = plain.maxOriginatorVersion(id) + 1;
          const events = Array.from({ length: step.count }, (_, index) => sampleEvent(id, next + index));
          const commit = new CommitCheck(plain).check(events, undefined);
          plain.apply([commit]);
          // Not checked against the lazy one: that it knows the aggregate is left to chance.
          lazy.apply([commit]);
        }
      }
      lazy.expect(new Set([0, 1, 2, 3].map(idOf)));
      for (let index = 0; index <= 7; index++) {
        expect(lazy.maxOriginatorVersion(idOf(index))).toBe(plain.maxOriginatorVersion(idOf(index)));
      }
      const notifications = { start: 1, limit: 1_000 };
      expect(lazy.selectNotifications(notifications)).toEqual(plain.selectNotifications(notifications));
      database.close();
    }),
  );
});
