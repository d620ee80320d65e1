/**
 * The units of a durable recorder: *plan, journal, apply*, as a commit is checked, journalled and applied.
 *
 * Invariants:
 * 1. What a call changes is decided on the replica as it is when its record is appended. Where another tab was first, it
 *    is decided again.
 * 2. It is one record. Nothing else waits for it longer than for a commit of as many events.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import type { NotificationId, OriginatorId } from '../stored-event.js';
import type { AggregateBase, Cursor, LostUnit, PendingUnit, UnitId, UnitPage } from '../unit.js';
import type {
  DecidedUnit,
  EndOfHealing,
  InsertPageOptions,
  PageOutcome,
  SetAsideReason,
  SetAsideUnit,
  Superseded,
  SyncProgress,
  TruncateOptions,
  Truncation,
  UnitLimits,
  UnitRecorder,
  UnitStanding,
} from '../unit-recorder.js';
import {
  validateDecided,
  validatePage,
  validateReason,
  validateTruncations,
  validateUnitKeys,
  validateUnitLimits,
} from '../unit-validation.js';
import type { JournalFollower } from './journal-follower.js';
import type { JournalCommit } from './journal-record.js';
import { withoutUnits } from './replica.js';
import type { Replica } from './replica.js';
import type { PlannedChange, UnitsHere, UnitTables } from './unit-tables.js';

/** Implements {@link UnitRecorder} over a journal: a part of `DurableRecorder`. */
export abstract class DurableUnits implements UnitRecorder {
  readonly #follower: JournalFollower;
  readonly #clock: Clock;

  protected constructor(follower: JournalFollower, clock: Clock) {
    this.#follower = follower;
    this.#clock = clock;
  }

  async syncProgress(): Promise<SyncProgress> {
    return await this.read((replica) => unitsOf(replica).progress());
  }

  async selectPendingUnits(after: NotificationId, limits: UnitLimits): Promise<readonly PendingUnit[]> {
    validateUnitLimits(after, limits);
    return await this.read((replica) => unitsOf(replica).selectPending(after, limits));
  }

  async selectLostUnits(after: number, limits: UnitLimits): Promise<readonly LostUnit[]> {
    validateUnitLimits(after, limits);
    return await this.read((replica) => unitsOf(replica).selectLost(after, limits));
  }

  async selectSetAside(after: NotificationId, limits: UnitLimits): Promise<readonly SetAsideUnit[]> {
    validateUnitLimits(after, limits);
    return await this.read((replica) => unitsOf(replica).selectSetAside(after, limits));
  }

  async findUnits(keys: readonly (UnitId | NotificationId)[]): Promise<readonly (UnitStanding | undefined)[]> {
    validateUnitKeys(keys);
    return await this.read((replica) => unitsOf(replica).find(keys));
  }

  async insertPage(page: UnitPage, options: InsertPageOptions = {}): Promise<PageOutcome> {
    validatePage(page);
    validateDecided(options.decided ?? []);
    const outcome = await this.#change((units, nowMs) => units.planPage(page, nowMs, options));
    const isAtHead = outcome.isStored && page.position >= page.head;
    // Records of their own, or one would be as large as what was set aside.
    while (isAtHead && (await this.#change((units, nowMs) => units.planReturn(nowMs))));
    return outcome;
  }

  async selectSuperseded(ids?: readonly UnitId[]): Promise<Superseded> {
    if (ids !== undefined) validateUnitKeys(ids);
    return await this.read((replica) => unitsOf(replica).selectSuperseded(ids));
  }

  async decide(decided: readonly DecidedUnit[]): Promise<boolean> {
    validateDecided(decided);
    return await this.#change((units, nowMs) => units.planDecide(decided, nowMs));
  }

  async discardSetAside(ids: readonly UnitId[]): Promise<readonly UnitId[]> {
    validateUnitKeys(ids);
    return await this.#change((units, nowMs) => units.planDiscard(ids, nowMs));
  }

  async setAside(
    refused: readonly { readonly id: UnitId; readonly reason: SetAsideReason }[],
  ): Promise<readonly UnitId[]> {
    for (const { reason } of refused) validateReason(reason);
    return await this.#change((units, nowMs) => units.planSetAside(refused, nowMs));
  }

  async rewind(cursor: Cursor): Promise<boolean> {
    return await this.#change((units, nowMs) => units.planRewind(cursor, nowMs));
  }

  async followAnew(asked: Cursor): Promise<boolean> {
    return await this.#change((units, nowMs) => units.planFollowAnew(asked, nowMs));
  }

  async endHeal(healing: EndOfHealing): Promise<boolean> {
    return await this.#change((units, nowMs) => units.planEndHeal(healing, nowMs));
  }

  async truncate(
    truncations: readonly Truncation[],
    { upTo = Infinity, provided = [] }: TruncateOptions = {},
  ): Promise<readonly OriginatorId[]> {
    validateTruncations(truncations);
    return await this.#change((units, nowMs) =>
      provided.every(({ text, values }) => this.holds(text, values))
        ? units.planTruncate(truncations, upTo, nowMs)
        : { outcome: [], change: undefined },
    );
  }

  async selectBase(originatorId: OriginatorId): Promise<AggregateBase | undefined> {
    return await this.read((replica) => unitsOf(replica).base(originatorId));
  }

  /**
   * Changes what is planned, in one record.
   *
   * @param plan - called with the replica as it is when the record is appended, perhaps several times; changes nothing
   */
  async change<T>(plan: (units: UnitTables, nowMs: number, replica: Replica) => PlannedChange<T>): Promise<T> {
    return await this.#change(plan);
  }

  /** As `UnitTables.openIds`. */
  async openIds(): Promise<readonly UnitId[]> {
    return await this.read((replica) => unitsOf(replica).openIds());
  }

  /** As `UnitTables.unitsHere`. */
  async unitsHere(ids: readonly UnitId[]): Promise<UnitsHere> {
    return await this.read((replica) => unitsOf(replica).unitsHere(ids));
  }

  /** Reads the replica when it holds all that it was told of, and nothing that may never be. */
  protected abstract read<T>(read: (replica: Replica) => T): Promise<T>;

  /** Whether the first value that a statement reads is true. */
  protected abstract holds(text: string, values: readonly unknown[] | undefined): boolean;

  #change<T>(plan: (units: UnitTables, nowMs: number, replica: Replica) => PlannedChange<T>): Promise<T> {
    this.#follower.assertUsable();
    return this.#follower.exclusive(async () => {
      for (;;) {
        this.#follower.assertUsable();
        let planned = this.#plan(plan);
        if (commitsOf(planned).length === 0) return planned.outcome;
        const recheck = (): readonly JournalCommit[] => {
          try {
            planned = this.#plan(plan);
          } catch {
            // Nothing is appended, and the next round fails of the same.
            return [];
          }
          return commitsOf(planned);
        };
        if ((await this.#follower.append(commitsOf(planned), [], recheck)) === 'appended') return planned.outcome;
      }
    });
  }

  #plan<T>(plan: (units: UnitTables, nowMs: number, replica: Replica) => PlannedChange<T>): PlannedChange<T> {
    const { replica } = this.#follower;
    return plan(unitsOf(replica), this.#clock.nowMs(), replica);
  }
}

function unitsOf({ units }: Replica): UnitTables {
  if (units === undefined) throw withoutUnits();
  return units;
}

function commitsOf({ change, decision }: PlannedChange<unknown>): readonly JournalCommit[] {
  const changes = [change, decision].filter((one) => one !== undefined);
  return changes.map((sync) => ({ events: [], firstNotificationId: 0, tracking: undefined, sync }));
}
