/**
 * Snapshots in memory: for tests, and in front of a store that is read anew at every start.
 *
 * @module
 */
import { throwIfAborted } from '../heed-signal.js';
import type { CallOptions } from '../heed-signal.js';
import { isNewerSnapshot } from '../snapshot-store.js';
import type { SnapshotStore, StoredSnapshot } from '../snapshot-store.js';
import { validateSnapshot } from '../snapshot-validation.js';

/** A snapshot store whose snapshots are gone when it is. It grows with the number of aggregates. */
export class MemorySnapshotStore implements SnapshotStore {
  readonly #snapshots = new Map<string, StoredSnapshot>();

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  async select(originatorId: string, { signal }: CallOptions = {}): Promise<StoredSnapshot | undefined> {
    throwIfAborted(signal);
    return this.#snapshots.get(originatorId);
  }

  async upsert(snapshot: StoredSnapshot, { signal }: CallOptions = {}): Promise<boolean> {
    validateSnapshot(snapshot);
    throwIfAborted(signal);
    if (!isNewerSnapshot(snapshot, this.#snapshots.get(snapshot.originatorId))) return false;
    this.#snapshots.set(snapshot.originatorId, snapshot);
    return true;
  }

  async remove(originatorId?: string, { signal }: CallOptions = {}): Promise<void> {
    throwIfAborted(signal);
    if (originatorId === undefined) this.#snapshots.clear();
    else this.#snapshots.delete(originatorId);
  }
}
