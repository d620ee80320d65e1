/**
 * What is in a store, in numbers, for whoever operates it.
 *
 * Counted in parts by short statements, so that a log of a hundred million events is counted beside those who write to it:
 *
 * ```text
 * types, bytes         PART_EVENTS events of one statement, by their notification ids
 * aggregates           PART_EVENTS rows of the index of aggregates and versions; of each part only the largest come out
 * days                 a statement for each, by the event index, where there is one; or by the units of a sync server, in parts
 * ```
 *
 * @module
 */
import { ProgrammingError } from '../../persistence/errors.js';
import { sqlTableName } from '../../persistence/sql/sql-names.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import type { NotificationId, OriginatorId } from '../../persistence/stored-event.js';
import { checkedMs, FOREIGN_MS_MAX } from '../../persistence/validation.js';
import { checkFunction, checkWhole } from '../../server/operator/option-checks.js';
import type { Clock } from '../../util/clock.js';
import { systemClock } from '../../util/clock.js';
import { BoundedReads } from '../reading/bounded-reads.js';
import { eventsTableOf } from '../reading/events-table.js';
import { countDays, findDaySource } from './day-counts.js';
import type { DayCount, DaysBy } from './day-counts.js';
import { countAggregates, countTypes } from './event-counts.js';
import type { TypeCount } from './event-counts.js';

const TIMEOUT_MS_DEFAULT = 60_000;
const LARGEST_DEFAULT = 10;
const LARGEST_MAX = 1_000;
const DAYS_DEFAULT = 7;
const DAYS_MAX = 366;
const INDEX_DEFAULT = 'event_index';
const DAYS_BY: readonly DaysBy[] = ['occurredAt', 'recordedAt', 'server'];

/** Options of {@link storeStats}. */
export interface StoreStatsOptions {
  /** How many of the largest aggregates: 0 to 1,000. @defaultValue 10 */
  readonly largest?: number;
  /** How many days, the present one included: 0 to 366. @defaultValue 7 */
  readonly days?: number;
  /**
   * The type of aggregates that events of a topic are of.
   *
   * @defaultValue what is before the last dot behind the colon, or before the colon: `Order` of `Order:Placed`, `shop:Order` of
   *   `shop:Order.Placed`
   */
  readonly aggregateTypeOf?: (topic: string) => string | undefined;
  /**
   * The table of a `SqlEventIndex`, which knows when events happened. One that is not there, or is of another log of the
   * database, is passed over.
   *
   * @defaultValue `event_index`
   */
  readonly eventIndex?: string;
  /**
   * By which time days are counted. Events do not say it in a column: `'occurredAt'` and `'recordedAt'` need an event index,
   * `'server'` the log of a synchronisation server, which knows when it took them in.
   *
   * @defaultValue `'occurredAt'` where there is an index, else `'server'` where there is such a log
   */
  readonly daysBy?: DaysBy;
  /** Of the event index. PostgreSQL only. @defaultValue the first of the search path */
  readonly schema?: string;
  /** How long all of it may take, in milliseconds. On PostgreSQL a statement is ended then. @defaultValue 60,000 */
  readonly timeoutMs?: number;
  /** Ends it between two statements; each reads 50,000 events at most. */
  readonly signal?: AbortSignal;
  /** @defaultValue the platform's */
  readonly clock?: Pick<Clock, 'nowMs' | 'monotonicMs'>;
}

/** Events of one type of aggregates. */
export interface AggregateTypeStats {
  /** `undefined` of topics that say none. */
  readonly aggregateType: string | undefined;
  readonly events: number;
  /** Of their states, as they are stored. */
  readonly stateBytes: number;
}

/** One of the aggregates with the most events. */
export interface LargeAggregate {
  readonly originatorId: OriginatorId;
  readonly aggregateType: string | undefined;
  readonly events: number;
  /** Of its last event. More than `events` where history has left the store. */
  readonly version: number;
}

/** What is known of sizes, in bytes. */
export interface StoreSizes {
  /** Whether they are of the table of the events, with all its parts and indexes, or of the whole database. */
  readonly of: 'events' | 'database';
  readonly totalBytes: number;
  readonly tableBytes: number | undefined;
  readonly indexBytes: number | undefined;
}

/** An index of the table of the events, or of a part of it. */
export interface IndexStats {
  readonly name: string;
  readonly table: string;
  readonly isUnique: boolean;
  /** Whether it may be used: one whose creation was broken off costs every write, and serves no read. */
  readonly isValid: boolean;
  /** How often it was read since the database's statistics were reset. */
  readonly scans: number;
  readonly bytes: number;
}

/** What is in a store. */
export interface StoreStats {
  /** The last event that was counted, 0 where there is none. */
  readonly lastId: NotificationId;
  readonly events: number;
  /** Counted after the events: some more may have come meanwhile. */
  readonly aggregates: number;
  /** Of the states of all events, as they are stored. */
  readonly stateBytes: number;
  /** By topic, those with the most events first. */
  readonly types: readonly TypeCount[];
  /** Those with the most events first. */
  readonly aggregateTypes: readonly AggregateTypeStats[];
  /** The last days by UTC, the present one first; `undefined` where nothing says when events happened: see `daysBy` of the options. */
  readonly days: readonly DayCount[] | undefined;
  /** By which time; `undefined` where `days` is. */
  readonly daysBy: DaysBy | undefined;
  /** Those with the most events first. */
  readonly largest: readonly LargeAggregate[];
  readonly sizes: StoreSizes;
  /** `undefined` where the engine does not count. */
  readonly indexes: readonly IndexStats[] | undefined;
}

/**
 * Counts what is in a store: events, their types, aggregates, days, bytes. By SQL, on every engine that has it: PostgreSQL,
 * SQLite, the browser's store. Of tables that tenants share, what the recorder's own tenant has.
 *
 * It reads all events once, without their states. On PostgreSQL no statement outlives `timeoutMs`, and no snapshot is held
 * from one to the next.
 *
 * @example
 * ```ts
 * const { events, types, largest } = await storeStats(recorder, { signal: AbortSignal.timeout(5_000) });
 * console.table(types);
 * ```
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be, or there is no table of events
 * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.reason: 'too-long'` after `timeoutMs`
 * @throws the signal's reason when it was aborted
 */
export async function storeStats(recorder: SqlRecorder, options: StoreStatsOptions = {}): Promise<StoreStats> {
  const { largest, days, daysBy, aggregateTypeOf, index, timeoutMs, signal, clock } = checked(recorder, options);
  const reads = new BoundedReads(recorder, { timeoutMs, signal, clock });
  const table = eventsTableOf(recorder);
  const { types, lastId } = await countTypes(reads, table);
  const { aggregates, most } = await countAggregates(reads, table, largest);
  const source = await findDaySource(reads, recorder, { index, wanted: daysBy });
  const { indexes, sizes, sizesOf } = reads.inspection;
  const [size = {}] = await reads.rows(sizes(table.name));
  return {
    lastId,
    events: sum(types.map(({ events }) => events)),
    aggregates,
    stateBytes: sum(types.map(({ stateBytes }) => stateBytes)),
    types,
    aggregateTypes: byAggregateType(types, aggregateTypeOf),
    days: source && (await countDays(reads, source, { days, nowMs: clock.nowMs() })),
    daysBy: source?.by,
    largest: most.map(({ topic, ...aggregate }) => ({ ...aggregate, aggregateType: aggregateTypeOf(topic) })),
    sizes: {
      of: sizesOf,
      totalBytes: Number(size['total_bytes']),
      tableBytes: numberOf(size['table_bytes']),
      indexBytes: numberOf(size['index_bytes']),
    },
    indexes: indexes === undefined ? undefined : (await reads.rows(indexes(table.name))).map(toIndex),
  };
}

function checked(recorder: SqlRecorder, options: StoreStatsOptions) {
  const { largest = LARGEST_DEFAULT, days = DAYS_DEFAULT, timeoutMs = TIMEOUT_MS_DEFAULT } = options;
  const { aggregateTypeOf = aggregateTypeOfTopic, eventIndex = INDEX_DEFAULT, schema, signal, daysBy } = options;
  // A recorder without SQL, from JavaScript.
  if ((recorder as Partial<SqlRecorder>).dialect === undefined) {
    throw new ProgrammingError(
      'storeStats needs a recorder with SQL: of PostgreSQL, SQLite, or a store in the browser.',
    );
  }
  checkWhole('largest', largest, 0, LARGEST_MAX);
  checkWhole('days', days, 0, DAYS_MAX);
  checkFunction('aggregateTypeOf', aggregateTypeOf);
  if (daysBy !== undefined && !DAYS_BY.includes(daysBy)) {
    throw new ProgrammingError(`daysBy must be one of ${DAYS_BY.join(', ')}.`, { details: { option: 'daysBy' } });
  }
  checkedMs('timeoutMs', timeoutMs, { min: 1, max: FOREIGN_MS_MAX });
  const index = sqlTableName(eventIndex, schema, recorder.dialect);
  return { largest, days, daysBy, aggregateTypeOf, index, timeoutMs, signal, clock: options.clock ?? systemClock };
}

/** The type of aggregates that a topic says, as this library and the Python library make them. */
function aggregateTypeOfTopic(topic: string): string | undefined {
  const colon = topic.indexOf(':');
  if (colon < 0) return undefined;
  const dot = topic.lastIndexOf('.');
  return topic.slice(0, dot > colon ? dot : colon);
}

function byAggregateType(
  types: readonly TypeCount[],
  aggregateTypeOf: (topic: string) => string | undefined,
): readonly AggregateTypeStats[] {
  const found = new Map<string | undefined, AggregateTypeStats>();
  for (const { topic, events, stateBytes } of types) {
    const aggregateType = aggregateTypeOf(topic);
    const known = found.get(aggregateType) ?? { aggregateType, events: 0, stateBytes: 0 };
    found.set(aggregateType, {
      aggregateType,
      events: known.events + events,
      stateBytes: known.stateBytes + stateBytes,
    });
  }
  return [...found.values()].sort((one, other) => other.events - one.events);
}

function toIndex(row: Readonly<Record<string, unknown>>): IndexStats {
  return {
    name: String(row['name']),
    table: String(row['table_name']),
    isUnique: row['is_unique'] === true,
    isValid: row['is_valid'] === true,
    scans: Number(row['scans']),
    bytes: Number(row['bytes']),
  };
}

function numberOf(value: unknown): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => one + other, 0);
}
