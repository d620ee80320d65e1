/**
 * Web Locks of a worker: one that says that it lives, one that says that it has a store open.
 *
 * @module
 */

/** Gives a lock back. Giving it back twice is fine. */
export type Release = () => void;

/** What a wait for a lock came to. */
export type AloneOutcome = 'done' | 'in-use';

/** The lock that everyone who has a store open shares, and that its deletion wants for itself. */
export function openLockName(storeName: string): string {
  return `daybook:open:${storeName}`;
}

/** The lock of the tab that imports into a store. */
export function importLockName(storeName: string): string {
  return `daybook:${storeName}:import`;
}

/** The lock of the tab that writes a checkpoint; shared by those whom a new one would disturb. */
export function checkpointLockName(storeName: string): string {
  return `daybook:${storeName}:checkpoint`;
}

/**
 * Works while nobody else holds a lock; does nothing if somebody does. Where there are no Web Locks it works at once:
 * for work that only becomes double then, not wrong.
 */
export async function workIfFree(name: string, work: () => Promise<void>): Promise<void> {
  const locks = webLocks();
  if (locks === undefined) return work();
  await locks.request(name, { ifAvailable: true }, async (lock) => {
    if (lock !== null) await work();
  });
}

/**
 * Holds a lock until it is given back, or this worker dies.
 *
 * @returns how to give it back, once it is held; `undefined` where there are no Web Locks
 */
export function holdLock(name: string, mode: LockMode): Promise<Release | undefined> {
  const locks = webLocks();
  if (locks === undefined) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    locks.request(name, { mode }, () => new Promise<void>((release) => resolve(release))).catch(reject);
  });
}

/**
 * Works while nobody else holds a lock, or gives up. Where there are no Web Locks it works at once.
 *
 * @param waitMsMax - milliseconds to wait for those who hold it; who asks for it meanwhile waits behind
 */
export async function workAlone(name: string, waitMsMax: number, work: () => Promise<void>): Promise<AloneOutcome> {
  const locks = webLocks();
  if (locks === undefined) {
    await work();
    return 'done';
  }
  const turn = { hasCome: false };
  try {
    await locks.request(name, { signal: AbortSignal.timeout(waitMsMax) }, () => {
      turn.hasCome = true;
      return work();
    });
    return 'done';
  } catch (error) {
    if (turn.hasCome) throw error;
    return 'in-use';
  }
}

/** Absent in insecure contexts, whatever the types say. */
function webLocks(): LockManager | undefined {
  return navigator.locks;
}
