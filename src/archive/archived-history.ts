/**
 * What is in archives, for those who ask for it.
 *
 * @module
 */
import type { OlderEvents } from '../application/aggregates/older-events.js';
import { DataError } from '../persistence/errors.js';
import type { CallOptions } from '../persistence/heed-signal.js';
import type { ProcessRecorder } from '../persistence/recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../persistence/stored-event.js';
import { readEventsFile } from '../transfer/events-file-reader.js';
import { chunksOf } from '../util/byte-chunks.js';
import type { ByteStream } from '../util/byte-chunks.js';
import { archiveStore } from './archive-tables.js';
import type { ArchiveStore } from './archive-tables.js';
import { validateFunction } from '../persistence/validation.js';

const PAGE_EVENTS = 500;

/** An archive, as it is noted where its events were. */
export interface Archive {
  readonly id: string;
  /** Where it is. */
  readonly uri: string;
  readonly firstId: NotificationId;
  readonly lastId: NotificationId;
  readonly events: number;
  /** Of its events, as `hashEvents` reckons it. */
  readonly hash: string;
  /** Milliseconds since 1970. */
  readonly archivedAtMs: number;
}

/** Options of {@link archivedHistory}. */
export interface ArchivedHistoryOptions {
  readonly recorder: ProcessRecorder;
  /** Gives the file of an archive: `({ uri }) => place.read(uri)`. */
  readonly fetchArchive: (archive: Archive) => Blob | ByteStream | Promise<Blob | ByteStream>;
}

/** Reads archives. */
export interface ArchivedHistory {
  /** For the option `olderEvents` of an `Application`. Each archive that has something of the aggregate is read, and checked. */
  readonly olderEvents: OlderEvents;
  /**
   * All events of the log in the order of their positions: those in archives, and those that are here. What is recorded meanwhile
   * is not among them, and nothing should be archived meanwhile.
   *
   * @throws DataError (`DATA_ERROR`) when an archive is not what was noted of it
   */
  readAll(): AsyncGenerator<Notification, void, undefined>;
  /** The archives of the log, by their first events. */
  archives(): Promise<readonly Archive[]>;
  /**
   * Reads a whole archive from where it is, and compares it with what was noted of it: its number of events, and their hash.
   *
   * @throws DataError (`DATA_ERROR`) when it is not what was noted
   * @throws EventsFileError (`EVENTS_FILE`) when it is no file of events, or damaged
   * @throws what fetching it throws, and the reason of the signal
   */
  verify(archive: Archive, options?: CallOptions): Promise<void>;
}

/**
 * Reads what has left for archives.
 *
 * @throws NotSupportedError (`NOT_SUPPORTED`) when events of the recorder do not leave for archives
 *
 * @example
 * ```ts
 * const { olderEvents } = archivedHistory({ recorder, fetchArchive: ({ uri }) => place.read(uri) });
 * const app = new Application({ recorder, aggregates: [order], olderEvents });
 * ```
 */
export function archivedHistory({ recorder, fetchArchive }: ArchivedHistoryOptions): ArchivedHistory {
  validateFunction('fetchArchive', fetchArchive);
  const store = archiveStore(recorder);
  return {
    archives: () => archivesOf(store),
    async verify(archive, { signal } = {}) {
      for await (const _ of eventsOf(archive, fetchArchive)) signal?.throwIfAborted();
    },
    async olderEvents(originatorId, upTo) {
      const found: StoredEvent[] = [];
      for (const archive of await archivesOf(store, originatorId)) {
        for await (const { id: _, ...event } of eventsOf(archive, fetchArchive)) {
          if (event.originatorId === originatorId && event.originatorVersion <= upTo) found.push(event);
        }
      }
      return found.sort((one, other) => one.originatorVersion - other.originatorVersion);
    },
    async *readAll() {
      const head = await recorder.maxNotificationId();
      const archives = await archivesOf(store);
      yield* merged([...archives.map((archive) => eventsOf(archive, fetchArchive)), remaining(store, head)]);
    },
  };
}

/** @param originatorId - only those that have something of it. @defaultValue all */
export async function archivesOf(
  { recorder, tables }: ArchiveStore,
  originatorId?: OriginatorId,
): Promise<readonly Archive[]> {
  if ((await recorder.query(tables.isThereSql)).rows.length === 0) return [];
  const of = `WHERE id IN (SELECT archive_id FROM ${tables.archived} WHERE originator_id = $1)`;
  const { rows } = await recorder.query(
    `SELECT id, uri, first_id, last_id, events, hash, archived_at_ms FROM ${tables.archives}
      ${originatorId === undefined ? '' : of} ORDER BY first_id`,
    originatorId === undefined ? [] : [tables.keyOf(originatorId)],
  );
  return rows.map(({ id, uri, first_id, last_id, events, hash, archived_at_ms }) => ({
    ...{ id: String(id), uri: String(uri), hash: String(hash), events: Number(events) },
    ...{ firstId: Number(first_id), lastId: Number(last_id), archivedAtMs: Number(archived_at_ms) },
  }));
}

/** The events of an archive. Those of a group are given when the group is checked; the last only when all of it is. */
export async function* eventsOf(
  archive: Archive,
  fetchArchive: ArchivedHistoryOptions['fetchArchive'],
): AsyncGenerator<Notification, void, undefined> {
  let held: readonly Notification[] = [];
  for await (const part of readEventsFile(chunksOf(await fetchArchive(archive)))) {
    if (part.kind === 'end' && (part.checkpoint.hash !== archive.hash || part.checkpoint.events !== archive.events)) {
      throw new DataError(
        `What was given for the archive ${archive.id}, of ${archive.uri}, has other events than those that have left.`,
        { details: { archiveId: archive.id, uri: archive.uri } },
      );
    }
    if (part.kind === 'header') continue;
    yield* held;
    held = part.kind === 'group' ? part.events : [];
  }
}

async function* remaining(
  { recorder }: ArchiveStore,
  stop: NotificationId,
): AsyncGenerator<Notification, void, undefined> {
  for (let start = 1; start <= stop;) {
    const page = await recorder.selectRemaining({ start, stop, limit: PAGE_EVENTS });
    yield* page;
    if (page.length < PAGE_EVENTS) return;
    start = (page.at(-1) as Notification).id + 1;
  }
}

/** Events of several sequences in the order of their ids. */
async function* merged(
  sequences: readonly AsyncGenerator<Notification, void, undefined>[],
): AsyncGenerator<Notification, void, undefined> {
  const open: { readonly events: (typeof sequences)[number]; next: Notification }[] = [];
  try {
    for (const events of sequences) {
      const { value } = await events.next();
      if (value !== undefined) open.push({ events, next: value });
    }
    while (open.length > 0) {
      const least = open.reduce((one, other) => (other.next.id < one.next.id ? other : one));
      yield least.next;
      const { value } = await least.events.next();
      if (value === undefined) open.splice(open.indexOf(least), 1);
      else least.next = value;
    }
  } finally {
    for (const events of sequences) await events.return();
  }
}
