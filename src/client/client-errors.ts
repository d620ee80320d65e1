/**
 * Errors of the main thread's side.
 *
 * @module
 */
import type { EventSourcingErrorClass } from '../domain/errors.js';
import { InterfaceError, OperationalError, PERSISTENCE_ERRORS } from '../persistence/errors.js';

/** The worker could not be started: its script did not load, or did not answer in time. */
export class WorkerFailedError extends OperationalError {
  static override readonly code: string = 'WORKER_FAILED';
}

/** The worker died with calls pending. Those may or may not have been recorded: open the store again and look. */
export class WorkerDiedError extends OperationalError {
  static override readonly code: string = 'WORKER_DIED';
}

/** The store was closed by this side. */
export class StoreClosedError extends InterfaceError {
  static override readonly code: string = 'STORE_CLOSED';
}

/** Every class that may cross from the worker. */
export const CLIENT_ERRORS: readonly EventSourcingErrorClass[] = [
  ...PERSISTENCE_ERRORS,
  WorkerFailedError,
  WorkerDiedError,
  StoreClosedError,
];
