/**
 * Daybook as an application uses it: the built package, on the main thread, through Comlink to its worker.
 *
 * @module
 */
import { openDaybook } from 'daybook';
import type { Daybook } from 'daybook';
import { startSync } from 'daybook/sync';
import type { Sync, SyncState } from 'daybook/sync';
import type { Notification, StoredEvent } from '../../src/persistence/stored-event.js';
import type { Contender } from '../runner/contender.js';
import { hostJobs } from '../runner/job-host.js';
import type { LogServer } from '../runner/log-server.js';

// Nothing follows by itself from these in the time of a benchmark.
const STOPPED: ReadonlySet<SyncState> = new Set(['needs-auth', 'upgrade-required', 'stuck', 'paused']);

class DaybookPage implements Contender {
  #daybook: Daybook | undefined;
  #sync: Sync | undefined;

  async open(name: string): Promise<void> {
    this.#daybook = await openDaybook({ name, workerUrl: '/daybook/worker.js' });
  }

  async commit(events: readonly StoredEvent[]): Promise<void> {
    await this.#daybook?.recorder.insertEvents(events);
  }

  async count(): Promise<number> {
    return (await this.#daybook?.recorder.maxNotificationId()) ?? 0;
  }

  async selectEvents(originatorId: string): Promise<readonly StoredEvent[]> {
    return (await this.#daybook?.recorder.selectEvents(originatorId)) ?? [];
  }

  async selectNotifications(start: number, limit: number): Promise<readonly Notification[]> {
    return (await this.#daybook?.recorder.selectNotifications({ start, limit })) ?? [];
  }

  follow({ url, token }: LogServer): void {
    this.#sync = startSync({ store: this.#opened(), url, getToken: () => token });
  }

  async agreed(position: number): Promise<void> {
    const status = this.#sync?.status;
    if (status === undefined) throw new Error('it follows no log');
    await new Promise<void>((resolve, reject) => {
      const stop = status.subscribe((now) => {
        if (now.position >= position) resolve();
        else if (STOPPED.has(now.state)) reject(now.lastError ?? new Error(`it is ${now.state}`));
        else return;
        // The first call comes before there is anything to stop.
        queueMicrotask(() => stop());
      });
    });
  }

  onRecorded(listener: () => void): () => void {
    return this.#opened().onRecorded(listener);
  }

  async close(): Promise<void> {
    await this.#sync?.close();
    this.#sync = undefined;
    await this.#daybook?.close();
  }

  async clear(): Promise<void> {
    // The marks of stores that the runner deletes by itself.
    localStorage.clear();
  }

  #opened(): Daybook {
    if (this.#daybook === undefined) throw new Error('not open');
    return this.#daybook;
  }
}

hostJobs(new DaybookPage());
