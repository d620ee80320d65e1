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
import { HistoryArchivedError } from '../persistence/archive.js';
import { InternalError, OperationalError, ProgrammingError } from '../persistence/errors.js';
import { historyDigest } from '../persistence/history-digest.js';
import type { ProcessRecorder, SelectEventsOptions } from '../persistence/recorder.js';
import type { RecorderTransaction } from '../persistence/recorder-transaction.js';
import { eventsSql, toNotification } from '../persistence/sql/sql-events.js';
import type { SqlQueryable } from '../persistence/sql/sql-queryable.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../persistence/stored-event.js';
import { validateCount } from '../persistence/validation.js';
import { assertNothingBeside } from '../transfer/event-columns.js';
import { EventsFileWriter, startOf } from '../transfer/events-file.js';
import type { Checkpoint } from '../transfer/events-file.js';
import { readEventsFile } from '../transfer/events-file-reader.js';
import { chunksOf, streamOf } from '../util/byte-chunks.js';
import { systemClock } from '../util/clock.js';
import { uuidToBytes } from '../util/uuid-bytes.js';
import { ArchiveChoice } from './archive-choice.js';
import type { ArchiveChoiceOptions, Leaving } from './archive-choice.js';
import type { ArchivePlace } from './archive-place.js';
import { archiveStore, assertNoUnitLog, createArchiveTables } from './archive-tables.js';
import type { ArchiveStore } from './archive-tables.js';

const EVENTS_MAX_DEFAULT = 10_000;

/** Options of {@link archiveEvents}. */
export interface ArchiveEventsOptions extends ArchiveChoiceOptions {
  /** Of PostgreSQL or SQLite; with nobody's log of units on its events. */
  readonly recorder: ProcessRecorder;
  /** Where the archive is written to, and read back from. */
  readonly place: ArchivePlace;
  /**
   * What becomes of the columns `event_id` and `metadata` of tables of the Python library's release 10, for which a file of
   * events has no place. @defaultValue `'refuse'`: where there is something in them, nothing leaves
   */
  readonly columns?: 'refuse' | 'leave';
  /** Events that leave at once, at most; writers wait while they are deleted. @defaultValue 10,000 */
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

/** What would leave. */
export interface ArchivePlan {
  readonly events: number;
  /** How many aggregates they are of. */
  readonly aggregates: number;
  /** Of their states, as they are stored. */
  readonly stateBytes: number;
  /** Positions of the first and the last of them; 0 where there are none. */
  readonly firstId: NotificationId;
  readonly lastId: NotificationId;
}

/**
 * Lets events up to a position leave for an archive, where their aggregates have snapshots: a file of events, written, made
 * durable, read back and compared before anything is deleted. What is recorded, read by snapshots, or followed behind `upTo` goes
 * on as before. Reading what has left says where it is (`HISTORY_ARCHIVED`); with {@link archivedHistory} it is fetched.
 *
 * Of several that archive the same at once, one does, and the others are refused: nothing leaves twice.
 *
 * @throws NotSupportedError (`NOT_SUPPORTED`) when the recorder's events cannot be archived; `details.reason` is `'log'` when a
 *   synchronisation server's log stands on them, `'tenants'` when tenants share the tables, `'columns'` when they have more than a
 *   file of events has a place for, and `'engine'` otherwise
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is none
 * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.reason: 'changed'` when events changed meanwhile, because somebody
 *   else archives; nothing has left by this call
 * @throws InternalError (`INTERNAL_ERROR`) when the place gave back something else than what it was given; nothing has left
 * @throws what the place and the database throw, and the reason of the signal; nothing has left, unless `details.outcome` is
 *   `'unknown'`
 *
 * @example
 * ```ts
 * const place = folderArchive('/archives/shop');
 * while ((await archiveEvents({ recorder, snapshots, decode, place, upTo })).hasMore);
 * ```
 */
export async function archiveEvents(options: ArchiveEventsOptions): Promise<ArchivedEvents> {
  const { place, eventsMax = EVENTS_MAX_DEFAULT, signal } = options;
  validateCount('eventsMax', eventsMax);
  const store = await openStore(options);
  if (options.columns !== 'leave') await assertNothingBeside(store.recorder);
  await createArchiveTables(store);
  const { leaving, hasMore } = await chosen(store, options, eventsMax);
  const events = leaving.reduce((sum, one) => sum + one.events.length, 0);
  if (events === 0) return { id: undefined, uri: undefined, events, aggregates: [], hash: startOf(0).hash, hasMore };
  const id = uuidV4();
  const all = leaving.flatMap((one) => one.events).sort((one, other) => one.id - other.id);
  const { file, written } = fileOf(all, store);
  const uri = await place.write(`${id}.ndjson`, file);
  const checkpoint = written();
  await assertKept(place, uri, checkpoint);
  const nowMs = options.nowMs?.() ?? systemClock.nowMs();
  signal?.throwIfAborted();
  await store.recorder.transaction(async (transaction) => {
    const archive = { id, uri, firstId: (all[0] as Notification).id, checkpoint, nowMs };
    await letGo(store, transaction, leaving, archive);
  });
  return { id, uri, events, aggregates: leaving.map((one) => one.originatorId), hash: checkpoint.hash, hasMore };
}

/**
 * Counts what {@link archiveEvents} would let leave, in all of its calls. Reads only: no table is made, and no file.
 *
 * @throws as `archiveEvents`, of what concerns recorder and options
 *
 * @example
 * ```ts
 * const { events, aggregates } = await planArchive({ recorder, snapshots, decode, upTo });
 * ```
 */
export async function planArchive(
  options: ArchiveChoiceOptions & Pick<ArchiveEventsOptions, 'recorder'>,
): Promise<ArchivePlan> {
  const store = await openStore(options);
  const aggregates = new Set<OriginatorId>();
  let [events, stateBytes, firstId, lastId] = [0, 0, 0, 0];
  for await (const event of new ArchiveChoice(store, options).events()) {
    aggregates.add(event.originatorId);
    events++;
    stateBytes += event.state.length;
    firstId ||= event.id;
    lastId = event.id;
  }
  return { events, aggregates: aggregates.size, stateBytes, firstId, lastId };
}

async function openStore({ recorder, upTo }: Pick<ArchiveEventsOptions, 'recorder' | 'upTo'>): Promise<ArchiveStore> {
  if (!(Number.isSafeInteger(upTo) && upTo >= 0))
    throw new ProgrammingError(`upTo must be a position, but is ${upTo}.`);
  const store = archiveStore(recorder);
  await assertNoUnitLog(store.recorder);
  return store;
}

/** Not more is in memory than leaves. */
async function chosen(
  store: ArchiveStore,
  options: ArchiveChoiceOptions,
  eventsMax: number,
): Promise<{ readonly leaving: readonly Leaving[]; readonly hasMore: boolean }> {
  const choice = new ArchiveChoice(store, options);
  const events: Notification[] = [];
  let hasMore = false;
  for await (const event of choice.events()) {
    hasMore = events.length === eventsMax;
    if (hasMore) break;
    events.push(event);
  }
  return { leaving: choice.leaving(events), hasMore };
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
  readonly firstId: NotificationId;
  readonly checkpoint: Checkpoint;
  readonly nowMs: number;
}

async function letGo(
  store: ArchiveStore,
  transaction: RecorderTransaction<SqlQueryable>,
  leaving: readonly Leaving[],
  { id, uri, firstId, checkpoint, nowMs }: NotedArchive,
): Promise<void> {
  const { recorder, tables } = store;
  const { connection } = transaction;
  const { log } = recorder.dialect;
  const { table, columns } = eventsSql(recorder.dialect);
  if (log !== undefined) await connection.query(log.lockSql);
  const first = await firstEvent(store, connection);
  for (const { originatorId, after, before, events } of leaving) {
    const last = (events.at(-1) as StoredEvent).originatorVersion;
    const digest = historyDigest(events, before);
    const there = await remaining(transaction, originatorId, { gt: after, lte: last });
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

/** What is to leave, as it is now. @throws OperationalError (`OPERATIONAL_ERROR`) when some of it has left meanwhile */
async function remaining(
  transaction: RecorderTransaction<SqlQueryable>,
  originatorId: OriginatorId,
  range: SelectEventsOptions,
): Promise<readonly StoredEvent[]> {
  try {
    return await transaction.selectEvents(originatorId, range);
  } catch (error) {
    throw error instanceof HistoryArchivedError ? changed(originatorId, error) : error;
  }
}

/** By what the log is known to those who follow it, also when that has left. */
async function firstEvent({ recorder, tables }: ArchiveStore, connection: SqlQueryable): Promise<string> {
  const noted = await connection.query(`SELECT first_event FROM ${tables.archives} LIMIT 1`);
  if (noted.rows[0] !== undefined) return String(noted.rows[0]['first_event']);
  const { table, columns, select } = eventsSql(recorder.dialect);
  const { rows } = await connection.query(
    `SELECT ${select('e')} FROM ${table} AS e ORDER BY e.${columns.notificationId} LIMIT 1`,
  );
  const [first] = rows.map(toNotification);
  return first === undefined ? '' : `version ${first.originatorVersion} of ${first.originatorId}`;
}

function changed(originatorId: OriginatorId, cause?: unknown): OperationalError {
  return new OperationalError(
    `The events of ${originatorId} are not those that were archived any more: somebody else archives, or changes rows. Nothing has left; try again.`,
    { details: { reason: 'changed', originatorId }, ...(cause === undefined ? {} : { cause }) },
  );
}
