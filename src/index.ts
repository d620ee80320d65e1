/**
 * Daybook: records domain events durably in the browser, offline.
 *
 * @module
 */
export {
  deleteDaybook,
  importDaybook,
  openDaybook,
  StoreClosedError,
  StoreInUseError,
  UnsyncedEventsError,
  WorkerDiedError,
  WorkerFailedError,
  wrapWorker,
} from './client/index.js';
export type {
  BacklogLimits,
  CommitOptions,
  Daybook,
  DaybookInsertOptions,
  DaybookRecorder,
  DaybookStorage,
  DeleteDaybookOptions,
  ExportFormat,
  ExportOptions,
  HostReport,
  ImportDaybookOptions,
  OpenDaybookOptions,
  StorageReport,
  WorkerFiles,
} from './client/index.js';
export type {
  FileProgress,
  ImageProgress,
  ImportProgress,
  JournalProgress,
  OpenProgress,
} from './persistence/journal/open-progress.js';
export type { ImportAs, ImportResult } from './persistence/indexeddb/store-import.js';
export * from './core.js';
