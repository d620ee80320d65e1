/**
 * The main thread's side of a store.
 *
 * @module
 */
export {
  StoreClosedError,
  StoreInUseError,
  UnsyncedEventsError,
  WorkerDiedError,
  WorkerFailedError,
} from './client-errors.js';
export { deleteDaybook } from './delete-daybook.js';
export type { DeleteDaybookOptions } from './delete-daybook.js';
export { openDaybook } from './open-daybook.js';
export type { Daybook, OpenDaybookOptions } from './open-daybook.js';
export type { WorkerFiles } from './start-worker.js';
export type { HostReport } from './store-host.js';
export type { DaybookStorage, StorageReport } from './store-storage.js';
