/**
 * Old events into archives, and back for those who ask for them.
 *
 * @module
 */
export { archiveEvents } from './archive-events.js';
export type { ArchivedEvents, ArchiveEventsOptions } from './archive-events.js';
export { archivedHistory } from './archived-history.js';
export type { Archive, ArchivedHistory, ArchivedHistoryOptions } from './archived-history.js';
export type { ArchivePlace } from './archive-place.js';
export { HistoryArchivedError } from '../persistence/archive.js';
export type { ArchivableRecorder, ArchivedAggregate } from '../persistence/archive.js';
