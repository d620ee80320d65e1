import { onTestFinished } from 'vitest';

/** What a faulty worker may be told. Each strikes once, unless it says otherwise. */
export type WorkerFault =
  /** An `add` finds the quota used up, and from then on the connection refuses to write. */
  | 'quota'
  /** The browser closes every connection, and says so. At once. */
  | 'close'
  /** The browser closes every connection, and has not said so yet. At once. */
  | 'close-unsaid'
  /** The browser aborts the transaction of an `add` for a reason of its own. */
  | 'abort'
  /** The browser closes the connection while a transaction with an `add` is in progress. */
  | 'close-within'
  /** The browser closes the connection when the transaction of an `add` is complete, before anybody hears of that. */
  | 'close-after'
  /** The transaction of an `add` never ends, as in a tab that was frozen in the middle of it. */
  | 'hold'
  /** Nobody hears that the transaction of an `add` is complete. */
  | 'lose-reply'
  /** The browser says that this origin has used up all that it may take. Stays. */
  | 'no-quota'
  /** Every `put` fails: storage opens, and cannot be written. Stays. */
  | 'no-writing'
  /** The browser has thrown away damaged storage, and says so to whoever creates a database. Stays. */
  | 'data-loss'
  /** There is no private file system, as in an insecure context. Stays, if it is there from the first. */
  | 'no-files'
  /** The private file system gives no file. Stays, if it is there from the first. */
  | 'files-refused'
  /** The first file to be made in the private file system finds the quota used up. */
  | 'file-quota'
  /** The clock runs a hundred times as fast. Stays, if it is there from the first. */
  | 'fast-clock'
  /** What this tab records, other tabs are not told. Stays, if it is there from the first. */
  | 'no-hints'
  /** `indexedDB.open` does not answer. Stays. */
  | 'no-opening'
  /** The worker ends itself at `indexedDB.open`, without a word. Stays. */
  | 'die-opening'
  /** Time limits of five seconds and more pass a hundred times as fast. Stays. */
  | 'haste';

// Runs before the worker's own code, inside the worker: the boundary to IndexedDB, made to fail on demand.
const FAULTS = `
const pending = new Map(FIRST.map((fault) => [fault].flat().concat(1).slice(0, 2)));
// Vitest asks its runner before every import by address, and there is none in a worker.
if (pending.has('no-files')) delete FileSystemFileHandle.prototype.createSyncAccessHandle;
if (pending.has('files-refused')) {
  FileSystemDirectoryHandle.prototype.getFileHandle = async () => {
    throw new DOMException('injected', 'UnknownError');
  };
}
if (pending.has('fast-clock')) {
  const now = performance.now.bind(performance);
  performance.now = () => 100 * now();
}
globalThis.__vitest_browser_runner__ ??= { wrapDynamicImport: (load) => load() };
const strikes = (fault) => {
  const left = pending.get(fault);
  if (left === undefined) return false;
  if (left > 1) pending.set(fault, left - 1);
  else pending.delete(fault);
  return left === 1;
};
const getFile = FileSystemDirectoryHandle.prototype.getFileHandle;
if (pending.has('file-quota')) {
  FileSystemDirectoryHandle.prototype.getFileHandle = async function (name, options) {
    if (options?.create === true && strikes('file-quota')) throw new DOMException('injected', 'QuotaExceededError');
    return getFile.call(this, name, options);
  };
}
const channel = new BroadcastChannel(CHANNEL);
const say = channel.postMessage.bind(channel);
if (pending.has('no-hints')) BroadcastChannel.prototype.postMessage = () => undefined;
const readOnly = new WeakSet();
const databases = new Set();
const closeByBrowser = (database, isSaid) => {
  databases.delete(database);
  database.close();
  if (isSaid) database.dispatchEvent(new Event('close'));
};
const original = IDBDatabase.prototype.transaction;
const onComplete = new WeakMap();
IDBDatabase.prototype.transaction = function (...parameters) {
  databases.add(this);
  const transaction = original.apply(this, parameters);
  // Listens before the worker's own code does.
  transaction.addEventListener('complete', (event) => onComplete.get(transaction)?.(event));
  return transaction;
};
const open = IDBFactory.prototype.open;
IDBFactory.prototype.open = function (...parameters) {
  if (pending.has('die-opening')) close();
  else if (!pending.has('no-opening')) return open.apply(this, parameters);
  return Object.assign(Object.create(IDBOpenDBRequest.prototype), { addEventListener: () => undefined });
};
Object.defineProperty(IDBVersionChangeEvent.prototype, 'dataLoss', {
  configurable: true,
  get: () => (pending.has('data-loss') ? 'total' : 'none'),
});
if (globalThis.StorageManager !== undefined) {
  const estimate = StorageManager.prototype.estimate;
  StorageManager.prototype.estimate = async function () {
    return pending.has('no-quota') ? { usage: 1000, quota: 1000 } : estimate.call(this);
  };
}
const wait = globalThis.setTimeout;
globalThis.setTimeout = (callback, delayMs = 0, ...rest) =>
  wait(callback, pending.has('haste') && delayMs >= 5000 ? delayMs / 100 : delayMs, ...rest);
const afterAdd = {
  abort: (transaction) => transaction.abort(),
  // Not in the task of the request: WebKit fires no \`abort\` then. What was told to commit cannot be aborted.
  'close-within': (transaction, store) => {
    transaction.commit = () => undefined;
    store.count().onsuccess = () => {
      transaction.abort();
      closeByBrowser(transaction.db, true);
    };
  },
  'close-after': (transaction) => onComplete.set(transaction, () => closeByBrowser(transaction.db, true)),
  'lose-reply': (transaction) =>
    onComplete.set(transaction, (event) => {
      event.stopImmediatePropagation();
      say('lose-reply');
    }),
  hold: (transaction, store) => {
    transaction.commit = () => undefined;
    const ask = () => {
      store.count().onsuccess = ask;
    };
    ask();
    say('hold');
  },
};
for (const name of ['add', 'put']) {
  const write = IDBObjectStore.prototype[name];
  IDBObjectStore.prototype[name] = function (...parameters) {
    const { db } = this.transaction;
    if (name === 'put' && pending.has('no-writing')) throw new DOMException('injected', 'UnknownError');
    if (name === 'add' && strikes('quota')) readOnly.add(db);
    if (readOnly.has(db)) throw new DOMException('injected', 'QuotaExceededError');
    const request = write.apply(this, parameters);
    if (name === 'add') {
      for (const [fault, strike] of Object.entries(afterAdd)) if (strikes(fault)) strike(this.transaction, this);
    }
    return request;
  };
}
channel.onmessage = ({ data: [fault, nth] }) => {
  if (fault === 'close' || fault === 'close-unsaid') {
    for (const database of databases) closeByBrowser(database, fault === 'close');
  } else pending.set(fault, nth);
  say('done');
};
`;

/** A worker that fails on demand, and how it is told. */
export interface FaultyWorker {
  /** For `openDaybook` and the others. The wasm is named, because a worker that starts here does not lie beside it. */
  readonly files: { readonly workerUrl: string; readonly backupWorkerUrl: string; readonly wasmUrl: string };
  /**
   * Resolves when the worker knows.
   *
   * @param nth - which one of the writes that follow it strikes; 1 is the next
   */
  inject(fault: WorkerFault, nth?: number): Promise<void>;
  /** Resolves when a fault has struck that is not seen otherwise. To be called before it does. */
  struck(fault: 'hold' | 'lose-reply'): Promise<void>;
}

/**
 * The published worker with a boundary to IndexedDB that fails when told to.
 *
 * @param first - what it is told from the first, with which of the writes strikes
 */
export function faultyWorker(first: readonly (WorkerFault | readonly [WorkerFault, number])[] = []): FaultyWorker {
  const name = `faults-${crypto.randomUUID()}`;
  const faults = FAULTS.replace('CHANNEL', JSON.stringify(name)).replace('FIRST', JSON.stringify(first));
  const channel = new BroadcastChannel(name);
  onTestFinished(() => channel.close());
  const heard = (word: string): Promise<void> =>
    new Promise((resolve) => {
      channel.addEventListener('message', ({ data }) => {
        if (data === word) resolve();
      });
    });
  // Static imports, so that no message is lost while they load.
  const withFaults = (worker: URL): string =>
    moduleUrl(`import ${JSON.stringify(moduleUrl(faults))};\nimport ${JSON.stringify(worker.href)};\n`);
  const workerUrl = withFaults(new URL('../../dist/worker.js', import.meta.url));
  const backupWorkerUrl = withFaults(new URL('../../dist/backup-worker.js', import.meta.url));
  const wasmUrl = new URL('../../dist/sql-wasm.wasm', import.meta.url).href;
  return {
    files: { workerUrl, backupWorkerUrl, wasmUrl },
    inject: async (fault, nth = 1) => {
      const done = heard('done');
      channel.postMessage([fault, nth]);
      await done;
    },
    struck: heard,
  };
}

function moduleUrl(source: string): string {
  return URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
}
