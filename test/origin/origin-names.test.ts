import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  aliveLockName,
  checkpointLockName,
  databaseName,
  headChannelName,
  importLockName,
  openLockName,
  rescuePath,
  storeMarkKey,
  syncChannelName,
  syncLockName,
} from '../../src/origin/origin-names.js';
import { sourceLinesWith } from '../support/source-lines.js';

type MakeName = (storeName: string) => string;

/** What may meet: names of one kind of thing. */
const NAMESPACES: Readonly<Record<string, readonly MakeName[]>> = {
  'Web Locks': [openLockName, importLockName, checkpointLockName, syncLockName, aliveLockName],
  BroadcastChannels: [headChannelName, syncChannelName],
  IndexedDB: [databaseName],
  localStorage: [storeMarkKey],
  'private files': [(storeName) => rescuePath(storeName).join('/')],
};

const KIND_WORDS = ['open', 'import', 'checkpoint', 'sync', 'alive', 'head', 'store', 'daybook'];

// Names that are made of what the names of locks are made of, so that those which could meet are likely.
const oddName = fc
  .array(fc.oneof(fc.constantFrom(...KIND_WORDS, '', ' ', 'r', '%3A', 'é', 'e\u0301'), fc.string({ unit: 'binary' })), {
    minLength: 1,
    maxLength: 4,
  })
  .chain((words) => fc.constantFrom(':', '', '::').map((between) => words.join(between)))
  .filter((name) => name.length >= 1 && name.length <= 200);

const namesIn = (makers: readonly MakeName[], stores: readonly string[]): readonly string[] =>
  stores.flatMap((store) => makers.map((make) => make(store)));

describe.each(Object.entries(NAMESPACES))('names of %s', (_namespace, makers) => {
  test('are never equal for two stores, nor for two kinds', () => {
    fc.assert(
      fc.property(fc.uniqueArray(oddName, { minLength: 2, maxLength: 6 }), (stores) => {
        const names = namesIn(makers, stores);
        expect(new Set(names).size).toBe(names.length);
      }),
      { numRuns: 2_000 },
    );
  });

  test('are never equal for two stores that are called like parts of names', () => {
    const parts = ['r', ...KIND_WORDS];
    const stores = [...parts, ...parts.flatMap((first) => parts.map((second) => `${first}:${second}`))];
    const names = namesIn(makers, [...stores, ...stores.map((store) => `${store}:`), ...stores.map((s) => `:${s}`)]);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('names that have met', () => {
  test.each([
    ['open', openLockName('import'), importLockName('open')],
    ['checkpoint', openLockName('r:checkpoint'), checkpointLockName('open:r')],
    ['import', openLockName('r:import'), importLockName('open:r')],
    ['sync', openLockName('r:sync'), syncLockName('open:r')],
    ['alive', aliveLockName('r:import'), importLockName('alive:r')],
  ])('do so no more: %s', (_kind, one, other) => {
    expect(one).not.toBe(other);
  });
});

describe('names that stores and older code rely on', () => {
  test('are what they were', () => {
    expect(databaseName('stock-count')).toBe('daybook:stock-count');
    expect(databaseName('a:b')).toBe('daybook:a:b');
    expect(storeMarkKey('stock-count')).toBe('daybook:store:stock-count');
    expect(storeMarkKey('a:b')).toBe('daybook:store:a:b');
    expect(openLockName('stock-count')).toBe('daybook:open:stock-count');
    expect(importLockName('stock-count')).toBe('daybook:stock-count:import');
  });
});

describe('a name of the origin', () => {
  /** What begins as one, and is none. */
  const OTHERS: Readonly<Record<string, readonly string[]>> = {
    // Of a tracking record, within a store.
    'src/sync/exchange/store-subject.ts': ["export const SUBJECT_TRACKING_NAME = 'daybook:subject';"],
    'src/sync/confirmed.ts': ["export const PUSH_TRACKING_NAME = 'daybook:push';"],
    // What a MAC is for.
    'src/server/log/unit-seals.ts': [
      "const PURPOSE = 'daybook: a unit of a log';",
      "const PURPOSE_OF_PART = 'daybook: a part of a unit of a log';",
    ],
    // Of PostgreSQL's advisory locks, within a server.
    'src/server/hosts/host-lock.ts': [
      `const TRY_LOCK_SQL = "SELECT pg_try_advisory_lock(hashtextextended('daybook:host', 0)) AS locked";`,
    ],
    'src/persistence/sql/sql-names.ts': ["export const EVENT_TABLES_TURN = 'daybook:create-table';"],
  };

  test('is made in one file', () => {
    const { 'src/origin/origin-names.ts': made, ...others } = Object.fromEntries(sourceLinesWith(/['"`]daybook:/));
    // But for those of files, in which there may be no colon.
    expect(made).toHaveLength(Object.values(NAMESPACES).flat().length - 1 + 1);
    expect(others).toEqual(OTHERS);
  });

  test('of a lock is asked for in one file, which knows that there may be no Web Locks', () => {
    const asking = sourceLinesWith(/\bnavigator\b.*\.locks\b|\bLockManager\b|\blocks\.request\b/);
    expect([...asking.keys()]).toEqual(['src/origin/web-locks.ts']);
  });
});
