/**
 * Decides pushes, given what of the log they touch: pure, so that every layout of tables decides alike.
 *
 * ```text
 * known ──▶ answered from its row; another subject's, unless it follows from the event ──▶ as if it were forbidden
 *       ──▶ accepted, and not shown to its sender at present ──▶ out of scope: no decision of the log
 * new ──▶ sent after a unit that is not known ──▶ conflict: no decision, and the end
 *     ──▶ out of scope ──▶ nothing is stored: the same unit may come again
 *     ──▶ forbidden, or versions with a hole ──▶ rejected, for good
 *     ──▶ commutative ──▶ of aggregates that are there, or that it begins ──▶ accepted, with the next versions
 *     ──▶ strict ──▶ right after what it was decided on ──▶ accepted
 *     ──▶ anything else ──▶ conflict: no decision, and the end
 * ```
 *
 * A unit may stand on an earlier one of the same push, or of one that is decided before it in the same transaction: what was
 * accepted counts from then on.
 *
 * @module
 */
import { derivedUnitId } from '../../persistence/derived-unit-id.js';
import type { OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import { derivedEdition, editionOf } from '../../persistence/unit-edition.js';
import { OUT_OF_SCOPE } from '../../persistence/unit.js';
import type { EditionId, LostUnit, PendingUnit, UnitId } from '../../persistence/unit.js';
import type { Decision, Sender } from './unit-log.js';

/** Why a unit is not taken, as a code for programs and a text for people. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

/** Of an id that another subject has sent. It tells nothing, not even that the id is known. */
const FORBIDDEN: Refusal = { code: 'FORBIDDEN', message: 'This unit may not be recorded by its sender.' };
/** Of what its sender may not see. Nothing of it is kept, because scopes change. */
const UNSEEN: Refusal = {
  code: OUT_OF_SCOPE,
  message: 'The unit is in a part of the log that its sender may not see at present.',
};
/** Of versions that cannot be, whatever the log has. */
const VERSION_GAP: Refusal = {
  code: 'VERSION_GAP',
  message: 'The versions of an aggregate do not follow each other in this unit, so it can stand nowhere.',
};

/** What the log knows of a unit's id. */
export type KnownUnit = { readonly author: string } & (
  { readonly kind: 'accepted'; readonly position: number } | ({ readonly kind: 'rejected' } & Refusal)
);

/** The end of an aggregate. */
export interface AggregateEnd {
  readonly version: number;
  /** The edition that holds it. */
  readonly edition: EditionId;
}

/** What of a log concerns a push. */
export interface LogView {
  /** Of the ids that are sent. */
  readonly known: ReadonlyMap<UnitId, KnownUnit>;
  /** Of the aggregates that events are sent of. */
  readonly ends: ReadonlyMap<OriginatorId, AggregateEnd>;
  /** The position of the end of the log. */
  readonly position: number;
}

/** A unit with its place in the log. */
export interface PlacedUnit {
  readonly id: UnitId;
  /** As of a unit: in these places. */
  readonly edition?: EditionId | undefined;
  /** With the versions that they have in the log. */
  readonly events: readonly StoredEvent[];
  readonly isCommutative: boolean;
  readonly scopes: readonly string[];
  /** As in a pending unit, of the log. */
  readonly after: readonly (EditionId | undefined)[];
  /** Of its last event. */
  readonly position: number;
}

/** What a push comes to. */
export interface PushDecisions {
  readonly decisions: readonly Decision[];
  /** In the order of their positions. */
  readonly accepted: readonly PlacedUnit[];
  /** To be kept. */
  readonly rejected: readonly ({ readonly id: UnitId } & Refusal)[];
  readonly conflict: UnitId | undefined;
}

/** A push, as it is decided. */
export interface PushToDecide {
  readonly units: readonly PendingUnit[];
  readonly subject: Sender['subject'];
  /** What the operator says no to. */
  readonly refusals: ReadonlyMap<UnitId, Refusal>;
  /** Units that the sender may not see: of those in the log all of it, of new ones a part. */
  readonly unseen: ReadonlySet<UnitId>;
  /** As in `UnitLog.push`. */
  readonly follows?: UnitId | undefined;
}

/** Decides pushes one after the other, each on what those before it make of the log. */
export function decidePushes(pushes: readonly PushToDecide[], view: LogView): readonly PushDecisions[] {
  const log = new GrowingLog(view);
  return pushes.map((push) => decideUnits(push, log));
}

/** Decides units in their order. */
function decideUnits({ units, subject, refusals, unseen, follows }: PushToDecide, log: GrowingLog): PushDecisions {
  const before = log.placed.length;
  const isInTurn = follows === undefined || isOwn(log.known(follows), subject);
  const decisions: Decision[] = [];
  const rejected: ({ readonly id: UnitId } & Refusal)[] = [];
  for (const unit of units) {
    const { id } = unit;
    const known = log.known(id);
    if (known !== undefined) {
      const decision = answer(unit, known, subject);
      // No page would ever confirm it.
      const isHidden = decision.kind === 'accepted' && unseen.has(id);
      decisions.push(isHidden ? { id, kind: 'rejected', ...UNSEEN } : decision);
      continue;
    }
    if (!isInTurn) return { decisions, accepted: log.placed.slice(before), rejected, conflict: id };
    if (unseen.has(id)) {
      decisions.push({ id, kind: 'rejected', ...UNSEEN });
      continue;
    }
    const refusal = refusals.get(id) ?? (isWhole(unit) ? undefined : VERSION_GAP);
    if (refusal !== undefined) {
      const { code, message } = refusal;
      rejected.push({ id, code, message });
      log.learn(id, { kind: 'rejected', code, message, author: subject });
      decisions.push({ id, kind: 'rejected', code, message });
      continue;
    }
    const isOwnEdition = unit.edition === undefined || unit.edition === derivedEdition(unit);
    const isInPlace = unit.isCommutative ? log.hasBegun(unit) : isOwnEdition && log.fits(unit);
    if (!isInPlace) return { decisions, accepted: log.placed.slice(before), rejected, conflict: id };
    const { position } = log.append(unit, subject, isOwnEdition);
    decisions.push({ id, kind: 'accepted', position, isNew: true });
  }
  return { decisions, accepted: log.placed.slice(before), rejected, conflict: undefined };
}

/** What units that were lost come to. */
export interface HealDecisions {
  /** In the order of their new positions. */
  readonly restored: readonly PlacedUnit[];
  /** Neither restored nor known. */
  readonly unfit: readonly LostUnit[];
  /** Of the aggregates, with what was restored. */
  readonly ends: LogView['ends'];
}

/** Decides which of units that were lost come back: those that fit as they were. @param units - all seen as a whole */
export function decideLostUnits(units: readonly LostUnit[], view: LogView): HealDecisions {
  const log = new GrowingLog(view);
  const unfit: LostUnit[] = [];
  for (const unit of units) {
    if (log.known(unit.id) !== undefined) continue;
    if (isWhole(unit) && log.fits(unit)) log.append(unit, unit.origin.author);
    else unfit.push(unit);
  }
  return { restored: log.placed, unfit, ends: log.ends };
}

/** Whether an id is known as the subject's own: of those of others it is not told that they are known. */
function isOwn(known: KnownUnit | undefined, subject: string): boolean {
  return known?.author === subject;
}

/** Whether an id that is known is somebody else's, to whom asks. */
function answer({ id, events }: PendingUnit, known: KnownUnit, subject: string): Decision {
  // Without a subject everybody is let in, and there is nobody to tell apart; what was recorded so is everybody's.
  const isOthers = known.author !== '' && subject !== '' && known.author !== subject;
  // A store from before units may have been copied: whoever derives an id has the event, and it is the same one.
  const isDerived = isOthers && known.kind === 'accepted' && events.length === 1 && events.map(derivedUnitId)[0] === id;
  if (isOthers && !isDerived) return { id, kind: 'rejected', ...FORBIDDEN };
  if (known.kind === 'accepted') return { id, kind: 'accepted', position: known.position, isNew: false };
  return { id, kind: 'rejected', code: known.code, message: known.message };
}

/** Whether the versions of each aggregate follow each other, or the log gives them anyway. */
export function isWhole({ isCommutative, events }: PendingUnit | LostUnit): boolean {
  return isCommutative || hasNoHoles(events);
}

function hasNoHoles(events: readonly StoredEvent[]): boolean {
  const versions = new Map<OriginatorId, number>();
  return events.every(({ originatorId, originatorVersion }) => {
    const last = versions.get(originatorId);
    versions.set(originatorId, originatorVersion);
    return last === undefined || originatorVersion === last + 1;
  });
}

/** A log as it will be with what was decided so far. */
class GrowingLog {
  readonly placed: PlacedUnit[] = [];
  readonly #known: Map<UnitId, KnownUnit>;
  readonly #ends: Map<OriginatorId, AggregateEnd>;
  #position: number;

  constructor({ known, ends, position }: LogView) {
    this.#known = new Map(known);
    this.#ends = new Map(ends);
    this.#position = position;
  }

  get ends(): LogView['ends'] {
    return this.#ends;
  }

  known(id: UnitId): KnownUnit | undefined {
    return this.#known.get(id);
  }

  learn(id: UnitId, unit: KnownUnit): void {
    this.#known.set(id, unit);
  }

  /**
   * Whether each aggregate ends where the unit says that it was decided, by number and by edition: a log that was set back
   * gives the same numbers to other events. An aggregate that is not there yet begins with whatever version it is given.
   */
  fits({ events, after }: Pick<PendingUnit, 'events' | 'after'>): boolean {
    return firstOfAggregates(events).every(({ originatorId, originatorVersion }, index) => {
      const end = this.#ends.get(originatorId);
      return end?.edition === after[index] && (end === undefined || originatorVersion === end.version + 1);
    });
  }

  /** Whether each aggregate is there, or begins with the unit: what follows on something opens nothing. */
  hasBegun({ events, after }: Pick<PendingUnit, 'events' | 'after'>): boolean {
    return firstOfAggregates(events).every(
      ({ originatorId }, index) => this.#ends.has(originatorId) || after[index] === undefined,
    );
  }

  /** @param mayStay - whether it may keep its edition, where it fits */
  append(unit: PendingUnit | LostUnit, author: string, mayStay = true): PlacedUnit {
    const { id, edition, isCommutative, scopes } = unit;
    const after = firstOfAggregates(unit.events).map(({ originatorId }) => this.#ends.get(originatorId)?.edition);
    // What fits stays what it is, so that whoever stands on it does so still.
    const isMoved = isCommutative && !(mayStay && hasNoHoles(unit.events) && this.fits(unit));
    const events = isMoved ? this.#next(unit.events) : unit.events;
    const position = (this.#position += events.length);
    const now = isMoved ? derivedEdition({ id, events, after }) : edition;
    const placed: PlacedUnit = {
      ...{ id, events, isCommutative, scopes, after, position },
      ...(now === undefined ? {} : { edition: now }),
    };
    for (const { originatorId, originatorVersion: version } of events) {
      this.#ends.set(originatorId, { version, edition: editionOf(placed) });
    }
    this.placed.push(placed);
    this.learn(id, { kind: 'accepted', position, author });
    return placed;
  }

  /** Events with the versions that are next. */
  #next(events: readonly StoredEvent[]): StoredEvent[] {
    const versions = new Map<OriginatorId, number>();
    return events.map((event) => {
      const { originatorId } = event;
      const originatorVersion = (versions.get(originatorId) ?? this.#ends.get(originatorId)?.version ?? 0) + 1;
      versions.set(originatorId, originatorVersion);
      return { ...event, originatorVersion };
    });
  }
}

/** For each aggregate the first of its events, in their order. */
export function firstOfAggregates(events: readonly StoredEvent[]): readonly StoredEvent[] {
  const seen = new Set<OriginatorId>();
  return events.filter(({ originatorId }) => {
    if (seen.has(originatorId)) return false;
    seen.add(originatorId);
    return true;
  });
}

/** The aggregates of units, each once. */
export function aggregatesOf(units: readonly Pick<PendingUnit, 'events'>[]): OriginatorId[] {
  return firstOfAggregates(units.flatMap(({ events }) => events)).map(({ originatorId }) => originatorId);
}
