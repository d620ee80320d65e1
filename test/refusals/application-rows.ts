/** What an application, and what follows it, refuse. */
import {
  Aggregate,
  Application,
  cached,
  cachedIn,
  decodeEnvelope,
  defineProcess,
  envelopeMessages,
  event,
  EventRegistry,
  forgetSubject,
  InlineProjection,
  invalidation,
  JSONNotificationLogView,
  MemoryOutbox,
  MemoryProjectionStore,
  MemorySubjectKeys,
  memoryProjection,
  NewerEventsWatch,
  NotificationLog,
  NotificationLogReader,
  OutboxWorker,
  personalSeal,
  positionEventId,
  ProcessRunner,
  ProjectionRunner,
  publishAll,
  RemoteNotificationLog,
  RemoteSubjectKeys,
  sqlProjection,
  SqlSubjectKeys,
  System,
  TransactionalOutbox,
} from '../../src/application/index.js';
import { MemorySnapshotStore } from '../../src/core.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { testReservation, testStock } from '../../src/testing/conformance/order-world.js';
import { count, date, fn, given, id, integer, list, ms, refuses, signal, text, whole, word } from './table.js';
import type { Row } from './table.js';
import type { World } from './world.js';

const ID = newOriginatorId();
class Counter extends Aggregate.of('Counter', { Counted: event<{ quantity: number }>() }) {}

const ADD = { type: 'Add', data: { quantity: 5 } } as const;
const ADDED = { type: 'Added', data: { quantity: 1 } } as const;
const METADATA = { actorId: given('anna', 42, null), attributes: given({}, 'text', { __proto__x: Number.NaN }) };
const SAVE = {
  metadata: METADATA,
  occurredAt: date(),
  tracking: given(
    undefined,
    5,
    { applicationName: '', notificationId: 1 },
    { applicationName: 'a', notificationId: 0 },
  ),
  signal: signal(),
};
const EXPECTED = given('any', 'all', -1, 1.5, Number.NaN, '5');
const EXECUTE = { ...SAVE, expected: EXPECTED, retry: { attemptsMax: count(3), delayMsMax: ms(0) } };
/** A message that an aggregate does not know is refused by the aggregate. */
const OF_MESSAGES = ['PROGRAMMING_ERROR', 'EVENT_HANDLER_ERROR'];
const CALL = { signal: signal() };
const OF_LOG = { gt: integer(), limit: whole(), signal: signal() };
const publish = (): Promise<void> => Promise.resolve();

const view = memoryProjection({ name: 'view', from: [testStock], initialState: () => 0, on: {} });
const table = sqlProjection({
  name: 'rows',
  from: [testStock],
  tables: { rows: (called) => `CREATE TABLE ${called} (id TEXT)` },
  on: {},
});

const notificationLog = ({ memory }: World): NotificationLog => new NotificationLog(memory);
const ofPolling = { pollIntervalMs: ms() };

export const APPLICATION_ROWS: readonly Row[] = [
  refuses(
    'new Application',
    [
      {
        ...{ aggregates: given([testStock], 5, 'text', [testStock, testStock]) },
        ...{
          snapshots: { store: given(new MemorySnapshotStore()), interval: count() },
          cache: { aggregatesMax: count() },
        },
        ...{ random: fn(Math.random), newEventId: fn(() => ID), resolve: fn(() => undefined), resolveTimeoutMs: ms() },
        ...{ validateOnRead: word('never'), inline: given([], 5, 'text'), olderEvents: fn(), onRecorded: fn() },
      },
    ],
    ({ memory }, options: never) => new Application({ recorder: memory, ...(options as { aggregates: [] }) }),
  ),
  refuses(
    'Application.execute',
    [id(ID), given(ADD, { type: 'Other', data: {} }, 5, null), EXECUTE],
    ({ app }, originatorId: never, message: never, options: never) =>
      app.execute(testStock, originatorId, message, options),
    { codes: OF_MESSAGES },
  ),
  refuses(
    'Application.tryExecute',
    [id(ID), given(ADD, { type: 'Other', data: {} }), EXECUTE],
    ({ app }, originatorId: never, message: never, options: never) =>
      app.tryExecute(testStock, originatorId, message, options),
    { codes: OF_MESSAGES },
  ),
  refuses(
    'Application.executeAll',
    [given([[testStock, ID, ADD]], 5, null, [5], [[testStock, 'nails', ADD]]), EXECUTE],
    ({ app }, executions: never, options: never) => app.executeAll(executions, options),
  ),
  refuses('Application.save', [given(new Counter(ID), 5, null, {})], ({ app }, one: never) => app.save(one), {
    onlyRefused: true,
  }),
  refuses('Application.saveAll', [given([], 5, null, [5], [null]), SAVE], ({ app }, all: never, options: never) =>
    app.saveAll(all, options),
  ),
  refuses(
    'Application.append',
    [id(ID), given([ADDED], 5, null, [5], [{ type: 'Other', data: {} }]), EXPECTED, SAVE],
    ({ app }, originatorId: never, events: never, expected: never, options: never) =>
      app.append(testStock, originatorId, events, expected, options),
    { codes: OF_MESSAGES },
  ),
  refuses('Application.transaction', [fn(), CALL], ({ app }, work: never, options: never) =>
    app.transaction(work, options),
  ),
  refuses(
    'Application.takeSnapshot',
    [id(ID)],
    ({ app }, originatorId: never) => app.takeSnapshot(testStock, originatorId),
    {
      onlyRefused: true,
    },
  ),
  refuses(
    'Application.truncateHistory',
    [{ keepMs: ms(), keepEvents: whole(), aggregatesMax: count() }],
    ({ app }, options: never) => app.truncateHistory(options),
    { onlyRefused: true, codes: ['PROGRAMMING_ERROR'] },
  ),
  refuses(
    'Application.subscribe',
    [{ gt: integer(), types: list(['Added']).butNot('Added', [5], ['Other']), unknownTopic: word('throw') }],
    async ({ app }, options: never) => await app.subscribe(options).next(),
    { onlyRefused: true },
  ),
  refuses(
    'Application.readAll',
    [
      {
        ...{ ...OF_LOG, stop: integer(10), from: date(), to: date(), unknownTopic: word('throw') },
        types: list(['Added']).butNot('Added', [5], ['Other']),
      },
    ],
    async ({ app }, options: never) => await app.readAll(options)[Symbol.asyncIterator]().next(),
  ),
  refuses('Application.onRecorded', [fn(() => undefined)], ({ app }, listener: never) => app.onRecorded(listener)),
  ...(['load', 'get', 'loadOrCreate', 'exists', 'versionOf', 'history'] as const).map((method) =>
    refuses(
      `Repository.${method}`,
      [
        id(ID),
        method === 'load' || method === 'get'
          ? { version: integer(1), signal: signal() }
          : method === 'history'
            ? { gt: integer(), lte: integer(5), limit: whole(), signal: signal() }
            : CALL,
      ],
      async ({ app }, originatorId: never, options: never) => {
        return await app.repository[method](testStock, originatorId, options);
      },
      { onlyRefused: true },
    ),
  ),
  refuses(
    'new NotificationLog',
    [{ sectionSize: count() }],
    ({ memory }, options: never) => new NotificationLog(memory, options),
  ),
  refuses(
    'new RemoteNotificationLog',
    [{ sectionSize: count() }],
    (world, options: never) => new RemoteNotificationLog(new JSONNotificationLogView(notificationLog(world)), options),
  ),
  ...(
    [
      ['NotificationLog', notificationLog],
      [
        'RemoteNotificationLog',
        (world: World) => new RemoteNotificationLog(new JSONNotificationLogView(notificationLog(world))),
      ],
    ] as const
  ).flatMap(([kind, make]) => [
    refuses(`${kind}.section`, [given('1,10', 5, '', 'a,b', '1')], (world, section: never) =>
      make(world).section(section),
    ),
    refuses(
      `${kind}.select`,
      [{ start: integer(1), limit: whole(), stop: integer(5), topics: given(['t'], 't', [5]), signal: signal() }],
      (world, options: never) => make(world).select(options),
    ),
  ]),
  refuses('JSONNotificationLogView.getLogSection', [given('1,10', 5, '', 'a,b')], (world, section: never) =>
    new JSONNotificationLogView(notificationLog(world)).getLogSection(section),
  ),
  refuses(
    'JSONNotificationLogView.getNotifications',
    [{ start: integer(1), limit: whole(), stop: integer(5), topics: given(['t'], 't', [5]) }],
    (world, options: never) => new JSONNotificationLogView(notificationLog(world)).getNotifications(options),
  ),
  refuses(
    'NotificationLogReader.read',
    [{ start: integer(1) }],
    async (world, options: never) =>
      await new NotificationLogReader(notificationLog(world)).read(options)[Symbol.asyncIterator]().next(),
  ),
  refuses(
    'NotificationLogReader.select',
    [{ start: integer(1), stop: integer(5), topics: given(['t'], 't', [5]) }],
    async (world, options: never) =>
      await new NotificationLogReader(notificationLog(world)).select(options)[Symbol.asyncIterator]().next(),
  ),
  refuses(
    'new NewerEventsWatch',
    [{ gt: integer(), pageEvents: count(), ...ofPolling, random: fn(Math.random) }],
    ({ app }, options: never) => new NewerEventsWatch({ log: app, ...(options as object) }),
  ),
  ...(
    [
      ['NewerEventsWatch', ({ app }: World) => new NewerEventsWatch({ log: app })],
      ['ProcessRunner', ({ app }: World) => new ProcessRunner({ process: testReservation, from: app, into: app })],
      [
        'ProjectionRunner',
        ({ app }: World) =>
          new ProjectionRunner({ projection: view, store: new MemoryProjectionStore(view), log: app }),
      ],
    ] as const
  ).flatMap(([kind, make]) => [
    refuses(
      `${kind}.waitFor`,
      [integer(0), { timeoutMs: ms(10), signal: signal() }],
      async (world, notificationId: never, options: never) => {
        await using runner = make(world);
        await runner.waitFor(notificationId, options);
      },
      { onlyRefused: true },
    ),
    refuses(`${kind}.start`, [{ signal: given(undefined, 'text', {}) }], async (world, options: never) => {
      await using runner: { start(given?: object): unknown } & AsyncDisposable = make(world);
      await runner.start(options);
    }),
  ]),
  refuses(
    'new ProcessRunner',
    [
      {
        trackingName: given('name', 5, ''),
        follows: given(undefined, 'other', 5),
        retry: { attemptsMax: count(3), delayMsMax: ms(1) },
        handlerTimeoutMs: ms(),
        ...ofPolling,
      },
    ],
    ({ app }, options: never) =>
      new ProcessRunner({ process: testReservation, from: app, into: app, ...(options as object) }),
  ),
  refuses(
    'new ProjectionRunner',
    [
      {
        follows: given(undefined, 'other', 5),
        onFailure: { attemptsMax: count(), then: word('stop') },
        batchEventsMax: count(),
        handlerTimeoutMs: ms(),
        ...ofPolling,
      },
    ],
    ({ app }, options: never) =>
      new ProjectionRunner({
        projection: view,
        store: new MemoryProjectionStore(view),
        log: app,
        ...(options as object),
      }),
  ),
  refuses(
    'new System',
    [{ wires: given([], 5, 'text'), ...ofPolling, random: fn(Math.random) }],
    (_world, options: never) => new System(options),
  ),
  refuses(
    'new InlineProjection',
    [{ follows: word('undo'), handlerTimeoutMs: ms() }],
    ({ sqlite, app }, options: never) =>
      new InlineProjection({
        projection: table,
        recorder: sqlite,
        decode: (one) => app.decode(one),
        ...(options as object),
      }),
  ),
  refuses(
    'memoryProjection',
    [
      {
        name: text(),
        from: given([testStock], 5, 'text'),
        initialState: fn(() => 0),
        on: given({}, 5, 'text', { Other: () => 0 }),
      },
    ],
    (_world, definition: never) => memoryProjection(definition),
  ),
  refuses(
    'sqlProjection',
    [
      {
        name: text(),
        version: count(),
        from: given([testStock], 5, 'text'),
        tables: given({}, { 'a b': () => '' }),
        on: given({}, 5, { Other: () => 0 }),
      },
    ],
    (_world, definition: never) => sqlProjection(definition),
  ),
  refuses(
    'defineProcess',
    [{ name: text(), from: given([testStock], 5, 'text'), on: given({}, 5, { Other: () => [] }) }],
    (_world, definition: never) => defineProcess(definition),
  ),
  refuses('new EventRegistry', [given([], 5, 'text')], (_world, sources: never) => new EventRegistry(sources)),
  refuses(
    'EventRegistry.byTopic',
    [given('TestStock:Added', 'other')],
    (_world, topic: never) => registry().byTopic(topic),
    { codes: ['TOPIC_ERROR'] },
  ),
  refuses('positionEventId', [text(ID), whole()], (_world, originatorId: never, version: never) =>
    positionEventId(originatorId, version),
  ),
  refuses('OutboxWorker.start', [{ signal: given(undefined, 'text', {}) }], async (_world, options: never) => {
    await using worker = new OutboxWorker({ outbox: new MemoryOutbox(), publish });
    worker.start(options);
  }),
  ...[OutboxWorker, TransactionalOutbox].map((Worker) =>
    refuses(
      `new ${Worker.name}`,
      [
        {
          ...{
            publish: fn(),
            batch: count(),
            intervalMs: ms(),
            maxAttempts: count(),
            leaseMs: ms(60_000),
            publishTimeoutMs: ms(),
          },
          ...{ concurrency: count(), keepPublishedMs: ms(), random: fn(Math.random), newId: fn(() => ID) },
        },
      ],
      (_world, options: never) =>
        new Worker({ outbox: new MemoryOutbox(), ...(options as { publish: typeof publish }) }),
    ),
  ),
  refuses('TransactionalOutbox.start', [{ signal: given(undefined, 'text', {}) }], async (_world, options: never) => {
    await using worker = new TransactionalOutbox({ outbox: new MemoryOutbox(), publish });
    worker.start(options);
  }),
  refuses('publishAll', [given([]), { signal: signal() }], (_world, events: never, options: never) =>
    publishAll({ publish }, events, options),
  ),
  refuses('decodeEnvelope', [given('', 5, '{', '5', '{}')], (_world, envelope: never) => decodeEnvelope(envelope), {
    codes: ['DATA_ERROR'],
    onlyRefused: true,
  }),
  refuses('envelopeMessages', [{ destination: given('d', 5) }], (_world, options: never) => envelopeMessages(options)),
  refuses(
    'cached',
    [fn(), { ttlMs: ms(), entriesMax: count(), tags: fn(() => []), key: fn(() => '') }],
    (_world, ask: never, options: never) => cached(ask, options),
  ),
  refuses(
    'cachedIn',
    [fn(), { name: given('name', 5, ''), ttlMs: ms(), tags: fn(() => []), key: fn(() => ''), onFailed: fn() }],
    (_world, ask: never, options: never) => cachedIn({ get: () => Promise.resolve(null), set: publish }, ask, options),
  ),
  refuses('invalidation', [list([]).butNot(5, 'text'), fn(() => [])], (_world, functions: never, tagsOf: never) =>
    invalidation(functions, tagsOf),
  ),
  refuses(
    'forgetSubject',
    [text()],
    ({ app }, subject: never) => forgetSubject(app, new MemorySubjectKeys(), subject),
    { onlyRefused: true },
  ),
  refuses('personalSeal', [{ aggregates: given([testStock], 5, 'text') }], (_world, options: never) =>
    personalSeal({ subjectKeys: new MemorySubjectKeys(), ...(options as { aggregates: [] }) }),
  ),
  refuses(
    'new RemoteSubjectKeys',
    [{ url: given('/keys'), timeoutMs: ms(), getToken: fn(), onFailed: fn() }],
    ({ sqlite }, options: never) =>
      new RemoteSubjectKeys({ local: new SqlSubjectKeys({ recorder: sqlite }), ...(options as { url: string }) }),
  ),
  refuses(
    'Aggregate.apply',
    [given('Counted', 'Other', 5)],
    (_world, type: never) => new Counter(ID).apply(type, { quantity: 1 } as never),
    { codes: ['EVENT_HANDLER_ERROR'], onlyRefused: true },
  ),
];

function registry(): EventRegistry {
  return new EventRegistry([testStock]);
}
