/**
 * Kysely and Drizzle in a recorder's transaction: the adapters that docs/transactions.md tells to copy.
 *
 * @module
 */
import { eq, sql } from 'drizzle-orm';
import { integer as pgInteger, pgTable, text as pgText } from 'drizzle-orm/pg-core';
import { integer as sqliteInteger, sqliteTable, text as sqliteText } from 'drizzle-orm/sqlite-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drizzleOnPostgres } from '../../examples/transactions/drizzle-on-postgres.js';
import { drizzleOnSqlite } from '../../examples/transactions/drizzle-on-sqlite.js';
import { kyselyOnPostgres } from '../../examples/transactions/kysely-on-postgres.js';
import { kyselyOnSqlite } from '../../examples/transactions/kysely-on-sqlite.js';
import type { PostgresQueryable } from '../../src/persistence/postgres/index.js';
import type { TransactionalRecorder } from '../../src/persistence/recorder-transaction.js';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import type { SqliteDatabase } from '../../src/persistence/sqlite/sqlite-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import { createSession } from '../../src/session/index.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import { makeEvents } from '../support/stored-events.js';

/** One table of the application's own, through one query builder. */
interface Shelves {
  insert(name: string): Promise<void>;
  /** Adds an item, and returns how many there are then. */
  addItem(name: string): Promise<number | undefined>;
  names(): Promise<string[]>;
  /** Runs work in a transaction of the query builder's own. */
  transaction(work: (shelves: Shelves) => Promise<void>): Promise<void>;
}

interface Engine<Connection> {
  readonly recorder: TransactionalRecorder<Connection>;
  shelvesOn(connection: Connection): Shelves;
  /** Reads what is committed, without the query builder. */
  committedNames(): Promise<readonly unknown[]>;
  close(): Promise<void>;
}

const failure = new RangeError('the work failed');

function describeQueryBuilder<Connection>(name: string, open: () => Promise<Engine<Connection>>): void {
  describe(name, () => {
    let engine: Engine<Connection>;
    beforeAll(async () => {
      engine = await open();
    });
    afterAll(() => engine.close());

    test('own rows and events are committed together', async () => {
      const { recorder, shelvesOn, committedNames } = engine;
      const events = makeEvents(1);
      const items = await recorder.transaction(async (transaction) => {
        const shelves = shelvesOn(transaction.connection);
        await shelves.insert('together');
        await transaction.insertEvents(events);
        await shelves.addItem('together');
        expect(await shelves.names()).toContain('together');
        return await shelves.addItem('together');
      });
      expect(items).toBe(2);
      expect(await committedNames()).toContain('together');
      expect(await recorder.selectEvents(events[0]!.originatorId)).toEqual(events);
    });

    test('own rows and events are rolled back together', async () => {
      const { recorder, shelvesOn, committedNames } = engine;
      const events = makeEvents(1);
      const work = recorder.transaction(async (transaction) => {
        await transaction.insertEvents(events);
        await shelvesOn(transaction.connection).insert('taken back');
        throw failure;
      });
      await expect(work).rejects.toBe(failure);
      expect(await committedNames()).not.toContain('taken back');
      expect(await recorder.selectEvents(events[0]!.originatorId)).toEqual([]);
    });

    test('a conflict of events takes own rows back', async () => {
      const { recorder, shelvesOn, committedNames } = engine;
      const events = makeEvents(1);
      await recorder.insertEvents(events);
      const work = recorder.transaction(async (transaction) => {
        await shelvesOn(transaction.connection).insert('in conflict');
        await transaction.insertEvents(events);
      });
      await expect(work).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
      expect(await committedNames()).not.toContain('in conflict');
    });

    test('a statement that fails takes events back', async () => {
      const { recorder, shelvesOn, committedNames } = engine;
      const events = makeEvents(1);
      const work = recorder.transaction(async (transaction) => {
        const shelves = shelvesOn(transaction.connection);
        await transaction.insertEvents(events);
        await shelves.insert('twice');
        await shelves.insert('twice');
      });
      await expect(work).rejects.toThrow();
      expect(await committedNames()).not.toContain('twice');
      expect(await recorder.selectEvents(events[0]!.originatorId)).toEqual([]);
    });

    test('a transaction of the query builder joins, and is taken back alone when it fails', async () => {
      const { recorder, shelvesOn, committedNames } = engine;
      const [first, second] = makeEvents(2);
      await recorder.transaction(async (transaction) => {
        const shelves = shelvesOn(transaction.connection);
        await shelves.transaction(async (inner) => {
          await inner.insert('inner');
          await transaction.insertEvents([first!]);
        });
        const failing = shelves.transaction(async (inner) => {
          await inner.insert('inner, failing');
          await transaction.insertEvents([second!]);
          throw failure;
        });
        await expect(failing).rejects.toBe(failure);
      });
      expect(await committedNames()).toContain('inner');
      expect(await committedNames()).not.toContain('inner, failing');
      expect(await recorder.selectEvents(first!.originatorId)).toEqual([first]);
    });

    test('a transaction of the query builder that is done is taken back with the recorder’s', async () => {
      const { recorder, shelvesOn, committedNames } = engine;
      const work = recorder.transaction(async (transaction) => {
        await shelvesOn(transaction.connection).transaction((inner) => inner.insert('inner, outer failing'));
        throw failure;
      });
      await expect(work).rejects.toBe(failure);
      expect(await committedNames()).not.toContain('inner, outer failing');
    });

    test('in a session, the query builder is at hand where the transaction is', async () => {
      const { recorder, shelvesOn, committedNames } = engine;
      const session = createSession(recorder);
      const shelves = (): Shelves => shelvesOn(session.current()!.connection);
      const [event] = makeEvents(1);
      await session.run(async () => {
        await shelves().insert('in a session');
        await session.recorder.insertEvents([event!]);
      });
      await session.run(async () => {
        await shelves().insert('in a session, rolled back');
        session.rollBack();
      });
      expect(await committedNames()).toContain('in a session');
      expect(await committedNames()).not.toContain('in a session, rolled back');
    });

    test('outlives the transaction only to be refused', async () => {
      const { recorder, shelvesOn } = engine;
      const late = await recorder.transaction(async ({ connection }) => shelvesOn(connection));
      await expect(late.insert('late')).rejects.toThrow();
    });
  });
}

type Open<Connection> = () => Promise<Engine<Connection>>;

function onPostgres(shelvesOn: (connection: PostgresQueryable, table: string) => Shelves): Open<PostgresQueryable> {
  return async () => {
    const { make, pool, close } = await openPostgres();
    const recorder = await make();
    const table = uniqueName();
    await pool.query(`CREATE TABLE ${table} (name text PRIMARY KEY, items integer NOT NULL)`);
    return {
      recorder,
      shelvesOn: (connection) => shelvesOn(connection, table),
      committedNames: async () => (await pool.query(`SELECT name FROM ${table}`)).rows.map((row) => row['name']),
      close,
    };
  };
}

function onSqlite(
  open: () => Promise<SqliteDatabase>,
  shelvesOn: (connection: SqliteDatabase) => Shelves,
): Open<SqliteDatabase> {
  return async () => {
    const database = await open();
    const recorder = new SqliteProcessRecorder(database);
    await recorder.createTable();
    database.exec('CREATE TABLE shelves (name text PRIMARY KEY, items integer NOT NULL)');
    return {
      recorder,
      shelvesOn,
      committedNames: async () =>
        database
          .prepare('SELECT name FROM shelves')
          .all([])
          .map(([name]) => name),
      close: async () => database.close(),
    };
  };
}

type KyselyTables = Readonly<Record<string, { name: string; items: number }>>;

function kyselyShelves(shelvesDb: ReturnType<typeof kyselyOnPostgres<KyselyTables>>, table: string): Shelves {
  const over = (db: ReturnType<typeof kyselyOnPostgres<KyselyTables>>): Shelves => ({
    async insert(name) {
      const result = await db.insertInto(table).values({ name, items: 0 }).executeTakeFirst();
      expect(result.numInsertedOrUpdatedRows).toBe(1n);
    },
    async addItem(name) {
      const added = db.updateTable(table).set((shelf) => ({ items: shelf('items', '+', 1) }));
      return (await added.where('name', '=', name).returning('items').executeTakeFirst())?.items;
    },
    async names() {
      return (await db.selectFrom(table).selectAll().execute()).map((shelf) => shelf.name);
    },
    async transaction(work) {
      await db.transaction().execute((inner) => work(over(inner)));
    },
  });
  return over(shelvesDb);
}

function drizzlePostgresShelves(connection: PostgresQueryable, table: string): Shelves {
  const shelves = pgTable(table, { name: pgText().primaryKey(), items: pgInteger().notNull() });
  type Database = Pick<ReturnType<typeof drizzleOnPostgres>, 'insert' | 'update' | 'select' | 'transaction'>;
  const over = (db: Database): Shelves => ({
    async insert(name) {
      expect((await db.insert(shelves).values({ name, items: 0 })).rowCount).toBe(1);
    },
    async addItem(name) {
      const added = db.update(shelves).set({ items: sql`${shelves.items} + 1` });
      return (await added.where(eq(shelves.name, name)).returning())[0]?.items;
    },
    async names() {
      // Of columns with one name in both tables, each must arrive.
      const joined = await db
        .select()
        .from(shelves)
        .innerJoin(sql`(SELECT 'other' AS name) other`, sql`true`);
      expect(joined.length).toBeGreaterThan(0);
      return (await db.select().from(shelves)).map((shelf) => shelf.name);
    },
    async transaction(work) {
      await db.transaction((inner) => work(over(inner)));
    },
  });
  return over(drizzleOnPostgres(connection));
}

function drizzleSqliteShelves(connection: SqliteDatabase): Shelves {
  const shelves = sqliteTable('shelves', { name: sqliteText().primaryKey(), items: sqliteInteger().notNull() });
  type Database = Pick<ReturnType<typeof drizzleOnSqlite>, 'insert' | 'update' | 'select' | 'transaction'>;
  const over = (db: Database): Shelves => ({
    async insert(name) {
      await db.insert(shelves).values({ name, items: 0 });
    },
    async addItem(name) {
      const added = db.update(shelves).set({ items: sql`${shelves.items} + 1` });
      return (await added.where(eq(shelves.name, name)).returning().get()).items;
    },
    async names() {
      expect(await db.select().from(shelves).where(eq(shelves.name, 'nowhere')).get()).toBeUndefined();
      return (await db.select().from(shelves)).map((shelf) => shelf.name);
    },
    async transaction(work) {
      await db.transaction((inner) => work(over(inner)));
    },
  });
  return over(drizzleOnSqlite(connection));
}

const kyselyOnPostgresShelves = (connection: PostgresQueryable, table: string): Shelves =>
  kyselyShelves(kyselyOnPostgres<KyselyTables>(connection), table);
const kyselyOnSqliteShelves = (connection: SqliteDatabase): Shelves =>
  kyselyShelves(kyselyOnSqlite<KyselyTables>(connection), 'shelves');
const openNode = (): Promise<SqliteDatabase> => openNodeSqlite({ path: ':memory:' });

describeQueryBuilder('Kysely on PostgreSQL', onPostgres(kyselyOnPostgresShelves));
describeQueryBuilder('Kysely on node:sqlite', onSqlite(openNode, kyselyOnSqliteShelves));
describeQueryBuilder('Kysely on sql.js', onSqlite(openSqlJs, kyselyOnSqliteShelves));
describeQueryBuilder('Drizzle on PostgreSQL', onPostgres(drizzlePostgresShelves));
describeQueryBuilder('Drizzle on node:sqlite', onSqlite(openNode, drizzleSqliteShelves));
describeQueryBuilder('Drizzle on sql.js', onSqlite(openSqlJs, drizzleSqliteShelves));
