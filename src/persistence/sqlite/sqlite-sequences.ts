import { uuidToBytes } from '../../util/uuid-bytes.js';
import { IntegrityError } from '../errors.js';
import type { SelectEventsOptions } from '../recorder.js';
import { eventTaken } from '../replica.js';
import type { SequenceTables } from '../serial-recorder.js';
import type { OriginatorId, StoredEvent } from '../stored-event.js';
import { statementsOf } from './sqlite-connection.js';
import type { SqliteDatabase, SqliteValue } from './sqlite-driver.js';
import { createSequencesSql, quoted } from './sqlite-schema.js';
import type { SqliteStatements } from './sqlite-statements.js';

// SQLite needs a LIMIT to be a number; a negative one means none.
const NO_LIMIT = -1;

/** The sequences of aggregates in one table: all that an aggregate recorder has. */
export class SqliteSequences implements SequenceTables {
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
    this.#database.exec(createSequencesSql(this.#name));
  }

  maxVersion(originatorId: OriginatorId): number {
    const sql = `SELECT max(originator_version) FROM ${this.#table} WHERE originator_id = ?`;
    return this.#statements.number(sql, [uuidToBytes(originatorId)]) ?? -1;
  }

  has(originatorId: OriginatorId, originatorVersion: number): boolean {
    const sql = `SELECT 1 FROM ${this.#table} WHERE originator_id = ? AND originator_version = ?`;
    return this.#statements.number(sql, [uuidToBytes(originatorId), originatorVersion]) !== undefined;
  }

  insertEvents(events: readonly StoredEvent[]): void {
    const insert = this.#statements.prepare(
      `INSERT INTO ${this.#table} (originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)`,
    );
    for (const event of events) {
      const { originatorId, originatorVersion, topic, state } = event;
      namingTaken(event, () => insert.run([uuidToBytes(originatorId), originatorVersion, topic, state]));
    }
  }

  selectEvents(originatorId: OriginatorId, options: SelectEventsOptions): StoredEvent[] {
    const conditions = ['originator_id = ?'];
    const parameters: SqliteValue[] = [uuidToBytes(originatorId)];
    if (options.gt !== undefined) {
      conditions.push('originator_version > ?');
      parameters.push(options.gt);
    }
    if (options.lte !== undefined) {
      conditions.push('originator_version <= ?');
      parameters.push(options.lte);
    }
    const order = options.desc === true ? 'DESC' : 'ASC';
    const rows = this.#statements.all(
      `SELECT originator_version, topic, state FROM ${this.#table} WHERE ${conditions.join(' AND ')}
       ORDER BY originator_version ${order} LIMIT ?`,
      [...parameters, options.limit ?? NO_LIMIT],
    );
    // The caller's own text: to make it of bytes again would take as long as to read the rest of the row.
    return rows.map((row) => toStoredEvent(originatorId, row));
  }
}

/** Runs an insert. The unique index decides whether a position is taken; the error says which. */
export function namingTaken(event: StoredEvent, insert: () => void): void {
  try {
    insert();
  } catch (error) {
    throw error instanceof IntegrityError && error.message.includes('originator_version')
      ? eventTaken(event, error)
      : error;
  }
}

/** A row of version, topic and state as an event. */
function toStoredEvent(originatorId: OriginatorId, row: readonly SqliteValue[]): StoredEvent {
  const [originatorVersion, topic, state] = row;
  return {
    originatorId,
    originatorVersion: originatorVersion as number,
    topic: topic as string,
    state: state as Uint8Array,
  };
}
