/**
 * A time as a position: up to where everything is older.
 *
 * Events are in the order in which they came, and times are by clocks: of who recorded them, of devices that were away for a
 * month. So what is older than a time is not what is before a position, and the position is the one before the first event
 * that is not known to be older. One event of a clock that goes ahead keeps what is behind it where it is: which one it is, is
 * said.
 *
 * @module
 */
import type { SqlEventIndex } from '../application/event-index/sql-event-index.js';
import { ProgrammingError } from '../persistence/errors.js';
import { ownerIn } from '../persistence/sql/log-owner.js';
import { sqlTableName } from '../persistence/sql/sql-names.js';
import { eventsSql } from '../persistence/sql/sql-events.js';
import type { ProcessRecorder } from '../persistence/recorder.js';
import type { Notification, NotificationId } from '../persistence/stored-event.js';
import { validateDate } from '../persistence/validation.js';
import { archiveStore } from './archive-tables.js';
import type { ArchiveStore } from './archive-tables.js';

const PAGE_EVENTS = 500;
// To one statement.
const PART_IDS = 50_000;

const COLUMNS = { recordedAt: 'recorded_at_ms', occurredAt: 'occurred_at_ms' } as const;

/** Options of {@link positionBefore}. */
export interface PositionBeforeOptions {
  readonly recorder: ProcessRecorder;
  /** What is of this time, or later, stays. */
  readonly before: Date;
  /**
   * Which time of an event it is: when it was recorded, by the clock of who ran the application that did, which is a server's
   * where the application runs there; or when it happened, which whoever records may say.
   *
   * @defaultValue `'recordedAt'`
   */
  readonly by?: 'recordedAt' | 'occurredAt';
  /** Knows the times of all events of this log. Those that are not in it are not known to be older: `catchUp` adds them. */
  readonly eventIndex?: Pick<SqlEventIndex, 'tables'>;
  /** Without an index, reads the times from the events: `(notification) => app.decode(notification)`. All up to the position are read. */
  readonly decode?: (notification: Notification) => Promise<{ readonly metadata: EventTimes }>;
  /** Ends it between two parts. */
  readonly signal?: AbortSignal | undefined;
}

interface EventTimes {
  readonly recordedAt: Date | undefined;
  readonly occurredAt: Date | undefined;
}

/** Up to where everything is older. */
export interface ArchiveBound {
  /** All events up to it are older, of those that have not left; 0 where the first one is not. For `upTo`. */
  readonly position: NotificationId;
  /** The first event that is not known to be older; `undefined` where all are. */
  readonly first: { readonly notificationId: NotificationId; readonly time: Date | undefined } | undefined;
}

/**
 * Finds the position up to which all events are older than a time: by an event index, or by the events themselves.
 *
 * @example
 * ```ts
 * const year = 365 * 24 * 3_600_000;
 * const { position: upTo } = await positionBefore({ recorder, before: new Date(Date.now() - year), eventIndex: index });
 * while ((await archiveEvents({ recorder, snapshots, decode, place, upTo })).hasMore);
 * ```
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is none, or the index is that of another log
 * @throws NotSupportedError (`NOT_SUPPORTED`) when events of the recorder do not leave for archives
 * @throws what decoding throws, and the reason of the signal
 */
export async function positionBefore(options: PositionBeforeOptions): Promise<ArchiveBound> {
  const { recorder, before, by = 'recordedAt', eventIndex, decode } = options;
  // From JavaScript nothing may be given, which makes no time.
  validateDate('before', new Date(before));
  if (!Object.hasOwn(COLUMNS, by)) {
    throw new ProgrammingError('by must be "recordedAt" or "occurredAt".', { details: { option: 'by' } });
  }
  if ((eventIndex === undefined) === (decode === undefined)) {
    throw new ProgrammingError('positionBefore takes either an eventIndex or decode.', {
      details: { option: 'eventIndex' },
    });
  }
  const store = archiveStore(recorder);
  const head = await recorder.maxNotificationId();
  const first =
    eventIndex === undefined
      ? await firstByEvents(store, options, head)
      : await firstByIndex(store, await indexTable(store, eventIndex), options, head);
  return { position: first === undefined ? head : first.notificationId - 1, first };
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is another log's: its positions are not of these events */
async function indexTable({ recorder }: ArchiveStore, { tables }: Pick<SqlEventIndex, 'tables'>): Promise<string> {
  const { creations, schema } = tables;
  const { name, table } = sqlTableName(creations[0]?.name ?? '', schema, recorder.dialect);
  const owner = await ownerIn(recorder, { kept: name, schema });
  if (owner === undefined || owner.isOwn) return table;
  throw new ProgrammingError(`${name} is the event index of ${owner.log}, and not of these events.`, {
    details: { option: 'eventIndex', owner: owner.log },
  });
}

async function firstByIndex(
  { recorder }: ArchiveStore,
  index: string,
  { before, by = 'recordedAt', signal }: PositionBeforeOptions,
  head: NotificationId,
): Promise<ArchiveBound['first']> {
  const { table, columns } = eventsSql(recorder.dialect);
  const [id, time] = [`e.${columns.notificationId}`, `i.${COLUMNS[by]}`];
  for (let start = 0; start < head; start += PART_IDS) {
    signal?.throwIfAborted();
    const { rows } = await recorder.query(
      `SELECT ${id} AS id, ${time} AS ms FROM ${table} AS e LEFT JOIN ${index} AS i ON i.notification_id = ${id}
        WHERE ${id} > $1 AND ${id} <= $2 AND (${time} IS NULL OR ${time} >= $3) ORDER BY ${id} LIMIT 1`,
      [start, start + PART_IDS, before.getTime()],
    );
    const [row] = rows;
    if (row === undefined) continue;
    const ms = row['ms'] as number | string | null;
    return { notificationId: Number(row['id']), time: ms === null ? undefined : new Date(Number(ms)) };
  }
  return undefined;
}

async function firstByEvents(
  { recorder }: ArchiveStore,
  { before, by = 'recordedAt', decode, signal }: PositionBeforeOptions,
  stop: NotificationId,
): Promise<ArchiveBound['first']> {
  for (let start = 1; decode !== undefined && start <= stop;) {
    signal?.throwIfAborted();
    const page = await recorder.selectRemaining({ start, stop, limit: PAGE_EVENTS });
    for (const event of page) {
      const time = (await decode(event)).metadata[by];
      if (time === undefined || time >= before) return { notificationId: event.id, time };
    }
    if (page.length < PAGE_EVENTS) return undefined;
    start = (page.at(-1) as Notification).id + 1;
  }
  return undefined;
}
