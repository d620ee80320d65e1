/**
 * Snapshots in memory: for tests, and in front of a store that is read anew at every start.
 *
 * @module
 */
import { isNewerSnapshot } from '../snapshot-store.js';
import type { SnapshotStore, StoredSnapshot } from '../snapshot-store.js';

/** A snapshot store whose snapshots are gone when it is. It grows with the number of aggregates. */
export class MemorySnapshotStore implements SnapshotStore {
  readonly #snapshots = new Map<string, StoredSnapshot>();

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  async select(originatorId: string): Promise<StoredSnapshot | undefined> {
    return this.#snapshots.get(originatorId);
  }

  async upsert(snapshot: StoredSnapshot): Promise<boolean> {
    if (!isNewerSnapshot(snapshot, this.#snapshots.get(snapshot.originatorId))) return false;
    this.#snapshots.set(snapshot.originatorId, snapshot);
    return true;
  }

  async remove(originatorId?: string): Promise<void> {
    if (originatorId === undefined) this.#snapshots.clear();
    else this.#snapshots.delete(originatorId);
  }
}
