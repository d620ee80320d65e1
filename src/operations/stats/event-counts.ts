import type { SqlRow } from '../../persistence/sql/sql-queryable.js';
import type { NotificationId, OriginatorId } from '../../persistence/stored-event.js';
import { bytesToUuid } from '../../util/uuid-bytes.js';
import type { BoundedReads } from '../reading/bounded-reads.js';
import type { EventsTable } from '../reading/events-table.js';

// Of one statement: some ten milliseconds, for which others wait where there is one connection.
const PART_EVENTS = 50_000;
/** Events of one topic. */
export interface TypeCount {
  readonly topic: string;
  readonly events: number;
  /** Of their states, as they are stored. */
  readonly stateBytes: number;
}

/** Counts events by topic, up to the last one that is there when it begins; those with the most come first. */
export async function countTypes(
  reads: BoundedReads,
  { name, columns: { notificationId: id, topic, state } }: EventsTable,
): Promise<{ readonly types: readonly TypeCount[]; readonly lastId: NotificationId }> {
  const [end] = await reads.rows({ text: `SELECT coalesce(max(${id}), 0) AS last_id FROM ${name}`, values: [] });
  const lastId = Number(end?.['last_id']);
  const counts = new Map<string, { events: number; stateBytes: number }>();
  let after = 0;
  while (after < lastId) {
    const rows = await reads.rows({
      text: `SELECT topic, count(*) AS events, sum(bytes) AS state_bytes, max(id) AS last_id FROM (
          SELECT ${topic} AS topic, length(${state}) AS bytes, ${id} AS id FROM ${name}
          WHERE ${id} > $1 AND ${id} <= $2 ORDER BY ${id} LIMIT ${PART_EVENTS}
        ) AS part GROUP BY topic`,
      values: [after, lastId],
    });
    // Somebody has deleted what was there.
    if (rows.length === 0) break;
    for (const row of rows) {
      const key = (row['topic'] as string | null) ?? '';
      const { events, stateBytes } = counts.get(key) ?? { events: 0, stateBytes: 0 };
      counts.set(key, {
        events: events + Number(row['events']),
        stateBytes: stateBytes + Number(row['state_bytes'] ?? 0),
      });
      after = Math.max(after, Number(row['last_id']));
    }
  }
  const types = [...counts].map(([name, count]) => ({ topic: name, ...count }));
  return { types: types.sort((one, other) => other.events - one.events || (one.topic < other.topic ? -1 : 1)), lastId };
}

/** An aggregate, and how many events it has. */
export interface AggregateCount {
  readonly originatorId: OriginatorId;
  readonly topic: string;
  readonly events: number;
  readonly version: number;
}

interface Group {
  readonly id: unknown;
  readonly events: number;
  readonly version: number;
}

/** Counts aggregates, and finds those with the most events. */
export async function countAggregates(
  reads: BoundedReads,
  table: EventsTable,
  largest: number,
): Promise<{ readonly aggregates: number; readonly most: readonly AggregateCount[] }> {
  let aggregates = 0;
  let most: Group[] = [];
  /** The last one of a part: its events may go on in the next. */
  let open: Group | undefined;
  const keep = (groups: readonly Group[]): void => {
    most = [...most, ...groups].sort((one, other) => other.events - one.events).slice(0, largest);
  };
  for (;;) {
    const { groups, count, events } = await partAfter(reads, table, open, largest);
    const [first] = groups;
    const last = groups[groups.length - 1];
    if (first === undefined || last === undefined) break;
    aggregates += count;
    if (open !== undefined && keyOf(open) === keyOf(first)) {
      aggregates--;
      groups[0] = { ...first, events: first.events + open.events };
    } else if (open !== undefined) keep([open]);
    open = groups.pop();
    keep(groups);
    if (events < PART_EVENTS) break;
  }
  if (open !== undefined) keep([open]);
  const found: AggregateCount[] = [];
  for (const group of most) found.push(await described(reads, table, group));
  return { aggregates, most: found };
}

/** Of the next part in the order of aggregates the largest ones, the first and the last, in that order. */
async function partAfter(
  reads: BoundedReads,
  { name, columns: { originatorId: id, originatorVersion: version } }: EventsTable,
  after: Group | undefined,
  largest: number,
): Promise<{ readonly groups: Group[]; readonly count: number; readonly events: number }> {
  const where = after === undefined ? '' : `WHERE (${id}, ${version}) > ($1, $2)`;
  const rows = await reads.rows({
    text: `WITH part AS (
        SELECT ${id} AS id, ${version} AS version FROM ${name} ${where} ORDER BY ${id}, ${version} LIMIT ${PART_EVENTS}
      ), counted AS (SELECT id, count(*) AS events, max(version) AS version FROM part GROUP BY id)
      SELECT id, events, version, (SELECT count(*) FROM counted) AS groups, (SELECT count(*) FROM part) AS rows_read
      FROM (
        SELECT * FROM (SELECT * FROM counted ORDER BY events DESC, id LIMIT ${largest}) AS most
        UNION SELECT * FROM (SELECT * FROM counted ORDER BY id LIMIT 1) AS first
        UNION SELECT * FROM (SELECT * FROM counted ORDER BY id DESC LIMIT 1) AS last
      ) AS found ORDER BY id`,
    values: after === undefined ? [] : [after.id, after.version],
  });
  const [row = {}] = rows;
  return { groups: rows.map(toGroup), count: Number(row['groups'] ?? 0), events: Number(row['rows_read'] ?? 0) };
}

async function described(
  reads: BoundedReads,
  { name, columns }: EventsTable,
  { id, events, version }: Group,
): Promise<AggregateCount> {
  const [row] = await reads.rows({
    text: `SELECT ${columns.topic} AS topic FROM ${name} WHERE ${columns.originatorId} = $1 AND ${columns.originatorVersion} = $2`,
    values: [id, version],
  });
  return { originatorId: keyOf({ id }), topic: (row?.['topic'] as string | null | undefined) ?? '', events, version };
}

function toGroup(row: SqlRow): Group {
  return { id: row['id'], events: Number(row['events']), version: Number(row['version']) };
}

function keyOf({ id }: Pick<Group, 'id'>): string {
  return id instanceof Uint8Array ? bytesToUuid(id) : String(id);
}
