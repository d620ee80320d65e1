/**
 * The main thread's side of a store.
 *
 * @module
 */
export type { ExportFormat } from '../host/protocol/backup-host.js';
export {
  StoreClosedError,
  StoreInUseError,
  UnsyncedEventsError,
  WorkerDiedError,
  WorkerFailedError,
} from '../host/protocol/client-errors.js';
export { deleteDaybook } from './delete-daybook.js';
export type { DeleteDaybookOptions } from './delete-daybook.js';
export { importDaybook } from './import-daybook.js';
export type { ImportDaybookOptions } from './import-daybook.js';
export { openDaybook } from './open-daybook.js';
export type { Daybook, OpenDaybookOptions } from './open-daybook.js';
export type { CommitOptions, DaybookInsertOptions, DaybookRecorder } from '../host/protocol/daybook-recorder.js';
export type { WorkerFiles } from './start-worker.js';
export { wrapWorker } from './wrap-worker.js';
export type { BacklogLimits, HostReport } from '../host/protocol/store-host.js';
export type { DaybookStorage, ExportOptions, StorageReport } from './store-storage.js';
