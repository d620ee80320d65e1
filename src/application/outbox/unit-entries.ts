/**
 * Entries of an outbox in a store that is synchronised: nothing goes out before a server has confirmed it, and nothing of what
 * gave way.
 *
 * An entry is written with its event, and waits until the unit of the event is confirmed. What is decided again has other
 * events, which have entries of their own; those of what was set aside, or replaced, are removed.
 *
 * @module
 */
import { bytesToUuid } from '../../util/uuid-bytes.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { TopicError } from '../../persistence/errors.js';
import { isUnseenSql, noteOutbox, OUTBOX_PROGRESS_TABLE } from '../../persistence/sql/outbox-progress.js';
import { IS_SYNCHRONISED } from '../../persistence/sql/unit-order.js';
import type { SqlTableName } from '../../persistence/sql/sql-names.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { Notification } from '../../persistence/stored-event.js';

/** Which entries of a store wait. */
export type OutboxFollowing = 'confirmed' | 'tentative';

/** Whether a unit in a table has the event of a position. */
const isIn = (table: string, position: string, more = ''): string => `EXISTS (SELECT 1 FROM ${table} AS u
  WHERE u.first_id = (SELECT max(first_id) FROM ${table} WHERE first_id <= ${position})
    AND u.first_id + u.events > ${position}${more})`;

const HAS_LEFT = (position: string): string =>
  ['daybook_set_aside', 'daybook_superseded']
    .map((table) => isIn(table, position))
    // What is confirmed may leave as well, and has nothing to wait for.
    .concat(isIn('daybook_left', position, ' AND u.position IS NULL'))
    .join(' OR ');

/**
 * A condition of SQL: an entry may go out, as far as its event goes.
 *
 * @param always - whether it waits, too, in a store that has not heard of a server's log
 */
export function mayGoOut(position: string, always: boolean): string {
  const blocked = `${isIn('daybook_units', position, ' AND u.position IS NULL')} OR ${HAS_LEFT(position)}`;
  const isSynchronised = IS_SYNCHRONISED.replace(/ AS synchronised$/, '');
  return always ? `NOT (${blocked})` : `(NOT ${isSynchronised} OR NOT (${blocked}))`;
}

/** Removes entries of what gave way: they wait for nothing. */
export async function removeLeft(sql: SqlQueryable, { table }: SqlTableName): Promise<void> {
  await sql.query(
    `DELETE FROM ${table} WHERE status = 'pending' AND lease_owner IS NULL AND (${HAS_LEFT(`${table}.position`)})`,
  );
}

/** Reads events that were recorded here and have not been looked at: those that were decided again, and have no entries. */
export async function readUnseen(
  sql: SqlQueryable,
  { table }: SqlTableName,
  decode: (notification: Notification) => Promise<NotifiedEvent>,
): Promise<readonly NotifiedEvent[]> {
  await noteOutbox(sql, table);
  const { rows: progress } = await sql.query(`SELECT seen_id FROM ${OUTBOX_PROGRESS_TABLE} WHERE outbox = $1`, [table]);
  const { rows } = await sql.query(
    `SELECT e.notification_id, e.originator_id, e.originator_version, e.topic, e.state FROM daybook_units AS u
      CROSS JOIN stored_events AS e ON e.notification_id >= u.first_id AND e.notification_id < u.first_id + u.events
      WHERE ${isUnseenSql('$1')} AND NOT EXISTS (SELECT 1 FROM ${table} AS o WHERE o.position = e.notification_id)
      ORDER BY e.notification_id`,
    [progress[0]?.['seen_id']],
  );
  await sql.query(
    `UPDATE ${OUTBOX_PROGRESS_TABLE} SET seen_id = (SELECT seq FROM sqlite_sequence WHERE name = 'stored_events')
      WHERE outbox = $1`,
    [table],
  );
  const read = await Promise.all(
    rows.map((row) =>
      decode({
        id: Number(row['notification_id']),
        originatorId: bytesToUuid(row['originator_id'] as Uint8Array),
        originatorVersion: Number(row['originator_version']),
        topic: String(row['topic']),
        state: (row['state'] as Uint8Array | null) ?? new Uint8Array(0),
      }).catch((error: unknown) => {
        // Of another application on the same store, which has an outbox of its own, or none.
        if (error instanceof TopicError) return undefined;
        throw error;
      }),
    ),
  );
  return read.filter((event) => event !== undefined);
}
