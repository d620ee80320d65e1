/**
 * The event index in a SQL table. One implementation for the browser's store, SQLite and PostgreSQL.
 *
 * @module
 */
import { NotSupportedError } from '../../persistence/errors.js';
import type { RecorderTransaction } from '../../persistence/recorder-transaction.js';
import { sqlOf } from '../../persistence/sql/sql-queryable.js';
import type { SqlQueryable, SqlResult } from '../../persistence/sql/sql-queryable.js';
import { columnTypes } from '../../persistence/sql/sql-dialect.js';
import type { SqlDialect } from '../../persistence/sql/sql-dialect.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { createMissing } from '../../persistence/sql/create-missing.js';
import type { Creations } from '../../persistence/sql/sql-names.js';
import type { Creation } from '../../persistence/sql/sql-names.js';
import { duplicate, positionTaken } from './event-index-errors.js';
import { FOUND_EVENTS_DEFAULT, toIndexedEvent, validateFilter } from './event-index.js';
import type {
  CaughtUp,
  EventIndex,
  EventIndexFilter,
  EventQuery,
  IndexedEvent,
  IndexedLog,
  TextOf,
} from './event-index.js';
import { IndexFollowing } from './index-following.js';
import type { IndexTables } from './index-following.js';
import { indexedNotifications } from './indexed-notifications.js';
import type { ApplicationRecorder } from '../../persistence/recorder.js';
import type { Notification, NotificationId } from '../../persistence/stored-event.js';
import type { UnitsChanged } from '../events/inline-participant.js';
import { heeding } from '../../persistence/heed-signal.js';
import type { CallOptions } from '../../persistence/heed-signal.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { statementParts, valueRows } from '../../persistence/sql/sql-parameters.js';
import { afterPrefix, wordsOf } from './search-words.js';
import { sqlTableName } from '../../persistence/sql/sql-names.js';
import type { SqlTableName } from '../../persistence/sql/sql-names.js';
import { validateList } from '../../persistence/validation.js';

const TABLE_DEFAULT = 'event_index';
// Rows of one statement: with 11 parameters each, well below SQLite's 32,766 and PostgreSQL's 65,535.
const INSERT_ROWS_MAX = 500;
// Of two parameters each.
const INSERT_WORDS_MAX = 5_000;

// Times are milliseconds since 1970, because ranges of them are asked for, on engines with and without a type for times.
const COLUMNS = [
  'notification_id',
  'event_id',
  'aggregate_id',
  'aggregate_version',
  'aggregate_type',
  'event_type',
  'occurred_at_ms',
  'recorded_at_ms',
  'actor_id',
  'correlation_id',
  'tenant_id',
] as const;

/** Options of {@link SqlEventIndex}. */
export interface SqlEventIndexOptions {
  /** Whose events it takes, and in whose database it is. */
  readonly recorder: SqlRecorder;
  /** @defaultValue `event_index` */
  readonly table?: string;
  /** PostgreSQL only; it must be there. @defaultValue the first of the search path */
  readonly schema?: string;
  /**
   * What of an event can be found by `find({ text })`. Its words are kept in a table of their own, in plain: nothing that
   * is to be secret.
   *
   * @defaultValue nothing
   */
  readonly textOf?: TextOf;
}

/**
 * An index in the database of the events.
 *
 * @example
 * ```ts
 * const index = new SqlEventIndex({ recorder });
 * await index.createTables();
 * const app = new Application({ recorder, aggregates: [order], inline: [index] });
 * const today = await index.between({ from: midnight, to: nextMidnight });
 * ```
 */
export class SqlEventIndex implements EventIndex {
  readonly #recorder: SqlRecorder;
  readonly #names: SqlTableName;
  readonly #tables: IndexTables;
  readonly #following: IndexFollowing;
  readonly #textOf: TextOf;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a table cannot have such a name */
  constructor(options: SqlEventIndexOptions) {
    this.#recorder = options.recorder;
    const { table = TABLE_DEFAULT, schema, textOf = () => '' } = options;
    const { recorder } = options;
    const [index, words, seen, gaps] = ['', '_words', '_seen', '_gaps'].map((ending) =>
      sqlTableName(`${table}${ending}`, schema, recorder.dialect),
    ) as [SqlTableName, SqlTableName, SqlTableName, SqlTableName];
    this.#names = index;
    this.#tables = { index, words, seen, gaps };
    this.#textOf = textOf;
    const insert = this.#insertNew.bind(this);
    this.#following = new IndexFollowing({ recorder, tables: this.#tables, insert });
  }

  /** What the tables are made of, for a `Migrator` and for who prints them. */
  get tables(): Creations {
    return {
      schema: this.#names.schema,
      isOfLog: true,
      lock: `daybook event index ${this.#names.table}`,
      creations: creationsOf(this.#tables, this.#recorder.dialect),
    };
  }

  /**
   * Creates the tables and their indexes, where they are missing. Safe to call again.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the table is that of another log in the database
   */
  async createTables(): Promise<void> {
    await createMissing(this.#recorder, this.tables);
  }

  async onRecorded(
    transaction: RecorderTransaction<SqlQueryable | undefined>,
    events: readonly NotifiedEvent[],
  ): Promise<void> {
    const connection = sqlOf(transaction.connection);
    if (connection === undefined) throw new NotSupportedError('An event index in a table needs a recorder with SQL.');
    await this.#insert(connection, events);
  }

  async onUnitsChanged(
    { connection }: RecorderTransaction<SqlQueryable | undefined>,
    changed: UnitsChanged,
  ): Promise<void> {
    if (connection !== undefined) await this.#following.takeUnitChange(connection, changed);
  }

  async catchUp(log: IndexedLog, { signal }: CallOptions = {}): Promise<CaughtUp> {
    return await this.#following.catchUp(log, signal);
  }

  async add(events: readonly NotifiedEvent[], options: CallOptions = {}): Promise<void> {
    validateList('events', events);
    await this.#recorder.transaction(async ({ connection }) => {
      const missing: NotifiedEvent[] = [];
      for (const event of events) {
        const found = await this.#findBy(connection, event.metadata.eventId);
        if (found === undefined) missing.push(event);
        else if (found.notificationId !== event.notificationId) throw duplicate(event.metadata.eventId);
      }
      await this.#insert(connection, missing);
    }, options);
  }

  async hasEvent(eventId: string, options: CallOptions = {}): Promise<boolean> {
    return (await this.findEvent(eventId, options)) !== undefined;
  }

  async findEvent(eventId: string, { signal }: CallOptions = {}): Promise<IndexedEvent | undefined> {
    return await heeding(signal, () => this.#findBy(this.#recorder, eventId));
  }

  async find(filter: EventIndexFilter): Promise<readonly IndexedEvent[]> {
    validateFilter(filter);
    const { limit = FOUND_EVENTS_DEFAULT } = filter;
    const conditions = [...conditionsOf(filter), ...this.#wordConditions(filter.text)];
    // Numbered in the order of their appearance.
    let parameter = 0;
    const where = conditions.map(({ sql }) => sql.replaceAll('?', () => `$${++parameter}`)).join(' AND ');
    const sql = `SELECT ${COLUMNS.join(', ')} FROM ${this.#names.table} WHERE ${where} ORDER BY notification_id LIMIT $${parameter + 1}`;
    const values = [...conditions.flatMap((condition) => condition.values), limit];
    const { rows } = await heeding(filter.signal, () => this.#recorder.query(sql, values));
    return rows.map(toEvent);
  }

  async between(
    range: { readonly from: Date; readonly to: Date },
    page: Pick<EventIndexFilter, 'after' | 'limit' | 'signal'> = {},
  ): Promise<readonly IndexedEvent[]> {
    return await this.find({ ...page, from: range.from, to: range.to });
  }

  /** @param _log - not asked: events and index are read by one statement */
  notifications(
    query: EventQuery,
    _log?: Pick<ApplicationRecorder, 'selectNotifications'>,
  ): AsyncGenerator<Notification, void, undefined> {
    return indexedNotifications(this.#recorder, this.#names.table, query);
  }

  async #insert(connection: SqlQueryable, events: readonly NotifiedEvent[]): Promise<void> {
    const [refused] = await this.#insertNew(connection, events);
    if (refused !== undefined) throw await this.#whyRefused(connection, toIndexedEvent(refused));
  }

  /** @returns those that are not inserted, because their ids or their positions are taken */
  async #insertNew(connection: SqlQueryable, events: readonly NotifiedEvent[]): Promise<readonly NotifiedEvent[]> {
    const size = { rowsMax: INSERT_ROWS_MAX, columns: COLUMNS.length };
    const inserted = new Set<NotificationId>();
    for (const part of statementParts(this.#recorder.dialect, events, size)) {
      // Not left to the unique constraint: an error of it would not say which id it was, and spoils a transaction on
      // PostgreSQL.
      const { rows } = await connection.query(
        `INSERT INTO ${this.#names.table} (${COLUMNS.join(', ')}) VALUES ${valueRows(part.length, COLUMNS.length)}
          ON CONFLICT DO NOTHING RETURNING notification_id`,
        part.map(toIndexedEvent).flatMap(valuesOf),
      );
      for (const row of rows) inserted.add(Number(row['notification_id']));
    }
    const isNew = ({ notificationId }: NotifiedEvent): boolean => inserted.has(notificationId);
    await this.#insertWords(connection, events.filter(isNew));
    return events.filter((event) => !isNew(event));
  }

  async #whyRefused(connection: SqlQueryable, { notificationId, eventId }: IndexedEvent): Promise<Error> {
    const { rows } = await connection.query(`SELECT event_id FROM ${this.#names.table} WHERE notification_id = $1`, [
      notificationId,
    ]);
    return rows.length === 0 ? duplicate(eventId) : positionTaken(notificationId);
  }

  async #insertWords(connection: SqlQueryable, events: readonly NotifiedEvent[]): Promise<void> {
    const rows = events.flatMap((event) => wordsOf(this.#textOf(event)).map((word) => [word, event.notificationId]));
    for (const part of statementParts(this.#recorder.dialect, rows, { rowsMax: INSERT_WORDS_MAX, columns: 2 })) {
      await connection.query(
        `INSERT INTO ${this.#tables.words.table} (word, notification_id) VALUES ${valueRows(part.length, 2)}`,
        part.flat(),
      );
    }
  }

  #wordConditions(text: string | undefined): readonly Condition[] {
    const sql = `notification_id IN (SELECT notification_id FROM ${this.#tables.words.table} WHERE word >= ? AND word < ?)`;
    return text === undefined ? [] : wordsOf(text).map((word) => ({ sql, values: [word, afterPrefix(word)] }));
  }

  async #findBy(queryable: SqlQueryable, eventId: string): Promise<IndexedEvent | undefined> {
    const { rows } = await queryable.query(
      `SELECT ${COLUMNS.join(', ')} FROM ${this.#names.table} WHERE event_id = $1`,
      [eventId],
    );
    return rows.map(toEvent)[0];
  }
}

/** Words in the order of their bytes, which is the order of code points; the locale's would tear prefixes apart. */
function wordsCreation({ name, table }: SqlTableName, dialect: SqlDialect): Creation {
  const sql = `CREATE TABLE IF NOT EXISTS ${table} (
    word ${columnTypes(dialect).word} NOT NULL,
    notification_id BIGINT NOT NULL,
    PRIMARY KEY (word, notification_id)
  )`;
  return { name, sql };
}

function creationsOf({ index: names, words, seen, gaps }: IndexTables, dialect: SqlDialect): readonly Creation[] {
  const { name, table, index } = names;
  const by = (column: string): Creation => index(column, `(${column}, notification_id) WHERE ${column} IS NOT NULL`);
  const createTable = `CREATE TABLE IF NOT EXISTS ${table} (
      notification_id BIGINT PRIMARY KEY NOT NULL,
      event_id TEXT NOT NULL UNIQUE,
      aggregate_id TEXT NOT NULL,
      aggregate_version BIGINT NOT NULL,
      aggregate_type TEXT NOT NULL,
      event_type TEXT NOT NULL,
      occurred_at_ms BIGINT,
      recorded_at_ms BIGINT,
      actor_id TEXT,
      correlation_id TEXT,
      tenant_id TEXT
    )`;
  return [
    { name, sql: createTable },
    by('occurred_at_ms'),
    by('actor_id'),
    by('correlation_id'),
    by('tenant_id'),
    index('event_type', '(event_type, notification_id)'),
    wordsCreation(words, dialect),
    {
      name: seen.name,
      sql: `CREATE TABLE IF NOT EXISTS ${seen.table} (
        id INTEGER PRIMARY KEY NOT NULL,
        last_id BIGINT NOT NULL,
        settled_id BIGINT NOT NULL,
        era BIGINT NOT NULL,
        truncated_id BIGINT NOT NULL
      )`,
    },
    { name: gaps.name, sql: `CREATE TABLE IF NOT EXISTS ${gaps.table} (notification_id BIGINT PRIMARY KEY NOT NULL)` },
  ];
}

interface Condition {
  readonly sql: string;
  readonly values: readonly (number | string)[];
}

function conditionsOf(filter: EventIndexFilter): readonly Condition[] {
  const { after = 0, from, to } = filter;
  const equal: readonly (readonly [string, string | undefined])[] = [
    ['actor_id', filter.actorId],
    ['correlation_id', filter.correlationId],
    ['tenant_id', filter.tenantId],
    ['aggregate_type', filter.aggregateType],
    ['aggregate_id', filter.aggregateId],
    ['event_type', filter.eventType],
  ];
  return [
    { sql: 'notification_id > ?', values: [after] },
    ...(from === undefined ? [] : [{ sql: 'occurred_at_ms >= ?', values: [from.getTime()] }]),
    ...(to === undefined ? [] : [{ sql: 'occurred_at_ms < ?', values: [to.getTime()] }]),
    ...equal.flatMap(([column, value]) => (value === undefined ? [] : [{ sql: `${column} = ?`, values: [value] }])),
  ];
}

function valuesOf(event: IndexedEvent): unknown[] {
  return [
    event.notificationId,
    event.eventId,
    event.aggregateId,
    event.aggregateVersion,
    event.aggregateType,
    event.eventType,
    event.occurredAt?.getTime() ?? null,
    event.recordedAt?.getTime() ?? null,
    event.actorId ?? null,
    event.correlationId ?? null,
    event.tenantId ?? null,
  ];
}

function toEvent(row: SqlResult['rows'][number]): IndexedEvent {
  const text = (column: string): string => row[column] as string;
  const optional = (column: string): string | undefined => (row[column] as string | null) ?? undefined;
  const date = (column: string): Date | undefined => (row[column] === null ? undefined : new Date(Number(row[column])));
  return {
    notificationId: Number(row['notification_id']),
    eventId: text('event_id'),
    aggregateId: text('aggregate_id'),
    aggregateVersion: Number(row['aggregate_version']),
    aggregateType: text('aggregate_type'),
    eventType: text('event_type'),
    occurredAt: date('occurred_at_ms'),
    recordedAt: date('recorded_at_ms'),
    actorId: optional('actor_id'),
    correlationId: optional('correlation_id'),
    tenantId: optional('tenant_id'),
  };
}
