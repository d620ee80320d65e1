/**
 * The hash of what a store has.
 *
 * @module
 */
import type { ApplicationRecorder } from '../persistence/recorder.js';
import type { NotificationId } from '../persistence/stored-event.js';
import { callListener } from '../util/listeners.js';
import { EventHash } from './event-hash.js';
import { exportedEvents } from './exported-events.js';
import { startOf } from './events-file.js';
import type { Checkpoint } from './events-file.js';
import type { EventsTransferProgress } from './export-events.js';
import { validateFunctions } from '../persistence/validation.js';
import { checkOptions } from './export-events.js';
import { throwIfAborted } from '../persistence/heed-signal.js';

/** Options of {@link hashEvents}. */
export interface HashEventsOptions {
  /** Only events behind this position. @defaultValue 0: all */
  readonly after?: NotificationId;
  /** Only events up to this position. @defaultValue those that there are when it begins */
  readonly upTo?: NotificationId;
  readonly signal?: AbortSignal | undefined;
  /** Told after each group of up to 500 events. */
  readonly onProgress?: ((progress: EventsTransferProgress) => void) | undefined;
}

/**
 * Counts and hashes the events of a store, in their order: what the end of a file of them says. Two stores that have the same
 * events in the same order have the same hash, whatever their engines and positions are.
 *
 * @throws what reading throws, as {@link exportEvents}
 *
 * @example
 * ```ts
 * const isSame = (await hashEvents(here)).hash === (await hashEvents(there)).hash;
 * ```
 */
export async function hashEvents(
  recorder: ApplicationRecorder,
  { after = 0, upTo, signal, onProgress }: HashEventsOptions = {},
): Promise<Checkpoint> {
  checkOptions({ after, upTo, resume: undefined });
  validateFunctions({ onProgress });
  throwIfAborted(signal);
  const last = Math.min(upTo ?? Infinity, await recorder.maxNotificationId());
  const reckoning = new EventHash();
  let { events, position, hash } = startOf(after);
  const close = async (): Promise<void> => {
    hash = await reckoning.close();
    callListener(() => onProgress?.({ events, position, hash, last }));
  };
  for await (const page of exportedEvents(recorder, { after, upTo: last, signal })) {
    for (const event of page) {
      events += 1;
      position = event.id;
      if (reckoning.add(event)) await close();
    }
  }
  if (reckoning.pending > 0) await close();
  return { events, position, hash };
}
