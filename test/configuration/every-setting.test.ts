import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { createEventSourcing } from '../../src/configuration/event-sourcing.js';
import { InfrastructureFactory } from '../../src/configuration/infrastructure-factory.js';
import { Environment } from '../../src/environment/environment.js';
import { MemoryFactory } from '../../src/persistence/memory/memory-factory.js';
import { MongoFactory } from '../../src/mongodb/index.js';
import { createPgPool } from '../../src/persistence/postgres/pg-pool.js';
import type { PgPoolOptions } from '../../src/persistence/postgres/pg-pool-options.js';
import { PostgresFactory } from '../../src/persistence/postgres/postgres-factory.js';
import { NodeSqliteFactory } from '../../src/persistence/sqlite/node-sqlite-factory.js';
import type { SqliteFactory } from '../../src/persistence/sqlite/sqlite-factory.js';
import { SqlJsFactory } from '../../src/persistence/sqlite/sqljs-factory.js';
import { makeEvents } from '../support/stored-events.js';

const modules = {
  memory: MemoryFactory,
  sqljs: SqlJsFactory,
  'node-sqlite': NodeSqliteFactory,
  postgres: PostgresFactory,
  mongodb: MongoFactory,
};

/** What each engine needs, so that a setting beside it is the only one that can be wrong. */
const NEEDED: Readonly<Record<keyof typeof modules, Readonly<Record<string, string>>>> = {
  memory: {},
  sqljs: { SQLITE_DBNAME: ':memory:' },
  'node-sqlite': { SQLITE_DBNAME: ':memory:' },
  postgres: {
    POSTGRES_DBNAME: 'd',
    POSTGRES_HOST: 'localhost',
    POSTGRES_USER: 'u',
    POSTGRES_PASSWORD: 'p',
  },
  mongodb: { MONGODB_URL: 'mongodb://localhost/d?replicaSet=rs0' },
};

type Engine = keyof typeof modules;

const ALL: readonly Engine[] = ['memory', 'sqljs', 'node-sqlite', 'postgres', 'mongodb'];
const SQLITE: readonly Engine[] = ['sqljs', 'node-sqlite'];
const POSTGRES: readonly Engine[] = ['postgres'];
const MONGODB: readonly Engine[] = ['mongodb'];

/** Every setting of docs/configuration.md, a value that it cannot have, and the engines that it is for. */
const SETTINGS: Readonly<Record<string, readonly [wrong: string, engines: readonly Engine[]]>> = {
  PERSISTENCE_MODULE: ['nothing', ALL],
  INFRASTRUCTURE_FACTORY: ['nothing', ALL],
  FACTORY_TOPIC: ['nothing', ALL],
  COMPRESSOR_TOPIC: ['nothing', ALL],
  CIPHER_TOPIC: ['nothing', ALL],
  CIPHER_KEY: ['no key', ALL],
  CIPHER_KEYS: ['2026', ALL],
  CIPHER_CURRENT: ['2026', ALL],
  TRANSCODER_TOPIC: ['nothing', ALL],
  MAPPER_TOPIC: ['nothing', ALL],
  IS_SNAPSHOTTING_ENABLED: ['perhaps', ALL],
  CREATE_TABLE: ['perhaps', ALL],
  SQLITE_DBNAME: ['', SQLITE],
  SQLITE_LOCK_TIMEOUT: ['soon', SQLITE],
  POSTGRES_DBNAME: ['', POSTGRES],
  POSTGRES_HOST: ['', POSTGRES],
  POSTGRES_USER: ['', POSTGRES],
  POSTGRES_PASSWORD: ['', POSTGRES],
  POSTGRES_PORT: ['99999', POSTGRES],
  POSTGRES_CONNECTION_CREATOR_TOPIC: ['nothing', POSTGRES],
  SQLALCHEMY_CONNECTION_CREATOR_TOPIC: ['nothing', POSTGRES],
  POSTGRES_CONNECT_TIMEOUT: ['0.5', POSTGRES],
  POSTGRES_IDLE_IN_TRANSACTION_SESSION_TIMEOUT: ['-1', POSTGRES],
  POSTGRES_POOL_SIZE: ['many', POSTGRES],
  POSTGRES_POOL_MAX_OVERFLOW: ['-1', POSTGRES],
  POSTGRES_MAX_OVERFLOW: ['-1', POSTGRES],
  POSTGRES_POOL_TIMEOUT: ['soon', POSTGRES],
  POSTGRES_CONN_MAX_AGE: ['old', POSTGRES],
  POSTGRES_PRE_PING: ['perhaps', POSTGRES],
  POSTGRES_LOCK_TIMEOUT: ['0.5', POSTGRES],
  MONGODB_URL: ['postgresql://localhost/d', MONGODB],
  MONGODB_DBNAME: ['a b', MONGODB],
  MONGODB_CONNECT_TIMEOUT: ['0', MONGODB],
  MONGODB_LOCK_TIMEOUT: ['0.5', MONGODB],
  ORIGINATOR_ID_TYPE: ['number', [...POSTGRES, ...MONGODB]],
  SINGLE_ROW_TRACKING: ['perhaps', POSTGRES],
  POSTGRES_SINGLE_ROW_TRACKING: ['perhaps', POSTGRES],
};
// A name of a schema, or an address, is right or wrong by the database alone: postgres-layout.test.ts, and the first
// connection.
const SAID_BY_THE_DATABASE = ['POSTGRES_SCHEMA', 'DATABASE_URL'];

/** Makes everything that settings decide, and opens nothing but memory. */
async function make(values: Readonly<Record<string, string>>): Promise<void> {
  const factory = await InfrastructureFactory.construct(new Environment(values), { modules });
  factory.isSnapshottingEnabled();
  await factory.mapper();
  await factory.close();
}

describe('every setting', () => {
  test('of the document is known here', () => {
    const text = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
    const rows = text.split('\n').filter((line) => line.startsWith('| `') && /`[A-Z]/.test(line.split('|')[1] ?? ''));
    const named = rows.flatMap((row) => [...row.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, name]) => name));
    expect([...new Set(named)].sort()).toEqual([...Object.keys(SETTINGS), ...SAID_BY_THE_DATABASE].sort());
  });

  const cases = Object.entries(SETTINGS).flatMap(([setting, [wrong, engines]]) =>
    engines.map((engine) => [setting, wrong, engine] as const),
  );

  test.each(cases)('%s=%s is refused by its name, with the engine %s', async (setting, wrong, engine) => {
    const module = ['INFRASTRUCTURE_FACTORY', 'FACTORY_TOPIC'].includes(setting) ? {} : { PERSISTENCE_MODULE: engine };
    const values = { ...module, ...NEEDED[engine], [setting]: wrong };
    const error: unknown = await make(values).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ENVIRONMENT_ERROR', details: { keys: expect.stringContaining(setting) } });
  });

  test.each(ALL)('that %s needs no more than is listed', async (engine) => {
    await make({ PERSISTENCE_MODULE: engine, ...NEEDED[engine] });
  });
});

test.each(SQLITE)('SQLITE_LOCK_TIMEOUT counts on %s', async (engine) => {
  const Factory = modules[engine] as unknown as new (environment: Environment) => SqliteFactory;
  const factory = new Factory(new Environment({ SQLITE_DBNAME: ':memory:', SQLITE_LOCK_TIMEOUT: '0' }));
  const recorder = await factory.processRecorder();
  const startMs = performance.now();
  await recorder.transaction(async () => {
    await expect(recorder.maxNotificationId()).rejects.toMatchObject({
      details: { reason: 'locked', lockTimeoutMs: 0 },
    });
  });
  expect(performance.now() - startMs).toBeLessThan(4_000);
  await factory.close();
});

describe('IS_SNAPSHOTTING_ENABLED', () => {
  test.each([
    [undefined, true],
    ['yes', true],
    ['no', false],
  ])('%s: an application takes snapshots: %s', async (setting, takes) => {
    const settings = { IS_SNAPSHOTTING_ENABLED: setting };
    const eventSourcing = await createEventSourcing({ enabled: true }, { settings });
    expect(eventSourcing.applicationOptions.snapshots !== undefined).toBe(takes);
    await eventSourcing.close();
  });

  test('is refused when it is no boolean word', async () => {
    const settings = { IS_SNAPSHOTTING_ENABLED: 'perhaps' };
    await expect(createEventSourcing({ enabled: true }, { settings })).rejects.toMatchObject({
      code: 'ENVIRONMENT_ERROR',
    });
  });
});

describe('the pool', () => {
  test.each([
    ['pool_size', 'poolSize'],
    ['max_overflow', 'maxOverflow'],
    ['pool_timeout', 'poolTimeoutMs'],
    ['pool_recycle', 'maxAgeMs'],
    ['max', 'poolSize and maxOverflow'],
    ['poolsize', 'poolSize'],
  ])('refuses %s, and says how it is called here', async (option, name) => {
    const options = { connectionString: 'postgres://localhost/d', [option]: 1 } as PgPoolOptions;
    const error = await createPgPool(options).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'PROGRAMMING_ERROR', details: { option } });
    expect((error as Error).message).toContain(name);
  });

  test('is as large as the configuration of the service says', async () => {
    const connectionString = inject('pgUrl');
    const relational = { url: connectionString, pool_size: 1, max_overflow: 0, pool_timeout: 0, pool_recycle: 60 };
    const config = { enabled: true, store: { provider: 'postgres' }, data: { relational } } as const;
    const eventSourcing = await createEventSourcing(config);
    await eventSourcing.sql!.transaction(async () => {
      await expect(eventSourcing.recorder.maxNotificationId()).rejects.toMatchObject({
        details: { connectionsMax: 1, poolTimeoutMs: 0 },
      });
    });
    await eventSourcing.close();
  });

  test.each(['pool_size', 'max_overflow', 'pool_timeout', 'pool_recycle', 'pool_pre_ping'])(
    'refuses data.relational.%s when it is none',
    async (key) => {
      const relational = { url: 'postgresql://localhost/d', [key]: '10' } as object;
      const config = { enabled: true, store: { provider: 'postgres' }, data: { relational } } as const;
      await expect(createEventSourcing(config)).rejects.toMatchObject({
        code: 'CONFIGURATION_ERROR',
        details: { keys: `data.relational.${key}` },
      });
    },
  );
});

describe('an event store of a factory', () => {
  test.each(['memory', 'sqljs', 'node-sqlite', 'postgres'] as const)(
    'on %s puts tracking records, and refuses what was processed',
    async (engine) => {
      const connectionString = inject('pgUrl');
      const needed = engine === 'postgres' ? { DATABASE_URL: connectionString } : NEEDED[engine];
      const name = `tracked${crypto.randomUUID().slice(0, 8)}`;
      const environment = new Environment({ PERSISTENCE_MODULE: engine, ...needed }, { name });
      const factory = await InfrastructureFactory.construct(environment, { modules });
      const events = await factory.eventStore();
      const [one, other] = makeEvents(2).map(({ originatorId, originatorVersion }) => ({
        ...{ originatorId, originatorVersion, type: 'Counted', data: {} },
      }));
      const tracking = { applicationName: 'upstream', notificationId: 5 };
      await events.put([one!], { tracking });
      await expect(events.put([other!], { tracking })).rejects.toMatchObject({
        code: 'INTEGRITY_ERROR',
        details: { constraint: 'tracking' },
      });
      expect(await events.streamVersion(other!.originatorId)).toBe(1);
      const recorder = await factory.processRecorder();
      expect(await recorder.maxTrackingId('upstream')).toBe(5);
      for (const narrow of [await factory.aggregateRecorder('snapshots'), await factory.applicationRecorder()]) {
        const store = await factory.eventStore({ recorder: narrow });
        const put = store.put([other!], { tracking: { applicationName: 'narrow', notificationId: 1 } });
        // Kept, or refused; never dropped.
        const outcome = await put.then(
          async () => await recorder.maxTrackingId('narrow'),
          (error: unknown) => (error as { code: string }).code,
        );
        expect(['PROGRAMMING_ERROR', 1]).toContain(outcome);
      }
      await factory.close();
      await expect(recorder.maxNotificationId()).rejects.toThrow();
      await expect(factory.processRecorder()).rejects.toThrow();
      await factory.close();
    },
  );
});
