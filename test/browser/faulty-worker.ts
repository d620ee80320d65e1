import { onTestFinished } from 'vitest';

/** What a faulty worker may be told. */
export type WorkerFault =
  /** The next `add` finds the quota used up, and from then on the connection refuses to write. */
  | 'quota'
  /** The browser closes every connection. */
  | 'close'
  /** Every `put` fails: storage opens, and cannot be written. */
  | 'no-writing';

// Runs before the worker's own code, inside the worker: the boundary to IndexedDB, made to fail on demand.
const FAULTS = `
const pending = new Set(FIRST);
const readOnly = new WeakSet();
const databases = new Set();
const original = IDBDatabase.prototype.transaction;
IDBDatabase.prototype.transaction = function (...parameters) {
  databases.add(this);
  return original.apply(this, parameters);
};
for (const name of ['add', 'put']) {
  const write = IDBObjectStore.prototype[name];
  IDBObjectStore.prototype[name] = function (...parameters) {
    const { db } = this.transaction;
    if (name === 'put' && pending.has('no-writing')) throw new DOMException('injected', 'UnknownError');
    if (name === 'add' && pending.delete('quota')) readOnly.add(db);
    if (readOnly.has(db)) throw new DOMException('injected', 'QuotaExceededError');
    return write.apply(this, parameters);
  };
}
const channel = new BroadcastChannel(CHANNEL);
channel.onmessage = ({ data }) => {
  if (data === 'close') {
    for (const database of databases) {
      database.close();
      database.dispatchEvent(new Event('close'));
    }
    databases.clear();
  } else pending.add(data);
  channel.postMessage('done');
};
`;

/** The published worker with a boundary to IndexedDB that fails when told to. */
export function faultyWorker(first: readonly WorkerFault[] = []): {
  /** For `openDaybook`. The wasm is named, because the worker that starts here does not lie beside it. */
  readonly files: { readonly workerUrl: string; readonly wasmUrl: string };
  inject(fault: WorkerFault): Promise<void>;
} {
  const name = `faults-${crypto.randomUUID()}`;
  const faults = FAULTS.replace('CHANNEL', JSON.stringify(name)).replace('FIRST', JSON.stringify(first));
  const worker = new URL('../../dist/worker.js', import.meta.url).href;
  const channel = new BroadcastChannel(name);
  onTestFinished(() => channel.close());
  // Static imports, so that no message is lost while they load.
  const workerUrl = moduleUrl(`import ${JSON.stringify(moduleUrl(faults))};\nimport ${JSON.stringify(worker)};\n`);
  const wasmUrl = new URL('../../dist/sql-wasm.wasm', import.meta.url).href;
  return {
    files: { workerUrl, wasmUrl },
    inject: (fault) =>
      new Promise((resolve) => {
        channel.onmessage = () => resolve();
        channel.postMessage(fault);
      }),
  };
}

function moduleUrl(source: string): string {
  return URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
}
