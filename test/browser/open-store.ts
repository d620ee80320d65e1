import { openDaybook } from 'daybook';
import type { Daybook, OpenDaybookOptions } from 'daybook';
import { onTestFinished } from 'vitest';

/** A name that no other test uses. */
export function newStoreName(): string {
  return `test-${crypto.randomUUID()}`;
}

/** Opens a store that is closed when the test ends. */
export async function openStore(name: string, options: Partial<OpenDaybookOptions> = {}): Promise<Daybook> {
  const daybook = await openDaybook({ name, ...options });
  onTestFinished(async () => daybook.close());
  return daybook;
}

/** Runs with every worker that is made in the meantime at hand. */
export async function withWorkers<T>(work: (workers: readonly Worker[]) => Promise<T>): Promise<T> {
  const workers: Worker[] = [];
  const Original = globalThis.Worker;
  globalThis.Worker = class extends Original {
    constructor(...parameters: ConstructorParameters<typeof Worker>) {
      super(...parameters);
      workers.push(this);
    }
  };
  try {
    return await work(workers);
  } finally {
    globalThis.Worker = Original;
  }
}

/** Whether there is a database for a store of this name. WebKit lists one whose creation was aborted, without a version. */
export async function exists(name: string): Promise<boolean> {
  const databases = await indexedDB.databases();
  return databases.some((database) => database.name === `daybook:${name}` && database.version !== 0);
}

/** The journal of a store, as plain IndexedDB shows it. */
export async function rawJournal<T>(
  name: string,
  mode: IDBTransactionMode,
  work: (journal: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const database = await settled(indexedDB.open(`daybook:${name}`));
  try {
    return await settled(work(database.transaction('journal', mode).objectStore('journal')));
  } finally {
    database.close();
  }
}

/** The outcome of an IndexedDB request. */
export function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error ?? new Error('the request failed'));
    };
  });
}
