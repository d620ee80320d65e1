/**
 * Daybook as an application uses it: the built package, on the main thread, through Comlink to its worker.
 *
 * @module
 */
import { openDaybook } from 'daybook';
import type { Daybook } from 'daybook';
import type { Notification, StoredEvent } from '../../src/persistence/stored-event.js';
import type { Contender } from '../runner/contender.js';
import { hostJobs } from '../runner/job-host.js';

class DaybookPage implements Contender {
  #daybook: Daybook | undefined;

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

  async close(): Promise<void> {
    await this.#daybook?.close();
  }

  async clear(): Promise<void> {
    // The marks of stores that the runner deletes by itself.
    localStorage.clear();
  }
}

hostJobs(new DaybookPage());
