import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { EnvironmentError } from '../../../src/environment/environment-error.js';
import { Environment } from '../../../src/environment/environment.js';
import { InfrastructureFactory } from '../../../src/configuration/infrastructure-factory.js';
import { NodeSqliteFactory } from '../../../src/persistence/sqlite/node-sqlite-factory.js';
import {
  SqliteAggregateRecorder,
  SqliteApplicationRecorder,
  SqliteProcessRecorder,
} from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { SqlJsFactory } from '../../../src/persistence/sqlite/sqljs-factory.js';
import { makeTemporaryFolder } from '../../support/temporary-folder.js';
import { makeEvents } from '../../support/stored-events.js';

const modules = { 'node-sqlite': NodeSqliteFactory, sqljs: SqlJsFactory };
const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one[Symbol.asyncDispose]();
});

async function construct(values: Record<string, string>): Promise<InfrastructureFactory> {
  const environment = new Environment({ PERSISTENCE_MODULE: 'node-sqlite', ...values }, { name: 'testcase' });
  const factory = await InfrastructureFactory.construct(environment, { modules });
  opened.push(factory);
  return factory;
}

async function refusal(values: Record<string, string>): Promise<EnvironmentError> {
  const thrown: unknown = await construct(values).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(EnvironmentError);
  return thrown as EnvironmentError;
}

describe.each(['node-sqlite', 'sqljs', 'eventsourcing.sqlite', 'eventsourcing.sqlite:Factory'])('%s', (module) => {
  const values = { PERSISTENCE_MODULE: module, SQLITE_DBNAME: ':memory:' };

  test('makes the recorders of SQLite, on one database', async () => {
    const factory = await construct(values);
    const processRecorder = await factory.processRecorder();
    const applicationRecorder = await factory.applicationRecorder();
    const snapshots = await factory.aggregateRecorder('snapshots');
    expect(processRecorder).toBeInstanceOf(SqliteProcessRecorder);
    expect(applicationRecorder).toBeInstanceOf(SqliteApplicationRecorder);
    expect(snapshots).toBeInstanceOf(SqliteAggregateRecorder);
    const events = makeEvents(2);
    const { originatorId } = events[0]!;
    expect(await processRecorder.insertEvents(events)).toEqual([1, 2]);
    expect(await applicationRecorder.selectEvents(originatorId)).toEqual(events);
    expect(await snapshots.selectEvents(originatorId)).toEqual([]);
    expect(await snapshots.insertEvents(events)).toBeUndefined();
    expect(await (await factory.aggregateRecorder('snapshots')).selectEvents(originatorId)).toEqual(events);
  });

  test('needs SQLITE_DBNAME', async () => {
    for (const missing of [{}, { SQLITE_DBNAME: ' ' }]) {
      const error = await refusal({ PERSISTENCE_MODULE: module, ...missing });
      expect(error.details.keys).toContain('SQLITE_DBNAME');
      expect(error.details.expected).toBe('the name of a file, or :memory:');
    }
    expect((await refusal({ PERSISTENCE_MODULE: module })).message).toContain(
      'environment with keys: TESTCASE_SQLITE_DBNAME, SQLITE_DBNAME.',
    );
  });

  test.each(['abc', '1.5', '-1'])('refuses SQLITE_LOCK_TIMEOUT %j', async (text) => {
    const error = await refusal({ ...values, SQLITE_LOCK_TIMEOUT: text });
    expect(error.details).toMatchObject({ keys: 'SQLITE_LOCK_TIMEOUT', value: text });
  });

  test.each(['', ' ', '0', '10'])('takes SQLITE_LOCK_TIMEOUT %j', async (text) => {
    const factory = await construct({ ...values, SQLITE_LOCK_TIMEOUT: text });
    expect(await (await factory.processRecorder()).maxNotificationId()).toBe(0);
  });

  test('creates no table when CREATE_TABLE says no', async () => {
    const factory = await construct({ ...values, CREATE_TABLE: 'f' });
    const recorders = [await factory.processRecorder(), await factory.applicationRecorder()];
    for (const recorder of recorders) {
      await expect(recorder.insertEvents(makeEvents(1))).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    }
    const snapshots = await factory.aggregateRecorder('snapshots');
    await expect(snapshots.selectEvents(crypto.randomUUID())).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    expect((await refusal({ ...values, CREATE_TABLE: 'maybe' })).details.keys).toBe('CREATE_TABLE');
  });

  test('refuses to go on after it was closed', async () => {
    const factory = await construct(values);
    const recorder = await factory.processRecorder();
    await factory.close();
    await factory.close();
    await expect(recorder.insertEvents(makeEvents(1))).rejects.toThrow();
    await expect(factory.processRecorder()).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
  });

  test('opens nothing before it is asked for a recorder', async () => {
    await (await construct(values)).close();
  });
});

describe('a database', () => {
  test('in a file is there again the next time', async () => {
    const folder = await makeTemporaryFolder();
    opened.push({ [Symbol.asyncDispose]: () => folder.remove() });
    const values = { TESTCASE_SQLITE_DBNAME: join(folder.path, 'school.sqlite'), SQLITE_DBNAME: '/nowhere/else' };
    const first = await construct(values);
    const events = makeEvents(1);
    await (await first.processRecorder()).insertEvents(events);
    await first.close();
    const second = await construct({ ...values, CREATE_TABLE: 'no' });
    expect(await (await second.processRecorder()).selectEvents(events[0]!.originatorId)).toEqual(events);
    await second.close();
  });

  test('that cannot be opened is said when it is asked for, and closing does not mind', async () => {
    const factory = await construct({ SQLITE_DBNAME: '/nowhere/at/all.sqlite' });
    await expect(factory.processRecorder()).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
    await factory.close();
  });

  test('in a file is refused by sql.js, which has none', async () => {
    const error = await refusal({ PERSISTENCE_MODULE: 'sqljs', SQLITE_DBNAME: 'school.sqlite' });
    expect(error.details).toMatchObject({ keys: 'SQLITE_DBNAME', value: 'school.sqlite' });
  });
});
