/**
 * Snapshots that devices may have: those of a store of snapshots which stand for history on whatever device.
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import type { SnapshotStore, StoredSnapshot } from '../../persistence/snapshot-store.js';
import type { AggregateKind } from './aggregate-kind.js';
import { hasPersonalEvents } from './snapshot-codec.js';

/** Shows a store of snapshots as far as devices may have it. */
class SnapshotsForDevices implements Pick<SnapshotStore, 'select'> {
  readonly #store: Pick<SnapshotStore, 'select'>;
  readonly #kinds: ReadonlyMap<string, AggregateKind>;

  /** @param kinds - by their names */
  constructor(store: Pick<SnapshotStore, 'select'>, kinds: ReadonlyMap<string, AggregateKind>) {
    this.#store = store;
    this.#kinds = kinds;
  }

  /**
   * The snapshot of an aggregate: not of a kind that the application does not know, nor of a shape of the state that it does
   * not have any more; and none that has a person in it, because a device would keep it when that person is forgotten.
   */
  async select(originatorId: string): Promise<StoredSnapshot | undefined> {
    const snapshot = await this.#store.select(originatorId);
    const kind = snapshot && this.#kinds.get(snapshot.aggregateType);
    if (kind === undefined || kind.stateVersion !== snapshot?.stateVersion || hasPersonalEvents(kind)) return undefined;
    return snapshot;
  }
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when there are no snapshots */
export function snapshotsForDevices(
  store: SnapshotStore | undefined,
  kinds: ReadonlyMap<string, AggregateKind>,
): Pick<SnapshotStore, 'select'> {
  if (store !== undefined) return new SnapshotsForDevices(store, kinds);
  throw new ProgrammingError('The application takes no snapshots: give it the option snapshots.');
}
