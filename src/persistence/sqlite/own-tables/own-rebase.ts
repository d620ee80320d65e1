/**
 * Changes of units in a transaction of the caller's, tried out with everything else in it.
 *
 * @module
 */
import type { Clock } from '../../../util/clock.js';
import { ProgrammingError } from '../../errors.js';
import type { CheckedCommit } from '../../journal/replica.js';
import type { SyncChange } from '../../journal/sync-change.js';
import type { PlannedChange } from '../../journal/unit-tables.js';
import type { RebaseTransaction, RenamedTables } from '../../rebase-transaction.js';
import type { UnitId, UnitPage } from '../../unit.js';
import type { DecidedUnit, EndOfHealing, InsertPageOptions, PageOutcome, SetAsideReason } from '../../unit-recorder.js';
import { validateDecided, validatePage, validateReason } from '../../unit-validation.js';
import type { SqliteUnits } from '../sqlite-units.js';
import type { ChangeCapture } from './change-capture.js';
import type { WatchedTables } from './watched-tables.js';

// What was set aside and may come back is looked at by parts, each of which may be large; the rest comes with the next page.
const RETURNS_MAX = 4;

/** What an {@link OwnRebase} needs. */
export interface OwnRebaseParts {
  readonly units: SqliteUnits;
  readonly tables: WatchedTables;
  readonly capture: ChangeCapture;
  readonly clock: Clock;
  /** Runs a call of the transaction's. */
  run<T>(call: () => T): T | Promise<T>;
}

/** Implements {@link RebaseTransaction} on the tables that a transaction is tried out on. */
export class OwnRebase implements RebaseTransaction {
  readonly #parts: OwnRebaseParts;
  readonly #changes: SyncChange[] = [];
  readonly #isOutermost: boolean;

  /** @param isOutermost - units are changed there only: what a savepoint takes back would have to be forgotten */
  constructor(parts: OwnRebaseParts, isOutermost: boolean) {
    this.#parts = parts;
    this.#isOutermost = isOutermost;
  }

  /** What was changed, as commits that come before what the transaction records. */
  take(): readonly CheckedCommit[] {
    return this.#changes.map((sync) => ({ events: [], firstNotificationId: 0, tracking: undefined, sync }));
  }

  async insertPage(page: UnitPage, options: InsertPageOptions = {}): Promise<PageOutcome> {
    validatePage(page);
    validateDecided(options.decided ?? []);
    return await this.#parts.run(() => {
      const { units } = this.#parts;
      const outcome = this.#change((nowMs) => units.planPage(page, nowMs, options));
      const isAtHead = outcome.isStored && page.position >= page.head;
      for (let left = RETURNS_MAX; isAtHead && left > 0; left--) {
        if (!this.#change((nowMs) => units.planReturn(nowMs))) break;
      }
      return outcome;
    });
  }

  async setAside(
    refused: readonly { readonly id: UnitId; readonly reason: SetAsideReason }[],
  ): Promise<readonly UnitId[]> {
    for (const { reason } of refused) validateReason(reason);
    return await this.#parts.run(() => this.#change((nowMs) => this.#parts.units.planSetAside(refused, nowMs)));
  }

  async decide(decided: readonly DecidedUnit[]): Promise<boolean> {
    validateDecided(decided);
    return await this.#parts.run(() => this.#change((nowMs) => this.#parts.units.planDecide(decided, nowMs)));
  }

  async endHeal(healing: EndOfHealing): Promise<boolean> {
    return await this.#parts.run(() => this.#change((nowMs) => this.#parts.units.planEndHeal(healing, nowMs)));
  }

  async keepRows(tables: readonly string[]): Promise<void> {
    await this.#parts.run(() => this.#parts.capture.keepRows(tables));
  }

  async takeRows(): Promise<Uint8Array | undefined> {
    return await this.#parts.run(() => this.#parts.capture.takeRows());
  }

  async putBackRows(images: Uint8Array, renamed: RenamedTables = {}): Promise<void> {
    await this.#parts.run(() => this.#parts.capture.putBackRows(images, renamed));
  }

  #change<T>(plan: (nowMs: number) => PlannedChange<T>): T {
    const { units, tables, clock } = this.#parts;
    if (!this.#isOutermost || tables.hasRecorded) throw recordedBefore();
    const { outcome, change, decision } = plan(clock.nowMs());
    for (const one of [change, decision]) {
      if (one === undefined) continue;
      units.apply(one);
      this.#changes.push(one);
    }
    // What it has added is not the transaction's.
    tables.start();
    return outcome;
  }
}

function recordedBefore(): ProgrammingError {
  return new ProgrammingError(
    'Units are changed in the outermost transaction, before anything is recorded in it. Nothing was stored.',
  );
}
