/**
 * LiveStore as an application uses it: a store on the page, a shared worker, and a leader worker that keeps two SQLite
 * files in the origin private file system. No server to synchronise with.
 *
 * @module
 */
import { makePersistedAdapter } from '@livestore/adapter-web';
import { createStorePromise, makeShutdownDeferred } from '@livestore/livestore';
import type { Store } from '@livestore/livestore';
import { Effect } from 'effect';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import type { Contender } from '../runner/contender.js';
import { hostJobs } from '../runner/job-host.js';
import { COUNT_EVENTS_SQL } from './contender-schema.js';
import { recorded, schema } from './livestore/livestore-schema.js';

const decoder = new TextDecoder();

interface WorkerName {
  readonly name: string;
}

class LiveStorePage implements Contender {
  #store: Store<typeof schema> | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;

  async open(name: string): Promise<void> {
    const adapter = makePersistedAdapter({
      worker: (options: WorkerName) => new Worker('/contenders/livestore-leader.js', { type: 'module', ...options }),
      sharedWorker: (options: WorkerName) =>
        new SharedWorker('/contenders/livestore-shared.js', { type: 'module', ...options }),
      storage: { type: 'opfs' },
    });
    const stopped = await Effect.runPromise(makeShutdownDeferred);
    const store = await createStorePromise({ schema, adapter, storeId: name, shutdownDeferred: stopped });
    // What comes here was queued before, so it is only a hint to look.
    store.subscribeSyncStatus(() => {
      if (store.syncStatus().isSynced) this.#waiting?.resolve();
    });
    // A store that cannot write shuts down, and tells nobody who waits for it.
    Effect.runPromise(stopped).catch((error: unknown) => this.#waiting?.reject(error));
    this.#store = store;
  }

  async commit(events: readonly StoredEvent[]): Promise<void> {
    // From here on they are pending, until the leader worker has answered. It queues its answer before it writes, but
    // does not give way until both files are flushed, so it answers after that: no write was ever seen to come later.
    this.#opened().commit(...events.map(toRecorded));
    this.#waiting = Promise.withResolvers();
    await this.#waiting.promise;
  }

  async count(): Promise<number> {
    const rows = this.#opened().query<readonly Record<string, number>[]>({ query: COUNT_EVENTS_SQL, bindValues: {} });
    return Object.values(rows[0] ?? {})[0] ?? 0;
  }

  async close(): Promise<void> {
    this.#waiting = undefined;
    await this.#opened().shutdownPromise();
  }

  async clear(): Promise<void> {
    const root = await navigator.storage.getDirectory();
    for await (const name of root.keys()) await root.removeEntry(name, { recursive: true });
  }

  #opened(): Store<typeof schema> {
    if (this.#store === undefined) throw new Error('not open');
    return this.#store;
  }
}

function toRecorded({ originatorId, originatorVersion, topic, state }: StoredEvent): ReturnType<typeof recorded> {
  return recorded({ originatorId, originatorVersion, topic, state: decoder.decode(state) });
}

hostJobs(new LiveStorePage());
