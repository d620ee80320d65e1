/**
 * Errors of what follows a log: projections and processes.
 *
 * ```text
 * ApplicationError
 * ├─ FollowerStoppedError   it does not go on: closed, or stopped by a failure
 * ├─ HandlerTimeoutError    a handler, a policy, or what decodes did not settle in time
 * └─ WaitTimeoutError       it was not there in time
 * ```
 *
 * @module
 */
import { ApplicationError } from '../aggregates/application-errors.js';

/** A projection or a process does not go on: it was closed, or stopped by what is the cause of this error. */
export class FollowerStoppedError extends ApplicationError {
  static override readonly code: string = 'FOLLOWER_STOPPED';
}

/** What was waited for did not happen in time. It may still happen. */
export class WaitTimeoutError extends ApplicationError {
  static override readonly code: string = 'WAIT_TIMEOUT';
}

/**
 * A handler of a projection, a policy of a process, or what reads events for them did not settle in time. `details` say
 * whose it was, and with which event. What it does from then on does not count.
 */
export class HandlerTimeoutError extends ApplicationError {
  static override readonly code: string = 'HANDLER_TIMEOUT';
}
