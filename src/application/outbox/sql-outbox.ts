/**
 * The outbox in a SQL table. One implementation for the browser's store, SQLite and PostgreSQL.
 *
 * @module
 */
import { heeding } from '../../persistence/heed-signal.js';
import type { CallOptions } from '../../persistence/heed-signal.js';
import { NotSupportedError } from '../../persistence/errors.js';
import type { IntegrityError } from '../../persistence/errors.js';
import type { RecorderTransaction } from '../../persistence/recorder-transaction.js';
import { sqlOf } from '../../persistence/sql/sql-queryable.js';
import type { SqlQueryable, SqlResult } from '../../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { whenEnded } from '../../persistence/transaction-ends.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { storableText } from '../../persistence/storable-text.js';
import { OutboxEventData } from './outbox-event-data.js';
import type { OutboxEventDataOptions } from './outbox-event-data.js';
import { outboxTaken } from './outbox-taken.js';
import { OutboxHints } from './outbox-hints.js';
import { INSERT_ENTRIES_MAX, LAST_ERROR_LENGTH_MAX, LIST_ENTRIES_DEFAULT, MARK_ENTRIES_MAX } from './outbox-limits.js';
import { createMissing } from '../../persistence/sql/create-missing.js';
import type { Creations } from '../../persistence/sql/sql-names.js';
import { isOutboxNoted, noteOutbox } from '../../persistence/sql/outbox-progress.js';
import { takeTurn } from '../../persistence/sql/sql-dialect.js';
import { parameters, statementParts } from '../../persistence/sql/sql-parameters.js';
import { claimSql, ENTRY_COLUMNS, ENTRY_PARAMETERS, insertSql, nextDueSql, outboxCreations } from './outbox-schema.js';
import type {
  ClaimRequest,
  Outbox,
  OutboxCounts,
  OutboxEntry,
  OutboxOutcome,
  OutboxPage,
  OutboxStatus,
} from './outbox.js';
import { mayGoOut, readUnseen, removeLeft } from './unit-entries.js';
import type { OutboxFollowing } from './unit-entries.js';
import type { UnitsChanged } from '../events/inline-participant.js';
import { hasUnitOrder } from '../../persistence/sql/unit-order.js';
import {
  validateCount,
  validateFunction,
  validateFunctions,
  validateInstant,
  validateList,
  validateWord,
} from '../../persistence/validation.js';
import { sqlTableName } from '../../persistence/sql/sql-names.js';
import type { SqlTableName } from '../../persistence/sql/sql-names.js';
import { randomUuid } from '../../util/random-uuid.js';
import { validatePage } from './outbox.js';

const TABLE_DEFAULT = 'event_outbox';

/** Options of {@link SqlOutbox}. */
export interface SqlOutboxOptions extends OutboxEventDataOptions {
  /** Whose events it takes, and in whose database it is. One application has one table: positions are its own. */
  readonly recorder: SqlRecorder;
  /** @defaultValue `event_outbox` */
  readonly table?: string;
  /** PostgreSQL only; it must be there. @defaultValue the first of the search path */
  readonly schema?: string;
  /** Which events go out. @defaultValue all */
  readonly select?: (event: NotifiedEvent) => boolean;
  /**
   * When an event goes out of a store that can be synchronised. `confirmed`: when a server has it; what gave way to others
   * before that does not, and what it was decided to be does. `tentative`: as soon as it is recorded; what becomes of it
   * afterwards changes nothing of that. Elsewhere there is no difference.
   *
   * @defaultValue `confirmed`, as soon as the store has heard of a server's log
   */
  readonly follows?: OutboxFollowing | undefined;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
  /** @defaultValue random UUIDs */
  readonly newId?: () => string;
}

/**
 * An outbox in the database of the events.
 *
 * @example
 * ```ts
 * const outbox = new SqlOutbox({ recorder });
 * await outbox.createTables();
 * const app = new Application({ recorder, aggregates: [order], inline: [outbox] });
 * ```
 */
export class SqlOutbox implements Outbox {
  readonly #recorder: SqlRecorder;
  readonly #names: SqlTableName;
  readonly #data: OutboxEventData;
  readonly #select: (event: NotifiedEvent) => boolean;
  readonly #clock: Clock;
  readonly #newId: () => string;
  readonly #hints = new OutboxHints();
  /** A condition of SQL on the position of an entry. */
  readonly #mayGoOut: (position: string) => string;
  readonly #waits: boolean;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a table cannot have such a name */
  constructor(options: SqlOutboxOptions) {
    this.#recorder = options.recorder;
    this.#names = sqlTableName(options.table ?? TABLE_DEFAULT, options.schema, options.recorder.dialect);
    this.#data = new OutboxEventData(options);
    validateFunctions({ select: options.select, newId: options.newId });
    this.#select = options.select ?? (() => true);
    this.#clock = options.clock ?? systemClock;
    this.#newId = options.newId ?? randomUuid;
    const { follows } = options;
    validateWord('follows', follows, ['confirmed', 'tentative']);
    this.#waits = follows !== 'tentative' && hasUnitOrder(this.#recorder);
    this.#mayGoOut = (position) => (this.#waits ? mayGoOut(position, follows === 'confirmed') : '1 = 1');
  }

  /** What the tables are made of, for a `Migrator` and for who prints them. */
  get tables(): Creations {
    const creations = outboxCreations(this.#names, this.#recorder.dialect);
    return { schema: this.#names.schema, isOfLog: true, lock: this.#lock, creations };
  }

  /**
   * Creates the table and its indexes, where they are missing. Safe to call again, also by several at once.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the table is that of another log in the database
   */
  async createTables(): Promise<void> {
    await createMissing(this.#recorder, this.tables);
    if (this.#waits) await this.#holdHistory();
  }

  /** What has no entry yet may not leave the store. */
  async #holdHistory(): Promise<void> {
    const { table } = this.#names;
    if (await isOutboxNoted(this.#recorder, table)) return;
    await this.#recorder.transaction(({ connection }) => noteOutbox(connection, table));
  }

  async onRecorded(
    transaction: RecorderTransaction<SqlQueryable | undefined>,
    events: readonly NotifiedEvent[],
  ): Promise<void> {
    const connection = sqlOf(transaction.connection);
    if (connection === undefined) {
      throw new NotSupportedError('An outbox in a table needs a recorder with SQL; without, use a MemoryOutbox.');
    }
    await this.#insert(connection, events.filter(this.#select));
  }

  async onUnitsChanged(
    transaction: RecorderTransaction<SqlQueryable | undefined>,
    { decode }: UnitsChanged,
  ): Promise<void> {
    const connection = sqlOf(transaction.connection);
    if (!this.#waits || connection === undefined) return;
    await removeLeft(connection, this.#names);
    await this.#insert(connection, (await readUnseen(connection, this.#names, decode)).filter(this.#select));
  }

  onEventsChanged(): void {
    if (this.#waits) this.#hints.give();
  }

  onCommitted(events: readonly NotifiedEvent[]): void {
    if (events.some(this.#select)) this.#hints.give();
  }

  async enqueue(events: readonly NotifiedEvent[], options?: CallOptions): Promise<void> {
    validateList('events', events);
    await this.#write(async (connection) => {
      const isThere = await this.#positions(
        connection,
        events.map(({ notificationId }) => notificationId),
      );
      await this.#insert(
        connection,
        events.filter(({ notificationId }) => !isThere.has(notificationId)),
      );
    }, options);
    await this.#hint();
  }

  async claim(request: ClaimRequest): Promise<readonly OutboxEntry[]> {
    const { leaseId, leaseUntilMs, nowMs, horizonMs = Number.MAX_SAFE_INTEGER, limit } = request;
    // Asked first without a lock: most of the time there is nothing, and a transaction that writes costs more.
    if (!(await this.#isAnythingDue(nowMs, horizonMs))) return [];
    return await this.#write(async (connection) => {
      const values = [leaseId, leaseUntilMs, nowMs, horizonMs, limit];
      const { rows } = await connection.query(claimSql(this.#names, this.#mayGoOut('entry.position')), values);
      return this.#toEntries(rows);
    });
  }

  async renew(leaseId: string, leaseUntilMs: number): Promise<boolean> {
    return await this.#write(
      async (connection) =>
        (await this.#changed(connection, 'lease_until_ms = $1', "lease_owner = $2 AND status = 'pending'", [
          leaseUntilMs,
          leaseId,
        ])) > 0,
    );
  }

  async settle(leaseId: string, outcomes: readonly OutboxOutcome[]): Promise<void> {
    if (outcomes.length === 0) return;
    await this.#write(async (connection) => {
      await this.#settlePublished(connection, leaseId, outcomes);
      for (const outcome of outcomes) {
        if (outcome.kind !== 'published') await this.#settleFailed(connection, leaseId, outcome);
      }
    });
  }

  async release(leaseId: string): Promise<void> {
    await this.#write((connection) => this.#changed(connection, UNLEASED, 'lease_owner = $1', [leaseId]));
  }

  async counts({ signal }: CallOptions = {}): Promise<OutboxCounts> {
    const sql = `SELECT status, COUNT(*) AS entries FROM ${this.#names.table} GROUP BY status`;
    const { rows } = await heeding(signal, () => this.#recorder.query(sql));
    const counts = new Map(rows.map((row) => [row['status'], Number(row['entries'])]));
    const of = (status: OutboxStatus): number => counts.get(status) ?? 0;
    return { pending: of('pending'), published: of('published'), failed: of('failed') };
  }

  async pending(page?: OutboxPage): Promise<readonly OutboxEntry[]> {
    return await this.#list('pending', page);
  }

  async deadLetters(page?: OutboxPage): Promise<readonly OutboxEntry[]> {
    return await this.#list('failed', page);
  }

  async retry(id: string, options?: CallOptions): Promise<boolean> {
    const set = "status = 'pending', retry_count = 0, next_attempt_at_ms = 0";
    return await this.#changeDeadLetter(set, [id], options);
  }

  async resolve(id: string, options?: CallOptions): Promise<boolean> {
    const resolvedAt = new Date(this.#clock.nowMs()).toISOString();
    return await this.#changeDeadLetter("status = 'published', published_at = $2", [id, resolvedAt], options);
  }

  async discard(id: string, options?: CallOptions): Promise<boolean> {
    const { table } = this.#names;
    const wasFound = await this.#write(async (connection) => {
      const { rows } = await connection.query(`DELETE FROM ${table} WHERE id = $1 AND status = 'failed' RETURNING id`, [
        id,
      ]);
      return rows.length > 0;
    }, options);
    await this.#hint();
    return wasFound;
  }

  async deletePublished(beforeMs: number, limit: number, options: CallOptions = {}): Promise<number> {
    validateInstant('beforeMs', beforeMs);
    validateCount('limit', limit);
    const { table } = this.#names;
    const where = `status = 'published' AND published_at < $1`;
    const before = new Date(beforeMs).toISOString();
    const dueSql = `SELECT 1 AS due FROM ${table} WHERE ${where} LIMIT 1`;
    const due = await heeding(options.signal, () => this.#recorder.query(dueSql, [before]));
    if (due.rows.length === 0) return 0;
    return await this.#write(async (connection) => {
      const { rows } = await connection.query(
        `DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} WHERE ${where} LIMIT $2) RETURNING id`,
        [before, limit],
      );
      return rows.length;
    }, options);
  }

  /**
   * When there is something to publish next, while nothing is recorded: for who runs a worker's `runOnce` by a schedule of
   * his own. What was claimed is due when its lease is over. What waits behind a dead letter is never due.
   *
   * @returns in milliseconds since 1970, 0 for at once; `undefined` when nothing is pending
   */
  async nextDueAtMs(): Promise<number | undefined> {
    const { rows } = await this.#recorder.query(nextDueSql(this.#names, this.#mayGoOut('entry.position')));
    const due = rows[0]?.['due'] ?? null;
    return due === null ? undefined : Number(due);
  }

  onPending(listener: () => void): () => void {
    validateFunction('listener', listener);
    return this.#hints.add(listener);
  }

  /** When the entries are there for others, or never: where the recorder is in a transaction, at its end. */
  async #hint(): Promise<void> {
    await whenEnded(this.#recorder, () => this.#hints.give());
  }

  /**
   * Runs work that changes entries. Such transactions take turns, by a turn of the table's own where several could write:
   * two claims that ran at once would both see an aggregate free. They are short, and nothing is published in them.
   */
  async #write<T>(work: (connection: SqlQueryable) => Promise<T>, options?: CallOptions): Promise<T> {
    return await this.#recorder.transaction(async ({ connection }) => {
      await takeTurn(connection, this.#recorder.dialect, this.#lock);
      return await work(connection);
    }, options);
  }

  get #lock(): string {
    return `daybook outbox ${this.#names.table}`;
  }

  async #insert(connection: SqlQueryable, events: readonly NotifiedEvent[]): Promise<void> {
    const createdAt = new Date(this.#clock.nowMs()).toISOString();
    const size = { rowsMax: INSERT_ENTRIES_MAX, columns: ENTRY_PARAMETERS };
    for (const part of statementParts(this.#recorder.dialect, events, size)) {
      const values = await Promise.all(part.map((event) => this.#valuesOf(event, createdAt)));
      const { rows } = await connection.query(insertSql(this.#names, part.length), values.flat());
      if (rows.length < part.length) throw positionTaken(part, rows);
    }
  }

  async #valuesOf(event: NotifiedEvent, createdAt: string): Promise<unknown[]> {
    const { metadata, type, originatorId, aggregateType, notificationId } = event;
    const data = await this.#data.encode(event);
    const tenantId = metadata.tenantId ?? null;
    return [
      this.#newId(),
      metadata.eventId,
      type,
      originatorId,
      aggregateType,
      tenantId,
      data,
      createdAt,
      notificationId,
    ];
  }

  async #positions(connection: SqlQueryable, asked: readonly number[]): Promise<ReadonlySet<number>> {
    const found = new Set<number>();
    for (const part of statementParts(this.#recorder.dialect, asked, { rowsMax: MARK_ENTRIES_MAX, columns: 1 })) {
      const sql = `SELECT position FROM ${this.#names.table} WHERE position IN (${parameters(part.length, 1)})`;
      for (const row of (await connection.query(sql, [...part])).rows) found.add(Number(row['position']));
    }
    return found;
  }

  async #isAnythingDue(nowMs: number, horizonMs: number): Promise<boolean> {
    const { rows } = await this.#recorder.query(
      `SELECT 1 AS due FROM ${this.#names.table} WHERE status = 'pending'
        AND (next_attempt_at_ms <= $1 OR next_attempt_at_ms > $2)
        AND (lease_until_ms IS NULL OR lease_until_ms <= $1 OR lease_until_ms > $2)
        AND ${this.#mayGoOut(`${this.#names.table}.position`)} LIMIT 1`,
      [nowMs, horizonMs],
    );
    return rows.length > 0;
  }

  async #settlePublished(connection: SqlQueryable, leaseId: string, outcomes: readonly OutboxOutcome[]): Promise<void> {
    const published = outcomes.filter((outcome) => outcome.kind === 'published');
    const size = { rowsMax: MARK_ENTRIES_MAX, columns: 1, others: 2 };
    for (const part of statementParts(this.#recorder.dialect, published, size)) {
      // To the newest of them: they were published within one batch.
      const publishedAt = new Date(
        part.reduce((ms, { publishedAtMs }) => Math.max(ms, publishedAtMs), 0),
      ).toISOString();
      await this.#changed(
        connection,
        `status = 'published', published_at = $1, ${UNLEASED}`,
        `lease_owner = $2 AND status = 'pending' AND id IN (${parameters(part.length, 3)})`,
        [publishedAt, leaseId, ...part.map(({ id }) => id)],
      );
    }
  }

  async #settleFailed(
    connection: SqlQueryable,
    leaseId: string,
    outcome: Exclude<OutboxOutcome, { kind: 'published' }>,
  ): Promise<void> {
    await this.#changed(
      connection,
      `status = $1, retry_count = retry_count + $2, last_error = $3, next_attempt_at_ms = $4, ${UNLEASED}`,
      "lease_owner = $5 AND status = 'pending' AND id = $6",
      [
        outcome.kind === 'failed' ? 'failed' : 'pending',
        outcome.counts ? 1 : 0,
        storableText(outcome.error, LAST_ERROR_LENGTH_MAX),
        outcome.nextAttemptAtMs,
        leaseId,
        outcome.id,
      ],
    );
  }

  /** @param values - the id, and what is set */
  async #changeDeadLetter(set: string, values: unknown[], options?: CallOptions): Promise<boolean> {
    const wasFound = await this.#write(
      async (connection) => (await this.#changed(connection, set, "id = $1 AND status = 'failed'", values)) > 0,
      options,
    );
    await this.#hint();
    return wasFound;
  }

  /** @returns how many entries were changed */
  async #changed(connection: SqlQueryable, set: string, where: string, values: unknown[]): Promise<number> {
    const { rows } = await connection.query(
      `UPDATE ${this.#names.table} SET ${set} WHERE ${where} RETURNING id`,
      values,
    );
    return rows.length;
  }

  async #list(status: OutboxStatus, page: OutboxPage = {}): Promise<readonly OutboxEntry[]> {
    const { after = 0, limit = LIST_ENTRIES_DEFAULT, signal } = page;
    validatePage(after, limit);
    const sql = `SELECT ${ENTRY_COLUMNS} FROM ${this.#names.table} WHERE status = '${status}' AND position > $1 ORDER BY position LIMIT $2`;
    const { rows } = await heeding(signal, () => this.#recorder.query(sql, [after, limit]));
    return this.#toEntries(rows);
  }

  /** In the order of the positions: what a statement returns that changes rows has no order. */
  #toEntries(rows: SqlResult['rows']): readonly OutboxEntry[] {
    return rows.map((row) => this.#toEntry(row)).sort((one, other) => one.position - other.position);
  }

  #toEntry(row: SqlResult['rows'][number]): OutboxEntry {
    const text = (column: string): string => row[column] as string;
    const optional = (column: string): string | undefined => (row[column] as string | null) ?? undefined;
    const publishedAt = row['published_at'];
    return {
      id: text('id'),
      position: Number(row['position']),
      eventId: text('event_id'),
      eventType: text('event_type'),
      aggregateId: text('aggregate_id'),
      aggregateType: text('aggregate_type'),
      tenantId: optional('tenant_id'),
      createdAt: toDate(row['created_at']),
      publishedAt: publishedAt === null ? undefined : toDate(publishedAt),
      retryCount: Number(row['retry_count']),
      lastError: optional('last_error'),
      status: text('status') as OutboxStatus,
      nextAttemptAtMs: Number(row['next_attempt_at_ms']),
      event: () => this.#data.decode(text('event_data')),
    };
  }
}

/** Not left to the unique constraint: an error of it would not say what happened. */
function positionTaken(events: readonly NotifiedEvent[], inserted: SqlResult['rows']): IntegrityError {
  const isIn = new Set(inserted.map((row) => Number(row['position'])));
  return outboxTaken(events.find(({ notificationId }) => !isIn.has(notificationId))?.notificationId ?? 0);
}

const UNLEASED = 'lease_owner = NULL, lease_until_ms = NULL';

/** PostgreSQL's libraries give dates, SQLite gives the text. */
function toDate(value: unknown): Date {
  return value instanceof Date ? value : new Date(value as string);
}
