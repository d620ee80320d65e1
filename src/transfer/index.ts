/**
 * Events out of any store and into any store, as a file that is checked, and can be broken off and gone on with.
 *
 * @module
 */
export { exportEvents } from './export-events.js';
export type { EventsTransferProgress, ExportEventsOptions } from './export-events.js';
export { importEvents } from './import-events.js';
export type { EventsFileSource, ImportedEvents, ImportEventsOptions } from './import-events.js';
export { findResumePoint } from './resume-point.js';
export type { ResumePoint } from './resume-point.js';
export { hashEvents } from './hash-events.js';
export type { HashEventsOptions } from './hash-events.js';
export type { Checkpoint } from './events-file.js';
export { EventsFileError, EventsImportError, ForeignEventError, TRANSFER_ERRORS } from './transfer-errors.js';
