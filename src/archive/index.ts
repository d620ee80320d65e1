/**
 * Old events into archives, and back for those who ask for them.
 *
 * @module
 */
export { archiveEvents, planArchive } from './archive-events.js';
export type { ArchivedEvents, ArchiveEventsOptions, ArchivePlan } from './archive-events.js';
export type { ArchiveChoiceOptions } from './archive-choice.js';
export { positionBefore } from './archive-bound.js';
export type { ArchiveBound, PositionBeforeOptions } from './archive-bound.js';
export { archivedHistory } from './archived-history.js';
export type { Archive, ArchivedHistory, ArchivedHistoryOptions } from './archived-history.js';
export { restoreArchive } from './restore-archive.js';
export type { RestoreArchiveOptions } from './restore-archive.js';
export type { ArchivePlace } from './archive-place.js';
export { HistoryArchivedError } from '../persistence/archive.js';
export type { ArchivableRecorder, ArchivedAggregate } from '../persistence/archive.js';
