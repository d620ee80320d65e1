import { SqliteProcessRecorder } from '../sqlite/sqlite-recorder.js';
import type { SqliteTableOptions } from '../sqlite/sqlite-replica.js';
import { objectSqlite } from './object-sqlite.js';
import type { ObjectStorage } from './object-storage.js';

/**
 * Opens the store of a Durable Object, and creates the tables that are missing: a recorder with SQL and transactions, as that
 * of SQLite, for applications, snapshots, views, states, the outbox and the event index.
 *
 * What resolved is not committed yet: the object commits at once afterwards, and lets no answer out before.
 *
 * @param storage - `ctx.storage` of an object of a class with SQLite (`new_sqlite_classes`)
 * @param tables - names of the tables. By default `stored_events` and `tracking`
 * @throws NotSupportedError (`NOT_SUPPORTED`) when there is a table of such a name that is not Daybook's
 *
 * @example
 * ```ts
 * export class Orders extends DurableObject {
 *   readonly #recorder = this.ctx.blockConcurrencyWhile(() => openObjectRecorder(this.ctx.storage));
 *
 *   async place(id: string): Promise<void> {
 *     const app = new Application({ recorder: await this.#recorder, aggregates: [order] });
 *     await app.execute(order, id, { type: 'PlaceOrder', data: {} });
 *   }
 * }
 * ```
 */
export async function openObjectRecorder(
  storage: ObjectStorage,
  tables: SqliteTableOptions = {},
): Promise<SqliteProcessRecorder> {
  const recorder = new SqliteProcessRecorder(objectSqlite(storage), tables);
  await recorder.createTable();
  return recorder;
}
