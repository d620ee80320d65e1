/**
 * Lets old events leave a table for an archive.
 *
 * ```text
 * of each aggregate what is old and below its snapshot ──▶ written as a file of events ──▶ read back: counted, hashed
 *      ──▶ one transaction: the rows are what the file has ──▶ noted where they are ──▶ deleted
 * ```
 *
 * Invariants:
 * 1. No row is deleted that is not in a file which was read back whole, from where it is kept.
 * 2. What is noted and what is deleted is one transaction. Broken off before it, everything is as it was, and a file too many.
 * 3. Of an aggregate its first events leave, up to before the event of its snapshot: that stays, and proves the snapshot.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import { InternalError, OperationalError, ProgrammingError } from '../persistence/errors.js';
import { DIGEST_START, historyDigest } from '../persistence/history-digest.js';
import type { ProcessRecorder } from '../persistence/recorder.js';
import type { RecorderTransaction } from '../persistence/recorder-transaction.js';
import type { SnapshotStore } from '../persistence/snapshot-store.js';
import { eventsSql } from '../persistence/sql/sql-events.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../persistence/stored-event.js';
import { validateCount } from '../persistence/validation.js';
import { EventsFileWriter, startOf } from '../transfer/events-file.js';
import type { Checkpoint } from '../transfer/events-file.js';
import { readEventsFile } from '../transfer/events-file-reader.js';
import { chunksOf, streamOf } from '../util/byte-chunks.js';
import { systemClock } from '../util/clock.js';
import { grouped } from '../util/grouped.js';
import { uuidToBytes } from '../util/uuid-bytes.js';
import type { ArchivePlace } from './archive-place.js';
import { archiveStore, assertNoUnitLog, createArchiveTables } from './archive-tables.js';
import type { ArchiveStore } from './archive-tables.js';

const PAGE_EVENTS = 500;
const EVENTS_MAX_DEFAULT = 10_000;

/** Options of {@link archiveEvents}. */
export interface ArchiveEventsOptions {
  /** Of PostgreSQL or SQLite; with nobody's log of units on its events. */
  readonly recorder: ProcessRecorder;
  /** The snapshots that loads begin with. Of an aggregate without one, nothing leaves. */
  readonly snapshots: Pick<SnapshotStore, 'select'>;
  /** Reads an event: `(notification) => app.decode(notification)`. By the id of its event a snapshot is known to be of this history. */
  readonly decode: (
    notification: Notification,
  ) => Promise<{ readonly metadata: { readonly eventId: string; readonly timestamp?: unknown } }>;
  /** Where the archive is written to, and read back from. */
  readonly place: ArchivePlace;
  /** No event with a larger position leaves: give what the slowest follower has seen. */
  readonly upTo: NotificationId;
  /** Events that leave at once, at most, but those of one aggregate; writers wait while they are deleted. @defaultValue 10,000 */
  readonly eventsMax?: number;
  /** Milliseconds since 1970. @defaultValue the system's clock */
  readonly nowMs?: () => number;
}

/** What left. */
export interface ArchivedEvents {
  /** Of the archive; `undefined` when nothing was to leave. */
  readonly id: string | undefined;
  readonly uri: string | undefined;
  readonly events: number;
  readonly aggregates: readonly OriginatorId[];
  /** Of the events, as `hashEvents` reckons it. */
  readonly hash: string;
  /** Whether there may be more: call it again. */
  readonly hasMore: boolean;
}

/**
 * Lets events up to a position leave for an archive, where their aggregates have snapshots: a file of events, written, made
 * durable, read back and compared before anything is deleted. What is recorded, read by snapshots, or followed behind `upTo` goes
 * on as before. Reading what has left says where it is (`HISTORY_ARCHIVED`); with {@link archivedHistory} it is fetched.
 *
 * @throws NotSupportedError (`NOT_SUPPORTED`) when the recorder's events cannot be archived; `details.reason` is `'log'` when a
 *   synchronisation server's log stands on them
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is none
 * @throws OperationalError (`OPERATIONAL_ERROR`) when events changed meanwhile; nothing has left
 * @throws InternalError (`INTERNAL_ERROR`) when the place gave back something else than what it was given; nothing has left
 * @throws what the place and the database throw; nothing has left, unless `details.outcome` is `'unknown'`
 *
 * @example
 * ```ts
 * const place = folderArchive('/archives/shop');
 * while ((await archiveEvents({ recorder, snapshots, decode, place, upTo })).hasMore);
 * ```
 */
export async function archiveEvents(options: ArchiveEventsOptions): Promise<ArchivedEvents> {
  const { recorder: given, place, upTo, eventsMax = EVENTS_MAX_DEFAULT } = options;
  if (!(Number.isSafeInteger(upTo) && upTo >= 0))
    throw new ProgrammingError(`upTo must be a position, but is ${upTo}.`);
  validateCount('eventsMax', eventsMax);
  const store = archiveStore(given);
  await assertNoUnitLog(store.recorder);
  await createArchiveTables(store);
  const { leaving, hasMore } = await new Choice(store, options, eventsMax).choose();
  const events = leaving.reduce((sum, one) => sum + one.events.length, 0);
  if (events === 0) return { id: undefined, uri: undefined, events, aggregates: [], hash: startOf(0).hash, hasMore };
  const id = uuidV4();
  const all = leaving.flatMap((one) => one.events).sort((one, other) => one.id - other.id);
  const { file, written } = fileOf(all, store);
  const uri = await place.write(`${id}.ndjson`, file);
  const checkpoint = written();
  await assertKept(place, uri, checkpoint);
  const nowMs = options.nowMs?.() ?? systemClock.nowMs();
  const first = await firstEvent(store);
  await store.recorder.transaction(async (transaction) => {
    const archive = { id, uri, first, firstId: (all[0] as Notification).id, checkpoint, nowMs };
    await letGo(store, transaction, leaving, archive);
  });
  return { id, uri, events, aggregates: leaving.map((one) => one.originatorId), hash: checkpoint.hash, hasMore };
}

/** The first events of an aggregate that are to leave, of those that are there. */
interface Leaving {
  readonly originatorId: OriginatorId;
  /** Up to it events have left before. */
  readonly after: number;
  /** Of all up to `after`. */
  readonly before: string;
  readonly events: readonly Notification[];
}

/** Finds what is to leave, page by page, so that not more is in memory than leaves. */
class Choice {
  readonly #store: ArchiveStore;
  readonly #options: ArchiveEventsOptions;
  readonly #eventsMax: number;
  readonly #limits = new Map<
    OriginatorId,
    { readonly after: number; readonly before: string; readonly below: number }
  >();
  readonly #counts = new Map<OriginatorId, number>();
  readonly #closed = new Set<OriginatorId>();

  constructor(store: ArchiveStore, options: ArchiveEventsOptions, eventsMax: number) {
    this.#store = store;
    this.#options = options;
    this.#eventsMax = eventsMax;
  }

  async choose(): Promise<{ readonly leaving: readonly Leaving[]; readonly hasMore: boolean }> {
    const { upTo: stop } = this.#options;
    const chosen: Notification[] = [];
    let start = 1;
    for (;;) {
      const page = await this.#store.recorder.selectRemaining({ start, stop, limit: PAGE_EVENTS });
      for (const event of page) {
        if (!(await this.#leaves(event))) continue;
        if (chosen.length === this.#eventsMax) return { leaving: this.#leaving(chosen), hasMore: true };
        chosen.push(event);
      }
      if (page.length < PAGE_EVENTS) return { leaving: this.#leaving(chosen), hasMore: false };
      start = (page.at(-1) as Notification).id + 1;
    }
  }

  async #leaves(event: Notification): Promise<boolean> {
    const { originatorId, originatorVersion } = event;
    if (this.#closed.has(originatorId)) return false;
    const limit = this.#limits.get(originatorId) ?? (await this.#limit(originatorId));
    const isNext = originatorVersion === limit.after + 1 + (this.#counts.get(originatorId) ?? 0);
    if (originatorVersion < limit.below && isNext) {
      this.#counts.set(originatorId, (this.#counts.get(originatorId) ?? 0) + 1);
      return true;
    }
    // What comes later in the log leaves only after what is before it.
    this.#closed.add(originatorId);
    return false;
  }

  async #limit(
    originatorId: OriginatorId,
  ): Promise<{ readonly after: number; readonly before: string; readonly below: number }> {
    const archived = await this.#store.recorder.selectArchived(originatorId);
    const below = (await this.#snapshotVersion(originatorId)) ?? -1;
    const limit = { after: archived?.version ?? 0, before: archived?.digest ?? DIGEST_START, below };
    this.#limits.set(originatorId, limit);
    return limit;
  }

  /** The version of a snapshot that is of this history. */
  async #snapshotVersion(originatorId: OriginatorId): Promise<number | undefined> {
    const { snapshots, decode } = this.#options;
    const snapshot = await snapshots.select(originatorId);
    if (snapshot === undefined) return undefined;
    const version = snapshot.originatorVersion;
    const [event] = await this.#store.recorder.selectEvents(originatorId, { gt: version - 1, lte: version });
    if (event === undefined) return undefined;
    const { metadata } = await decode({ ...event, id: 1 });
    return metadata.eventId === snapshot.eventId ? version : undefined;
  }

  #leaving(chosen: readonly Notification[]): readonly Leaving[] {
    return Array.from(
      grouped(chosen, (event) => event.originatorId),
      ([originatorId, events]) => {
        const { after, before } = this.#limits.get(originatorId) as { after: number; before: string };
        return { originatorId, after, before, events };
      },
    );
  }
}

function fileOf(
  events: readonly Notification[],
  { recorder }: ArchiveStore,
): { readonly file: ReadableStream<Uint8Array<ArrayBuffer>>; readonly written: () => Checkpoint } {
  const writer = new EventsFileWriter(startOf(0));
  async function* lines(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    writer.begin({ engine: recorder.dialect.name, after: 0, isOfLog: false });
    for (const event of events) if (writer.event(event)) yield await writer.group();
    const rest = await writer.group();
    if (rest.length > 0) yield rest;
    yield writer.end();
  }
  const written = (): Checkpoint => {
    const { checkpoint } = writer;
    if (checkpoint.events === events.length) return checkpoint;
    throw new InternalError('The place has not read all of the archive that it was given. Nothing has left.');
  };
  return { file: streamOf(lines()), written };
}

async function assertKept(place: ArchivePlace, uri: string, { events, hash }: Checkpoint): Promise<void> {
  let kept: Checkpoint | undefined;
  for await (const part of readEventsFile(chunksOf(await place.read(uri))))
    if (part.kind === 'end') kept = part.checkpoint;
  if (kept?.events === events && kept.hash === hash) return;
  throw new InternalError(`What is kept at ${uri} is not the archive that was written there. Nothing has left.`, {
    details: { uri, events },
  });
}

interface NotedArchive {
  readonly id: string;
  readonly uri: string;
  readonly first: string;
  readonly firstId: NotificationId;
  readonly checkpoint: Checkpoint;
  readonly nowMs: number;
}

async function letGo(
  store: ArchiveStore,
  transaction: RecorderTransaction<SqlQueryable>,
  leaving: readonly Leaving[],
  { id, uri, first, firstId, checkpoint, nowMs }: NotedArchive,
): Promise<void> {
  const { recorder, tables } = store;
  const { connection } = transaction;
  const { log } = recorder.dialect;
  const { table, columns } = eventsSql(recorder.dialect);
  if (log !== undefined) await connection.query(log.lockSql);
  for (const { originatorId, after, before, events } of leaving) {
    const last = (events.at(-1) as StoredEvent).originatorVersion;
    const digest = historyDigest(events, before);
    const there = await transaction.selectEvents(originatorId, { gt: after, lte: last });
    if (there.length !== events.length || historyDigest(there, before) !== digest) throw changed(originatorId);
    const { rows } = await connection.query(
      `DELETE FROM ${table} WHERE ${columns.originatorId} = $1 AND ${columns.originatorVersion} <= $2 RETURNING 1 AS gone`,
      [log === undefined ? uuidToBytes(originatorId) : originatorId, last],
    );
    if (rows.length !== events.length) throw changed(originatorId);
    await connection.query(
      `INSERT INTO ${tables.archived} (originator_id, version, digest, archive_id) VALUES ($1, $2, $3, $4)`,
      [tables.keyOf(originatorId), last, digest, id],
    );
  }
  const { events, hash, position: lastId } = checkpoint;
  await connection.query(
    `INSERT INTO ${tables.archives} (id, uri, first_id, last_id, events, hash, first_event, archived_at_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [id, uri, firstId, lastId, events, hash, first, nowMs],
  );
}

/** By what the log is known to those who follow it, also when that has left. */
async function firstEvent({ recorder, tables }: ArchiveStore): Promise<string> {
  const { rows } = await recorder.query(`SELECT first_event FROM ${tables.archives} LIMIT 1`);
  if (rows[0] !== undefined) return String(rows[0]['first_event']);
  const [first] = await recorder.selectRemaining({ start: 1, limit: 1 });
  return first === undefined ? '' : `version ${first.originatorVersion} of ${first.originatorId}`;
}

function changed(originatorId: OriginatorId): OperationalError {
  return new OperationalError(
    `The events of ${originatorId} are not those that were archived any more: somebody else archives, or changes rows. Nothing has left; try again.`,
    { details: { reason: 'changed', originatorId } },
  );
}
