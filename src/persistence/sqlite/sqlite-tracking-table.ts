import { trackingTaken } from '../position-taken.js';
import type { NotificationId, Tracking } from '../stored-event.js';
import { statementsOf } from './sqlite-connection.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import { createTrackingSql, quoted } from './sqlite-schema.js';
import type { SqliteStatements } from './sqlite-statements.js';

/** A table of tracking records: the statements, run at once. */
export class SqliteTrackingTable {
  readonly #database: SqliteDatabase;
  readonly #statements: SqliteStatements;
  readonly #name: string;
  readonly #table: string;

  /** @param table - its name, as it is: it may need quotes */
  constructor(database: SqliteDatabase, table: string) {
    this.#database = database;
    this.#statements = statementsOf(database);
    this.#name = table;
    this.#table = quoted(table);
  }

  /** Creates the table if it is missing. */
  createTable(): void {
    this.#database.exec(createTrackingSql(this.#name));
  }

  /** The largest id that was tracked for an application, or 0. */
  maxTrackingId(applicationName: string): NotificationId {
    const sql = `SELECT notification_id FROM ${this.#table} WHERE application_name = ?`;
    return this.#statements.number(sql, [applicationName]) ?? 0;
  }

  /** @throws IntegrityError (`INTEGRITY_ERROR`) when the record does not move forward */
  insertTracking(tracking: Tracking): void {
    const { applicationName, notificationId } = tracking;
    const sql = `INSERT INTO ${this.#table} AS t (application_name, notification_id) VALUES (?, ?)
      ON CONFLICT (application_name) DO UPDATE SET notification_id = excluded.notification_id
      WHERE excluded.notification_id > t.notification_id RETURNING 1`;
    const rows = this.#statements.all(sql, [applicationName, notificationId]);
    if (rows.length === 0) throw trackingTaken(tracking, this.maxTrackingId(applicationName));
  }
}
