/**
 * Remembers beside IndexedDB which stores there are.
 *
 * A browser that loses its databases, and keeps the rest, shows an empty store in the place of one that was there, and
 * says so to nobody, or only to whoever opens the first database of the origin. With a mark of its own a store that has
 * just been made is known for what it is: not the one that was there. Whoever deletes a site's data deletes both.
 *
 * In `localStorage`, which browsers keep apart from IndexedDB. Where that is refused, nothing is remembered. A mark may be
 * an old one after a crash, so it is only asked about a store that is new.
 *
 * @module
 */
import { storeMarkKey } from './origin-names.js';

/** @returns the `replicaId` of the store that was last open under this name */
export function markedReplica(name: string): string | undefined {
  return attempted(() => localStorage.getItem(storeMarkKey(name))) ?? undefined;
}

export function markStore(name: string, replicaId: string): void {
  attempted(() => localStorage.setItem(storeMarkKey(name), replicaId));
}

export function unmarkStore(name: string): void {
  attempted(() => localStorage.removeItem(storeMarkKey(name)));
}

/** In a worker there is no `localStorage`, in some frames it throws, and a full one does too. */
function attempted<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
