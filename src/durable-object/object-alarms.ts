/**
 * Runs what follows the log of an object, by the object's alarm.
 *
 * ```text
 * something is recorded ──▶ alarm at once ──▶ every job runs ──(others recorded meanwhile)──▶ every job runs …
 *                                                 │
 *                                                 ├──(nothing left)────────▶ no alarm: the object may hibernate, or go
 *                                                 ├──(due later)───────────▶ alarm then
 *                                                 ├──(failed, may pass)────▶ alarm after a back-off
 *                                                 └──(failed for good)─────▶ stopped, until the object is started anew
 * ```
 *
 * Invariants:
 * 1. The alarm is set in the transaction that records: both are there, or neither. So whatever is killed afterwards, the jobs
 *    run.
 * 2. While the alarm's handler runs, nothing sets one: what is recorded meanwhile makes the jobs run once more, and a handler
 *    that does not end the platform begins again.
 * 3. How often a job has failed, and when it is due, is in a table: an object that hibernates forgets the rest.
 * 4. What has failed waits for its time; news is of no use to it.
 * 5. There is no timer but the alarm, and none where nothing is due.
 *
 * @module
 */
import { isTransient } from '../application/log/transient-errors.js';
import type { RecordingListener } from '../persistence/durable-object/object-sqlite.js';
import type { ObjectStorage } from '../persistence/durable-object/object-storage.js';
import { backoffDelayMs } from '../util/backoff.js';
import type { BackoffBounds } from '../util/backoff.js';
import type { Clock } from '../util/clock.js';
import { callListener } from '../util/listeners.js';
import type { AlarmJob } from './alarm-job.js';
import type { JobTable } from './job-table.js';

// Not at once, for what says that it is due and does nothing; and not for ever, for the platform ends a handler after
// 15 minutes.
const DUE_MS_MIN = 1_000;
const HANDLER_MS_MAX = 300_000;

/** What {@link ObjectAlarms} needs. */
export interface ObjectAlarmsOptions {
  readonly storage: ObjectStorage;
  readonly jobs: readonly AlarmJob[];
  readonly table: JobTable;
  readonly retry: BackoffBounds;
  readonly onJobFailed: ((job: string, error: unknown) => void) | undefined;
  readonly clock: Pick<Clock, 'nowMs' | 'monotonicMs'>;
  readonly random: () => number;
}

/** The jobs of one object. */
export class ObjectAlarms implements RecordingListener {
  readonly #options: ObjectAlarmsOptions;
  /** When an alarm is known to be set. */
  #alarmAtMs: number | undefined;
  #isInAlarm = false;
  #hasNews = false;
  #running: Promise<void> | undefined;
  readonly #stopped = new Set<string>();

  constructor(options: ObjectAlarmsOptions) {
    this.#options = options;
  }

  /** Begins: a job that was not there in an earlier release does not wait for something to be recorded. */
  async start(): Promise<void> {
    const { jobs, table } = this.#options;
    const isNew = jobs.filter(({ name }) => table.get(name) === undefined);
    for (const { name } of isNew) await table.set(name, { dueAtMs: undefined, failures: 0 });
    if (isNew.length > 0) this.onRecording();
  }

  onRecording(): void {
    this.#hasNews = true;
    // What is set within a transaction goes with it.
    if (!this.#isInAlarm) this.#setAlarm(this.#options.clock.nowMs());
  }

  onTakenBack(): void {
    this.#alarmAtMs = undefined;
  }

  /** The handler of the alarm. Never rejects for what a job rejects with. */
  async alarm(): Promise<void> {
    this.#alarmAtMs = undefined;
    this.#isInAlarm = true;
    try {
      await this.settle();
    } finally {
      this.#isInAlarm = false;
    }
    // Recorded after the last job had looked, and before this.
    if (this.#hasNews) this.#setAlarm(this.#options.clock.nowMs());
  }

  /** Runs the jobs until nothing follows any more, but for those that wait for their time. */
  async settle(): Promise<void> {
    this.#hasNews = true;
    this.#running ??= this.#runAll();
    await this.#running;
  }

  async #runAll(): Promise<void> {
    // It is known to run before it can be over.
    await Promise.resolve();
    try {
      const { jobs, clock } = this.#options;
      const startedMs = clock.monotonicMs();
      while (this.#hasNews && clock.monotonicMs() - startedMs < HANDLER_MS_MAX) {
        this.#hasNews = false;
        for (const job of jobs) if (!this.#waits(job)) await this.#run(job);
      }
      this.#setNextAlarm();
    } finally {
      this.#running = undefined;
    }
  }

  #waits({ name }: AlarmJob): boolean {
    if (this.#stopped.has(name)) return true;
    const { dueAtMs = 0, failures = 0 } = this.#options.table.get(name) ?? {};
    // By the clock that the alarm goes by.
    const waitMs = dueAtMs - this.#options.clock.nowMs();
    return failures > 0 && waitMs > 0;
  }

  async #run(job: AlarmJob): Promise<void> {
    const { table, clock } = this.#options;
    try {
      const { dueAtMs, failure } = await job.run();
      if (failure === undefined) {
        const due = dueAtMs === undefined ? undefined : Math.max(dueAtMs, clock.nowMs() + DUE_MS_MIN);
        await table.set(job.name, { dueAtMs: due, failures: 0 });
      } else await this.#failed(job, failure.error, failure.retryAfterMs, true);
    } catch (error) {
      await this.#failed(job, error, 0, isTransient(error));
    }
  }

  async #failed({ name }: AlarmJob, error: unknown, retryAfterMs: number = 0, mayPass: boolean): Promise<void> {
    const { table, clock, random, retry, onJobFailed } = this.#options;
    callListener(() => onJobFailed?.(name, error));
    if (!mayPass) {
      this.#stopped.add(name);
      await table.set(name, { dueAtMs: undefined, failures: 0 });
      return;
    }
    const failures = (table.get(name)?.failures ?? 0) + 1;
    const delayMs = Math.max(retryAfterMs, DUE_MS_MIN, backoffDelayMs(failures, random, retry));
    await table.set(name, { dueAtMs: clock.nowMs() + Math.ceil(delayMs), failures });
  }

  #setNextAlarm(): void {
    const { jobs, table } = this.#options;
    const dues = jobs.flatMap(({ name }) => table.get(name)?.dueAtMs ?? []);
    if (this.#hasNews) dues.push(this.#options.clock.nowMs());
    if (dues.length > 0) this.#setAlarm(dues.reduce((first, due) => Math.min(first, due)));
  }

  #setAlarm(atMs: number): void {
    if (this.#alarmAtMs !== undefined && this.#alarmAtMs <= atMs) return;
    this.#alarmAtMs = atMs;
    // Written at once; what would make it fail fails the object.
    void this.#options.storage.setAlarm(atMs).catch(() => undefined);
  }
}
