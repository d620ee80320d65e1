/**
 * Every name that Daybook takes in an origin: of Web Locks, BroadcastChannels, databases and marks. Made here and
 * nowhere else, because two stores that meet under one name disturb each other, whoever made it.
 *
 * ```text
 * Web Locks          daybook:open:<store>         shared by those who have it open; its deletion wants it alone
 *                    daybook:checkpoint:<store>   who writes a checkpoint; shared by those whom a new one would disturb
 *                    daybook:sync:<store>         who pushes
 *                    daybook:alive:<id>           a worker that lives
 *                    daybook:<store>:import       who imports into it; daybook:import:<store> where the store's name
 *                                                 begins with the word of a lock
 * BroadcastChannels  daybook:head:<store>         how far the journal is
 *                    daybook:sync:<store>         how synchronisation stands
 * IndexedDB          daybook:<store>              the store
 * localStorage       daybook:store:<store>        that it was there
 * private files      daybook-rescue/<digest>      what of it no server has confirmed: SHA-256 of its name, in hexadecimal
 * ```
 *
 * A store may be called anything. So the kind, a word without a colon, comes first: what follows the second colon is
 * the store's name to its last character, and two names are equal only for one kind and one store. The database has no
 * kind, and needs none: nothing else of Daybook is in IndexedDB. It and the mark never change: stores lie under them.
 *
 * Older code had the kind last (`daybook:<store>:checkpoint`), and there `open:r` met `r:checkpoint`. A tab with that code,
 * beside one with this, holds other locks and hears other channels until it is reloaded:
 * - `checkpoint`: both may write one. `Checkpoints` publishes only on what it began with, so one of them worked for
 *   nothing. An export may find its chunks gone: it ends with an error, never with a wrong file, and is begun again.
 * - `sync`, the lock: both push. The server answers a batch that it has as recorded before: requests are wasted.
 * - `sync`, the channel: each shows how its own side stands, and does not hear that a person paused the other one.
 * - `head`: what the other side recorded is seen at the next commit, or when a person comes back to the tab. Nobody
 *   gives way to the other side: a transaction may run more often, and say in the end that it was overtaken.
 * - `import`: without a lock, of two imports of one file the later one could undo what the other has finished. That
 *   would be a loss, so this name stays wherever it can meet no other; where it cannot, it could not be relied on before.
 *
 * @module
 */
import { sha256Now } from '../util/sha256-now.js';

const WORD_OF_A_LOCK = /^(open|checkpoint|sync|alive|import)(:|$)/;

/** The lock that everyone who has a store open shares, and that its deletion wants for itself. */
export function openLockName(storeName: string): string {
  return `daybook:open:${storeName}`;
}

/** The lock of the tab that writes a checkpoint; shared by those whom a new one would disturb. */
export function checkpointLockName(storeName: string): string {
  return `daybook:checkpoint:${storeName}`;
}

/** The lock of the tab that pushes a store. */
export function syncLockName(storeName: string): string {
  return `daybook:sync:${storeName}`;
}

/**
 * The lock that a worker holds as long as it lives.
 *
 * @param id - a UUID, made for this worker
 */
export function aliveLockName(id: string): string {
  return `daybook:alive:${id}`;
}

/** The lock of the tab that imports into a store. */
export function importLockName(storeName: string): string {
  // The others have such a word in this place, and nothing else there.
  return WORD_OF_A_LOCK.test(storeName) ? `daybook:import:${storeName}` : `daybook:${storeName}:import`;
}

/** The channel on which the workers of a store say how far its journal is. */
export function headChannelName(storeName: string): string {
  return `daybook:head:${storeName}`;
}

/** The channel on which the tabs of a store say how synchronisation stands. */
export function syncChannelName(storeName: string): string {
  return `daybook:sync:${storeName}`;
}

/** The database of a store in IndexedDB. */
export function databaseName(storeName: string): string {
  return `daybook:${storeName}`;
}

/** Where `localStorage` remembers that a store was there. */
export function storeMarkKey(storeName: string): string {
  return `daybook:store:${storeName}`;
}

/** The folder of a store's rescue files, in the origin's private file system. By its digest: a name may be too long for one, or no name of a file. */
export function rescuePath(storeName: string): readonly [parent: string, folder: string] {
  const digest = sha256Now(new TextEncoder().encode(storeName));
  return ['daybook-rescue', Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')];
}
