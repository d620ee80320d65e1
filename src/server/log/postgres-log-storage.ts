/**
 * The statements of a log in PostgreSQL. Each is answered from an index, however long the log is.
 *
 * @module
 */
import type { InlineParticipant } from '../../application/events/inline-participant.js';
import type { NotifiedEvent } from '../../application/events/notified-event.js';
import { IntegrityError, InternalError, ProgrammingError } from '../../persistence/errors.js';
import { lastRows } from '../../persistence/postgres/postgres-driver.js';
import { toNotifications, toSafeInteger } from '../../persistence/postgres/postgres-rows.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { RecorderTransaction } from '../../persistence/recorder-transaction.js';
import type { SqlLog } from '../../persistence/sql/sql-dialect.js';
import type { SqlQueryable, SqlRow } from '../../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { storableText } from '../../persistence/storable-text.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import { editionOf } from '../../persistence/unit-edition.js';
import type { EditionId, UnitId } from '../../persistence/unit.js';
import { bytesToUuid, UUID_BYTES } from '../../util/uuid-bytes.js';
import type { AggregateEnd, KnownUnit } from './decide-units.js';
import type {
  AggregateStart,
  EventPlace,
  IdGap,
  LogChange,
  LogStanding,
  LogStorage,
  LogTransaction,
  PlacedVersion,
  RejectedRow,
  SetAsideRow,
  UnitRow,
} from './log-storage.js';
import type { LogTables } from './log-tables.js';
import {
  fromHex,
  REASON_LENGTH_MAX,
  refusedColumns,
  refusedStatements,
  setAsideColumns,
  toRefusedUnit,
  toSetAsideRow,
  toWaiting,
} from './postgres-refused.js';
import type { RefusedStatements } from './postgres-refused.js';
import { textOf } from './text-of.js';
import type { RefusedUnit } from './unit-log.js';

// Of the gaps, these are looked at each time: the newest, and as many from somewhere, so that none is forgotten.
const GAPS_AT_ONCE = 100;

/** What a {@link PostgresLogStorage} is made of. */
export interface PostgresLogParts {
  readonly recorder: SqlRecorder;
  readonly log: SqlLog;
  readonly tables: LogTables;
  /** Take part in its transactions. */
  readonly participants: readonly InlineParticipant[];
}

/** Keeps a log in PostgreSQL. */
export class PostgresLogStorage implements LogStorage {
  readonly #parts: PostgresLogParts;
  readonly #statements: Statements;
  readonly #reader: Reader;

  constructor(parts: PostgresLogParts) {
    this.#parts = parts;
    this.#statements = statementsOf(parts);
    this.#reader = new Reader(parts.recorder, parts.recorder, this.#statements);
  }

  async standing(): Promise<LogStanding> {
    const { rows } = await this.#parts.recorder.query(this.#statements.standing);
    return toStanding(rows);
  }

  async known(ids: readonly UnitId[]): Promise<ReadonlyMap<UnitId, KnownUnit>> {
    return await this.#reader.known(ids);
  }

  async events(range: IdGap, limit: number): Promise<readonly Notification[]> {
    return await this.#reader.events(range, limit);
  }

  async chains(positions: readonly number[]): Promise<ReadonlyMap<number, string>> {
    const { rows } = await this.#parts.recorder.query(this.#statements.chains, [[...positions]]);
    return new Map(rows.map((row) => [toSafeInteger(row, 'position'), textOf(row, 'chain')]));
  }

  async units(from: number, limit: number): Promise<readonly UnitRow[]> {
    const { rows } = await this.#parts.recorder.query(this.#statements.units, [from, limit]);
    return rows.map(toUnitRow);
  }

  async unitsOfAggregate(
    originatorId: OriginatorId,
    after: number,
    upTo: number,
    limit: number,
  ): Promise<readonly UnitRow[]> {
    const values = [originatorId, after, Math.min(upTo, Number.MAX_SAFE_INTEGER), limit];
    const { rows } = await this.#parts.recorder.query(this.#statements.unitsOfAggregate, values);
    return rows.map(toUnitRow);
  }

  async news(
    from: number,
    limits: { readonly rows: number; readonly bytes: number },
  ): Promise<{ readonly rows: readonly UnitRow[]; readonly events: readonly Notification[] }> {
    const { rows } = await this.#parts.recorder.query(this.#statements.news, [from, limits.rows, limits.bytes]);
    // A row for each event, or for a unit whose events are not read.
    const firsts = rows.filter((row, index) => row['position'] !== rows[index - 1]?.['position']);
    return {
      rows: firsts.map(toUnitRow),
      events: toNotifications(rows.filter((row) => row['notification_id'] !== null)),
    };
  }

  async aggregates(after: OriginatorId | undefined, limit: number): Promise<readonly AggregateStart[]> {
    const { aggregates, aggregatesAfter } = this.#statements;
    const { recorder } = this.#parts;
    const { rows } =
      after === undefined
        ? await recorder.query(aggregates, [limit])
        : await recorder.query(aggregatesAfter, [limit, after]);
    return rows.map((row) => ({ originatorId: textOf(row, 'originator_id'), first: toSafeInteger(row, 'version') }));
  }

  async tails(places: readonly EventPlace[], limit: number): Promise<readonly (readonly PlacedVersion[])[]> {
    const { rows } = await this.#parts.recorder.query(this.#statements.tails, [...placeColumns(places), limit]);
    const tails = places.map((): PlacedVersion[] => []);
    for (const row of rows) {
      tails[toSafeInteger(row, 'place') - 1]?.push({ version: toSafeInteger(row, 'version'), row: toUnitRow(row) });
    }
    return tails;
  }

  async editions(places: readonly EventPlace[]): Promise<readonly (EditionId | undefined)[]> {
    const { rows } = await this.#parts.recorder.query(this.#statements.owners, placeColumns(places));
    return rows.map(toEdition);
  }

  async eventsOf(
    originatorId: OriginatorId,
    { after, upTo, limit }: { readonly after: number; readonly upTo: number; readonly limit: number },
  ): Promise<readonly StoredEvent[]> {
    return await this.#parts.recorder.selectEvents(originatorId, { gt: after, lte: upTo, limit });
  }

  async eventsIn(ranges: readonly IdGap[]): Promise<readonly Notification[]> {
    const firsts = arrayOf(ranges.map(({ first }) => first));
    const { rows } = await this.#parts.recorder.query(this.#statements.eventsIn, [
      ...[firsts, arrayOf(ranges.map(({ last }) => last))],
    ]);
    return toNotifications(rows);
  }

  async refused(after: UnitId, limit: number): Promise<readonly RefusedUnit[]> {
    const { rows } = await this.#parts.recorder.query(this.#statements.refusedAfter, [after, limit]);
    return rows.map(toRefusedUnit);
  }

  async due({ rows: limit, bytes }: Parameters<LogStorage['due']>[0]): Promise<readonly SetAsideRow[]> {
    const { rows } = await this.#parts.recorder.query(this.#statements.due, [limit, bytes]);
    return rows.map(toSetAsideRow);
  }

  async refusedByIds(ids: readonly UnitId[]): Promise<readonly RefusedUnit[]> {
    const { rows } = await this.#parts.recorder.query(this.#statements.refusedByIds, [[...ids], ids.length]);
    return rows.map(toRefusedUnit);
  }

  async transaction<T>(work: (transaction: LogTransaction) => Promise<T>): Promise<T> {
    const { recorder } = this.#parts;
    return await recorder.transaction(
      async (transaction) => await work(new PostgresLogTransaction(transaction, this.#statements, this.#parts)),
    );
  }
}

/** What is read alike inside of a transaction and outside of one. */
class Reader {
  protected readonly sql: SqlQueryable;
  protected readonly statements: Statements;
  readonly #recorder: ProcessRecorder;

  constructor(recorder: ProcessRecorder, sql: SqlQueryable, statements: Statements) {
    this.#recorder = recorder;
    this.sql = sql;
    this.statements = statements;
  }

  async known(ids: readonly UnitId[]): Promise<ReadonlyMap<UnitId, KnownUnit>> {
    const { rows } = await this.sql.query(this.statements.known, [arrayOf(ids)]);
    return toKnown(rows);
  }

  async events({ first, last }: IdGap, limit: number): Promise<readonly Notification[]> {
    return await this.#recorder.selectNotifications({ start: first, stop: last, limit });
  }
}

class PostgresLogTransaction extends Reader implements LogTransaction {
  readonly #transaction: RecorderTransaction<SqlQueryable>;
  readonly #parts: Pick<PostgresLogParts, 'participants'>;
  /** Whether units wait for others to come. */
  #isAwaited = false;

  constructor(
    transaction: RecorderTransaction<SqlQueryable>,
    statements: Statements,
    parts: Pick<PostgresLogParts, 'participants'>,
  ) {
    super(transaction, transaction.connection, statements);
    this.#transaction = transaction;
    this.#parts = parts;
  }

  async lock(): Promise<LogStanding> {
    // One message. The second statement sees what was committed until the first one had the lock.
    const standing = toStanding(lastRows(await this.sql.query(this.statements.lock)));
    this.#isAwaited = standing.waiting !== 'none';
    return standing;
  }

  async view(
    ids: readonly UnitId[],
    aggregates: readonly OriginatorId[],
  ): Promise<{ known: ReadonlyMap<UnitId, KnownUnit>; ends: ReadonlyMap<OriginatorId, AggregateEnd> }> {
    const { rows } = await this.sql.query(this.statements.view, [arrayOf(ids), [...aggregates]]);
    const ends = rows.filter(({ version }) => version !== null);
    return {
      known: toKnown(rows.filter(({ version }) => version === null)),
      ends: new Map(
        ends.map((row) => [
          textOf(row, 'originator_id'),
          { version: toSafeInteger(row, 'version'), edition: textOf(row, 'unit_id') },
        ]),
      ),
    };
  }

  async owners(places: readonly EventPlace[]): Promise<readonly (EditionId | undefined)[]> {
    const { rows } = await this.sql.query(this.statements.owners, placeColumns(places));
    return rows.map(toEdition);
  }

  async record(events: readonly StoredEvent[]): Promise<readonly NotificationId[]> {
    return await this.#transaction.insertEvents(events);
  }

  async tell(events: readonly NotifiedEvent[]): Promise<void> {
    // One after the other: they share the connection.
    for (const participant of this.#parts.participants) await participant.onRecorded?.(this.#transaction, events);
  }

  async within<T>(work: (transaction: LogTransaction) => Promise<T>): Promise<T> {
    return await this.#transaction.transaction(
      async (inner) => await work(new PostgresLogTransaction(inner, this.statements, this.#parts)),
    );
  }

  async setAside(ids: readonly UnitId[]): Promise<ReadonlyMap<UnitId, SetAsideRow>> {
    const { rows } = await this.sql.query(this.statements.setAsideByIds, [arrayOf(ids)]);
    return new Map(rows.map(toSetAsideRow).map((row) => [row.unit.id, row]));
  }

  async #changeRefused({ supersedes, discarded = [], rejected, pruning }: LogChange): Promise<void> {
    const { statements, sql } = this;
    const gone = [...supersedes, ...discarded];
    if (gone.length > 0) await sql.query(statements.deleteRefused, [gone]);
    if (discarded.length > 0) await sql.query(statements.deleteSetAside, [[...discarded]]);
    if (rejected.length > 0) await sql.query(statements.insertRefused, refusedColumns(rejected));
    if (pruning !== undefined) {
      await sql.query(statements.deleteOldRefused, [pruning.beforeMs]);
      await sql.query(statements.trimRefused, [pruning.bytesMax]);
    }
  }

  async change(change: LogChange): Promise<void> {
    const { head, units, supersedes, rejected, gaps, filled, setAside } = change;
    const { statements, sql } = this;
    await this.#changeRefused(change);
    if (filled.length > 0) await sql.query(statements.deleteGaps, [filled.map(({ first }) => first)]);
    if (gaps.length > 0) {
      await sql.query(statements.insertGaps, [gaps.map(({ first }) => first), gaps.map(({ last }) => last)]);
    }
    if (rejected.length > 0) await sql.query(statements.insertRejected, rejectedColumns(rejected));
    if (setAside.length > 0) {
      await sql.query(statements.deleteSetAside, [setAside.map(({ unit }) => unit.id)]);
      await sql.query(statements.insertSetAside, setAsideColumns(setAside));
    }
    if (this.#isAwaited && units.length > 0) {
      const { rows } = await sql.query(statements.awaiting, [arrayOf(units.map(editionOf))]);
      if (rows.length > 0) await sql.query(statements.makeDue, [rows.map((row) => textOf(row, 'unit_id'))]);
    }
    if (supersedes.length > 0) await sql.query(statements.forget, [[...supersedes]]);
    const values = [...unitColumns(units), head.position, head.chain, head.lastId];
    await sql.query(statements.append, values).catch((error: unknown) => {
      throw error instanceof IntegrityError ? unitTwice(error) : error;
    });
  }
}

function placeColumns(places: readonly EventPlace[]): unknown[] {
  return [places.map(({ originatorId }) => originatorId), places.map(({ originatorVersion }) => originatorVersion)];
}

function toEdition({ unit_id: id }: SqlRow): EditionId | undefined {
  return typeof id === 'string' ? id : undefined;
}

interface Statements extends RefusedStatements {
  readonly lock: string;
  readonly standing: string;
  readonly known: string;
  readonly view: string;
  readonly owners: string;
  readonly chains: string;
  readonly units: string;
  readonly news: string;
  readonly unitsOfAggregate: string;
  readonly aggregates: string;
  readonly aggregatesAfter: string;
  readonly tails: string;
  readonly eventsIn: string;
  readonly append: string;
  readonly forget: string;
  readonly insertRejected: string;
  readonly insertGaps: string;
  readonly deleteGaps: string;
}

function statementsOf({ log, tables }: PostgresLogParts): Statements {
  const { eventsTable, columns, originatorIdType: idType, lockSql } = log;
  const { originatorId, originatorVersion: version, notificationId: id, topic, state } = columns;
  const { units, head, gaps, setAside } = tables;
  // No two units share ids, so the one that ends next is the only one that can have it.
  const ownerOf = (
    event: string,
  ): string => `(SELECT CASE WHEN o.last_id - o.count < ${event} THEN coalesce(o.edition, o.unit_id) END
    FROM ${units} o WHERE o.last_id >= ${event} ORDER BY o.last_id LIMIT 1)`;
  const standing = `SELECT h.position, encode(h.chain, 'hex') AS chain, h.last_id,
    (SELECT coalesce(max(${id}), 0) FROM ${eventsTable}) AS max_id,
    (SELECT string_agg(g.first_id || '-' || g.last_id, ',' ORDER BY g.first_id) FROM (
      (SELECT first_id, last_id FROM ${gaps} ORDER BY first_id DESC LIMIT ${GAPS_AT_ONCE})
      UNION
      (SELECT first_id, last_id FROM ${gaps} WHERE first_id >= (SELECT (random() * last_id)::bigint FROM ${head} WHERE id = 1)
        ORDER BY first_id LIMIT ${GAPS_AT_ONCE})
    ) AS g WHERE EXISTS (SELECT FROM ${eventsTable} e WHERE e.${id} BETWEEN g.first_id AND g.last_id)) AS filled,
    (SELECT awaits FROM ${setAside} WHERE awaits IS NOT NULL ORDER BY awaits LIMIT 1)::text AS awaited
    FROM ${head} h WHERE h.id = 1`;
  const unitColumnsSql = `unit_id::text AS unit_id, position, last_id, count, bytes, encode(chain, 'hex') AS chain,
    is_commutative, scopes, encode(after, 'hex') AS after, edition::text AS edition, author, replica, recorded_at_ms`;
  const eventColumnsSql = `${id} AS notification_id, ${originatorId}::text AS originator_id, ${version} AS originator_version,
    ${topic} AS topic, ${state} AS state`;
  // From one aggregate to the next, each by the index: however many events it has, and however many there are.
  const aggregatesFrom = (where: string): string => `WITH RECURSIVE found AS (
      (SELECT e.${originatorId} AS id, e.${version} AS version FROM ${eventsTable} e ${where}
        ORDER BY e.${originatorId}, e.${version} LIMIT 1)
      UNION ALL
      SELECT n.id, n.version FROM found AS f CROSS JOIN LATERAL (
        SELECT e.${originatorId} AS id, e.${version} AS version FROM ${eventsTable} e WHERE e.${originatorId} > f.id
        ORDER BY e.${originatorId}, e.${version} LIMIT 1
      ) AS n
    ) SELECT id::text AS originator_id, version FROM found LIMIT $1`;
  const unitsFrom = `SELECT ${unitColumnsSql} FROM ${units} WHERE position >= $1 ORDER BY position LIMIT $2`;
  const knownColumns = 'u.unit_id::text AS unit_id, u.position, u.code, u.message, u.author';
  // Each by itself: asked for hundreds at once, PostgreSQL reads a table of some ten thousand as a whole.
  const known = `unnest($1::uuid[]) AS k (id) CROSS JOIN LATERAL (SELECT * FROM ${units} WHERE unit_id = k.id LIMIT 1) AS u`;
  return {
    standing,
    lock: `${lockSql};\n${standing} FOR UPDATE OF h`,
    known: `SELECT ${knownColumns} FROM ${known}`,
    view: `SELECT ${knownColumns}, NULL::text AS originator_id, NULL::bigint AS version
      FROM ${known}
      UNION ALL
      SELECT ${ownerOf('t.id')}::text, NULL, NULL, NULL, NULL, a.id::text, t.version
      FROM unnest($2::${idType}[]) AS a (id) CROSS JOIN LATERAL (
        SELECT e.${id} AS id, e.${version} AS version FROM ${eventsTable} e
        WHERE e.${originatorId} = a.id ORDER BY e.${version} DESC LIMIT 1
      ) AS t`,
    owners: `SELECT ${ownerOf('t.id')}::text AS unit_id
      FROM unnest($1::${idType}[], $2::bigint[]) WITH ORDINALITY AS a (id, version, place) LEFT JOIN LATERAL (
        SELECT e.${id} AS id FROM ${eventsTable} e
        WHERE e.${originatorId} = a.id AND e.${version} = a.version LIMIT 1
      ) AS t ON true ORDER BY a.place`,
    chains: `SELECT position, encode(chain, 'hex') AS chain FROM ${units} WHERE position = ANY($1::bigint[])`,
    units: unitsFrom,
    news: `WITH found AS MATERIALIZED (${unitsFrom})
      SELECT s.*, e.* FROM found s LEFT JOIN LATERAL (
        SELECT ${eventColumnsSql} FROM ${eventsTable}
        WHERE ${id} BETWEEN s.last_id - s.count + 1 AND s.last_id AND s.position > $1
          AND (SELECT sum(bytes) < $3 AND sum(count) < $2 FROM found WHERE position > $1)
      ) AS e ON true ORDER BY s.position, e.notification_id`,
    unitsOfAggregate: `SELECT DISTINCT ON (position) ${unitColumnsSql} FROM (
        SELECT e.${id} AS id FROM ${eventsTable} e
        WHERE e.${originatorId} = $1::${idType} AND e.${version} > $2 AND e.${version} <= $3 ORDER BY e.${version} LIMIT $4
      ) AS t CROSS JOIN LATERAL (
        SELECT * FROM ${units} o WHERE o.last_id >= t.id ORDER BY o.last_id LIMIT 1
      ) AS u WHERE u.last_id - u.count < t.id ORDER BY position`,
    aggregates: aggregatesFrom(''),
    aggregatesAfter: aggregatesFrom(`WHERE e.${originatorId} > $2::${idType}`),
    tails: `SELECT a.place, t.version, ${unitColumnsSql}
      FROM unnest($1::${idType}[], $2::bigint[]) WITH ORDINALITY AS a (id, version, place) CROSS JOIN LATERAL (
        SELECT e.${id} AS id, e.${version} AS version FROM ${eventsTable} e
        WHERE e.${originatorId} = a.id AND e.${version} >= a.version ORDER BY e.${version} LIMIT $3
      ) AS t CROSS JOIN LATERAL (
        SELECT * FROM ${units} o WHERE o.last_id >= t.id ORDER BY o.last_id LIMIT 1
      ) AS u WHERE u.last_id - u.count < t.id ORDER BY a.place, t.version`,
    eventsIn: `SELECT e.* FROM unnest($1::bigint[], $2::bigint[]) AS r (first, last) CROSS JOIN LATERAL (
        SELECT ${eventColumnsSql} FROM ${eventsTable} WHERE ${id} BETWEEN r.first AND r.last
      ) AS e`,
    append: `WITH added AS (
      INSERT INTO ${units}
        (unit_id, position, last_id, count, bytes, chain, is_commutative, scopes, after, edition, author,
         replica, recorded_at_ms)
      SELECT n.unit_id, n.position, n.last_id, n.count, n.bytes, decode(n.chain, 'hex'), n.is_commutative,
        ($10::text[])[n.scopes], decode(n.after, 'hex'), n.edition,
        ($11::text[])[n.origin], ($12::text[])[n.origin], ($13::bigint[])[n.origin]
      FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::integer[], $5::bigint[], $6::text[], $7::boolean[],
        $8::integer[], $9::text[], $14::integer[], $15::uuid[])
        AS n (unit_id, position, last_id, count, bytes, chain, is_commutative, scopes, after, origin, edition)
    ) UPDATE ${head} SET position = $16, chain = decode($17, 'hex'), last_id = $18 WHERE id = 1`,
    // Of an id that was refused, and whose very event was recorded beside the log since, what is there counts.
    forget: `DELETE FROM ${units} WHERE unit_id = ANY($1::uuid[]) AND position IS NULL`,
    insertRejected: `INSERT INTO ${units} (unit_id, code, message, author, replica, recorded_at_ms)
      SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])`,
    insertGaps: `INSERT INTO ${gaps} (first_id, last_id) SELECT * FROM unnest($1::bigint[], $2::bigint[])`,
    deleteGaps: `DELETE FROM ${gaps} WHERE first_id = ANY($1::bigint[])`,
    ...refusedStatements(tables),
  };
}

/** Columns as literals of arrays, where nothing in them needs quotes: a client would quote each of thousands. */
function unitColumns(rows: readonly UnitRow[]): unknown[] {
  const scopes = new Distinct();
  const origins = new Distinct();
  const scopesOf = rows.map((row) => (row.scopes.length === 0 ? 0 : scopes.place(JSON.stringify(row.scopes))));
  const originsOf = rows.map((row) => origins.place(`${row.recordedAtMs} ${row.replicaId} ${row.author}`));
  const distinct = origins.texts.map((_, index) => rows[originsOf.indexOf(index + 1)] as UnitRow);
  return [
    arrayOf(rows.map(({ id }) => id)),
    arrayOf(rows.map(({ position }) => position)),
    arrayOf(rows.map(({ lastId }) => lastId)),
    arrayOf(rows.map(({ count }) => count)),
    arrayOf(rows.map(({ bytes }) => bytes)),
    arrayOf(rows.map(({ chain }) => chain)),
    arrayOf(rows.map(({ isCommutative }) => (isCommutative ? 't' : 'f'))),
    arrayOf(scopesOf),
    arrayOf(rows.map(({ after }) => toAfterHex(after))),
    scopes.texts,
    distinct.map(({ author }) => author),
    distinct.map(({ replicaId }) => replicaId),
    distinct.map(({ recordedAtMs }) => recordedAtMs),
    arrayOf(originsOf),
    arrayOf(rows.map(({ edition = 'NULL' }) => edition)),
  ];
}

/** The literal of an array of numbers, ids or hex digits. */
function arrayOf(items: readonly (string | number)[]): string {
  return `{${items.join(',')}}`;
}

/** Texts, each once, by their places in an array of PostgreSQL, which begins at 1. */
class Distinct {
  readonly texts: string[] = [];
  readonly #places = new Map<string, number>();

  place(text: string): number {
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    const place = this.texts.push(text);
    this.#places.set(text, place);
    return place;
  }
}

function rejectedColumns(rows: readonly RejectedRow[]): unknown[] {
  return [
    rows.map(({ id }) => id),
    rows.map(({ code }) => storableText(code, REASON_LENGTH_MAX)),
    rows.map(({ message }) => storableText(message, REASON_LENGTH_MAX)),
    rows.map(({ author }) => author),
    rows.map(({ replicaId }) => replicaId),
    rows.map(({ recordedAtMs }) => recordedAtMs),
  ];
}

function toStanding(rows: readonly SqlRow[]): LogStanding {
  const row = rows[0];
  if (row === undefined) throw new ProgrammingError('The log has no head. Call createTables() first.');
  const filled = row['filled'];
  return {
    head: {
      position: toSafeInteger(row, 'position'),
      chain: textOf(row, 'chain'),
      lastId: toSafeInteger(row, 'last_id'),
    },
    maxId: toSafeInteger(row, 'max_id'),
    filled: typeof filled === 'string' ? filled.split(',').map(toGap) : [],
    waiting: toWaiting(row['awaited']),
  };
}

function toGap(text: string): IdGap {
  const [first, last] = text.split('-').map(Number) as [number, number];
  return { first, last };
}

function toKnown(rows: readonly SqlRow[]): ReadonlyMap<UnitId, KnownUnit> {
  return new Map(
    rows.map((row) => {
      const author = textOf(row, 'author');
      const known: KnownUnit =
        row['position'] === null
          ? { kind: 'rejected', code: textOf(row, 'code'), message: textOf(row, 'message'), author }
          : { kind: 'accepted', position: toSafeInteger(row, 'position'), author };
      return [textOf(row, 'unit_id'), known];
    }),
  );
}

function toUnitRow(row: SqlRow): UnitRow {
  const { scopes, edition } = row;
  return {
    id: textOf(row, 'unit_id'),
    ...(typeof edition === 'string' ? { edition } : {}),
    position: toSafeInteger(row, 'position'),
    lastId: toSafeInteger(row, 'last_id'),
    count: toSafeInteger(row, 'count'),
    bytes: toSafeInteger(row, 'bytes'),
    chain: textOf(row, 'chain'),
    isCommutative: row['is_commutative'] === true,
    scopes: typeof scopes === 'string' ? (JSON.parse(scopes) as string[]) : [],
    after: fromAfterHex(textOf(row, 'after')),
    author: textOf(row, 'author'),
    replicaId: textOf(row, 'replica'),
    recordedAtMs: toSafeInteger(row, 'recorded_at_ms'),
  };
}

// The places one after the other, 16 bytes each; none is all zeros, which no unit is.
const NOWHERE = '0'.repeat(UUID_BYTES * 2);

function toAfterHex(after: UnitRow['after']): string {
  return after.map((unit) => unit?.replaceAll('-', '') ?? NOWHERE).join('');
}

function fromAfterHex(hex: string): UnitRow['after'] {
  const places = hex.match(/.{32}/g) ?? [];
  return places.map((place) => (place === NOWHERE ? undefined : bytesToUuid(fromHex(place))));
}

function unitTwice(cause: Error): InternalError {
  return new InternalError(
    'Units are in the log already, and their events in the table a second time: rows of the events were moved, or inserted again. Nothing was stored.',
    { cause },
  );
}
