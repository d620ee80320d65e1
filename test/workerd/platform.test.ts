/** What the engine takes for granted of a Durable Object. A platform that has become another one is noticed here first. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';

let objects = 0;

/** A new object, with nothing in it. */
function newObject(): DurableObjectStub {
  return env.EMPTY.getByName(`platform ${++objects}`);
}

/** Does work in a new object. */
async function inObject<T>(work: (storage: DurableObjectStorage) => T | Promise<T>): Promise<T> {
  return await runInDurableObject(newObject(), async (_object, { storage }) => await work(storage));
}

const marks = (count: number): string => Array.from({ length: count }, () => '?').join(', ');

describe('the storage of a Durable Object', () => {
  test.each(['BEGIN', 'SAVEPOINT a', 'PRAGMA user_version', 'SELECT sqlite_version()', 'CREATE TEMP TABLE own (a)'])(
    'refuses %s',
    async (statement) => {
      await inObject(({ sql }) => {
        expect(() => sql.exec(statement)).toThrow(/transaction|not authorized/);
      });
    },
  );

  test('takes a hundred parameters, and no more', async () => {
    await inObject(({ sql }) => {
      const ofParameters = (count: number) => () =>
        sql.exec(`SELECT * FROM (VALUES (${marks(count)}))`, ...Array.from({ length: count }, () => 1)).toArray();
      expect(ofParameters(100)).not.toThrow();
      expect(ofParameters(101)).toThrow(/too many/);
    });
  });

  test('has tables of a hundred columns, and no more', async () => {
    await inObject(({ sql }) => {
      const ofColumns = (count: number) => () =>
        sql.exec(`CREATE TABLE own${count} (${Array.from({ length: count }, (_, at) => `c${at}`).join(', ')})`);
      expect(ofColumns(100)).not.toThrow();
      expect(ofColumns(101)).toThrow('too many columns');
    });
  });

  test('takes back a transaction that throws, the one around it not', async () => {
    await inObject((storage) => {
      const { sql } = storage;
      sql.exec('CREATE TABLE own (value TEXT)');
      storage.transactionSync(() => {
        sql.exec(`INSERT INTO own VALUES ('outer')`);
        expect(() =>
          storage.transactionSync(() => {
            sql.exec(`INSERT INTO own VALUES ('inner')`);
            throw new Error('refused');
          }),
        ).toThrow('refused');
      });
      expect(sql.exec('SELECT value FROM own').toArray()).toEqual([{ value: 'outer' }]);
    });
  });

  test('gives bytes as an ArrayBuffer, and numbers that were bound as REAL, but for a column of integers', async () => {
    await inObject(({ sql }) => {
      sql.exec('CREATE TABLE own (id INTEGER, bytes BLOB)');
      sql.exec('INSERT INTO own VALUES (?, ?)', 2 ** 53 - 1, new Uint8Array([1, 2]));
      const [row] = [...sql.exec('SELECT id, typeof(id), bytes, typeof(?) FROM own', 1).raw()];
      expect(row).toEqual([2 ** 53 - 1, 'integer', new Uint8Array([1, 2]).buffer, 'real']);
    });
  });

  test('outlives an object that is evicted; what was in memory does not', async () => {
    const stub = newObject();
    await runInDurableObject(stub, (object, { storage }) => {
      storage.sql.exec('CREATE TABLE own (value TEXT)');
      storage.sql.exec(`INSERT INTO own VALUES ('kept')`);
      Object.assign(object, { remembered: true });
    });
    await evictDurableObject(stub);
    await runInDurableObject(stub, (object, { storage }) => {
      expect(storage.sql.exec('SELECT value FROM own').toArray()).toEqual([{ value: 'kept' }]);
      expect(object).not.toHaveProperty('remembered');
    });
  });
});
