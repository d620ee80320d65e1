/**
 * What the calls of the tables are made on: each engine that needs no server as it is; PostgreSQL, MongoDB and D1 with
 * nobody there, so that a call that is refused too late is found by having asked for them.
 *
 * @module
 */
import { Application } from '../../src/application/application.js';
import { MemoryEventIndex } from '../../src/application/event-index/memory-event-index.js';
import type { D1Source } from '../../src/d1/index.js';
import { Mapper } from '../../src/persistence/mapping/mapper.js';
import { JSONTranscoder } from '../../src/persistence/mapping/json-transcoder.js';
import { EventStore } from '../../src/persistence/event-store.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { MongoClientLike } from '../../src/mongodb/index.js';
import type { PostgresPool } from '../../src/persistence/postgres/index.js';
import { openNodeSqlite, SqliteProcessRecorder } from '../../src/persistence/sqlite/node-sqlite.js';
import type { SqliteDatabase } from '../../src/persistence/sqlite/index.js';
import { testStock } from '../../src/testing/conformance/order-world.js';

/** What a server that is not there answers. */
export const NOBODY = 'nobody is there';

/** What the rows use. */
export interface World {
  readonly memory: MemoryProcessRecorder;
  readonly app: Application;
  readonly mapper: Mapper;
  readonly store: EventStore;
  readonly index: MemoryEventIndex;
  readonly database: SqliteDatabase;
  readonly sqlite: SqliteProcessRecorder;
  readonly pool: PostgresPool;
  readonly mongo: MongoClientLike;
  readonly d1: D1Source;
  /** Made once for a world, with its tables. */
  made<T>(make: (world: World) => Promise<T> | T): Promise<T>;
  /** Everything that is stored, and how often a server was asked. */
  standing(): Promise<string>;
  close(): void;
}

/** @returns a world in which nothing is stored */
export async function openWorld(): Promise<World> {
  let asked = 0;
  const ask = (): Promise<never> => {
    asked++;
    return Promise.reject(new Error(NOBODY));
  };
  const memory = new MemoryProcessRecorder();
  const index = new MemoryEventIndex();
  const mapper = new Mapper({ transcoder: new JSONTranscoder() });
  const database = await openNodeSqlite({ path: ':memory:' });
  const sqlite = new SqliteProcessRecorder(database);
  await sqlite.createTable();
  const made = new Map<unknown, unknown>();
  const world: World = {
    memory,
    app: new Application({ recorder: memory, aggregates: [testStock], eventIndex: index }),
    mapper,
    store: new EventStore({ mapper, recorder: memory }),
    index,
    database,
    sqlite,
    pool: { connect: ask, query: ask },
    mongo: unreachableMongo(ask),
    d1: unreachableD1(ask),
    async made(make) {
      if (!made.has(make)) made.set(make, await make(world));
      return made.get(make) as Awaited<ReturnType<typeof make>>;
    },
    async standing() {
      const { rows } = await sqlite.query('SELECT total_changes() AS n');
      return `${await memory.maxNotificationId()} in memory, ${String(rows[0]?.['n'])} changes in SQLite, ${asked} calls of a server`;
    },
    close: () => database.close(),
  };
  return world;
}

function unreachableMongo(ask: () => Promise<never>): MongoClientLike {
  const collection = {
    ...{ find: () => ({ toArray: ask }), findOne: ask, findOneAndUpdate: ask, insertMany: ask, updateOne: ask },
    ...{ replaceOne: ask, deleteOne: ask, deleteMany: ask, countDocuments: ask, createIndexes: ask, bulkWrite: ask },
  };
  const session = {
    ...{ advanceOperationTime: () => undefined, advanceClusterTime: () => undefined, inTransaction: () => true },
    // As the driver does: nothing is sent before the work asks for something.
    withTransaction: async (work: () => Promise<unknown>) => {
      await work();
      return await ask();
    },
    endSession: () => Promise.resolve(),
  };
  const database = { collection: () => collection, createCollection: ask, command: ask };
  return { db: () => database, startSession: () => session };
}

function unreachableD1(ask: () => Promise<never>): D1Source {
  const statement = { bind: () => statement, all: ask };
  return { withSession: () => ({ prepare: () => statement, batch: ask, getBookmark: () => null }) };
}
