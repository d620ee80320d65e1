/**
 * Own units that are not here any more, for whoever still waits for one: what the server has and this store may not see, and
 * what somebody has given up (`daybook_left`).
 *
 * @module
 */
import type { UnitPlace } from '../journal/sync-change.js';
import type { SqliteStatements } from './sqlite-statements.js';
import { FLAG_FOREIGN } from './sqlite-unit-rows.js';

/**
 * What became of a unit that was replaced, withdrawn or given up, or has left, is known for so long: nobody waits for longer.
 * And in any case until the same has become of one so many ids later: a clock that is set forward makes everything old.
 */
export const FATES_KEPT_MS: number = 30 * 24 * 3_600_000;
export const FATES_KEPT_IDS = 10_000;

/** What was replaced is kept for a while, and would be taken for withdrawn by whoever does not find what has replaced it. */
const IS_REPLACED = 'unit_id IN (SELECT unit_id FROM daybook_superseded)';

/**
 * Remembers a unit that is about to leave, or a part of it. Not those of others.
 *
 * @param which - `replaced`: only one that was decided again, and would be taken for withdrawn otherwise
 */
export function noteLeft(
  statements: SqliteStatements,
  table: 'daybook_units' | 'daybook_set_aside',
  place: UnitPlace,
  atMs: number,
  which: 'own' | 'replaced' = 'own',
): void {
  const position = table === 'daybook_units' ? 'position' : 'NULL';
  statements.run(
    `INSERT OR REPLACE INTO daybook_left SELECT first_id, events, unit_id, ${position}, ?2 FROM ${table}
      WHERE first_id = ?1 AND (${which === 'own' ? `NOT flags & ${FLAG_FOREIGN} OR ` : ''}${IS_REPLACED})`,
    [place, atMs],
  );
  statements.run(
    `DELETE FROM daybook_left WHERE left_at_ms < ? AND first_id <= (SELECT max(first_id) FROM daybook_left) - ?
      AND NOT ${IS_REPLACED}`,
    [atMs - FATES_KEPT_MS, FATES_KEPT_IDS],
  );
}

/** Forgets that a unit has left: it is set aside, and something else becomes of it. */
export function forgetLeft(statements: SqliteStatements, place: UnitPlace): void {
  statements.run(
    'DELETE FROM daybook_left WHERE unit_id = (SELECT unit_id FROM daybook_set_aside WHERE first_id = ?)',
    [place],
  );
}
