/** Options that would be passed over without a word where they stand: each is refused, and by its name. */
import { describe, expect, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import type { ApplicationOptions } from '../../src/application/application-options.js';
import { MemoryEventIndex } from '../../src/application/event-index/memory-event-index.js';
import { SqlEventIndex } from '../../src/application/event-index/sql-event-index.js';
import { SqlOutbox } from '../../src/application/outbox/sql-outbox.js';
import { ProcessRunner } from '../../src/application/processes/process-runner.js';
import { MemoryProjectionStore } from '../../src/application/projections/memory-projection-store.js';
import { memoryProjection } from '../../src/application/projections/projection.js';
import { ProjectionRunner } from '../../src/application/projections/projection-runner.js';
import { EventStore } from '../../src/persistence/event-store.js';
import { reviveUuidFields } from '../../src/persistence/mapping/uuid-fields.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { MemorySnapshotStore } from '../../src/persistence/memory/memory-snapshot-store.js';
import { postgresTables } from '../../src/persistence/postgres/postgres-schema.js';
import { SqlCommitIds } from '../../src/persistence/sql/sql-commit-ids.js';
import { SQLITE_DIALECT } from '../../src/persistence/sql/sql-dialect.js';
import { SqlSnapshotStore } from '../../src/persistence/sql/sql-snapshot-store.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import { createSyncServer } from '../../src/server/sync-server.js';
import { startSync } from '../../src/sync/tabs/start-sync.js';
import { stockIdOf, testReservation, testStock } from '../../src/testing/conformance/order-world.js';
import { createEventSourcing } from '../../src/configuration/event-sourcing.js';
import { JSONTranscoder } from '../../src/persistence/mapping/json-transcoder.js';
import { Mapper } from '../../src/persistence/mapping/mapper.js';
import { createPgPool } from '../../src/persistence/postgres/index.js';
import { startNodeHost } from '../../src/server/hosts/node-host.js';
import { cloudEvents } from '../../src/publishing/cloud-events.js';

const transcoder = new JSONTranscoder();
const databaseUrl = 'postgres://nobody@127.0.0.1:1/nowhere';
const connect = (): Promise<never> => Promise.reject(new Error('nobody connects'));

const NAILS = stockIdOf('nails');

function stock(options: Partial<ApplicationOptions> = {}): Application {
  return new Application({ recorder: new MemoryProcessRecorder(), aggregates: [testStock], ...options });
}

const USELESS: readonly (readonly [where: string, option: string, use: () => unknown])[] = [
  ...[
    { connectionString: databaseUrl },
    { host: 'h' },
    { port: 1 },
    { database: 'd' },
    { user: 'u' },
    { password: 'p' },
    { ssl: true },
    { statementTimeoutMs: 1 },
    { queryTimeoutMs: 1 },
    { idleInTransactionTimeoutMs: 1 },
  ].map(
    (given) =>
      [
        'createPgPool with connect',
        Object.keys(given)[0] as string,
        () => createPgPool({ connect, ...given }),
      ] as const,
  ),
  [
    'startNodeHost with databaseUrl',
    'databaseDir',
    () => startNodeHost({ allowAnonymous: true, databaseUrl, databaseDir: 'books' }),
  ],
  [
    'startNodeHost with databaseUrl',
    'embedded',
    () => startNodeHost({ allowAnonymous: true, databaseUrl, embedded: { port: 5433 } }),
  ],
  [
    'createEventSourcing without a publisher',
    'format',
    () => createEventSourcing({ enabled: true }, { format: cloudEvents }),
  ],
  [
    'createEventSourcing without a publisher',
    'worker',
    () => createEventSourcing({ enabled: true }, { worker: { batch: 1 } }),
  ],
  ...['host', 'port', 'database', 'user', 'password'].map(
    (option) =>
      [
        'createPgPool with connectionString',
        option,
        () => createPgPool({ connectionString: databaseUrl, [option]: option === 'port' ? 1 : 'other' }),
      ] as const,
  ),
  ...[{ tokens: ['secret'] }, { allowAnonymous: true }].map(
    (who) =>
      [
        `createSyncServer with ${Object.keys(who)[0]}`,
        'verifyTokenLimitMs',
        () => createSyncServer({ unitLog: new MemoryUnitLog(), ...who, verifyTokenLimitMs: 5 }),
      ] as const,
  ),
  ['PostgreSQL tables', 'columns', () => postgresTables({ columns: { id: 'notification' } as never })],
  ['PostgreSQL tables', 'singleRowTracking', () => postgresTables({ singleRowTracking: 'false' as never })],
  ...[SqlOutbox, SqlEventIndex, SqlCommitIds, SqlSnapshotStore].map(
    (Kept) =>
      [
        `${Kept.name} where there are none`,
        'schema',
        () => new Kept({ recorder: { dialect: SQLITE_DIALECT } as never, schema: 'books' }),
      ] as const,
  ),
  ['fields in a text', 'include', () => reviveUuidFields({}, { include: 'customer_id' as never })],
  ['an application', 'snapshots', () => stock({ snapshots: new MemorySnapshotStore() as never })],
  [
    'a command',
    'expectedVersion',
    () => stock().execute(testStock, NAILS, { type: 'Add', data: { quantity: 1 } }, { expectedVersion: 5 } as never),
  ],
  ['a mapper without topics', 'unknownTopic', () => new Mapper({ transcoder, unknownTopic: 'throw' })],
];

const view = memoryProjection({ name: 'view', from: [testStock], initialState: () => 0, on: {} });

function runner(options: object): unknown {
  return new ProjectionRunner({
    projection: view,
    store: new MemoryProjectionStore(view),
    log: stock(),
    ...options,
  });
}

const lent = { name: 'a', replicaId: NAILS, recorder: {}, onRecorded: () => () => undefined } as never;

/** Words and numbers of which another one would count as one of them, or as none. */
const WRONG: readonly (readonly [option: string, use: () => unknown])[] = [
  ['unknownTopic', () => new Mapper({ transcoder, topics: ['a'], unknownTopic: 'skip' as never })],
  ['unknownTopic', () => new EventStore({ mapper: {} as never, recorder: {} as never, unknownTopic: 'keep' as never })],
  [
    'unknownTopic',
    () =>
      stock()
        .readAll({ unknownTopic: 'keep' as never })
        [Symbol.asyncIterator]()
        .next(),
  ],
  ['onFailure.then', () => runner({ onFailure: { then: 'stopp' } })],
  ['onFailure.attemptsMax', () => runner({ onFailure: { attemptsMax: 0 } })],
  ['onFailure.attemptsMax', () => runner({ onFailure: { attemptsMax: Number.NaN } })],
  ['batchEventsMax', () => runner({ batchEventsMax: 0 })],
  ['batchEventsMax', () => runner({ batchEventsMax: Number.NaN })],
  ['mode', () => cloudEvents({ mode: 'binry' as never })],
  ['source', () => cloudEvents({ source: '' })],
  ['direction', () => startSync({ store: lent, url: 'https://x.example', direction: 'down' as never })],
  ['limit', () => new MemoryEventIndex().find({ limit: Number.NaN })],
  ['after', () => new MemoryEventIndex().find({ after: Number.NaN })],
  [
    'attemptsMax',
    () =>
      new ProcessRunner({ process: testReservation, from: stock(), into: stock(), retry: { attempts: 3 } as never }),
  ],
];

test.each(WRONG)('%s that means nothing is refused, and by its name', async (option, use) => {
  const refused = await Promise.resolve()
    .then(use)
    .catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'PROGRAMMING_ERROR', message: expect.stringContaining(option) as string });
});

describe('an option that is of no use', () => {
  test.each(USELESS)('%s refuses %s', async (_where, option, use) => {
    const refused = await Promise.resolve()
      .then(use)
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'PROGRAMMING_ERROR', message: expect.stringContaining(option) as string });
  });

  test('is used where there is what it is for', async () => {
    await using made = await createPgPool({ connect, poolSize: 1, prePing: true, preparedStatements: true });
    expect(made.stats().size).toBe(1);
    expect(() => new Mapper({ transcoder, topics: [], unknownTopic: 'throw' })).not.toThrow();
    await expect(
      createEventSourcing({ enabled: true }, { publisher: async () => undefined, format: cloudEvents }),
    ).resolves.toMatchObject({ recorder: expect.anything() as object });
  });
});
