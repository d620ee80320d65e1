/**
 * The process recorder over a session: the same outside of a transaction and inside of one.
 *
 * Writers take turns: each locks the events table until it has committed. `bigserial` alone would let a lower id
 * become visible after a higher one, and a reader that has passed it would never see it. The lock is the Python
 * library's, so its writers and ours take turns with one another; an advisory lock would not stop them.
 *
 * @module
 */
import { heeding } from '../heed-signal.js';
import type { Begin, CallOptions } from '../heed-signal.js';
import type {
  InsertEventsOptions,
  ProcessRecorder,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from '../recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../stored-event.js';
import { ProgrammingError } from '../errors.js';
import type { DatabaseError } from '../errors.js';
import {
  ORIGINATOR_ID_LENGTH_MAX,
  refuseUnit,
  validateInteger,
  validateText,
  validateTracking,
} from '../validation.js';
import type { ArchivedAggregate } from '../archive.js';
import type { PostgresEventsTable } from './postgres-events-table.js';
import { sqlStateOf } from './postgres-errors.js';
import { insertProven } from './postgres-repetition.js';
import type { AfterCommit, PostgresSession } from './postgres-session.js';
import type { PostgresTrackingTable } from './postgres-tracking-table.js';

// A value that is too long for its column. Values are checked before they are sent: it is the table that is not right.
const TOO_LONG = '22001';

/** What a recorder works on, whichever session it does so in. */
export interface RecorderTables {
  readonly events: PostgresEventsTable;
  readonly tracking: PostgresTrackingTable;
  /** Takes the writer's turn. */
  readonly lockSql: string;
  /** Tells who listens that events were committed. */
  readonly announce: AfterCommit;
}

/** Implements `ProcessRecorder` on one session. */
export class SessionRecorder implements ProcessRecorder {
  readonly #session: PostgresSession;
  readonly #tables: RecorderTables;

  constructor(session: PostgresSession, tables: RecorderTables) {
    this.#session = session;
    this.#tables = tables;
  }

  async insertEvents(
    events: readonly StoredEvent[],
    options: InsertEventsOptions = {},
  ): Promise<readonly NotificationId[]> {
    this.#session.assertOpen();
    this.#tables.events.validate(events);
    refuseUnit(options);
    const { tracking, signal } = options;
    if (tracking !== undefined) validateTracking(tracking);
    if (events.length === 0 && tracking === undefined) return [];
    const [session, table] = [this.#session, this.#tables.events];
    return await heeding(signal, (begin) => {
      const insert = (): Promise<readonly NotificationId[]> => this.#insert(events, { tracking, begin }, true);
      return insertProven({ session, table, events, insert });
    });
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    return await heeding(options.signal, () => this.#tables.events.select(this.#session, originatorId, options));
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    return await heeding(options.signal, () => this.#tables.events.selectNotifications(this.#session, options));
  }

  async selectArchived(originatorId: OriginatorId): Promise<ArchivedAggregate | undefined> {
    validateText('originatorId', originatorId, ORIGINATOR_ID_LENGTH_MAX);
    return await this.#tables.events.archived(this.#session, originatorId);
  }

  async selectRemaining(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    return await this.#tables.events.selectRemaining(this.#session, options);
  }

  async maxNotificationId({ signal }: CallOptions = {}): Promise<NotificationId> {
    return await heeding(signal, () => this.#tables.events.maxNotificationId(this.#session));
  }

  async maxTrackingId(applicationName: string, { signal }: CallOptions = {}): Promise<NotificationId> {
    return await heeding(signal, () => this.#tables.tracking.maxTrackingId(this.#session, applicationName));
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
    what: { readonly tracking: Tracking | undefined; readonly begin: Begin },
    mayRepeat: boolean,
  ): Promise<readonly NotificationId[]> {
    const { events: table, tracking: trackingTable, lockSql, announce } = this.#tables;
    const { tracking, begin } = what;
    const statements = [lockSql];
    if (tracking !== undefined) {
      statements.push(trackingTable.insertSql(tracking, await trackingTable.learnLayout(this.#session)));
    }
    const options = events.length > 0 ? { last: table.insertReturningIds(events), afterCommit: announce } : {};
    try {
      return table.toIds(await this.#session.write(statements.join(';\n'), { ...options, begin }), events);
    } catch (error) {
      const known: DatabaseError | undefined =
        (tracking === undefined ? undefined : trackingTable.toConflict(error, tracking)) ??
        table.toConflict(error, events) ??
        table.toSequenceBehind(error) ??
        toTooShort(error, trackingTable.name) ??
        (await table.findConflict(this.#session, error, events));
      if (known !== undefined) throw known;
      if (tracking === undefined || !mayRepeat || !trackingTable.forgetLayout(error)) throw error;
      return await this.#insert(events, what, false);
    }
  }
}

/** The error of a column that is too short, if an error is about that: tables of others may have such. */
function toTooShort(error: unknown, trackingTable: string): ProgrammingError | undefined {
  const { cause } = error as { cause?: unknown };
  if (sqlStateOf(cause) !== TOO_LONG) return undefined;
  return new ProgrammingError(
    `A column is too short: ${(cause as Error).message}. Nothing was stored. Topics, text ids and application_name need the type text: ALTER TABLE ${trackingTable} ALTER COLUMN application_name TYPE text, for example.`,
    { cause, details: { sqlState: TOO_LONG } },
  );
}
