/**
 * Finds a store that is there, to read it: nothing is made, changed or written.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { IndexedDbJournal } from './indexeddb-journal.js';
import { identityOf, newerLayout, openingError, openInTime, StoreConnection } from './store-connection.js';
import { DATABASE_VERSION } from './store-schema.js';

/**
 * @returns its journal; `none` where there is none; `unfinished` where only a page can make one of it: an import is not
 *   finished, or an older version has laid it out
 * @throws StorageUnavailableError (`STORAGE_UNAVAILABLE`) when there is no IndexedDB, or it refuses
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook laid the store out
 */
export async function findStore(name: string, clock: Clock): Promise<IndexedDbJournal | 'none' | 'unfinished'> {
  const found = { isNone: false };
  try {
    const database = await openInTime({ name, clock }, undefined, {
      upgrade(_database, _fromVersion, _toVersion, transaction) {
        // There is none: what would be made now would be taken for one that was lost.
        found.isNone = true;
        transaction.done.catch(() => undefined);
        transaction.abort();
      },
    });
    const identity = database.version === DATABASE_VERSION ? await identityOf(database) : undefined;
    if (identity !== undefined) {
      return IndexedDbJournal.over(StoreConnection.over(database, { name, clock, newIdentity: identity }));
    }
    database.close();
    if (database.version > DATABASE_VERSION) throw newerLayout(name);
    return 'unfinished';
  } catch (error) {
    if (found.isNone) return 'none';
    throw openingError(name, error);
  }
}
