/** What recorders refuse: alike on every engine. */
import { D1ProcessRecorder, D1SnapshotStore } from '../../src/d1/index.js';
import { MemoryAggregateRecorder, MemoryApplicationRecorder } from '../../src/persistence/memory/memory-recorder.js';
import {
  MongoAggregateRecorder,
  MongoApplicationRecorder,
  MongoProcessRecorder,
  MongoSnapshotStore,
} from '../../src/mongodb/index.js';
import {
  PostgresAggregateRecorder,
  PostgresApplicationRecorder,
  PostgresProcessRecorder,
  postgresAggregateTable,
  postgresTables,
} from '../../src/persistence/postgres/index.js';
import type { ProcessRecorder } from '../../src/persistence/recorder.js';
import type { RecorderTransaction } from '../../src/persistence/recorder-transaction.js';
import {
  SqliteAggregateRecorder,
  SqliteApplicationRecorder,
  SqliteProcessRecorder,
} from '../../src/persistence/sqlite/index.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { count, fn, given, id, integer, list, ms, refuses, signal, text, whole, word } from './table.js';
import type { Given, Row } from './table.js';
import type { World } from './world.js';

const ID = newOriginatorId();
const good = sampleEvent(ID, 1);
const EVENTS = given(
  [good],
  ...[5, 'text', null, [5], [null]],
  ...[
    { ...good, originatorId: 'nails' },
    { ...good, originatorVersion: 1.5 },
    { ...good, originatorVersion: -1 },
    { ...good, originatorVersion: '1' },
    { ...good, topic: '' },
    { ...good, topic: 'x'.repeat(1_001) },
    { ...good, state: 'text' },
    // The second one is wrong, and the first not stored.
  ].map((event) => [sampleEvent(newOriginatorId(), 1), event]),
);
const TRACKING = given(
  { applicationName: 'upstream', notificationId: 1 },
  ...['text', null, { applicationName: '', notificationId: 1 }, { applicationName: 'a', notificationId: 0 }],
  ...[
    { applicationName: 5, notificationId: 1 },
    { applicationName: 'a', notificationId: Number.NaN },
  ],
);
const SELECTION = { gt: integer(), lte: integer(10), limit: whole(), signal: signal() };
const NOTIFICATIONS = {
  start: integer(1),
  limit: whole(),
  stop: integer(10),
  topics: list(['topic']).butNot('topic', 5, [5]),
  signal: signal(),
};
const CALL = { signal: signal() };
const TABLE = given('books', 5, '', 'a\0b');
const DATABASE = given('shop', 5, '', 'a\0b', 'a b', 'x'.repeat(64));

type Recorder = ProcessRecorder;

/** What every recorder of events has. */
function recorderRows(kind: string, make: (world: World) => unknown): readonly Row[] {
  const on = async (world: World): Promise<Recorder> => (await world.made(make)) as Recorder;
  return [
    refuses(`${kind}.insertEvents`, [EVENTS, insertOptions(kind)], async (world, events: never, options: never) =>
      (await on(world)).insertEvents(events, options),
    ),
    refuses(`${kind}.selectEvents`, [id(ID), SELECTION], async (world, originatorId: never, options: never) =>
      (await on(world)).selectEvents(originatorId, options),
    ),
    refuses(`${kind}.selectNotifications`, [NOTIFICATIONS], async (world, options: never) =>
      (await on(world)).selectNotifications(options),
    ),
    refuses(`${kind}.maxNotificationId`, [CALL], async (world, options: never) =>
      (await on(world)).maxNotificationId(options),
    ),
    refuses(`${kind}.maxTrackingId`, [text('upstream'), CALL], async (world, application: never, options: never) =>
      (await on(world)).maxTrackingId(application, options),
    ),
    refuses(
      `${kind}.hasTrackingId`,
      [text('upstream'), count(), CALL],
      async (world, application: never, notificationId: never, options: never) =>
        (await on(world)).hasTrackingId(application, notificationId, options),
    ),
    refuses(`${kind}.transaction`, [fn(() => Promise.resolve()), CALL], async (world, work: never, options: never) =>
      ((await on(world)) as unknown as Transactional).transaction(work, options),
    ),
  ];
}

interface Transactional {
  transaction(work: (transaction: RecorderTransaction<unknown>) => Promise<void>, options?: object): Promise<void>;
}

function insertOptions(kind: string): Given {
  return kind.includes('Process') ? { tracking: TRACKING, signal: signal() } : CALL;
}

const AGGREGATE = ['insertEvents', 'selectEvents'];
const APPLICATION = [...AGGREGATE, 'selectNotifications', 'maxNotificationId'];

function only(rows: readonly Row[], methods: readonly string[]): readonly Row[] {
  return rows.filter(({ name }) => methods.includes(name.split('.')[1] ?? ''));
}

export const RECORDER_ROWS: readonly Row[] = [
  ...only(
    recorderRows('MemoryAggregateRecorder', () => new MemoryAggregateRecorder()),
    AGGREGATE,
  ),
  ...only(
    recorderRows('MemoryApplicationRecorder', () => new MemoryApplicationRecorder()),
    APPLICATION,
  ),
  ...recorderRows('MemoryProcessRecorder', ({ memory: recorder }) => recorder),
  ...only(recorderRows('SqliteAggregateRecorder', aggregateOnSqlite), AGGREGATE),
  ...only(recorderRows('SqliteApplicationRecorder', applicationOnSqlite), APPLICATION),
  ...recorderRows('SqliteProcessRecorder', ({ sqlite }) => sqlite),
  ...only(
    recorderRows('PostgresAggregateRecorder', ({ pool }) => new PostgresAggregateRecorder({ pool })),
    AGGREGATE,
  ),
  ...only(
    recorderRows('PostgresApplicationRecorder', ({ pool }) => new PostgresApplicationRecorder({ pool })),
    APPLICATION,
  ),
  ...recorderRows('PostgresProcessRecorder', ({ pool }) => new PostgresProcessRecorder({ pool })),
  ...only(
    recorderRows('MongoAggregateRecorder', ({ mongo }) => new MongoAggregateRecorder({ client: mongo })),
    AGGREGATE,
  ),
  ...only(
    recorderRows('MongoApplicationRecorder', ({ mongo }) => new MongoApplicationRecorder({ client: mongo })),
    APPLICATION,
  ),
  ...recorderRows('MongoProcessRecorder', ({ mongo }) => new MongoProcessRecorder({ client: mongo })),
  ...recorderRows('D1ProcessRecorder', ({ d1 }) => new D1ProcessRecorder(d1)).filter(
    ({ name }) => !name.endsWith('.transaction'),
  ),
  refuses(
    'D1ProcessRecorder.insertWith',
    [EVENTS, insertOptions('Process'), fn(() => Promise.resolve([]))],
    ({ d1 }, events: never, options: never, beside: never) =>
      new D1ProcessRecorder(d1).insertWith(events, options, beside),
  ),
  refuses(
    'D1ProcessRecorder.batch',
    [
      list([{ text: 'SELECT $1', values: [1] }]).butNot(
        5,
        'text',
        {},
        [{ text: 5, values: [] }],
        [{ text: '', values: 5 }],
      ),
    ],
    ({ d1 }, statements: never) => new D1ProcessRecorder(d1).batch(statements),
  ),
  refuses(
    'D1ProcessRecorder.query',
    [given('SELECT $1', 5, null), list([1]).butNot(5, 'text')],
    ({ d1 }, sql: never, values: never) => new D1ProcessRecorder(d1).query(sql, values),
  ),
  refuses(
    'new D1ProcessRecorder',
    [
      given({ withSession: () => ({}) }, 5, null, {}, 'DB'),
      {
        ...{ eventsTable: TABLE, trackingTable: TABLE, session: given('first-primary', 5, '') },
        ...{ statementsMax: count(), lockTimeoutMs: ms() },
      },
    ],
    (_world, database: never, options: never) => new D1ProcessRecorder(database, options),
  ),
  refuses(
    'new D1SnapshotStore',
    [{ table: given('kept', 5, '', 'a\0b') }],
    ({ d1 }, options: never) => new D1SnapshotStore({ recorder: new D1ProcessRecorder(d1), ...(options as object) }),
  ),
  ...['MemoryProcessRecorder', 'SqliteProcessRecorder'].map((kind) =>
    refuses(
      `${kind}.selectPast`,
      [id(ID), SELECTION],
      ({ memory, sqlite }, originatorId: never, options: never) =>
        (kind === 'MemoryProcessRecorder' ? memory : sqlite).selectPast(originatorId, options),
      { onlyRefused: true },
    ),
  ),
  ...['MemoryProcessRecorder', 'SqliteProcessRecorder', 'PostgresProcessRecorder'].map((kind) =>
    refuses(
      `${kind}.onChanged`,
      [fn(() => undefined), fn(() => undefined)],
      ({ memory: inMemory, sqlite, pool }, listener: never, onEnd: never) => {
        const recorders: Readonly<Record<string, { onChanged(...given: never[]): unknown }>> = {
          MemoryProcessRecorder: inMemory,
          SqliteProcessRecorder: sqlite,
        };
        return (recorders[kind] ?? new PostgresProcessRecorder({ pool })).onChanged(listener, onEnd);
      },
    ),
  ),
  ...['SqliteProcessRecorder', 'PostgresProcessRecorder'].flatMap((kind) => [
    refuses(
      `${kind}.query`,
      [given('SELECT $1', 5, null), list([1]).butNot(5, 'text')],
      (world, sql: never, values: never) =>
        (kind.startsWith('Sqlite') ? world.sqlite : new PostgresProcessRecorder({ pool: world.pool })).query(
          sql,
          values,
        ),
    ),
    refuses(`${kind}.selectArchived`, [text(ID)], (world, originatorId: never) =>
      (kind.startsWith('Sqlite') ? world.sqlite : new PostgresProcessRecorder({ pool: world.pool })).selectArchived(
        originatorId,
      ),
    ),
  ]),
  ...['PostgresApplicationRecorder', 'PostgresProcessRecorder', 'MongoApplicationRecorder', 'MongoProcessRecorder'].map(
    (kind) =>
      refuses(
        `${kind}.subscribe`,
        [
          {
            gt: integer(),
            topics: list(['t']).butNot('t', [5]),
            pollIntervalMs: ms(),
            signal: given(undefined, 'text', {}),
          },
        ],
        async ({ pool, mongo }, options: never) => {
          const recorders: Readonly<Record<string, () => MongoApplicationRecorder | PostgresApplicationRecorder>> = {
            PostgresApplicationRecorder: () => new PostgresApplicationRecorder({ pool }),
            PostgresProcessRecorder: () => new PostgresProcessRecorder({ pool }),
            MongoApplicationRecorder: () => new MongoApplicationRecorder({ client: mongo }),
            MongoProcessRecorder: () => new MongoProcessRecorder({ client: mongo }),
          };
          return await recorders[kind]?.().subscribe(options).next();
        },
        { onlyRefused: true },
      ),
  ),
  ...['PostgresApplicationRecorder', 'PostgresProcessRecorder'].map((kind) =>
    refuses(`${kind}.listen`, [fn(() => undefined)], ({ pool }, onNews: never) =>
      new PostgresApplicationRecorder({ pool }).listen(onNews),
    ),
  ),
  ...[SqliteAggregateRecorder, SqliteApplicationRecorder, SqliteProcessRecorder].map((Recorder) =>
    refuses(
      `new ${Recorder.name}`,
      [Recorder === SqliteAggregateRecorder ? { table: TABLE } : { eventsTable: TABLE }],
      ({ database }, options: never) => new Recorder(database, options),
    ),
  ),
  ...[PostgresAggregateRecorder, PostgresApplicationRecorder, PostgresProcessRecorder].map((Recorder) =>
    refuses(
      `new ${Recorder.name}`,
      [
        {
          ...{ applicationName: given('shop', 5), schema: TABLE, originatorIdType: word('uuid') },
          ...{ columns: given(undefined, { id: 'other' }) },
          ...(Recorder === PostgresAggregateRecorder ? { purpose: given('p', 5) } : { lockTimeoutMs: ms() }),
        },
      ],
      ({ pool }, options: never) => new Recorder({ pool, ...(options as object) }),
    ),
  ),
  ...[MongoAggregateRecorder, MongoApplicationRecorder, MongoProcessRecorder].map((Recorder) =>
    refuses(
      `new ${Recorder.name}`,
      [
        {
          ...{ database: DATABASE, applicationName: given('shop', 5, '$a', 'a\0b', 'x'.repeat(300)) },
          ...{ originatorIdType: word('uuid'), lockTimeoutMs: ms() },
          ...(Recorder === MongoAggregateRecorder ? { purpose: given('p', 5, '', 'events', 'HEAD', '$a') } : {}),
        },
      ],
      ({ mongo }, options: never) => new Recorder({ client: mongo, ...(options as object) }),
    ),
  ),
  refuses(
    'new MongoSnapshotStore',
    [{ database: DATABASE, collection: given('kept', 5, '', '$a', 'a\0b', 'system.a') }],
    ({ mongo }, options: never) => new MongoSnapshotStore({ client: mongo, ...(options as object) }),
  ),
  refuses(
    'postgresAggregateTable',
    [
      {
        purpose: given('p', 5),
        table: given(undefined, 5, ''),
        schema: TABLE,
        originatorIdType: word('uuid'),
        layout: word('9'),
      },
    ],
    (_world, options: never) => postgresAggregateTable(options),
  ),
  refuses(
    'postgresTables',
    [
      {
        ...{
          applicationName: given('shop', 5),
          schema: TABLE,
          eventsTable: TABLE,
          trackingTable: given('t', 5, '', 'a\0b'),
        },
        ...{ columns: given(undefined, { id: 'other' }), originatorIdType: word('uuid') },
        ...{ singleRowTracking: given(true, 'false') },
      },
    ],
    (_world, options: never) => postgresTables(options),
  ),
];

async function aggregateOnSqlite({ database }: World): Promise<SqliteAggregateRecorder> {
  const recorder = new SqliteAggregateRecorder(database, { table: 'aggregates' });
  await recorder.createTable();
  return recorder;
}

async function applicationOnSqlite({ database }: World): Promise<SqliteApplicationRecorder> {
  const recorder = new SqliteApplicationRecorder(database, { eventsTable: 'applications' });
  await recorder.createTable();
  return recorder;
}
