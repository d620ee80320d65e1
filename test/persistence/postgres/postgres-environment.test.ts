import { describe, expect, inject, it } from 'vitest';
import { EnvironmentError } from '../../../src/environment/environment-error.js';
import { Environment } from '../../../src/environment/environment.js';
import { PostgresFactory, postgresOptionsFromEnvironment } from '../../../src/persistence/postgres/index.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { makeEvents } from '../../support/stored-events.js';

const ADDRESS = {
  POSTGRES_DBNAME: 'eventsourcing',
  POSTGRES_HOST: '127.0.0.1',
  POSTGRES_USER: 'dog',
  POSTGRES_PASSWORD: ' wuff ',
};

const read = (values: Record<string, string>, name = ''): ReturnType<typeof postgresOptionsFromEnvironment> =>
  postgresOptionsFromEnvironment(new Environment({ ...ADDRESS, ...values }, { name }));

describe('settings', () => {
  it('have the documented defaults', () => {
    expect(read({})).toEqual({
      pool: {
        database: 'eventsourcing',
        host: '127.0.0.1',
        port: 5432,
        user: 'dog',
        password: ' wuff ',
        connectTimeoutMs: 5_000,
        idleInTransactionTimeoutMs: 5_000,
        poolSize: 5,
        maxOverflow: 10,
        poolTimeoutMs: 30_000,
        prePing: false,
      },
      recorder: {
        applicationName: '',
        idleInTransactionTimeoutMs: 5_000,
        lockTimeoutMs: 0,
        originatorIdType: 'uuid',
        singleRowTracking: false,
      },
    });
  });

  it('are read, in their units', () => {
    const values = {
      POSTGRES_PORT: '5433',
      POSTGRES_CONNECT_TIMEOUT: '7',
      POSTGRES_IDLE_IN_TRANSACTION_SESSION_TIMEOUT: '0',
      POSTGRES_POOL_SIZE: '1',
      POSTGRES_POOL_MAX_OVERFLOW: '2',
      POSTGRES_POOL_TIMEOUT: '0.5',
      POSTGRES_CONN_MAX_AGE: '0',
      POSTGRES_PRE_PING: 'Y',
      POSTGRES_LOCK_TIMEOUT: '5',
      POSTGRES_SCHEMA: 'public',
      ORIGINATOR_ID_TYPE: 'text',
      SINGLE_ROW_TRACKING: 't',
    };
    const { pool, recorder } = read(values, 'DogSchool');
    expect(pool).toMatchObject({
      port: 5433,
      connectTimeoutMs: 7_000,
      idleInTransactionTimeoutMs: 0,
      poolSize: 1,
      maxOverflow: 2,
      poolTimeoutMs: 500,
      maxAgeMs: 0,
      prePing: true,
    });
    expect(recorder).toEqual({
      applicationName: 'DogSchool',
      idleInTransactionTimeoutMs: 0,
      lockTimeoutMs: 5_000,
      schema: 'public',
      originatorIdType: 'text',
      singleRowTracking: true,
    });
  });

  it('may be of one application, blank, or under their other names', () => {
    expect(read({ DOGSCHOOL_POSTGRES_POOL_SIZE: '3', POSTGRES_POOL_SIZE: '4' }, 'dogschool').pool.poolSize).toBe(3);
    expect(read({ POSTGRES_CONN_MAX_AGE: '', POSTGRES_SCHEMA: ' ' })).toEqual(read({}));
    expect(read({ POSTGRES_MAX_OVERFLOW: '7' }).pool.maxOverflow).toBe(7);
    expect(read({ POSTGRES_MAX_OVERFLOW: '7', POSTGRES_POOL_MAX_OVERFLOW: '8' }).pool.maxOverflow).toBe(8);
    expect(read({ POSTGRES_SINGLE_ROW_TRACKING: 'yes' }).recorder.singleRowTracking).toBe(true);
  });

  it('may be an address in one, unless there is a database by name', () => {
    const url = { DATABASE_URL: 'postgres://a:b@c/d' };
    expect(postgresOptionsFromEnvironment(new Environment(url)).pool).toMatchObject({
      connectionString: 'postgres://a:b@c/d',
    });
    expect(read(url).pool).not.toHaveProperty('connectionString');
  });

  it.each(Object.keys(ADDRESS))('need %s', (key) => {
    const environment = new Environment({ ...ADDRESS, [key]: undefined }, { name: 'app' });
    expect(() => postgresOptionsFromEnvironment(environment)).toThrow(EnvironmentError);
    expect(() => postgresOptionsFromEnvironment(environment)).toThrow(`APP_${key}, ${key}`);
  });

  it.each([
    ['POSTGRES_PORT', '0'],
    ['POSTGRES_PORT', 'http'],
    ['POSTGRES_CONNECT_TIMEOUT', '1.5'],
    ['POSTGRES_IDLE_IN_TRANSACTION_SESSION_TIMEOUT', 'abc'],
    ['POSTGRES_POOL_SIZE', '-1'],
    ['POSTGRES_POOL_MAX_OVERFLOW', 'abc'],
    ['POSTGRES_MAX_OVERFLOW', 'abc'],
    ['POSTGRES_POOL_TIMEOUT', 'abc'],
    ['POSTGRES_CONN_MAX_AGE', 'abc'],
    ['POSTGRES_PRE_PING', 'maybe'],
    ['POSTGRES_LOCK_TIMEOUT', '99999999999'],
    ['ORIGINATOR_ID_TYPE', 'int'],
    ['SINGLE_ROW_TRACKING', 'abc'],
  ])('refuse %s=%s, and say so', (key, value) => {
    expect(() => read({ [key]: value })).toThrow(EnvironmentError);
    expect(() => read({ [key]: value })).toThrow(new RegExp(`${key}.*${value}`));
  });
});

describe('the factory', () => {
  const settings = { DATABASE_URL: inject('pgUrl') };

  it('makes recorders that share tables and a pool, and closes it', async () => {
    const factory = new PostgresFactory(new Environment(settings, { name: uniqueName() }));
    const processRecorder = await factory.processRecorder();
    const applicationRecorder = await factory.applicationRecorder();
    const snapshots = await factory.aggregateRecorder('snapshots');
    const events = await factory.aggregateRecorder('events');
    const [event] = makeEvents(1);
    await processRecorder.insertEvents([event!], { tracking: { applicationName: 'up', notificationId: 1 } });
    await snapshots.insertEvents([event!]);
    expect(await applicationRecorder.maxNotificationId()).toBe(1);
    expect(await events.selectEvents(event!.originatorId)).toEqual([event]);
    expect(await snapshots.selectEvents(event!.originatorId)).toEqual([event]);
    await factory.close();
    await factory.close();
    await expect(processRecorder.maxNotificationId()).rejects.toMatchObject({ code: 'CONNECTION_POOL_CLOSED' });
    await expect(factory.processRecorder()).rejects.toMatchObject({ code: 'CONNECTION_POOL_CLOSED' });
  });

  it('creates no tables when it is told not to', async () => {
    const factory = new PostgresFactory(new Environment({ ...settings, CREATE_TABLE: 'f' }, { name: uniqueName() }));
    const recorder = await factory.processRecorder();
    await expect(recorder.maxNotificationId()).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    await factory.close();
  });

  it('refuses wrong settings before it opens anything', () => {
    expect(() => new PostgresFactory(new Environment({}))).toThrow(EnvironmentError);
  });
});
