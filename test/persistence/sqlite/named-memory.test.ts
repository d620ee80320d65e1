/** SQLite in memory under a name: who shares it, in whose turn, and when it is gone. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { InfrastructureFactory } from '../../../src/configuration/infrastructure-factory.js';
import { Environment } from '../../../src/environment/environment.js';
import { NodeSqliteFactory } from '../../../src/persistence/sqlite/node-sqlite-factory.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { SqlJsFactory } from '../../../src/persistence/sqlite/sqljs-factory.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';

const modules = { 'node-sqlite': NodeSqliteFactory, sqljs: SqlJsFactory };
const uniqueName = (): string => `shop-${crypto.randomUUID()}`.slice(0, 30);
const oneEvent = (): ReturnType<typeof sampleEvent>[] => [sampleEvent(newOriginatorId(), 1)];

async function construct(module: string, databaseName: string): Promise<InfrastructureFactory> {
  const environment = new Environment({ PERSISTENCE_MODULE: module, SQLITE_DBNAME: databaseName });
  const factory = await InfrastructureFactory.construct(environment, { modules });
  onTestFinished(() => factory.close());
  return factory;
}

describe.each(['sqljs', 'node-sqlite'])('%s', (module) => {
  it.each(['memory:NAME', 'file:NAME?mode=memory&cache=shared'])(
    'two factories of one name have one database: %s',
    async (form) => {
      const name = uniqueName();
      const [one, other] = [
        await construct(module, form.replace('NAME', name)),
        await construct(module, `memory:${name}`),
      ];
      const [here, there] = [await one.processRecorder(), await other.processRecorder()];
      const [event] = oneEvent();
      expect(await here.insertEvents([event!])).toEqual([1]);
      expect(await there.selectEvents(event!.originatorId)).toEqual([event]);
      await expect(there.insertEvents([event!])).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
      expect(await there.insertEvents(oneEvent())).toEqual([2]);
      await one.close();
      await expect(here.maxNotificationId()).rejects.toThrow();
      expect(await there.maxNotificationId()).toBe(2);
      await other.close();
      // It was in memory, and nobody has it open.
      const later = await (await construct(module, `memory:${name}`)).processRecorder();
      expect(await later.maxNotificationId()).toBe(0);
    },
  );

  it.each([':memory:', 'memory:'])('%s is a database of one’s own', async (databaseName) => {
    const here = await (await construct(module, databaseName)).processRecorder();
    const there = await (await construct(module, databaseName)).processRecorder();
    await here.insertEvents(oneEvent());
    expect(await there.maxNotificationId()).toBe(0);
  });
});

it('what one writes in a transaction another one sees when it is committed, and not before', async () => {
  const name = uniqueName();
  using here = await openSqlJs({ name });
  using there = await openSqlJs({ name });
  const [writer, reader] = [new SqliteProcessRecorder(here), new SqliteProcessRecorder(there)];
  await writer.createTable();
  const told: number[] = [];
  reader.onChanged(() => void told.push(1));
  let early: Promise<number> | undefined;
  await writer.transaction(async (tx) => {
    await tx.insertEvents(oneEvent());
    // Waits for its turn: there is one connection.
    early = reader.maxNotificationId();
    await Promise.resolve();
  });
  expect(await early).toBe(1);
  expect(told).toEqual([1]);
  const taken = writer.transaction(async (tx) => {
    await tx.insertEvents(oneEvent());
    throw new Error('Not this one.');
  });
  await expect(taken).rejects.toThrow('Not this one.');
  expect(await reader.selectNotifications({ start: 1, limit: 10 })).toHaveLength(1);
});

it('closing twice is leaving once, and a statement of who has left is refused', async () => {
  const name = uniqueName();
  const [here, there] = [await openSqlJs({ name }), await openSqlJs({ name })];
  here.exec('CREATE TABLE mine (id INTEGER)');
  const statement = here.prepare('SELECT count(*) FROM mine');
  let closed = 0;
  here.onClosed?.(() => {
    closed++;
  });
  here.close();
  here.close();
  expect(closed).toBeGreaterThan(0);
  expect(() => statement.all([])).toThrow('The database is closed.');
  expect(() => here.exec('SELECT 1')).toThrow('The database is closed.');
  expect(there.prepare('SELECT count(*) FROM mine').all([])).toEqual([[0]]);
  there.close();
  using later = await openSqlJs({ name });
  expect(() => later.prepare('SELECT count(*) FROM mine').all([])).toThrow('no such table');
});

it.each([
  [{ name: '' }, 'name'],
  [{ name: 'a b' }, 'name'],
  [{ name: 7 as never }, 'name'],
  [{ name: 'x'.repeat(41) }, 'name'],
  [{ name: 'a', image: new Uint8Array() }, 'image'],
])('%j is refused', async (options, option) => {
  await expect(openSqlJs(options)).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR', details: { option } });
});

it('a name of a file is refused by sql.js', async () => {
  await expect(construct('sqljs', 'events.sqlite')).rejects.toMatchObject({
    code: 'ENVIRONMENT_ERROR',
    details: { keys: 'SQLITE_DBNAME' },
  });
});
