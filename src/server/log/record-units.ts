/**
 * Records what was decided, with those who take part in it, who may refuse a unit.
 *
 * ```text
 * decide ──▶ record all ──▶ done
 *              │ refused
 *              ▼
 *            each by itself, and all of it taken back: which ones are refused? ──▶ decide again ──▶ record all
 * ```
 *
 * @module
 */
import type { NotifiedEvent } from '../../application/events/notified-event.js';
import { DataError } from '../../persistence/errors.js';
import type { NotificationId, StoredEvent } from '../../persistence/stored-event.js';
import type { UnitId } from '../../persistence/unit.js';
import type { PlacedUnit, Refusal } from './decide-units.js';
import { notifiedEvents, refusalBy, UnstorableError } from './inline-units.js';
import type { DecodedUnits } from './inline-units.js';
import { nextChain } from './log-chain.js';
import type { LogTransaction } from './log-storage.js';

/** What is to be decided. */
export interface Recording<Decided> {
  /** Given why units are refused, that have been so far. */
  readonly decide: (refusals: ReadonlyMap<UnitId, Refusal>) => Decided;
  /** What of it goes into the log. */
  readonly placedOf: (decided: Decided) => readonly PlacedUnit[];
  readonly decoded: DecodedUnits;
  /** The chain before it. */
  readonly chain: string;
}

/** What was recorded. */
export interface Recorded {
  /** Of the events of the placed units, in their order. */
  readonly ids: readonly NotificationId[];
  /** After each of the units. */
  readonly chains: readonly string[];
  readonly notified: readonly NotifiedEvent[];
}

/** @throws what the database throws, or who takes part rejects with, that refuses no unit */
export async function recordDecided<Decided>(
  transaction: LogTransaction,
  recording: Recording<Decided>,
): Promise<Recorded & { readonly decided: Decided; readonly refusals: ReadonlyMap<UnitId, Refusal> }> {
  const { decide, placedOf } = recording;
  const none: ReadonlyMap<UnitId, Refusal> = new Map();
  const first = decide(none);
  try {
    return { decided: first, refusals: none, ...(await record(transaction, placedOf(first), recording)) };
  } catch (error) {
    if (refusalBy(error) === undefined) throw error;
  }
  const refusals = await refusalsAmong(transaction, placedOf(first), recording);
  const decided = decide(refusals);
  return { decided, refusals, ...(await record(transaction, placedOf(decided), recording)) };
}

type Context = Pick<Recording<unknown>, 'decoded' | 'chain'>;

async function record(
  transaction: LogTransaction,
  placed: readonly PlacedUnit[],
  { decoded, chain }: Context,
): Promise<Recorded> {
  if (placed.length === 0) return { ids: [], chains: [], notified: [] };
  const events = placed.flatMap((unit) => unit.events);
  if (decoded.size === 0) {
    const recorded = recordEvents(transaction, events);
    // While the database is at work.
    const chains = chainsOf(placed, chain);
    return { ids: await recorded, chains, notified: [] };
  }
  const { ids, notified } = await transaction.within(async (inner) => {
    const given = await recordEvents(inner, events);
    const told = notifiedEvents(placed, given, decoded);
    await inner.tell(told);
    return { ids: given, notified: told };
  });
  return { ids, chains: chainsOf(placed, chain), notified };
}

async function recordEvents(
  transaction: LogTransaction,
  events: readonly StoredEvent[],
): Promise<readonly NotificationId[]> {
  return await transaction.record(events).catch((cause: unknown) => {
    throw cause instanceof DataError
      ? new UnstorableError('The database cannot store a value of these events.', { cause })
      : cause;
  });
}

class TrialOver extends Error {}

/** Which units are refused when each comes after those before it that are not. Nothing of that stays. */
async function refusalsAmong(
  transaction: LogTransaction,
  placed: readonly PlacedUnit[],
  context: Context,
): Promise<ReadonlyMap<UnitId, Refusal>> {
  const refusals = new Map<UnitId, Refusal>();
  const trial = transaction.within(async (inner) => {
    for (const unit of placed) {
      try {
        await record(inner, [unit], context);
      } catch (error) {
        const refusal = refusalBy(error);
        if (refusal === undefined) throw error;
        refusals.set(unit.id, refusal);
      }
    }
    throw new TrialOver();
  });
  await trial.catch((error: unknown) => {
    if (!(error instanceof TrialOver)) throw error;
  });
  return refusals;
}

function chainsOf(placed: readonly PlacedUnit[], before: string): readonly string[] {
  let chain = before;
  return placed.map((unit) => (chain = nextChain(chain, unit)));
}
