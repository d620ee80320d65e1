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
import { hasSingleRowSql } from './postgres-schema.js';
import type { PostgresTables } from './postgres-schema.js';
import type { PostgresSession } from './postgres-session.js';

// What the other layout's statement is refused with: a second row of an application, or no key to conflict with.
const OTHER_LAYOUT_STATES: ReadonlySet<string | undefined> = new Set(['23505', '42P10']);
// Written into a text that is cast to a number, because only an error ends the statements that come after it in the
// same message. The error names the text in every language of the server, and no value of the caller's is near it.
const TAKEN_MARK = 'daybook.tracking_taken:';
const TAKEN_MESSAGE = /daybook\.tracking_taken:(\d+)/;

/** A tracking table: its statements. Reads run in the session that is given; writes are returned as text. */
export class PostgresTrackingTable {
  readonly #table: string;
  /** Whether it has one row for each application; undefined until somebody looked. */
  #hasSingleRow: boolean | undefined;

  constructor({ tracking }: Pick<PostgresTables, 'tracking'>) {
    this.#table = tracking;
  }

  /** Its name, quoted. */
  get name(): string {
    return this.#table;
  }

  /** As in `ProcessRecorder`. */
  async maxTrackingId(session: PostgresSession, applicationName: string): Promise<NotificationId> {
    validateApplicationName(applicationName);
    const text = `SELECT coalesce(max(notification_id), 0) AS id FROM ${this.#table} WHERE application_name = $1`;
    const [row = {}] = await session.read(text, [applicationName]);
    return toSafeInteger(row, 'id');
  }

  /** Finds out which layout the table has, once. */
  async learnLayout(session: PostgresSession): Promise<void> {
    if (this.#hasSingleRow !== undefined) return;
    const [row] = await session.read(`SELECT ${hasSingleRowSql(this.#table)} AS single`, []);
    this.#hasSingleRow = row?.['single'] === true;
  }

  /**
   * Whether an error may mean that the table has got another layout since: the Python library moves the rows over.
   * If so, forgets the one that was known.
   */
  forgetLayout(error: unknown): boolean {
    if (!OTHER_LAYOUT_STATES.has(sqlStateOf((error as { cause?: unknown }).cause))) return false;
    this.#hasSingleRow = undefined;
    return true;
  }

  /** Records a tracking record, or fails when it does not move forward. The layout must be known. */
  insertSql({ applicationName, notificationId }: Tracking): string {
    const [name, id] = [textLiteral(applicationName), `${notificationId}::bigint`];
    const forward = (last: string): string =>
      `CASE WHEN ${last} < ${id} THEN ${id} ELSE ('${TAKEN_MARK}' || ${last})::bigint END`;
    return this.#hasSingleRow === true
      ? `INSERT INTO ${this.#table} AS t (application_name, notification_id) VALUES (${name}, ${id})
ON CONFLICT (application_name) DO UPDATE SET notification_id = ${forward('t.notification_id')}`
      : `INSERT INTO ${this.#table} (application_name, notification_id)
SELECT ${name}, ${forward('l.id')}
FROM (SELECT coalesce(max(notification_id), 0) AS id FROM ${this.#table} WHERE application_name = ${comparedLiteral(applicationName)}) AS l`;
  }

  /** The conflict that an error of {@link PostgresTrackingTable.insertSql} is about, if it is one. */
  toConflict(error: unknown, tracking: Tracking): IntegrityError | undefined {
    const { cause } = error as { cause?: unknown };
    const [, last] = TAKEN_MESSAGE.exec(cause instanceof Error ? cause.message : '') ?? [];
    return last === undefined ? undefined : trackingTaken(tracking, Number(last), cause);
  }
}
