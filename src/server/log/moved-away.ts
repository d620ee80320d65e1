/**
 * What a log says that was moved to other tables.
 *
 * @module
 */
import { UnavailableError } from '../../sync/protocol/index.js';

const REASON = 'moved';
const AGAIN_MS = 1_000;

/** Answered with 503: where the log is now, whoever asks again is told. */
export function movedAway(): UnavailableError {
  return new UnavailableError('The log is being moved to another place, or was. Nothing was stored: try again.', {
    details: { reason: REASON, retryAfterMs: AGAIN_MS },
  });
}

/** Whether an error says so. */
export function isMovedAway(error: unknown): boolean {
  return error instanceof UnavailableError && error.details['reason'] === REASON;
}
