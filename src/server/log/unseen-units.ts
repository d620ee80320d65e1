/**
 * Which units of a push its sender may not see.
 *
 * @module
 */
import type { PendingUnit, UnitId } from '../../persistence/unit.js';
import type { LogView } from './decide-units.js';
import type { LogPages } from './log-pages.js';
import type { LogStorage, UnitRow } from './log-storage.js';
import { isAllVisible, visibleParts } from './page-units.js';
import type { Visibility } from './unit-log.js';

/** A push, as far as this is concerned. */
export interface SeenPush {
  /** Those that the log does not know. */
  readonly fresh: readonly PendingUnit[];
  readonly known: LogView['known'];
  readonly subject: string;
  readonly visibility: Visibility;
}

/** What of a log is read for it. */
export interface RowsReading {
  readonly storage: Pick<LogStorage, 'units'>;
  readonly pages: Pick<LogPages, 'unitsOf'>;
  readonly nowMs: number;
}

/** New units of which the sender may not see all, and known ones of which it may see nothing, as the log has them. */
export async function unseenUnits(
  { fresh, known, subject, visibility }: SeenPush,
  { storage, pages, nowMs }: RowsReading,
): Promise<ReadonlySet<UnitId>> {
  const by = { subject, recordedAtMs: nowMs };
  const unseen = new Set(fresh.filter((unit) => !isAllVisible(unit, by, visibility)).map(({ id }) => id));
  const positions = [...known.values()].flatMap((unit) => (unit.kind === 'accepted' ? [unit.position] : []));
  const units = await pages.unitsOf(await rowsAt(storage, new Set(positions.sort((one, other) => one - other))));
  const shown = new Set(visibleParts(units, visibility).map(({ id }) => id));
  for (const { id } of units) if (!shown.has(id)) unseen.add(id);
  return unseen;
}

/** Rows of units by their positions, in order: most often they follow each other, as they were sent before. */
async function rowsAt(storage: Pick<LogStorage, 'units'>, positions: ReadonlySet<number>): Promise<readonly UnitRow[]> {
  const found: UnitRow[] = [];
  const left = [...positions];
  for (let limit = 1; left.length > 0;) {
    const rows = await storage.units(left[0] as number, limit);
    const some = rows.filter(({ position }) => positions.has(position));
    // None where the log was set back meanwhile: then it is as good as new.
    left.splice(0, Math.max(1, some.length));
    limit = Math.max(1, Math.min(left.length, some.length * 2));
    for (const row of some) found.push(row);
  }
  return found;
}
