/**
 * Keeps history in the store that a process follows until the process has reacted to it, whoever lets history leave.
 *
 * What counts is what is tracked: a process that is started again goes on from there. Where nothing has followed from many
 * events, that they are done is tracked as well, or a process that seldom has something to do would keep everything.
 *
 * @module
 */
import { IntegrityError } from '../../persistence/errors.js';
import { NOTED_EVENTS, noteFollower } from '../../persistence/sql/log-followers.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { Tracking } from '../../persistence/stored-event.js';

/** Where what a process has done is tracked. */
interface TrackedIn {
  readonly recorder: Pick<ProcessRecorder, 'maxTrackingId'>;
  executeAll(executions: readonly never[], options: { readonly tracking: Tracking }): Promise<unknown>;
}

/** How far a process is, and what it counts. */
interface Reached {
  readonly counts: 'id' | 'number';
  /** The name of its tracking record. */
  readonly tracked: string;
  /** Everything up to here is done, tracked or not. */
  readonly position: number;
}

/** Of one process. */
export class ProcessHold {
  readonly #name: string;
  readonly #into: TrackedIn;
  /** Up to where that is written down, under which name; `undefined` before the store knows that the process follows it. */
  #written: Pick<Reached, 'tracked' | 'position'> | undefined;

  /** @param name - what its progress is recorded under */
  constructor(name: string, into: TrackedIn) {
    this.#name = name;
    this.#into = into;
  }

  /** Says in the followed store how far the process is, where that is due. */
  async note(recorder: SqlRecorder, { counts, tracked, position }: Reached): Promise<void> {
    const before = this.#written?.tracked === tracked ? this.#written.position : undefined;
    const isDue = before !== undefined && position - before >= NOTED_EVENTS;
    if (before !== undefined && !isDue) return;
    if (isDue) await this.#track(tracked, position);
    // With the first look it is what is tracked.
    const reached = isDue ? position : await this.#into.recorder.maxTrackingId(tracked);
    const isHere = (this.#into.recorder as object) === recorder;
    const note = isHere ? { tracked } : { position: reached };
    await noteFollower(recorder, { kind: 'process', follower: this.#name, counts, ...note });
    this.#written = { tracked, position: reached };
  }

  async #track(applicationName: string, notificationId: number): Promise<void> {
    const { recorder } = this.#into;
    if ((await recorder.maxTrackingId(applicationName)) >= notificationId) return;
    try {
      await this.#into.executeAll([], { tracking: { applicationName, notificationId } });
    } catch (error) {
      if (!isTrackingTaken(error)) throw error;
    }
  }
}

/** Whether another one that runs the same process was faster, or this one before it was stopped. */
export function isTrackingTaken(error: unknown): boolean {
  return error instanceof IntegrityError && error.details.constraint === 'tracking';
}
