/**
 * Makes the rows of units that come back into another store.
 *
 * @module
 */
import type { RestoreStep } from '../journal/sync-change.js';
import type { SqliteEventsTable } from './sqlite-events-table.js';
import type { SqliteStatements } from './sqlite-statements.js';
import { fromUnit, INSERT_PENDING_SQL } from './sqlite-unit-codec.js';

/** Inside a transaction. */
export function applyRestore(
  statements: SqliteStatements,
  pendingEvents: SqliteEventsTable,
  setAsideEvents: SqliteEventsTable,
  { firstNotificationId, units }: Omit<RestoreStep, 'kind'>,
  atMs: number,
): void {
  let place = firstNotificationId;
  for (const { reason, ...unit } of units) {
    if (reason === undefined) {
      pendingEvents.insertFrom(place, unit.events);
      statements.run(INSERT_PENDING_SQL, fromUnit(place, unit));
    } else {
      setAsideEvents.insertFrom(place, unit.events);
      statements.run('INSERT INTO daybook_set_aside VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', [
        ...[...fromUnit(place, unit), reason.code, reason.message, atMs],
      ]);
    }
    place += unit.events.length;
  }
  if (units.at(-1)?.reason === undefined) return;
  // Ids of what is set aside are not given again: a row that was there keeps them taken (AUTOINCREMENT).
  const last = [place - 1, new Uint8Array(1), 0, '', new Uint8Array(1)];
  statements.run('INSERT INTO stored_events VALUES (?, ?, ?, ?, ?)', last);
  statements.run('DELETE FROM stored_events WHERE notification_id = ?', [place - 1]);
}
