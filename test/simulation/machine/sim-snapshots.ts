/**
 * The snapshots that servers hand on to new devices: in the same database as the log, and set back with it.
 *
 * @module
 */
import { Application } from '../../../src/application/application.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { isNewerSnapshot } from '../../../src/persistence/snapshot-store.js';
import type { SnapshotStore, StoredSnapshot } from '../../../src/persistence/snapshot-store.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { stock5 } from '../world/stock.js';

/** Their table. */
export class SimSnapshots implements SnapshotStore {
  /** How many were found. */
  read = 0;
  #rows: ReadonlyMap<string, StoredSnapshot> = new Map();

  async select(originatorId: string): Promise<StoredSnapshot | undefined> {
    const found = this.#rows.get(originatorId);
    if (found !== undefined) this.read++;
    return found;
  }

  async upsert(snapshot: StoredSnapshot): Promise<boolean> {
    if (!isNewerSnapshot(snapshot, this.#rows.get(snapshot.originatorId))) return false;
    this.#rows = new Map(this.#rows).set(snapshot.originatorId, snapshot);
    return true;
  }

  async remove(): Promise<void> {
    this.#rows = new Map();
  }

  /** @returns sets them back to what they are now */
  backup(): () => void {
    const rows = this.#rows;
    return () => (this.#rows = rows);
  }

  /** As the application beside the server takes them, which has the newest release. @param events - of the log, in its order */
  async take(events: readonly StoredEvent[], ids: readonly string[]): Promise<void> {
    const recorder = new MemoryProcessRecorder();
    for (const event of events) await recorder.insertEvents([event]);
    const app = new Application({ recorder, aggregates: [stock5], snapshots: { store: this, interval: 1_000_000 } });
    for (const id of ids) {
      if (events.some(({ originatorId }) => originatorId === id)) await app.takeSnapshot(stock5, id);
    }
  }

  /** As a server hands them on. */
  forDevices(): Pick<SnapshotStore, 'select'> {
    const recorder = new MemoryProcessRecorder();
    const snapshots = { store: this, interval: 1_000_000 };
    return new Application({ recorder, aggregates: [stock5], snapshots }).snapshotsForDevices();
  }
}
