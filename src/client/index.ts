/**
 * The main thread's side of a store.
 *
 * @module
 */
export { StoreClosedError, WorkerDiedError, WorkerFailedError } from './client-errors.js';
export { openDaybook } from './open-daybook.js';
export type { Daybook, OpenDaybookOptions } from './open-daybook.js';
