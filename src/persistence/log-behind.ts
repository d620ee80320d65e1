import { PersistenceError } from './errors.js';
import type { NotificationId } from './stored-event.js';

/**
 * A log has less than what follows it has seen: it was cut off, or restored to an earlier time, or it is another one.
 * Going on would pass over what is recorded from now on, so what follows stops; the message says what to do.
 * `details.position` is where it stands, `details.head` where the log ends.
 */
export class LogBehindError extends PersistenceError {
  static override readonly code: string = 'LOG_BEHIND';
}

/** How far something is, and how far the log was afterwards. */
export interface Beyond {
  /** For the message: `The projection stock-levels`. */
  readonly what: string;
  readonly position: NotificationId;
  /** Read after the position: a log only grows, so this proves that the position is not of it. */
  readonly head: NotificationId;
  /** What to do. */
  readonly exit: string;
}

/** The error of what has seen more than there is. */
export function logBehind({ what, position, head, exit }: Beyond): LogBehindError {
  return new LogBehindError(
    `${what} has seen notification ${position}, which this log does not have (any more): it ends at ${head}, or has another event there. It was cut off or restored, or is another one. ${exit}`,
    { details: { position, head } },
  );
}
