import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { EnvironmentError } from '../../../src/environment/environment-error.js';
import { Environment } from '../../../src/environment/environment.js';
import type { EnvironmentValues } from '../../../src/environment/environment.js';
import { InfrastructureFactory } from '../../../src/configuration/infrastructure-factory.js';
import {
  PostgresAggregateRecorder,
  PostgresApplicationRecorder,
  PostgresFactory,
  postgresOptionsFromEnvironment,
  PostgresProcessRecorder,
} from '../../../src/persistence/postgres/index.js';
import { openPostgres, uniqueName } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { makeEvents } from '../../support/stored-events.js';

const REQUIRED = { POSTGRES_DBNAME: 'db', POSTGRES_HOST: 'host', POSTGRES_USER: 'user', POSTGRES_PASSWORD: 'secret' };

const settingsOf = (values: EnvironmentValues): ReturnType<typeof postgresOptionsFromEnvironment> =>
  postgresOptionsFromEnvironment(new Environment({ ...REQUIRED, ...values }, { name: 'testcase' }));

function refusalOf(values: EnvironmentValues): EnvironmentError {
  try {
    settingsOf(values);
  } catch (error) {
    expect(error).toBeInstanceOf(EnvironmentError);
    return error as EnvironmentError;
  }
  throw new Error('nothing was refused');
}

describe('the settings', () => {
  test('have their defaults', () => {
    expect(settingsOf({})).toEqual({
      pool: {
        database: 'db',
        host: 'host',
        port: 5432,
        user: 'user',
        password: 'secret',
        connectTimeoutMs: 5_000,
        idleInTransactionTimeoutMs: 5_000,
        poolSize: 5,
        maxOverflow: 10,
        poolTimeoutMs: 30_000,
        prePing: false,
      },
      recorder: {
        applicationName: 'testcase',
        lockTimeoutMs: 0,
        idleInTransactionTimeoutMs: 5_000,
        originatorIdType: 'uuid',
        singleRowTracking: false,
      },
    });
  });

  test.each(Object.keys(REQUIRED))('need %s', (key) => {
    for (const blank of [undefined, '', ' ']) {
      const error = refusalOf({ [key]: blank });
      expect(error.details.keys).toContain(key);
    }
    const missing = refusalOf({ [key]: undefined });
    expect(missing.message).toContain(`Nothing was found in the environment with keys: TESTCASE_${key}, ${key}.`);
  });

  test('take an address in the place of these', () => {
    const url = 'postgres://user:secret@host/db';
    const values = { DATABASE_URL: url, POSTGRES_DBNAME: undefined };
    expect(settingsOf(values).pool).toMatchObject({ connectionString: url });
    expect(settingsOf({ DATABASE_URL: url }).pool).not.toHaveProperty('connectionString');
  });

  const integers = [
    ['POSTGRES_PORT', '5433', { pool: { port: 5433 } }],
    ['POSTGRES_CONNECT_TIMEOUT', '30', { pool: { connectTimeoutMs: 30_000 } }],
    [
      'POSTGRES_IDLE_IN_TRANSACTION_SESSION_TIMEOUT',
      '0',
      { pool: { idleInTransactionTimeoutMs: 0 }, recorder: { idleInTransactionTimeoutMs: 0 } },
    ],
    ['POSTGRES_POOL_SIZE', '0', { pool: { poolSize: 0 } }],
    ['POSTGRES_POOL_MAX_OVERFLOW', '3', { pool: { maxOverflow: 3 } }],
    ['POSTGRES_MAX_OVERFLOW', '4', { pool: { maxOverflow: 4 } }],
    ['POSTGRES_LOCK_TIMEOUT', '7', { recorder: { lockTimeoutMs: 7_000 } }],
  ] as const;
  const numbers = [
    ['POSTGRES_POOL_TIMEOUT', '0.5', { pool: { poolTimeoutMs: 500 } }],
    ['POSTGRES_CONN_MAX_AGE', '3600', { pool: { maxAgeMs: 3_600_000 } }],
    ['POSTGRES_CONN_MAX_AGE', '0', { pool: { maxAgeMs: 0 } }],
  ] as const;
  const words = [
    ['POSTGRES_PRE_PING', 'Y', { pool: { prePing: true } }],
    ['POSTGRES_SCHEMA', ' school ', { recorder: { schema: 'school' } }],
    ['ORIGINATOR_ID_TYPE', 'TEXT', { recorder: { originatorIdType: 'text' } }],
    ['SINGLE_ROW_TRACKING', 't', { recorder: { singleRowTracking: true } }],
    ['POSTGRES_SINGLE_ROW_TRACKING', 't', { recorder: { singleRowTracking: true } }],
  ] as const;

  test.each([...integers, ...numbers, ...words])('take %s as %j', (key, text, expected) => {
    expect(settingsOf({ [key]: text })).toMatchObject(expected);
    expect(settingsOf({ [`TESTCASE_${key}`]: text, [key]: 'hidden' })).toMatchObject(expected);
  });

  test.each([...integers, ...numbers, ...words])('take a blank %s for nothing', (key) => {
    for (const blank of ['', ' ']) expect(settingsOf({ [key]: blank })).toEqual(settingsOf({}));
  });

  const wrong: readonly (readonly [key: string, text: string])[] = [
    ...['abc', '1.5', '-1'].flatMap((text) => integers.map(([key]) => [key, text] as const)),
    ...['abc', '-0.1'].flatMap((text) => numbers.map(([key]) => [key, text] as const)),
    ['POSTGRES_PORT', '65536'],
    ['POSTGRES_PRE_PING', 'maybe'],
    ['ORIGINATOR_ID_TYPE', 'integer'],
    ['SINGLE_ROW_TRACKING', '2'],
  ];
  test.each(wrong)('refuse %s as %j', (key, text) => {
    const error = refusalOf({ [`TESTCASE_${key}`]: text });
    expect(error.details).toMatchObject({ keys: `TESTCASE_${key}`, value: text });
    expect(error.details.expected).not.toBe('');
    expect(error.message).toContain(`TESTCASE_${key} in the environment is invalid: "${text}".`);
  });
});

describe('the factory', () => {
  let fixture: PostgresFixture;
  const factories: InfrastructureFactory[] = [];
  beforeAll(async () => {
    fixture = await openPostgres();
  });
  afterEach(async () => {
    for (const factory of factories.splice(0)) await factory.close();
  });
  afterAll(() => fixture.close());

  /** As deployments of the Python library have it. */
  const settings = (): EnvironmentValues => {
    const { hostname, port, username, password, pathname } = new URL(inject('pgUrl'));
    return {
      PERSISTENCE_MODULE: 'eventsourcing.postgres',
      POSTGRES_DBNAME: pathname.slice(1),
      POSTGRES_HOST: hostname,
      POSTGRES_PORT: port,
      POSTGRES_USER: decodeURIComponent(username),
      POSTGRES_PASSWORD: decodeURIComponent(password),
    };
  };
  const construct = async (values: EnvironmentValues, name: string): Promise<InfrastructureFactory> => {
    const environment = new Environment({ ...settings(), ...values }, { name });
    const factory = await InfrastructureFactory.construct(environment, { modules: { postgres: PostgresFactory } });
    factories.push(factory);
    return factory;
  };
  const tablesOf = async (name: string): Promise<unknown[]> => {
    const { rows } = await fixture.pool.query(
      `SELECT table_schema || '.' || table_name AS name FROM information_schema.tables WHERE table_name LIKE $1 ORDER BY 1`,
      [`${name}%`],
    );
    return rows.map((row) => row['name']);
  };

  test('makes the recorders of PostgreSQL, on the tables of the application', async () => {
    const name = uniqueName();
    const factory = await construct({}, name.toUpperCase());
    expect(await tablesOf(name)).toEqual([]);
    const processRecorder = await factory.processRecorder();
    const applicationRecorder = await factory.applicationRecorder();
    const snapshots = await factory.aggregateRecorder('snapshots');
    expect(processRecorder).toBeInstanceOf(PostgresProcessRecorder);
    expect(applicationRecorder).toBeInstanceOf(PostgresApplicationRecorder);
    expect(snapshots).toBeInstanceOf(PostgresAggregateRecorder);
    expect(await tablesOf(name)).toEqual([
      `public.${name}_events`,
      `public.${name}_snapshots`,
      `public.${name}_tracking`,
    ]);
    const events = makeEvents(2);
    expect(await processRecorder.insertEvents(events)).toHaveLength(2);
    expect(await applicationRecorder.selectEvents(events[0]!.originatorId)).toEqual(events);
    expect(await snapshots.insertEvents(events)).toBeUndefined();
    expect(await (await factory.aggregateRecorder()).selectEvents(events[0]!.originatorId)).toEqual(events);
  });

  test('uses POSTGRES_SCHEMA', async () => {
    const [name, schema] = [uniqueName(), uniqueName()];
    await fixture.pool.query(`CREATE SCHEMA ${schema}`);
    const factory = await construct({ POSTGRES_SCHEMA: schema }, name);
    await (await factory.applicationRecorder()).insertEvents(makeEvents(1));
    expect(await tablesOf(name)).toEqual([`${schema}.${name}_events`]);
  });

  test('keeps applications apart that share a database', async () => {
    const [one, two] = [uniqueName(), uniqueName()];
    const recorders = [await construct({}, one), await construct({}, two)].map((factory) => factory.processRecorder());
    const [first, second] = await Promise.all(recorders);
    await first!.insertEvents(makeEvents(3));
    expect(await second!.maxNotificationId()).toBe(0);
  });

  test('creates no table when CREATE_TABLE says no', async () => {
    const name = uniqueName();
    const factory = await construct({ CREATE_TABLE: 'f' }, name);
    const recorders = [
      await factory.processRecorder(),
      await factory.applicationRecorder(),
      await factory.aggregateRecorder('snapshots'),
    ];
    for (const recorder of recorders) {
      await expect(recorder.insertEvents(makeEvents(1))).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    }
    expect(await tablesOf(name)).toEqual([]);
    await expect(construct({ CREATE_TABLE: 'maybe' }, name)).rejects.toBeInstanceOf(EnvironmentError);
  });

  test('connects only when it is used, and says then that it cannot', async () => {
    const factory = await construct({ POSTGRES_HOST: '127.0.0.1', POSTGRES_PORT: '1' }, uniqueName());
    await expect(factory.processRecorder()).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
  });

  test('refuses a wrong setting before it connects', async () => {
    await expect(construct({ POSTGRES_CONNECT_TIMEOUT: 'abc' }, uniqueName())).rejects.toBeInstanceOf(EnvironmentError);
  });

  test('refuses to go on after it was closed', async () => {
    const factory = await construct({}, uniqueName());
    const recorder = await factory.processRecorder();
    await factory.close();
    await factory.close();
    await expect(factory.processRecorder()).rejects.toMatchObject({ code: 'CONNECTION_POOL_CLOSED' });
    await expect(recorder.maxNotificationId()).rejects.toThrow();
  });
});
