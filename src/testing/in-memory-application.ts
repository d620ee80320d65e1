/**
 * Applications to test with: in memory, with a clock that stands still and ids that are the same in every run.
 *
 * @module
 */
import type { ApplicationOptions } from '../application/application-options.js';
import { Application } from '../application/application.js';
import { MemoryProcessRecorder } from '../persistence/memory/memory-recorder.js';
import { ManualClock } from './manual-clock.js';
import { sequentialIds } from './sequential-ids.js';

/** The options of an application, none of which but its aggregates has to be given. */
export type InMemoryApplicationOptions = Partial<ApplicationOptions> & Pick<ApplicationOptions, 'aggregates'>;

/**
 * The options of an application in memory, for a class that extends `Application`. Unless it is given otherwise: the clock
 * is a `ManualClock`, ids of events are `sequentialIds`, and nothing waits before deciding again.
 *
 * @example
 * ```ts
 * const school = new TrainingSchool(inMemoryOptions({ aggregates: [Dog] }));
 * ```
 */
export function inMemoryOptions(options: InMemoryApplicationOptions): ApplicationOptions {
  return {
    recorder: new MemoryProcessRecorder(),
    clock: new ManualClock(),
    newEventId: sequentialIds(),
    random: () => 0,
    ...options,
  };
}

/**
 * Makes an application in memory. It does everything that one on a database does, but for SQL.
 *
 * @example
 * ```ts
 * const app = inMemoryApplication({ aggregates: [order] });
 * const { version } = await app.execute(order, orderId, { type: 'PlaceOrder', data: { lines } });
 * ```
 */
export function inMemoryApplication(options: InMemoryApplicationOptions): Application {
  return new Application(inMemoryOptions(options));
}
