import { deleteDB } from 'idb';
import { databaseName } from '../../origin/origin-names.js';
import type { Clock } from '../../util/clock.js';
import { inTime } from '../../util/in-time.js';
import { StorageUnavailableError } from '../errors.js';

/** What became of a deletion. `blocked`: somebody holds a connection, and the browser deletes when they let go. */
export type DeleteOutcome = 'deleted' | 'blocked';

/** How long a deletion waits. */
export interface DeleteDatabaseOptions {
  /** Milliseconds to wait for connections that do not close when they are told to. A browser would wait for ever. */
  readonly waitMsMax: number;
  readonly clock: Clock;
}

/**
 * Deletes a store's database, if there is one.
 *
 * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when IndexedDB refuses
 */
export async function deleteStoreDatabase(name: string, options: DeleteDatabaseOptions): Promise<DeleteOutcome> {
  const deletion = deleteDB(databaseName(name)).then((): DeleteOutcome => 'deleted');
  try {
    return await inTime(options.clock, options.waitMsMax, deletion, () => 'blocked');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StorageUnavailableError(`The store "${name}" could not be deleted: ${reason}.`, {
      cause,
      details: { name },
    });
  }
}
