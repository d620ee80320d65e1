/**
 * A push between its checks and the transaction in which it is decided with others.
 *
 * @module
 */
import type { PendingUnit, UnitId } from '../../persistence/unit.js';
import { decidePushes } from './decide-units.js';
import type { LogView, PlacedUnit, PushDecisions, Refusal } from './decide-units.js';
import type { DecodedUnits } from './inline-units.js';
import type { RejectedRow, UnitRow } from './log-storage.js';
import type { Authorize, Sender } from './unit-log.js';

/** Who recorded a unit, and when. */
export type Origin = Pick<UnitRow, 'author' | 'replicaId' | 'recordedAtMs'>;

/** A push that is checked, and about which everybody has been asked. */
export interface PreparedPush {
  readonly units: readonly PendingUnit[];
  /** Those of them that were not known. */
  readonly fresh: readonly PendingUnit[];
  readonly sender: Sender;
  readonly refusals: ReadonlyMap<UnitId, Refusal>;
  /** As in `PushToDecide`. */
  readonly unseen: ReadonlySet<UnitId>;
  /** As in `UnitLog.push`. */
  readonly follows: UnitId | undefined;
  /** For those who take part. */
  readonly decoded: DecodedUnits;
}

/** In which state of a log, and when. */
export interface SharedContext {
  readonly view: LogView;
  /** What refuses units beside what each push has of that. */
  readonly refusals: ReadonlyMap<UnitId, Refusal>;
  readonly recordedAtMs: number;
}

/** What pushes come to together. */
export interface SharedDecisions {
  /** Of each push, in their order. */
  readonly decided: readonly PushDecisions[];
  readonly placed: readonly { readonly unit: PlacedUnit; readonly origin: Origin }[];
  readonly rejected: readonly RejectedRow[];
}

/** Asks whether units are taken, before anything is locked: nobody's slow answer holds others up. */
export async function refusalsOf(
  units: readonly PendingUnit[],
  sender: Sender,
  authorize: Authorize,
): Promise<ReadonlyMap<UnitId, Refusal>> {
  const refusals = new Map<UnitId, Refusal>();
  // One after the other: what it asks may be asked of a database.
  for (const unit of units) {
    const refusal = await authorize(unit, sender);
    if (refusal !== undefined) refusals.set(unit.id, refusal);
  }
  return refusals;
}

/** Decides pushes one after the other, and says whose each unit is. */
export function decideShared(
  pushes: readonly PreparedPush[],
  { view, refusals: others, recordedAtMs }: SharedContext,
): SharedDecisions {
  const decided = decidePushes(
    pushes.map(({ units, sender: { subject }, refusals, unseen, follows }) => ({
      ...{ units, subject, unseen, follows },
      refusals: others.size === 0 ? refusals : new Map([...refusals, ...others]),
    })),
    view,
  );
  const of = decided.map((decisions, index) => {
    const { units, sender } = pushes[index] as PreparedPush;
    const origin = { author: sender.subject, replicaId: sender.replicaId, recordedAtMs };
    const unitOf = (id: UnitId): PendingUnit => units.find((unit) => unit.id === id) as PendingUnit;
    return { ...decisions, origin, unitOf };
  });
  return {
    decided,
    placed: of.flatMap(({ accepted, origin }) => accepted.map((unit) => ({ unit, origin }))),
    rejected: of.flatMap(({ rejected, origin, unitOf }) =>
      rejected.map((row) => ({ ...row, ...origin, unit: unitOf(row.id) })),
    ),
  };
}
