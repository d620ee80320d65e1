/**
 * Makes the rows of units that come back into another store.
 *
 * @module
 */
import { uuidToBytes } from '../../util/uuid-bytes.js';
import type { RestoreStep } from '../journal/sync-change.js';
import type { SqliteEventsTable } from './sqlite-events-table.js';
import type { SqliteStatements } from './sqlite-statements.js';
import { FLAG_COMMUTATIVE } from './sqlite-unit-rows.js';

/** Inside a transaction. */
export function applyRestore(
  statements: SqliteStatements,
  pendingEvents: SqliteEventsTable,
  setAsideEvents: SqliteEventsTable,
  { firstNotificationId, units }: Omit<RestoreStep, 'kind'>,
  atMs: number,
): void {
  let place = firstNotificationId;
  for (const { id, edition, events, isCommutative, scopes, reason } of units) {
    const flags = isCommutative ? FLAG_COMMUTATIVE : 0;
    const row = [
      ...[place, events.length, uuidToBytes(id), flags, scopes.length === 0 ? null : JSON.stringify(scopes)],
      edition === undefined ? null : uuidToBytes(edition),
    ];
    if (reason === undefined) {
      pendingEvents.insertFrom(place, events);
      statements.run(
        'INSERT INTO daybook_units (first_id, events, unit_id, flags, scopes, edition) VALUES (?, ?, ?, ?, ?, ?)',
        row,
      );
    } else {
      setAsideEvents.insertFrom(place, events);
      statements.run('INSERT INTO daybook_set_aside VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', [
        ...[...row, reason.code, reason.message, atMs],
      ]);
    }
    place += events.length;
  }
  if (units.at(-1)?.reason === undefined) return;
  // Ids of what is set aside are not given again: a row that was there keeps them taken (AUTOINCREMENT).
  const last = [place - 1, new Uint8Array(1), 0, '', new Uint8Array(1)];
  statements.run('INSERT INTO stored_events VALUES (?, ?, ?, ?, ?)', last);
  statements.run('DELETE FROM stored_events WHERE notification_id = ?', [place - 1]);
}
