/**
 * The statements on a tracking table, of either layout.
 *
 * @module
 */
import type { IntegrityError } from '../errors.js';
import { trackingTaken } from '../position-taken.js';
import type { NotificationId, Tracking } from '../stored-event.js';
import { validateApplicationName } from '../validation.js';
import { sqlStateOf } from './postgres-errors.js';
import { comparedLiteral, textLiteral } from './postgres-literals.js';
import { toSafeInteger } from './postgres-rows.js';
import { trackingKeySql } from './postgres-schema.js';
import type { PostgresTables } from './postgres-schema.js';
import type { PostgresSession } from './postgres-session.js';

// What the other layout's statement is refused with: a second row of an application, no key to conflict with, or no such
// column.
const OTHER_LAYOUT_STATES: ReadonlySet<string | undefined> = new Set(['23505', '42P10', '42703']);
const NAME_COLUMN = 'application_name';
// Written into a text that is cast to a number, because only an error ends the statements that come after it in the
// same message. The error names the text in every language of the server, and no value of the caller's is near it.
const TAKEN_MARK = 'daybook.tracking_taken:';
const TAKEN_MESSAGE = /daybook\.tracking_taken:(\d+)/;

/** How a tracking table is made. */
export interface TrackingLayout {
  /** Where an application's name is. */
  readonly nameColumn: string;
  /** Whether it has one row for each application, and not one for each step. */
  readonly hasSingleRow: boolean;
}

/** A tracking table: its statements. Reads run in the session that is given; writes are returned as text. */
export class PostgresTrackingTable {
  readonly #table: string;
  /** Undefined until somebody looked. */
  #layout: TrackingLayout | undefined;

  constructor({ tracking, tenants }: Pick<PostgresTables, 'tracking' | 'tenants'>) {
    this.#table = tracking;
    // Its key begins with the tenant, and it is never another's to change.
    if (tenants !== undefined) this.#layout = { nameColumn: NAME_COLUMN, hasSingleRow: false };
  }

  /** Its name, quoted. */
  get name(): string {
    return this.#table;
  }

  /** As in `ProcessRecorder`. */
  async maxTrackingId(session: PostgresSession, applicationName: string): Promise<NotificationId> {
    validateApplicationName(applicationName);
    const { nameColumn } = await this.learnLayout(session);
    const text = `SELECT coalesce(max(notification_id), 0) AS id FROM ${this.#table} WHERE ${nameColumn} = $1`;
    const [row = {}] = await session.read(text, [applicationName]);
    return toSafeInteger(row, 'id');
  }

  /** Finds out which layout the table has, once. */
  async learnLayout(session: PostgresSession): Promise<TrackingLayout> {
    if (this.#layout !== undefined) return this.#layout;
    const [row] = await session.read(trackingKeySql(this.#table), []);
    // A table that is not there is not known either: the next statement says so, and it may be there later.
    if (row === undefined) return { nameColumn: NAME_COLUMN, hasSingleRow: false };
    this.#layout = { nameColumn: String(row['name_column']), hasSingleRow: row['single'] === true };
    return this.#layout;
  }

  /**
   * Whether an error may mean that the table has got another layout since: the Python library moves the rows over.
   * If so, forgets the one that was known.
   */
  forgetLayout(error: unknown): boolean {
    if (!OTHER_LAYOUT_STATES.has(sqlStateOf((error as { cause?: unknown }).cause))) return false;
    this.#layout = undefined;
    return true;
  }

  /** Records a tracking record, or fails when it does not move forward. */
  insertSql({ applicationName, notificationId }: Tracking, { nameColumn, hasSingleRow }: TrackingLayout): string {
    const [name, id] = [textLiteral(applicationName), `${notificationId}::bigint`];
    const forward = (last: string): string =>
      `CASE WHEN ${last} < ${id} THEN ${id} ELSE ('${TAKEN_MARK}' || ${last})::bigint END`;
    return hasSingleRow
      ? `INSERT INTO ${this.#table} AS t (${nameColumn}, notification_id) VALUES (${name}, ${id})
ON CONFLICT (${nameColumn}) DO UPDATE SET notification_id = ${forward('t.notification_id')}`
      : `INSERT INTO ${this.#table} (${nameColumn}, notification_id)
SELECT ${name}, ${forward('l.id')}
FROM (SELECT coalesce(max(notification_id), 0) AS id FROM ${this.#table} WHERE ${nameColumn} = ${comparedLiteral(applicationName)}) AS l`;
  }

  /** The conflict that an error of {@link PostgresTrackingTable.insertSql} is about, if it is one. */
  toConflict(error: unknown, tracking: Tracking): IntegrityError | undefined {
    const { cause } = error as { cause?: unknown };
    const [, last] = TAKEN_MESSAGE.exec(cause instanceof Error ? cause.message : '') ?? [];
    return last === undefined ? undefined : trackingTaken(tracking, Number(last), cause);
  }
}
