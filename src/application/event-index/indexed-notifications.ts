/**
 * Events that are found by an index in a SQL table, as they stand in the log.
 *
 * ```text
 * a time ──▶ its bounds: the first id and the last one that are in it
 * a page ──▶ entries of the index in the order of their ids, after the last page, by the condition that leaves the fewest
 *        ──▶ the event of each, in the same statement, where it is in the log and has one of the topics
 * ```
 *
 * Ids have the order of the log, and times of devices' clocks do not: a range of times is one of ids with others in between.
 * Asked for by time and sorted by id, each page would read the whole range; between its bounds, all pages together read it
 * once.
 *
 * Topics are asked of the log, because what is indexed of a type is what it was called when it was recorded.
 *
 * @module
 */
import { heeding } from '../../persistence/heed-signal.js';
import { assertNoneArchivedAfter } from '../../persistence/archive.js';
import { archivedLogOf } from '../../persistence/sql/sql-archive.js';
import { eventsSql, toNotification } from '../../persistence/sql/sql-events.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import type { Notification, NotificationId } from '../../persistence/stored-event.js';
import { validateQuery } from './event-index.js';
import type { EventQuery } from './event-index.js';

// Bounds the memory of a reader; larger pages are hardly faster.
const PAGE_ENTRIES = 500;
// Where few of a page have the topics.
const PAGE_ENTRIES_MAX = 8_000;
// Entries of a range of times that are looked at for its bounds, where another condition leaves few events as well.
const RANGE_ENTRIES_MAX = 10_000;
// Of a page, beside its topics.
const PARAMETERS_BESIDE = 10;

/** In the order in which one of them is chosen to read by: what a cause has led to is less than what a tenant has. */
const CHOSEN = { correlationId: 'correlation_id', actorId: 'actor_id', tenantId: 'tenant_id' } as const;

/**
 * Reads what fits, page by page.
 *
 * @param table - of the index, as SQL
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a condition is not what it should be
 */
export async function* indexedNotifications(
  recorder: SqlRecorder,
  table: string,
  query: EventQuery,
): AsyncGenerator<Notification, void, undefined> {
  validateQuery(query);
  const { topics = [], signal } = query;
  let left = query.limit ?? Infinity;
  const bounds = left === 0 ? undefined : await heeding(signal, () => boundsOf(recorder, table, query));
  if (bounds === undefined) return;
  // Some engines take few parameters.
  const isInSql = topics.length + PARAMETERS_BESIDE <= (recorder.dialect.parametersMax ?? Infinity);
  const request: EventQuery = { ...query, stop: bounds.stop, topics: isInSql ? topics : [] };
  let entries = PAGE_ENTRIES;
  for (let after: NotificationId | undefined = bounds.after; after !== undefined;) {
    const limit = topics.length === 0 ? Math.min(left, entries) : entries;
    const part: EventQuery = { ...request, after, limit };
    const page: Page = await heeding(signal, () => selectPage(recorder, table, part));
    const wanted = page.notifications.filter(({ topic }) => isInSql || topics.includes(topic));
    for (const notification of wanted) {
      signal?.throwIfAborted();
      yield notification;
      if (--left === 0) return;
    }
    after = page.next;
    entries = wanted.length * 4 < entries ? Math.min(2 * entries, PAGE_ENTRIES_MAX) : PAGE_ENTRIES;
  }
}

/** Between which ids events are to be looked for. */
interface Bounds {
  readonly after: NotificationId;
  readonly stop: NotificationId | undefined;
}

/** @returns undefined when there is none */
async function boundsOf(recorder: SqlRecorder, table: string, query: EventQuery): Promise<Bounds | undefined> {
  const { after = 0, stop, from, to } = query;
  if (from === undefined && to === undefined) return { after, stop };
  const isOneOfSeveral = chosenOf(query) !== undefined;
  const text = new NumberedSql();
  const { rows } = await recorder.query(
    `SELECT min(id) AS first, max(id) AS last, count(*) AS entries FROM (SELECT notification_id AS id FROM ${table}
      WHERE ${timesOf(text, 'occurred_at_ms', query).join(' AND ')}
      LIMIT ${text.add(isOneOfSeveral ? RANGE_ENTRIES_MAX : Number.MAX_SAFE_INTEGER)}) AS range`,
    text.values,
  );
  const [row = {}] = rows;
  if (row['first'] === null) return undefined;
  // There may be more.
  if (isOneOfSeveral && Number(row['entries']) === RANGE_ENTRIES_MAX) return { after, stop };
  const last = Number(row['last']);
  return { after: Math.max(after, Number(row['first']) - 1), stop: stop === undefined ? last : Math.min(stop, last) };
}

/** Some entries of the index. */
interface Page {
  /** Their events, as far as they are in the log and wanted. */
  readonly notifications: readonly Notification[];
  /** After which id there may be more; undefined at the end. */
  readonly next: NotificationId | undefined;
}

async function selectPage(recorder: SqlRecorder, table: string, query: EventQuery): Promise<Page> {
  const events = eventsSql(recorder.dialect);
  const { notificationId, topic } = events.columns;
  const { after = 0, stop, topics = [], limit } = query;
  const text = new NumberedSql();
  const conditions = [`notification_id > ${text.add(after)}`];
  if (stop !== undefined) conditions.push(`notification_id <= ${text.add(stop)}`);
  const chosen = chosenOf(query);
  for (const [key, column] of Object.entries(CHOSEN)) {
    const value = query[key as keyof typeof CHOSEN];
    // What is calculated has no index: so it is read by that of the chosen one, which has the order of the ids.
    if (value !== undefined) conditions.push(`${column}${key === chosen ? '' : " || ''"} = ${text.add(value)}`);
  }
  for (const condition of timesOf(text, '(occurred_at_ms + 0)', query)) conditions.push(condition);
  const entries = `SELECT notification_id AS entry FROM ${table}
    WHERE ${conditions.join(' AND ')} ORDER BY notification_id LIMIT ${text.add(limit)}`;
  const entryValues = [...text.values];
  const isWanted = topics.length === 0 ? '' : ` AND e.${topic} IN (${topics.map((one) => text.add(one)).join(', ')})`;
  const { rows } = await recorder.query(
    `SELECT entry, ${events.select('e')} FROM (${entries}) AS page
      LEFT JOIN ${events.table} AS e ON e.${notificationId} = entry${isWanted} ORDER BY entry`,
    text.values,
  );
  const found = rows.filter((row) => row['notification_id'] !== null);
  if (found.length < rows.length) await assertNoneLeft(recorder, entries, entryValues);
  return {
    notifications: found.map(toNotification),
    next: rows.length === limit ? Number(rows.at(-1)?.['entry']) : undefined,
  };
}

/** @throws HistoryArchivedError (`HISTORY_ARCHIVED`) when an event of the page is in an archive */
async function assertNoneLeft(recorder: SqlRecorder, entries: string, values: unknown[]): Promise<void> {
  const { archive } = recorder.dialect;
  const archived = archive && (await archivedLogOf(recorder, archive));
  if (archived === undefined) return;
  const { table, columns } = eventsSql(recorder.dialect);
  const { rows } = await recorder.query(
    `SELECT min(entry) AS entry FROM (${entries}) AS page
      WHERE NOT EXISTS (SELECT 1 FROM ${table} AS e WHERE e.${columns.notificationId} = entry)`,
    values,
  );
  const entry = rows[0]?.['entry'];
  if (entry !== null && entry !== undefined) assertNoneArchivedAfter({ start: Number(entry), limit: 1 }, archived);
}

/** The condition that a page is read by. */
function chosenOf(query: EventQuery): keyof typeof CHOSEN | undefined {
  return (Object.keys(CHOSEN) as (keyof typeof CHOSEN)[]).find((key) => query[key] !== undefined);
}

function timesOf(text: NumberedSql, atMs: string, { from, to }: EventQuery): readonly string[] {
  return [
    ...(from === undefined ? [] : [`${atMs} >= ${text.add(from.getTime())}`]),
    ...(to === undefined ? [] : [`${atMs} < ${text.add(to.getTime())}`]),
  ];
}

/** The values of a statement, in the order of their appearance. */
class NumberedSql {
  readonly values: unknown[] = [];

  /** @returns its parameter */
  add(value: unknown): string {
    return `$${this.values.push(value)}`;
  }
}
