/**
 * How many units may be pending, where somebody has set a limit: counted as commits come, so that none of them costs a
 * question to the tables.
 *
 * @module
 */
import { BacklogFullError } from '../errors.js';
import type { CheckedCommit, Replica } from './replica.js';

/** Counts what is pending in one replica. */
export class Backlog {
  readonly #unitsMax: number;
  /** Units that no page has confirmed; `undefined` when the tables have to say. */
  #pendingUnits: number | undefined;

  constructor(unitsMax: number) {
    this.#unitsMax = unitsMax;
  }

  /** Takes that commits were applied, whoever has recorded them. */
  note(commits: readonly CheckedCommit[]): void {
    // What synchronisation changes, the tables say: pages come less often than commits.
    if (commits.some(({ sync }) => sync !== undefined)) this.forget();
    else if (this.#pendingUnits !== undefined) this.#pendingUnits += unitsIn(commits);
  }

  /** Takes that the replica is another one. */
  forget(): void {
    this.#pendingUnits = undefined;
  }

  /** @throws BacklogFullError (`BACKLOG_FULL`) when a commit adds to what is pending, and there is no room. @param more - units that come with those before it */
  assertRoom(replica: Replica, commits: readonly Pick<CheckedCommit, 'events' | 'unit'>[], more: number): void {
    const units = unitsIn(commits);
    if (units === 0) return;
    this.#pendingUnits ??= replica.units?.progress().pendingUnits ?? 0;
    const pendingUnits = this.#pendingUnits + more;
    if (pendingUnits + units <= this.#unitsMax) return;
    throw new BacklogFullError(
      `${pendingUnits} units are on this device only, and the store was opened to take ${this.#unitsMax} at most. Nothing was stored. Let it synchronise, and record this again; or open the store with another backlog.maxUnits.`,
      { details: { pendingUnits, maxUnits: this.#unitsMax } },
    );
  }
}

/** Without a mark, each event is a unit: so it was recorded before there were units. */
export function unitsIn(commits: readonly Pick<CheckedCommit, 'events' | 'unit'>[]): number {
  return commits.reduce(
    (sum, { events, unit }) => sum + (unit === undefined ? events.length : Math.sign(events.length)),
    0,
  );
}
