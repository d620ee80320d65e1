/**
 * What becomes of units that leave their places: those of commutative events are *moved*, to the next versions of their
 * aggregates, where something is left before them, or nothing was; the others are set aside.
 *
 * The next versions, and the edition, are those that a server would give them. So most often its page has them as they are
 * here by then.
 *
 * @module
 */
import type { Moving } from '../journal/sync-change.js';
import type { OriginatorId, StoredEvent } from '../stored-event.js';
import { derivedEdition, editionOf } from '../unit-edition.js';
import type { EditionId, Unit } from '../unit.js';
import { FLAG_COMMUTATIVE, FLAG_FOREIGN } from './sqlite-unit-rows.js';
import type { SqliteUnitRows, UnitRow } from './sqlite-unit-rows.js';

/** The last version of an aggregate, and its edition. */
interface End {
  readonly version: number;
  readonly edition: EditionId;
}

/** What aggregates end with by and by, when some units have left and others come. */
export class MovePlan {
  readonly moved: Moving[] = [];
  readonly #rows: SqliteUnitRows;
  readonly #hasLeft: (unit: UnitRow) => boolean;
  readonly #coming = new Map<OriginatorId, End | undefined>();
  /** After what was moved so far. */
  readonly #ends = new Map<OriginatorId, End | undefined>();

  /**
   * @param hasLeft - whether a unit is not where it was any more
   * @param coming - units that a page brings, in its order
   */
  constructor(rows: SqliteUnitRows, hasLeft: (unit: UnitRow) => boolean, coming: readonly Unit[] = []) {
    this.#rows = rows;
    this.#hasLeft = hasLeft;
    for (const unit of coming) setEnds(this.#coming, unit.events, editionOf(unit));
  }

  /**
   * Moves a unit to the end of its aggregates. In the order in which they were recorded.
   *
   * @param unit - one that {@link commutes}
   * @returns whether it can be: not where it would begin what it was not the beginning of
   */
  move({ id, place }: UnitRow, events: readonly StoredEvent[]): boolean {
    const next = new Map<OriginatorId, number>();
    const after: (EditionId | undefined)[] = [];
    for (const { originatorId, originatorVersion } of events) {
      if (next.has(originatorId)) continue;
      const end = this.#endOf(originatorId);
      if (end === undefined && this.#rows.before(originatorId, originatorVersion) !== undefined) return false;
      next.set(originatorId, (end?.version ?? 0) + 1);
      after.push(end?.edition);
    }
    const moved = events.map((event) => {
      const originatorVersion = next.get(event.originatorId) as number;
      next.set(event.originatorId, originatorVersion + 1);
      return { ...event, originatorVersion };
    });
    // Also where the versions stay what they are: it stands on something else.
    const edition = derivedEdition({ id, events: moved, after });
    setEnds(this.#ends, moved, edition);
    this.moved.push({ place, edition, versions: versionsOf(moved) });
    return true;
  }

  #endOf(originatorId: OriginatorId): End | undefined {
    if (this.#ends.has(originatorId)) return this.#ends.get(originatorId);
    const coming = this.#coming.get(originatorId);
    const row = this.#rows.before(originatorId, Number.MAX_SAFE_INTEGER, this.#hasLeft);
    // What is pending may stand behind what a page only confirms.
    const isHere = row !== undefined && row.originatorVersion > (coming?.version ?? -Infinity);
    const end = isHere ? { version: row.originatorVersion, edition: row.unit.edition } : coming;
    this.#ends.set(originatorId, end);
    return end;
  }
}

function setEnds(ends: Map<OriginatorId, End | undefined>, events: readonly StoredEvent[], edition: EditionId): void {
  for (const { originatorId, originatorVersion: version } of events) ends.set(originatorId, { version, edition });
}

/** Whether a unit may be moved: its events mean the same elsewhere, and it is of this store. */
export function commutes({ flags }: UnitRow): boolean {
  return (flags & (FLAG_COMMUTATIVE | FLAG_FOREIGN)) === FLAG_COMMUTATIVE;
}

/** Where a unit belongs that a page has with other versions, or in another edition. */
export function movedAs({ place }: UnitRow, { id, edition, events }: Unit): Moving {
  return { place, edition: edition === id ? undefined : edition, versions: versionsOf(events) };
}

function versionsOf(events: readonly StoredEvent[]): number[] {
  return events.map(({ originatorVersion }) => originatorVersion);
}
