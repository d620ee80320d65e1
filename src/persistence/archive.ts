/**
 * Events that have left a table for an archive: what is known of them where they were.
 *
 * ```text
 * <events>_archives   an archive: where it is, how many events it has, their hash, the largest id that it has
 * <events>_archived   of an aggregate the last version that an archive has, and a digest of all up to there
 * ```
 *
 * Invariants:
 * 1. Of an aggregate the first events leave, never the last: whoever reads what is there alone knows that something is missing
 *    by the version that comes first.
 * 2. A place that is archived is taken: a trigger of the table refuses it, whoever writes there.
 * 3. Who reads a part of what has left is told so, and where it is: never is a part given for the whole.
 *
 * @module
 */
import { HistoryTruncatedError } from './errors.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from './recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from './stored-event.js';

/**
 * What is asked for has left this table for an archive, where it can be read. `details` as those of `HistoryTruncatedError`, and
 * `uri`: where the archive is, or of several the last one; of an aggregate `archiveId`, too.
 */
export class HistoryArchivedError extends HistoryTruncatedError {
  static override readonly code: string = 'HISTORY_ARCHIVED';
}

/** Of an aggregate, what an archive has. */
export interface ArchivedAggregate {
  readonly originatorId: OriginatorId;
  /** The last version that has left. */
  readonly version: number;
  /** Of all events up to it (`history-digest.ts`). */
  readonly digest: string;
  /** The archive that has the last of them. */
  readonly archiveId: string;
  /** Where that is. */
  readonly uri: string;
}

/** What has left a log, as far as it matters to who reads it. */
export interface ArchivedLog {
  /** The largest id that has left. */
  readonly lastId: NotificationId;
  /** Where the archive is that has it. */
  readonly uri: string;
  /** By which the log is known: what its first event was. */
  readonly firstEvent: string;
}

/** A recorder whose events may leave for an archive. */
export interface ArchivableRecorder {
  /** What an archive has of an aggregate; `undefined` where it has nothing. */
  selectArchived(originatorId: OriginatorId): Promise<ArchivedAggregate | undefined>;
  /** As `selectNotifications`, of what is there, whatever has left. @internal */
  selectRemaining(options: SelectNotificationsOptions): Promise<readonly Notification[]>;
}

/** Whether a recorder is one. */
export function isArchivable(recorder: object): recorder is ArchivableRecorder {
  return 'selectArchived' in recorder && 'selectRemaining' in recorder;
}

/** Whether events that were found may be a part of those that were asked for. Nearly always they cannot, at no cost. */
export function mayLackEvents(
  { gt, lte, desc = false, limit }: SelectEventsOptions,
  events: readonly StoredEvent[],
): boolean {
  if (limit === 0 || (lte !== undefined && lte <= (gt ?? Number.MIN_SAFE_INTEGER))) return false;
  const isFull = limit !== undefined && events.length >= limit;
  if (desc && isFull) return false;
  const first = (desc ? events.at(-1) : events[0])?.originatorVersion;
  // The last event never leaves: where nothing is found, nothing was archived, unless what was asked for ends before it.
  if (first === undefined) return lte !== undefined;
  return first > 1 && first !== (gt ?? 0) + 1;
}

/** Whether notifications that were found may be a part of those that were asked for. */
export function mayLackNotifications(
  { start, stop, limit, topics = [] }: SelectNotificationsOptions,
  notifications: readonly Notification[],
): boolean {
  if (limit === 0 || (stop !== undefined && stop < start)) return false;
  const last = notifications.at(-1);
  // As above: behind the last event there is no archived one.
  if (last === undefined) return stop !== undefined || topics.length > 0;
  const isFull = notifications.length === limit;
  const end = isFull || stop === undefined ? last.id : stop;
  return end - Math.max(start, 1) + 1 !== notifications.length;
}

/** @throws HistoryArchivedError (`HISTORY_ARCHIVED`) when some of what was asked for has left */
export function assertNoneArchived(
  { gt = Number.MIN_SAFE_INTEGER }: SelectEventsOptions,
  archived: ArchivedAggregate | undefined,
): void {
  if (archived === undefined || gt >= archived.version) return;
  const { originatorId, version, archiveId, uri } = archived;
  throw new HistoryArchivedError(
    `The events of ${originatorId} up to version ${version} are in the archive ${archiveId}, at ${uri}. Read those after it, or give the Application olderEvents: archivedHistory().olderEvents.`,
    { details: { originatorId, version, archiveId, uri } },
  );
}

/** @throws HistoryArchivedError (`HISTORY_ARCHIVED`) when some of what was asked for may have left */
export function assertNoneArchivedAfter(
  { start }: SelectNotificationsOptions,
  archived: ArchivedLog | undefined,
): void {
  if (archived === undefined || start > archived.lastId) return;
  const { lastId: notificationId, uri, firstEvent } = archived;
  throw new HistoryArchivedError(
    `Events up to notification ${notificationId} are in archives, some or all, the last one at ${uri}; what begins at ${start} would be given a part. Follow the log from there on, or read all of it by archivedHistory().readAll().`,
    { details: { notificationId, start, uri, firstEvent } },
  );
}
