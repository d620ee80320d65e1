/**
 * When snapshots are taken, and whether they are of use.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import type { SnapshotStore } from '../../persistence/snapshot-store.js';
import type { EndListener, RecorderTransaction } from '../../persistence/recorder-transaction.js';
import type { Clock } from '../../util/clock.js';
import { callListener } from '../../util/listeners.js';
import type { AggregateKind } from './aggregate-kind.js';
import type { LoadedAggregate, SnapshotCodec, SnapshotSeal } from './snapshot-codec.js';
import { validateCount } from '../../persistence/validation.js';

/** Versions between two snapshots, unless told otherwise. */
export const SNAPSHOT_INTERVAL_DEFAULT = 100;

/** Which snapshot was not taken, or not used. */
export interface SnapshotFailure {
  readonly aggregateType: string;
  readonly aggregateId: string;
  /** What failed: to `take` a snapshot after a save, or to `use` one at a load. */
  readonly action: 'take' | 'use';
}

/** How an application takes snapshots. */
export interface SnapshotOptions {
  readonly store: SnapshotStore;
  /**
   * A snapshot is taken by a save that reaches or passes a multiple of this version, whether or not it stops there.
   *
   * @defaultValue 100
   */
  readonly interval?: number;
  /**
   * Told when a snapshot could not be taken or used. Neither is an error of what was asked for: the events are saved, and
   * the aggregate is made of them.
   *
   * @defaultValue nobody is told
   */
  readonly onFailed?: (error: unknown, failure: SnapshotFailure) => void;
}

/**
 * Whether a multiple of the interval lies in what was saved: `floor(after / interval) > floor(before / interval)`. Not
 * whether the interval divides the version: a batch may step over it.
 */
export function crossesInterval(before: number, after: number, interval: number): boolean {
  return Math.floor(after / interval) > Math.floor(before / interval);
}

/** An aggregate, and the id of the event that it ends with. */
export interface FoundSnapshot {
  readonly aggregate: LoadedAggregate;
  readonly eventId: string;
  /** Of one that is to be stored: from before the aggregate was read. */
  readonly seal?: SnapshotSeal | undefined;
}

/** Takes snapshots and gives them back; never rejects for a reason of its own. */
export class Snapshots {
  readonly #options: SnapshotOptions;
  readonly #codec: SnapshotCodec;
  readonly #clock: Clock;
  readonly #transaction: () => RecorderTransaction<unknown> | undefined;
  /** Versions between two snapshots. */
  readonly interval: number;

  /**
   * @param transaction - of the caller's, in which the application records at the moment
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the interval is not a positive integer, or there is no store
   */
  constructor(
    options: SnapshotOptions,
    codec: SnapshotCodec,
    clock: Clock,
    transaction: () => RecorderTransaction<unknown> | undefined,
  ) {
    const { interval = SNAPSHOT_INTERVAL_DEFAULT } = options;
    validateCount('The interval of snapshots', interval);
    // A failing store is no error of a save: without this check nobody would see that there is none.
    if (typeof (options.store as SnapshotStore | undefined)?.select !== 'function') {
      throw new ProgrammingError('snapshots needs a store: { store: … }.');
    }
    this.#options = options;
    this.#codec = codec;
    this.#clock = clock;
    this.#transaction = transaction;
    this.interval = interval;
  }

  /**
   * The snapshot of an aggregate, where it is of use: not above the version that is asked for, of the state's present
   * shape, and not of a release that knows of more.
   */
  async find(kind: AggregateKind, id: string, upTo: number): Promise<FoundSnapshot | undefined> {
    const { store } = this.#options;
    try {
      const snapshot = await this.#visible(store).select(id);
      if (snapshot === undefined || snapshot.originatorVersion > upTo) return undefined;
      if (snapshot.aggregateType !== kind.name || snapshot.stateVersion !== kind.stateVersion) return undefined;
      const { originatorVersion, state, eventId } = snapshot;
      const aggregate = await this.#codec.decode(kind, id, originatorVersion, state);
      return aggregate && { aggregate, eventId };
    } catch (error) {
      this.#tell(error, kind, id, 'use');
      return undefined;
    }
  }

  #visible(store: SnapshotStore): Pick<SnapshotStore, 'select'> {
    const transaction = this.#transaction();
    const inside = transaction && store.within?.(transaction);
    if (inside !== undefined) return inside;
    if (store.waitsForTransactions === true && transaction !== undefined) throw wouldWait();
    return store;
  }

  /**
   * Takes a snapshot after a save.
   *
   * @param read - makes the aggregate of its events, as loading it gives it
   * @param whenEnded - says when the save is committed: a snapshot of what is taken back would stand in the way of others,
   *   and a store beside the transaction would wait for it
   */
  async take(
    kind: AggregateKind,
    id: string,
    read: () => Promise<FoundSnapshot>,
    whenEnded: (listener: EndListener) => Promise<void>,
  ): Promise<void> {
    const attempt = async (work: () => Promise<unknown>): Promise<void> => {
      await work().catch((error: unknown) => this.#tell(error, kind, id, 'take'));
    };
    await attempt(async () => {
      const found = await read();
      await whenEnded(async (outcome) => {
        if (outcome === 'committed') await attempt(() => this.store(kind, found));
      });
    });
  }

  /** To be called before the aggregate is read, see `SnapshotCodec.beginSeal`. */
  async beginSeal(kind: AggregateKind): Promise<SnapshotSeal | undefined> {
    return await this.#codec.beginSeal(kind);
  }

  /**
   * As {@link Snapshots.take}, for those who ask for a snapshot and not for a save.
   *
   * @throws what the store throws; DataError (`DATA_ERROR`) when the state would come back as something else
   */
  async store(kind: AggregateKind, { aggregate, eventId, seal }: FoundSnapshot): Promise<boolean> {
    const { id, version } = aggregate;
    return await this.#options.store.upsert({
      originatorId: id,
      originatorVersion: version,
      eventId,
      aggregateType: kind.name,
      stateVersion: kind.stateVersion,
      state: await this.#codec.encode(kind, aggregate, seal),
      takenAtMs: this.#clock.nowMs(),
    });
  }

  #tell(error: unknown, kind: AggregateKind, aggregateId: string, action: SnapshotFailure['action']): void {
    // The events are saved, or read, whatever is made of the news.
    callListener(() => this.#options.onFailed?.(error, { aggregateType: kind.name, aggregateId, action }));
  }
}

function wouldWait(): ProgrammingError {
  return new ProgrammingError(
    "The snapshots are outside of the transaction, and would wait for its end: the aggregate was made of all its events. Give their store the recorder whose transaction it is, or a session's.",
  );
}
