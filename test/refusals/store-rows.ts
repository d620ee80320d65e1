/** What is kept beside the events: what is refused alike in memory and in SQL. */
import { D1ProcessRecorder, D1SnapshotStore } from '../../src/d1/index.js';
import { MemoryEventIndex } from '../../src/application/event-index/memory-event-index.js';
import { SqlEventIndex } from '../../src/application/event-index/sql-event-index.js';
import { MemoryOutbox } from '../../src/application/outbox/memory-outbox.js';
import { SqlOutbox } from '../../src/application/outbox/sql-outbox.js';
import { TransactionalOutbox } from '../../src/application/outbox/transactional-outbox.js';
import { MemorySubjectKeys } from '../../src/application/personal/memory-subject-keys.js';
import { SqlSubjectKeys } from '../../src/application/personal/sql-subject-keys.js';
import { MemoryCheckpoints } from '../../src/persistence/memory/memory-checkpoints.js';
import { MemorySnapshotStore } from '../../src/persistence/memory/memory-snapshot-store.js';
import { MongoSnapshotStore } from '../../src/mongodb/index.js';
import { SqlCheckpoints } from '../../src/persistence/sql/sql-checkpoints.js';
import { SqlCommitIds } from '../../src/persistence/sql/sql-commit-ids.js';
import { SqlSnapshotStore } from '../../src/persistence/sql/sql-snapshot-store.js';
import { MemoryReplicaStore } from '../../src/server/access/replica-store.js';
import { SqlReplicaStore } from '../../src/server/access/sql-replica-store.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { sampleRecordedEvent } from '../../src/testing/conformance/recorded-events.js';
import { bytes, count, date, fn, given, integer, list, refuses, signal, text, whole } from './table.js';
import type { Kind, Row } from './table.js';
import type { World } from './world.js';

const ID = newOriginatorId();
const CALL = { signal: signal() };
const NAME = text('name');
const TABLE = given('kept', 5, '', 'a\0b');
const EVENT = { ...sampleRecordedEvent(ID, 1), notificationId: 1 };

type Method = (...values: never[]) => unknown;

/** The rows of classes that have the same methods. */
function alike<Kept extends object>(
  kinds: Readonly<Record<string, (world: World) => Kept | Promise<Kept>>>,
  methods: Readonly<Partial<Record<keyof Kept & string, Row['given']>>>,
): readonly Row[] {
  return Object.entries(kinds).flatMap(([kind, make]) =>
    Object.entries(methods as Readonly<Record<string, Row['given']>>).map(([method, values]) =>
      refuses(`${kind}.${method}`, values, async (world, ...each: never[]) => {
        const kept = (await world.made(make)) as Readonly<Record<string, Method>>;
        return await kept[method]?.(...each);
      }),
    ),
  );
}

/** With its tables. */
function onSqlite<Kept extends { createTables(): Promise<void> }>(
  Class: new (options: { readonly recorder: World['sqlite'] }) => Kept,
): (world: World) => Promise<Kept> {
  return async ({ sqlite }) => {
    const kept = new Class({ recorder: sqlite });
    await kept.createTables();
    return kept;
  };
}

/** A moment, in milliseconds since 1970. */
const instant = (): Kind => given(1_000, Number.NaN, '5');
const SNAPSHOT = {
  ...{
    originatorId: text(ID),
    originatorVersion: whole(),
    eventId: text(newOriginatorId()),
    aggregateType: text('Item'),
  },
  ...{ stateVersion: whole(1), state: bytes(), takenAtMs: instant() },
};
const PAGE = { after: integer(), limit: count() };

export const STORE_ROWS: readonly Row[] = [
  ...alike<MemorySnapshotStore | SqlSnapshotStore | MongoSnapshotStore | D1SnapshotStore>(
    {
      MemorySnapshotStore: () => new MemorySnapshotStore(),
      SqlSnapshotStore: onSqlite(SqlSnapshotStore),
      MongoSnapshotStore: ({ mongo }) => new MongoSnapshotStore({ client: mongo }),
      D1SnapshotStore: ({ d1 }) => new D1SnapshotStore({ recorder: new D1ProcessRecorder(d1) }),
    },
    { upsert: [SNAPSHOT] },
  ),
  ...alike<MemoryCheckpoints | SqlCheckpoints>(
    {
      MemoryCheckpoints: ({ memory }) => new MemoryCheckpoints({ recorder: memory }),
      SqlCheckpoints: onSqlite(SqlCheckpoints),
    },
    {
      save: [NAME, { position: count(), eventId: given('e', 5), eventType: given('e', 5) }, CALL],
      find: [NAME, CALL],
      position: [NAME, CALL],
      lag: [NAME, CALL],
      list: [CALL],
      reset: [NAME, CALL],
    },
  ),
  ...alike<MemoryEventIndex | SqlEventIndex>(
    { MemoryEventIndex: () => new MemoryEventIndex(), SqlEventIndex: onSqlite(SqlEventIndex) },
    {
      find: [{ ...PAGE, from: date(), to: date() }],
      between: [{ from: date(), to: date() }, PAGE],
      add: [list([EVENT])],
    },
  ),
  ...alike<MemorySubjectKeys | SqlSubjectKeys>(
    { MemorySubjectKeys: () => new MemorySubjectKeys(), SqlSubjectKeys: onSqlite(SqlSubjectKeys) },
    { keyFor: [text()], find: [list(['id'])], forget: [text()], onForgotten: [fn()] },
  ),
  ...alike<SqlSubjectKeys>(
    { SqlSubjectKeys: onSqlite(SqlSubjectKeys) },
    { take: [list()], destroy: [list(['id'])], keptElsewhere: [list(['id'])], followed: [list(['s'])] },
  ),
  ...alike<SqlCommitIds>(
    { SqlCommitIds: onSqlite(SqlCommitIds) },
    { once: [text(ID), fn()], has: [text(ID)], deleteBefore: [date(), count()] },
  ),
  ...alike<MemoryOutbox | SqlOutbox>(
    { MemoryOutbox: () => new MemoryOutbox(), SqlOutbox: onSqlite(SqlOutbox) },
    {
      enqueue: [list([EVENT])],
      pending: [PAGE],
      deadLetters: [PAGE],
      counts: [CALL],
      deletePublished: [instant(), count()],
      onPending: [fn()],
    },
  ),
  ...alike<TransactionalOutbox>(
    {
      TransactionalOutbox: () =>
        new TransactionalOutbox({ outbox: new MemoryOutbox(), publish: () => Promise.resolve() }),
    },
    { enqueue: [list([EVENT])], pending: [PAGE], deadLetters: [PAGE] },
  ),
  ...alike<MemoryReplicaStore | SqlReplicaStore>(
    { MemoryReplicaStore: () => new MemoryReplicaStore(), SqlReplicaStore: onSqlite(SqlReplicaStore) },
    { list: [{ limit: count() }] },
  ),
  ...[SqlSnapshotStore, SqlCheckpoints, SqlCommitIds, SqlEventIndex, SqlOutbox, SqlSubjectKeys, SqlReplicaStore].map(
    (Class) =>
      refuses(
        `new ${Class.name}`,
        [{ table: TABLE }],
        ({ sqlite }, options: never) => new Class({ recorder: sqlite, ...(options as object) }),
      ),
  ),
  refuses(
    'new MemoryOutbox',
    [{ select: fn(() => true), newId: fn(() => ID) }],
    (_world, options: never) => new MemoryOutbox(options),
  ),
  refuses(
    'new MemoryEventIndex',
    [{ textOf: fn(() => '') }],
    (_world, options: never) => new MemoryEventIndex(options),
  ),
];
