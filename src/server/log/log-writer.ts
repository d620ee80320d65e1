/**
 * How a log is written to: under its lock, after all that others have recorded.
 *
 * @module
 */
import { OperationalError } from '../../persistence/errors.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import type { UnitId } from '../../persistence/unit.js';
import type { Clock } from '../../util/clock.js';
import { adoptEvents, gapsBetween, toRow } from './adopt-events.js';
import type { PlacedUnit } from './decide-units.js';
import { NotAsHoped } from './hoped-push.js';
import type {
  HopedUnits,
  LogHead,
  LogStorage,
  LogTransaction,
  PushSubjects,
  RefusedPruning,
  RejectedRow,
  SeenUnits,
  SetAsideRow,
  UnitRow,
  Waiting,
} from './log-storage.js';
import type { Origin } from './prepared-push.js';
import type { Recorded } from './record-units.js';

// Each time but the first means that somebody took an id of the sequence in the middle of a unit.
const RECORDINGS_MAX = 5;
// After it was not as was hoped, others write as well most likely: so many look first.
const LOOKS_AFTER_MISS = 16;

/** What was decided, and recorded as events. */
export interface LogAddition extends Pick<Recorded, 'ids' | 'chains'> {
  readonly placed: readonly { readonly unit: PlacedUnit; readonly origin: Origin }[];
  readonly rejected?: readonly RejectedRow[];
  readonly pruning?: RefusedPruning | undefined;
  readonly setAside?: readonly SetAsideRow[];
  /** Units that leave the operator's list. */
  readonly discarded?: readonly UnitId[];
}

/** A log that nobody else writes to. */
export interface LockedLog {
  readonly head: LogHead;
  readonly waiting: Waiting;
  /** As in `LogTransaction.lock`. */
  readonly seen: SeenUnits | undefined;
  /** Whether all of this is hoped only, and checked with what is recorded. */
  readonly isHoped: boolean;
}

/** What is asked of {@link LogWriter.locked} beside the work. */
export interface LockOptions {
  /** Is looked at with the lock. */
  readonly about?: PushSubjects;
  /** Of all that: the work is done on this at first, where the end of the log is known. It may be done again. */
  readonly hoped?: HopedUnits | undefined;
  /** Called when all is decided on what was hoped, and about to be sent: the next ones may be decided on that. */
  readonly whenDecided?: (() => void) | undefined;
}

/** The end of the log, as a transaction of this process leaves it; and whether that was committed, once it is known. */
interface LeftEnd {
  readonly head: LogHead;
  readonly isCommitted: Promise<boolean>;
}

/** Writes to a log. */
export class LogWriter {
  readonly #storage: Pick<LogStorage, 'transaction'>;
  readonly #clock: Pick<Clock, 'nowMs'>;
  /** The ends of the log that transactions have written. */
  readonly #ends = new WeakMap<LogTransaction, LogHead>();
  /** The end as this process left it last, or is about to. */
  #left: LeftEnd | undefined;
  #looksLeft = 0;

  constructor(storage: Pick<LogStorage, 'transaction'>, clock: Pick<Clock, 'nowMs'>) {
    this.#storage = storage;
    this.#clock = clock;
  }

  /**
   * Runs work under the lock, after all that others have recorded: in parts, each a transaction, where that is much.
   *
   * What was decided on hope is not sent before what it was decided on is committed; nor at all, where that is not.
   */
  async locked<T>(
    work: (transaction: LogTransaction, locked: LockedLog) => Promise<T>,
    { about, hoped, whenDecided }: LockOptions = {},
  ): Promise<T> {
    let mayHope = true;
    for (let recordings = 1; ;) {
      const hope = mayHope && hoped !== undefined ? this.#hope() : undefined;
      const { promise: isCommitted, resolve: settle } = Promise.withResolvers<boolean>();
      try {
        const done = await this.#storage.transaction(async (transaction) => {
          if (hope !== undefined && hoped !== undefined && transaction.expect?.(hope.head, hoped) === true) {
            const value = await work(transaction, { head: hope.head, waiting: 'none', seen: hoped, isHoped: true });
            const end = this.#ends.get(transaction) ?? hope.head;
            this.#left = { head: end, isCommitted };
            whenDecided?.();
            if (!(await hope.isCommitted)) throw new NotAsHoped();
            return { value, end, isHoped: true };
          }
          const { standing, seen } = await transaction.lock(about);
          const { head, isComplete } = await adoptEvents(transaction, standing, this.#clock.nowMs());
          if (!isComplete) return undefined;
          const { waiting } = standing;
          const value = await work(transaction, { head, waiting, seen, isHoped: false });
          return { value, end: this.#ends.get(transaction) ?? head, isHoped: false };
        });
        if (done === undefined) continue;
        settle(true);
        // What was hoped has said so before, and others may have decided on it since.
        if (!done.isHoped) this.#left = { head: done.end, isCommitted };
        return done.value;
      } catch (error) {
        settle(false);
        this.#left = undefined;
        if (error instanceof NotAsHoped) {
          mayHope = false;
          this.#looksLeft = LOOKS_AFTER_MISS;
          continue;
        }
        if (!(error instanceof TornUnit)) throw error;
        if (++recordings > RECORDINGS_MAX) throw tornAgain(error);
      }
    }
  }

  /** The end that the log may have; `undefined` where it is to be looked at. */
  #hope(): LeftEnd | undefined {
    if (this.#looksLeft === 0) return this.#left;
    this.#looksLeft--;
    return undefined;
  }

  /** Forgets that units were refused, or takes units out of the operator's list. */
  async settle(
    transaction: LogTransaction,
    head: LogHead,
    {
      forgotten = [],
      discarded = [],
    }: { readonly forgotten?: readonly UnitId[]; readonly discarded?: readonly UnitId[] },
  ): Promise<void> {
    const nothing = { units: [], rejected: [], gaps: [], filled: [], setAside: [] };
    await transaction.change({ ...nothing, head, supersedes: forgotten, discarded });
  }

  async write(transaction: LogTransaction, head: LogHead, change: LogAddition): Promise<LogHead> {
    const { placed, ids, chains, rejected = [], pruning, setAside = [], discarded = [] } = change;
    if (placed.length + rejected.length + setAside.length + discarded.length === 0) return head;
    const lastId = ids.at(-1) ?? head.lastId;
    const gaps = gapsBetween(
      ids.map((id) => ({ id })),
      { first: head.lastId + 1, last: lastId },
    );
    const units = toRows(placed, ids, chains);
    const { position, chain } = units.at(-1) ?? head;
    const next: LogHead = { position, chain, lastId };
    const nothing = { supersedes: [], filled: [] };
    await transaction.change({ ...nothing, head: next, units, rejected, pruning, setAside, discarded, gaps });
    this.#ends.set(transaction, next);
    return next;
  }
}

/** Somebody took an id of the sequence in the middle of a unit. Nothing is stored then, and it is done again. */
class TornUnit extends Error {}

/** @throws TornUnit when the ids of a unit do not follow each other */
function toRows(placed: LogAddition['placed'], ids: readonly NotificationId[], chains: readonly string[]): UnitRow[] {
  let at = 0;
  return placed.map(({ unit, origin }, index) => {
    const count = unit.events.length;
    const [first, lastId] = [ids[at], ids[at + count - 1]] as [NotificationId, NotificationId];
    at += count;
    if (lastId - first !== count - 1) throw new TornUnit();
    return toRow(unit, { lastId, chain: chains[index] as string, ...origin });
  });
}

function tornAgain(cause: Error): OperationalError {
  return new OperationalError(
    'Others take ids of the sequence of the events again and again while units are recorded. Nothing was stored: try again.',
    { cause },
  );
}
