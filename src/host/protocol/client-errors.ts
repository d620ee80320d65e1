/**
 * Errors of the main thread's side.
 *
 * @module
 */
import type { EventSourcingErrorClass } from '../../domain/errors.js';
import { InterfaceError, OperationalError, PERSISTENCE_ERRORS } from '../../persistence/errors.js';

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

/**
 * The store was not deleted: it holds what no server has, or what was set aside. How much: `details.pending` events,
 * `details.lostUnits` and `details.setAsideUnits` units.
 */
export class UnsyncedEventsError extends OperationalError {
  static override readonly code: string = 'UNSYNCED_EVENTS';
}

/**
 * The store was not deleted: another tab, or this one, has it open. Or it was not opened, exported or imported into, because
 * another tab deletes it, or writes a checkpoint of it, and does not come to an end. Close it there and try again.
 */
export class StoreInUseError extends OperationalError {
  static override readonly code: string = 'STORE_IN_USE';
}

/** Every class that may cross from the worker. */
// Marked, because a bundler does not know that a spread does nothing else: who only throws some of them keeps those alone.
export const CLIENT_ERRORS: readonly EventSourcingErrorClass[] = /* @__PURE__ */ PERSISTENCE_ERRORS.concat([
  WorkerFailedError,
  WorkerDiedError,
  StoreClosedError,
  UnsyncedEventsError,
  StoreInUseError,
]);

/** Says that another tab holds a lock on a store, and for what, for longer than that takes. */
export function storeHeld(name: string, what: string): StoreInUseError {
  return new StoreInUseError(
    `The store "${name}" is being ${what} by another tab, which does not come to an end: it may be frozen. Show that tab, or close it, and try again.`,
    { details: { name } },
  );
}
