/**
 * The statements on an events table, and what their answers mean.
 *
 * @module
 */
import { assertNoneArchived, assertNoneArchivedAfter, mayLackEvents, mayLackNotifications } from '../archive.js';
import type { ArchivedAggregate } from '../archive.js';
import { InternalError, OperationalError } from '../errors.js';
import type { IntegrityError } from '../errors.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import { eventTaken } from '../position-taken.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import { validateEvents, validateSelectEvents, validateSelectNotifications } from '../validation.js';
import { archivedAggregate, archivedLog } from './postgres-archive-reads.js';
import type { PlannableStatement, PostgresRow } from './postgres-driver.js';
import { sqlStateOf } from './postgres-errors.js';
import {
  bigintArray,
  bytesLiteral,
  decodedBytes,
  decodedText,
  encodedTexts,
  integerArray,
  joinedBytes,
  plainLiteral,
  textLiteral,
  uuidArray,
  uuidLiteral,
} from './postgres-literals.js';
import { toNotifications, toSafeInteger, toStoredEvents } from './postgres-rows.js';
import type { PostgresAggregateTable, PostgresEventColumns, PostgresTables } from './postgres-schema.js';
import type { PostgresSession } from './postgres-session.js';

const UNIQUE_VIOLATION = '23505';
// As with tracking: an error is what takes back the statements before it in the same message, and it carries this text.
const BEHIND_MARK = 'daybook.sequence_behind:';
const OTHER_IDS_MARK = 'daybook.other_ids:';
const BEHIND_MESSAGE = /daybook\.sequence_behind:(\d+)/;
// The detail names the key in every language of the server: `(originator_id, originator_version)=(<id>, <version>)`.
const PRIMARY_KEY = /_pkey\d*$/;
const TAKEN_KEY = /\)=\((.*), (\d+)\)/s;

/** What is inserted: of one event a value for each column, of several what they are made of. As expressions, with their types. */
interface EventRows {
  readonly isOne: boolean;
  readonly types: readonly string[];
  readonly values: readonly string[];
}

/** An events table: its statements. Reads run in the session that is given; writes are returned as text. */
export class PostgresEventsTable {
  readonly #table: PostgresAggregateTable;
  readonly #columns: PostgresEventColumns;
  readonly #eventColumns: PostgresTables['eventColumns'];
  /** Of tables that tenants share, whose ids count up by tenant. */
  readonly #tenants: PostgresTables['tenants'];
  readonly #archive: PostgresTables['archive'];
  /** Statements with `$1` … in the place of the values. */
  readonly #planned: { one?: string; many?: string } = {};

  constructor(
    table: Omit<PostgresAggregateTable, 'createSql'> & Pick<PostgresTables, 'eventColumns' | 'tenants' | 'archive'>,
  ) {
    this.#archive = table.archive;
    this.#eventColumns = table.eventColumns;
    this.#tenants = table.tenants;
    this.#table = { ...table, createSql: '' };
    this.#columns = table.columns;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an event cannot be stored as it is */
  validate(events: readonly StoredEvent[]): void {
    validateEvents(events, this.#table.originatorIdType);
  }

  /** One statement for all rows, which are inserted in the order of the events. They must have been validated. */
  insertSql(events: readonly StoredEvent[]): string {
    const rows = this.#rowsOf(events);
    return this.#insertSql(rows, rows.values);
  }

  /**
   * The same, giving the rows for {@link PostgresEventsTable.toIds}. It fails when the sequence gives ids that are not above
   * all that are stored, which followers have passed. Under the lock, so that nobody else stores any meanwhile.
   *
   * To plan it takes longer than to carry it out.
   */
  insertReturningIds(events: readonly StoredEvent[]): PlannableStatement {
    const rows = this.#rowsOf(events);
    const { isOne, types, values } = rows;
    const text = (this.#planned[isOne ? 'one' : 'many'] ??= this.#insertReturningIdsSql(
      rows,
      types.map((_type, index) => `$${index + 1}`),
    ));
    return { text, types, values, inline: () => this.#insertReturningIdsSql(rows, values) };
  }

  /**
   * Statements that insert them under the ids that follow on one, and fail when they would have others. Under the lock, where that
   * is the last one stored.
   */
  insertAtSql(events: readonly StoredEvent[], after: NotificationId): readonly string[] {
    const { notificationId: id } = this.#columns;
    const rows = this.#rowsOf(events);
    const insert = `WITH stored AS (
${this.#insertSql(rows, rows.values)}
RETURNING ${id} AS id
) SELECT CASE WHEN min(id) = ${after + 1} AND max(id) = ${after + events.length} THEN 1
  ELSE ('${OTHER_IDS_MARK}' || max(id))::integer END AS stored FROM stored`;
    if (this.#tenants !== undefined) return [insert];
    // Before: what a sequence has given it does not take back, and a gap would stay.
    const column = id.slice(1, -1).replaceAll('""', '"');
    return [
      `SELECT CASE WHEN last = ${after} THEN 1 ELSE ('${OTHER_IDS_MARK}' || last)::integer END AS next FROM (
  SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence(${plainLiteral(this.#table.events)}, ${plainLiteral(column)})::regclass), ${after}) AS last
) AS s`,
      insert,
    ];
  }

  #insertReturningIdsSql(rows: EventRows, expressions: readonly string[]): string {
    const { notificationId: id } = this.#columns;
    // Both parts of the statement see the table as it is before it.
    return `WITH stored AS (
${this.#insertSql(rows, expressions)}
RETURNING ${id} AS id
), last AS (SELECT coalesce(max(${id}), 0) AS id FROM ${this.#table.events})
SELECT CASE WHEN stored.id > last.id THEN stored.id ELSE ('${BEHIND_MARK}' || last.id)::bigint END AS notification_id
FROM stored, last`;
  }

  #insertSql({ isOne }: EventRows, expressions: readonly string[]): string {
    const { originatorId, originatorVersion, topic, state } = this.#columns;
    const counted = this.#tenants === undefined ? '' : `, ${this.#columns.notificationId}`;
    const more = (this.#eventColumns === undefined ? '' : ', event_id, metadata') + counted;
    const one = counted === '' ? expressions : [...expressions, `${this.#lastIdSql()} + 1`];
    const rows = isOne ? `VALUES (${one.join(', ')})` : this.#manyRowsSql(expressions);
    return `INSERT INTO ${this.#table.events} (${originatorId}, ${originatorVersion}, ${topic}, ${state}${more})\n${rows}`;
  }

  #manyRowsSql(expressions: readonly string[]): string {
    const [topics, states, ...each] = expressions as [string, string, ...string[]];
    const id = this.#table.originatorIdType === 'uuid' ? 'e.id' : decodedText('e.id');
    // Decoded once, as subqueries on their own are.
    const selected = [
      id,
      'e.version',
      `(ARRAY(SELECT ${decodedText('t.topic')} FROM unnest(${topics}) WITH ORDINALITY AS t (topic, place) ORDER BY t.place))[e.topic]`,
      `substr((SELECT ${decodedBytes(states)}), e.start, e.length)`,
    ];
    const names = ['id', 'version', 'topic', 'start', 'length'];
    if (this.#eventColumns !== undefined) {
      selected.push(
        `nullif(${decodedText('e.event_id')}, '')::uuid`,
        `nullif(${decodedText('e.metadata')}, '')::jsonb`,
      );
      names.push('event_id', 'metadata');
    }
    if (this.#tenants !== undefined) selected.push(`${this.#lastIdSql()} + e.place`);
    return `SELECT ${selected.join(', ')}
FROM unnest(${each.join(', ')}) WITH ORDINALITY AS e (${names.join(', ')}, place)
ORDER BY e.place`;
  }

  /** Under the lock, as all who write: nobody else takes the same ones. */
  #lastIdSql(): string {
    return `(SELECT coalesce(max(${this.#columns.notificationId}), 0) FROM ${this.#table.events})`;
  }

  #rowsOf(events: readonly StoredEvent[]): EventRows {
    const [first] = events;
    const isUuid = this.#table.originatorIdType === 'uuid';
    if (first !== undefined && events.length === 1 && this.#eventColumns === undefined) {
      const { originatorId, originatorVersion, topic, state } = first;
      const id = isUuid ? uuidLiteral(originatorId) : textLiteral(originatorId);
      return {
        // The most usual case, in which arrays would take a third longer.
        isOne: true,
        types: [isUuid ? 'uuid' : 'text', 'bigint', 'text', 'bytea'],
        values: [id, String(originatorVersion), textLiteral(topic), bytesLiteral(state)],
      };
    }
    const ids = events.map((event) => event.originatorId);
    const topics = new Map<string, number>();
    const topicsOf = events.map(({ topic }) => {
      const place = topics.get(topic) ?? topics.size + 1;
      topics.set(topic, place);
      return place;
    });
    const lengths = events.map(({ state }) => state.length);
    let end = 1;
    const starts = lengths.map((length) => (end += length) - length);
    // Topics once each, and states as one text: an array is read letter by letter, with something to do for each element.
    const types = ['text[]', 'text', isUuid ? 'uuid[]' : 'text[]', 'bigint[]', 'integer[]', 'integer[]', 'integer[]'];
    const values = [
      encodedTexts([...topics.keys()]),
      joinedBytes(events.map(({ state }) => state)),
      isUuid ? uuidArray(ids) : encodedTexts(ids),
      bigintArray(events.map((event) => event.originatorVersion)),
      integerArray(topicsOf),
      integerArray(starts),
      integerArray(lengths),
    ];
    if (this.#eventColumns !== undefined) {
      const more = events.map(this.#eventColumns);
      types.push('text[]', 'text[]');
      values.push(encodedTexts(more.map(({ eventId = '' }) => eventId)));
      values.push(encodedTexts(more.map(({ metadata }) => (metadata === undefined ? '' : JSON.stringify(metadata)))));
    }
    return { isOne: false, types, values };
  }

  /** The error of a sequence that gives ids of before, if an error is about that. */
  toSequenceBehind(error: unknown): OperationalError | undefined {
    const { cause } = error as { cause?: unknown };
    const { message, detail = '' } = cause instanceof Error ? (cause as Error & { detail?: string }) : { message: '' };
    const [, last] = BEHIND_MESSAGE.exec(message) ?? [];
    // Where the id is stored already, its own index refuses it first. The detail names its column, as it is or quoted.
    const column = this.#columns.notificationId;
    const isTaken = detail.includes(`(${column})=(`) || detail.includes(`(${column.slice(1, -1)})=(`);
    if (last === undefined && !(isTaken && sqlStateOf(cause) === UNIQUE_VIOLATION)) return undefined;
    return new OperationalError(
      `The sequence of ${this.#table.events} gives ids that are not above the largest one stored${last === undefined ? '' : `, ${last}`}: followers would pass over the events. Nothing was stored. Was it restarted, or restored without its number? SELECT setval(pg_get_serial_sequence('${this.#table.events.replaceAll("'", "''")}', '${column.slice(1, -1).replaceAll('""', '"').replaceAll("'", "''")}'), (SELECT max(${column}) FROM ${this.#table.events})).`,
      { cause, details: { reason: 'sequence', ...(last === undefined ? {} : { lastNotificationId: Number(last) }) } },
    );
  }

  /** The ids of the events that were inserted, in their order. */
  toIds(rows: readonly PostgresRow[], events: readonly StoredEvent[]): NotificationId[] {
    // What is told then is of the turn.
    if (events.length === 0) return [];
    const ids = rows.map((row) => toSafeInteger(row, 'notification_id'));
    // That sequences count in the order of the rows is PostgreSQL's practice since 9.6, and promised nowhere.
    const inOrder = ids.every((id, index) => index === 0 || id > (ids[index - 1] as NotificationId));
    if (ids.length === events.length && inOrder) return ids;
    throw new InternalError('PostgreSQL gave notification ids out of order. The events are stored.', {
      details: { events: events.length, ids: ids.length },
    });
  }

  /** The conflict that an error of an insert is about, if it names one of the events. */
  toConflict(error: unknown, events: readonly StoredEvent[]): IntegrityError | undefined {
    const { cause } = error as { cause?: unknown };
    if (sqlStateOf(cause) !== UNIQUE_VIOLATION) return undefined;
    const [, originatorId, version] = TAKEN_KEY.exec((cause as { detail?: string }).detail ?? '') ?? [];
    const taken = events.find(
      (event) => event.originatorId === originatorId && event.originatorVersion === Number(version),
    );
    return taken === undefined ? undefined : eventTaken(taken, cause);
  }

  /**
   * The same where PostgreSQL names no values, because policies decide who may see them: by looking which position is
   * taken, by what is stored or twice in the same call.
   */
  async findConflict(
    session: PostgresSession,
    error: unknown,
    events: readonly StoredEvent[],
  ): Promise<IntegrityError | undefined> {
    const { cause } = error as { cause?: unknown };
    if (this.#tenants === undefined || sqlStateOf(cause) !== UNIQUE_VIOLATION) return undefined;
    if (!PRIMARY_KEY.test((cause as { constraint?: string }).constraint ?? '')) return undefined;
    const { originatorId, originatorVersion } = this.#columns;
    const [row] = await session.read(
      `SELECT s.place - 1 AS place
FROM unnest($1::${this.#table.originatorIdType}[], $2::bigint[]) WITH ORDINALITY AS s (id, version, place)
WHERE EXISTS (SELECT FROM ${this.#table.events} WHERE ${originatorId} = s.id AND ${originatorVersion} = s.version)
ORDER BY s.place LIMIT 1`,
      [events.map((event) => event.originatorId), events.map((event) => event.originatorVersion)],
    );
    const taken = row === undefined ? firstTwice(events) : events[toSafeInteger(row, 'place')];
    return taken === undefined ? undefined : eventTaken(taken, cause);
  }

  /** As in `AggregateRecorder`. */
  async select(
    session: PostgresSession,
    originatorId: OriginatorId,
    options: SelectEventsOptions,
  ): Promise<readonly StoredEvent[]> {
    validateSelectEvents(originatorId, options, this.#table.originatorIdType);
    const { originatorId: id, originatorVersion: version, topic, state } = this.#columns;
    const values: unknown[] = [originatorId];
    const conditions = [`${id} = $1`];
    if (options.gt !== undefined) conditions.push(`${version} > $${values.push(options.gt)}`);
    if (options.lte !== undefined) conditions.push(`${version} <= $${values.push(options.lte)}`);
    const order = options.desc === true ? 'DESC' : 'ASC';
    const limit = options.limit === undefined ? '' : `LIMIT $${values.push(options.limit)}`;
    const rows = await session.read(
      // Not the id, which is the same in all rows.
      `SELECT ${version} AS originator_version, ${topic} AS topic, ${state} AS state FROM ${this.#table.events}
       WHERE ${conditions.join(' AND ')} ORDER BY ${version} ${order} ${limit}`,
      values,
    );
    const events = toStoredEvents(rows, originatorId);
    if (this.#archive !== undefined && mayLackEvents(options, events)) {
      assertNoneArchived(options, await archivedAggregate(session, this.#archive, originatorId));
    }
    return events;
  }

  /** What an archive has of an aggregate. */
  async archived(session: PostgresSession, originatorId: OriginatorId): Promise<ArchivedAggregate | undefined> {
    return this.#archive && (await archivedAggregate(session, this.#archive, originatorId));
  }

  /** As in `ApplicationRecorder`. */
  async selectNotifications(
    session: PostgresSession,
    options: SelectNotificationsOptions,
  ): Promise<readonly Notification[]> {
    const notifications = await this.selectRemaining(session, options);
    if (this.#archive !== undefined && mayLackNotifications(options, notifications)) {
      assertNoneArchivedAfter(options, await archivedLog(session, this.#archive));
    }
    return notifications;
  }

  /** As in `ArchivableRecorder`. */
  async selectRemaining(
    session: PostgresSession,
    options: SelectNotificationsOptions,
  ): Promise<readonly Notification[]> {
    validateSelectNotifications(options);
    const { notificationId: id, originatorId, originatorVersion: version, topic, state } = this.#columns;
    const values: unknown[] = [options.start, options.limit];
    const conditions = [`${id} >= $1`];
    if (options.stop !== undefined) conditions.push(`${id} <= $${values.push(options.stop)}`);
    if (options.topics?.length) conditions.push(`${topic} = ANY($${values.push([...options.topics])}::text[])`);
    const rows = await session.read(
      `SELECT ${id} AS notification_id, ${originatorId} AS originator_id, ${version} AS originator_version,
         ${topic} AS topic, ${state} AS state FROM ${this.#table.events}
       WHERE ${conditions.join(' AND ')} ORDER BY ${id} LIMIT $2`,
      values,
    );
    return toNotifications(rows);
  }

  /** As in `ApplicationRecorder`. */
  async maxNotificationId(session: PostgresSession): Promise<NotificationId> {
    const { notificationId: id } = this.#columns;
    const [row = {}] = await session.read(`SELECT coalesce(max(${id}), 0) AS id FROM ${this.#table.events}`, []);
    return toSafeInteger(row, 'id');
  }
}

/** The first event whose position another one before it has. */
function firstTwice(events: readonly StoredEvent[]): StoredEvent | undefined {
  const seen = new Set<string>();
  return events.find(({ originatorId, originatorVersion }) => {
    const key = `${originatorVersion} ${originatorId}`;
    return seen.size === seen.add(key).size;
  });
}
