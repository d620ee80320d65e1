/**
 * The recorder on Cloudflare's D1, whose only transaction is a batch.
 *
 * @module
 */
import { backoffDelayMs } from '../../util/backoff.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { pause } from '../../util/pause.js';
import { IntegrityError, NotSupportedError, OperationalError } from '../errors.js';
import { heeding, throwIfAborted } from '../heed-signal.js';
import type { Begin, CallOptions } from '../heed-signal.js';
import { eventTaken, trackingTaken } from '../position-taken.js';
import type {
  InsertEventsOptions,
  RecorderSupport,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from '../recorder.js';
import { LOCKED_REASON, LOCK_TIMEOUT_MS_DEFAULT } from '../serial/lock-retry.js';
import type { BatchRecorder, SqlStatement, StatementsBeside } from '../sql/batch-recorder.js';
import { SQLITE_DIALECT } from '../sql/sql-dialect.js';
import type { SqlDialect } from '../sql/sql-dialect.js';
import type { Creations } from '../sql/sql-names.js';
import type { SqlQueryable, SqlResult } from '../sql/sql-queryable.js';
import { quoted } from '../sqlite/sqlite-schema.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../stored-event.js';
import {
  checkedMs,
  refuseUnit,
  validateApplicationName,
  validateEvents,
  validateFunction,
  validateInteger,
  validateList,
  validateSelectEvents,
  validateSelectNotifications,
  validateTracking,
} from '../validation.js';
import { D1Connection, toQuery } from './d1-connection.js';
import type { D1ConnectionOptions } from './d1-connection.js';
import type { D1Answer, D1Source } from './d1-database.js';
import { isRefusedBy } from './d1-errors.js';
import { D1Statements, toNotification, toStoredEvent } from './d1-events.js';
import type { D1Insertion } from './d1-events.js';
import { assertStorableEvents, D1_PARAMETERS_MAX } from './d1-limits.js';
import type { D1Query } from './d1-limits.js';
import { d1Creations, OWN_COLUMNS } from './d1-schema.js';
import type { D1TableOptions } from './d1-schema.js';

const SUPPORTS: RecorderSupport = { notifications: true, tracking: true, batches: true };
// Between two attempts where others were first: a batch takes some milliseconds.
const BACKOFF = { delayMsMin: 5, delayMsMax: 200 };
// Events whose places are looked at in one statement: well within a parameter.
const PLACES_MAX = 5_000;

/** Options of {@link D1ProcessRecorder}. */
export interface D1RecorderOptions extends D1ConnectionOptions, D1TableOptions {
  /**
   * Milliseconds for which a commit with statements beside its events is begun again while other writers are first.
   *
   * @defaultValue 5,000
   */
  readonly lockTimeoutMs?: number;
  /** For tests. @defaultValue the platform's clock */
  readonly clock?: Clock;
  /** From 0 (inclusive) to 1 (exclusive), for waits between attempts. @defaultValue `Math.random` */
  readonly random?: () => number;
}

/**
 * A process recorder whose events are in D1. It has no transactions but its own: each call is one batch.
 *
 * One for each request is right, and costs nothing: it is a session of D1, whose reads are never older than what it has seen.
 *
 * @example
 * ```ts
 * export default {
 *   async fetch(request, env) {
 *     const recorder = new D1ProcessRecorder(env.DB, { session: request.headers.get('bookmark') ?? 'first-primary' });
 *     const app = new Application({ recorder, aggregates: [order] });
 *     await app.execute(order, id, { type: 'PlaceOrder', data: {} });
 *     return new Response(null, { status: 204, headers: { bookmark: recorder.bookmark ?? '' } });
 *   },
 * };
 * ```
 */
export class D1ProcessRecorder implements BatchRecorder, SqlQueryable {
  readonly supports: RecorderSupport = SUPPORTS;
  readonly dialect: SqlDialect;
  /** @internal */
  readonly connection: D1Connection;
  readonly #names: Required<D1TableOptions>;
  readonly #statements: D1Statements;
  readonly #lockTimeoutMs: number;
  readonly #clock: Clock;
  readonly #random: () => number;
  #head: NotificationId | undefined;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /**
   * @param database - the binding, `env.DB`
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none, a table cannot have such a name, or an option is not what it
   *   should be
   */
  constructor(database: D1Source, options: D1RecorderOptions = {}) {
    const { eventsTable = 'stored_events', trackingTable = 'tracking' } = options;
    const { clock = systemClock, random = Math.random } = options;
    this.#lockTimeoutMs = checkedMs('lockTimeoutMs', options.lockTimeoutMs ?? LOCK_TIMEOUT_MS_DEFAULT);
    this.#names = { eventsTable, trackingTable };
    this.#statements = new D1Statements(eventsTable, trackingTable);
    this.dialect = { ...SQLITE_DIALECT, parametersMax: D1_PARAMETERS_MAX, eventsTable: quoted(eventsTable) };
    this.connection = new D1Connection(database, options);
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * Names a state of the database that has all that was read and recorded here: `session` of the next request's recorder, so
   * that it reads no older one. `undefined` before anything was asked.
   */
  get bookmark(): string | undefined {
    return this.connection.bookmark;
  }

  /** What the tables are made of: for a `Migrator`, and for a file of `wrangler d1 migrations`. */
  get tables(): Creations {
    return d1Creations(this.#names);
  }

  /**
   * Creates the tables that are missing. Safe to call again, and while others write. When you deploy, not in each request: it
   * takes two round trips.
   *
   * @throws NotSupportedError (`NOT_SUPPORTED`) when there is a table of this name that is not Daybook's
   */
  async createTable(): Promise<void> {
    const { eventsTable, trackingTable } = this.#names;
    const isThere = [await this.#isOwn('events', eventsTable), await this.#isOwn('tracking', trackingTable)];
    if (!isThere.includes(false)) return;
    await this.connection.write(this.tables.creations.map(({ sql }) => ({ sql, values: [] })));
  }

  /**
   * As in `ProcessRecorder`, by one batch: in the order of the commits, and without gaps.
   *
   * @throws DataError (`DATA_ERROR`) with `details.rowBytes` when an event is larger than a row may be
   * @throws OperationalError (`OPERATIONAL_ERROR`) when D1 fails; with `details.reason: 'statement'` when the call takes more
   *   statements than an invocation may run; with `details.outcome: 'unknown'` the events may be stored nevertheless
   */
  async insertEvents(
    events: readonly StoredEvent[],
    options: InsertEventsOptions = {},
  ): Promise<readonly NotificationId[]> {
    validateInsertion(events, options);
    const { tracking, signal } = options;
    if (events.length === 0 && tracking === undefined) return [];
    return await heeding(signal, (begin) => this.#insert(events, tracking, begin));
  }

  async insertWith(
    events: readonly StoredEvent[],
    options: InsertEventsOptions,
    beside: StatementsBeside,
  ): Promise<readonly NotificationId[]> {
    validateInsertion(events, options);
    validateFunction('beside', beside);
    return await heeding(options.signal, (begin) => this.#insertWith(events, options, beside, begin));
  }

  /**
   * Runs statements in one transaction: all of them, or nothing.
   *
   * @returns what each gave
   * @throws IntegrityError (`INTEGRITY_ERROR`) and others by what SQLite says of the statement that it refused
   * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.outcome: 'unknown'` when nobody knows whether they count
   */
  async batch(statements: readonly SqlStatement[]): Promise<readonly SqlResult[]> {
    validateList('statements', statements);
    const answers = await this.connection.write(statements.map(({ text, values }) => toQuery(text, values)));
    return answers.map(({ results }) => ({ rows: results as SqlResult['rows'] }));
  }

  /**
   * Reads by one statement with parameters `$1`, `$2` …, in the session. What writes goes by {@link D1ProcessRecorder.batch}:
   * here nobody would know what became of it when the answer is lost.
   */
  async query(text: string, values: unknown[] = []): Promise<SqlResult> {
    return { rows: await this.connection.read(toQuery(text, values)) };
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    validateSelectEvents(originatorId, options);
    const rows = await this.#read(options, this.#statements.selectEvents(originatorId, options));
    return rows.map((row) => toStoredEvent(row, originatorId));
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    validateSelectNotifications(options);
    return (await this.#read(options, this.#statements.selectNotifications(options))).map(toNotification);
  }

  async maxNotificationId(options: CallOptions = {}): Promise<NotificationId> {
    const rows = await this.#read(options, this.#statements.maxNotificationId());
    return rows[0]?.['id'] as number;
  }

  async maxTrackingId(applicationName: string, options: CallOptions = {}): Promise<NotificationId> {
    validateApplicationName(applicationName);
    const rows = await this.#read(options, this.#statements.maxTrackingId(applicationName));
    return (rows[0]?.['id'] as number | undefined) ?? 0;
  }

  async hasTrackingId(
    applicationName: string,
    notificationId: NotificationId,
    options?: CallOptions,
  ): Promise<boolean> {
    validateInteger('notificationId', notificationId, 1);
    return notificationId <= (await this.maxTrackingId(applicationName, options));
  }

  async #insert(
    events: readonly StoredEvent[],
    tracking: Tracking | undefined,
    begin: Begin,
  ): Promise<readonly NotificationId[]> {
    const insertions = this.#statements.insertions(events);
    begin();
    try {
      const answers = await this.connection.write([...this.#track(tracking), ...insertions]);
      const ids = idsOf(insertions, answers.slice(answers.length - insertions.length));
      this.#head = ids.at(-1) ?? this.#head;
      return ids;
    } catch (error) {
      throw await this.#whyRefused(error, events, tracking);
    }
  }

  async #insertWith(
    events: readonly StoredEvent[],
    { tracking, signal }: InsertEventsOptions,
    beside: StatementsBeside,
    begin: Begin,
  ): Promise<readonly NotificationId[]> {
    const endMs = this.#clock.monotonicMs() + this.#lockTimeoutMs;
    for (let attempts = 1; ; attempts++) {
      const firstId = (this.#head ?? (await this.maxNotificationId())) + 1;
      const ids = events.map((_event, index) => firstId + index);
      const others = (await beside(ids)).map(({ text, values }) => toQuery(text, values));
      begin();
      try {
        await this.connection.write([
          ...this.#track(tracking),
          ...this.#statements.insertions(events, firstId),
          ...others,
        ]);
        this.#head = ids.at(-1) ?? this.#head;
        return ids;
      } catch (error) {
        if (!isRefusedBy(error, 'UNIQUE', `${this.#names.eventsTable}.notification_id`)) {
          throw await this.#whyRefused(error, events, tracking);
        }
        if (this.#clock.monotonicMs() >= endMs) throw alwaysLater(this.#lockTimeoutMs, error);
      }
      // Another writer has given these ids: the primary says which are next.
      this.#head = undefined;
      this.connection.beginAnew();
      await pause(this.#clock, backoffDelayMs(attempts, this.#random, BACKOFF), signal);
    }
  }

  #track(tracking: Tracking | undefined): readonly D1Query[] {
    return tracking === undefined ? [] : [this.#statements.track(tracking)];
  }

  async #read({ signal }: CallOptions, query: D1Query): ReturnType<D1Connection['read']> {
    return await heeding(signal, () => this.connection.read(query));
  }

  /** By what a batch was refused, in the words of all engines. The session sees it from now on, and who tries again does. */
  async #whyRefused(error: unknown, events: readonly StoredEvent[], tracking: Tracking | undefined): Promise<unknown> {
    if (!(error instanceof IntegrityError)) return error;
    this.connection.beginAnew();
    const { eventsTable, trackingTable } = this.#names;
    if (tracking !== undefined && isRefusedBy(error, 'NOT NULL', `${trackingTable}.notification_id`)) {
      // That it is not before this one is known already.
      const last = await this.maxTrackingId(tracking.applicationName).catch(() => tracking.notificationId);
      return trackingTaken(tracking, last, error.cause);
    }
    if (!isRefusedBy(error, 'UNIQUE', `${eventsTable}.originator_id`)) return error;
    const taken = events.length === 1 ? events[0] : await this.#firstTaken(events).catch(() => undefined);
    if (taken !== undefined) return eventTaken(taken, error.cause);
    return new IntegrityError(
      'A version of one of the aggregates is taken. Nothing was stored: read them again and decide anew.',
      { cause: error.cause, details: { constraint: 'event' } },
    );
  }

  async #firstTaken(events: readonly StoredEvent[]): Promise<StoredEvent | undefined> {
    const seen = new Set<string>();
    for (let at = 0; at < events.length; at += PLACES_MAX) {
      const part = events.slice(at, at + PLACES_MAX);
      const rows = await this.connection.read(this.#statements.taken(part));
      for (const row of rows) seen.add(`${String(row['originator_id'])} ${String(row['originator_version'])}`);
    }
    // Or it stands twice in the call.
    return events.find(({ originatorId, originatorVersion }) => {
      const place = `${originatorId} ${originatorVersion}`;
      const isTaken = seen.has(place);
      seen.add(place);
      return isTaken;
    });
  }

  async #isOwn(layout: keyof typeof OWN_COLUMNS, table: string): Promise<boolean> {
    const { rows } = await this.query('SELECT name, type, pk FROM pragma_table_info($1)', [table]);
    const columns = new Set(rows.map(({ name, type, pk }) => `${String(name)} ${String(type)} ${String(pk)}`));
    if (columns.size === 0) return false;
    if (OWN_COLUMNS[layout].every((column) => columns.has(column))) return true;
    throw new NotSupportedError(
      `The table ${table} of this D1 database is not one of Daybook's for D1. Nothing was stored. Give Daybook another name for its own (${layout === 'events' ? 'eventsTable' : 'trackingTable'}).`,
      { details: { table, columns: [...columns].join(', ') } },
    );
  }
}

function validateInsertion(events: readonly StoredEvent[], options: InsertEventsOptions): void {
  validateEvents(events);
  refuseUnit(options);
  if (options.tracking !== undefined) validateTracking(options.tracking);
  assertStorableEvents(events);
  throwIfAborted(options.signal);
}

/** Each statement has given ids that follow one another, of which D1 says the last. */
function idsOf(insertions: readonly D1Insertion[], answers: readonly D1Answer[]): readonly NotificationId[] {
  return insertions.flatMap(({ events }, index) => {
    const last = (answers[index] as D1Answer).meta.last_row_id;
    return Array.from({ length: events }, (_, at) => last - events + 1 + at);
  });
}

function alwaysLater(timeoutMs: number, cause: unknown): OperationalError {
  return new OperationalError(`Other writers were first for ${timeoutMs} ms. Nothing was stored: try again.`, {
    cause,
    details: { reason: LOCKED_REASON },
  });
}
