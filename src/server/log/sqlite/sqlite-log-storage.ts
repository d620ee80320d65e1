/**
 * A log in SQLite, beside the events that a recorder has there. One writes at a time, whichever connection or process it is: a
 * transaction is the lock.
 *
 * @module
 */
import type { InlineParticipant } from '../../../application/events/inline-participant.js';
import type { NotifiedEvent } from '../../../application/events/notified-event.js';
import { IntegrityError } from '../../../persistence/errors.js';
import { toNotifications, toSafeInteger } from '../../../persistence/postgres/postgres-rows.js';
import type { ProcessRecorder } from '../../../persistence/recorder.js';
import type { RecorderTransaction } from '../../../persistence/recorder-transaction.js';
import type { SqlQueryable, SqlRow } from '../../../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../../persistence/sql/sql-recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../../../persistence/stored-event.js';
import { storableText } from '../../../persistence/storable-text.js';
import { packLostUnits, packPendingUnits } from '../../../persistence/unit-batch.js';
import { editionOf } from '../../../persistence/unit-edition.js';
import type { EditionId, UnitId } from '../../../persistence/unit.js';
import { uuidToBytes } from '../../../util/uuid-bytes.js';
import { hasStrangers } from '../adopt-events.js';
import type { KnownUnit } from '../decide-units.js';
import {
  REASON_LENGTH_MAX,
  toEdition,
  toKnown,
  toRefusedUnit,
  toSeen,
  toSetAsideRow,
  toStanding,
  toUnitRow,
} from '../log-rows.js';
import type {
  AggregateStart,
  EventPlace,
  IdGap,
  LogChange,
  LogStanding,
  LogStorage,
  LogTransaction,
  PlacedVersion,
  PushSubjects,
  RejectedRow,
  SeenUnits,
  SetAsideRow,
  UnitRow,
} from '../log-storage.js';
import { bytesOf } from '../page-units.js';
import { textOf } from '../text-of.js';
import type { RefusedUnit } from '../unit-log.js';
import { unitTwice } from '../unit-twice.js';
import { hexOf, legible, listOf, placesOf, unitsOf } from './sqlite-log-rows.js';
import { sqliteLogStatements } from './sqlite-log-statements.js';
import type { SqliteLogStatements } from './sqlite-log-statements.js';
import type { SqliteLogTables } from './sqlite-log-tables.js';

/** What a {@link SqliteLogStorage} is made of. */
export interface SqliteLogParts {
  readonly recorder: SqlRecorder;
  /** The table of the events, as SQL. */
  readonly eventsTable: string;
  readonly tables: SqliteLogTables;
  /** Take part in its transactions. */
  readonly participants: readonly InlineParticipant[];
}

/** What is read alike inside of a transaction and outside of one. */
class Reader {
  protected readonly statements: SqliteLogStatements;
  readonly #recorder: ProcessRecorder;
  readonly #sql: SqlQueryable;

  constructor(recorder: ProcessRecorder, sql: SqlQueryable, statements: SqliteLogStatements) {
    this.#recorder = recorder;
    this.#sql = sql;
    this.statements = statements;
  }

  protected async rows(text: string, ...values: unknown[]): Promise<readonly SqlRow[]> {
    return (await this.#sql.query(text, values)).rows.map(legible);
  }

  async known(ids: readonly UnitId[]): Promise<ReadonlyMap<UnitId, KnownUnit>> {
    return toKnown(await this.rows(this.statements.known, listOf(ids)));
  }

  async events({ first, last }: IdGap, limit: number): Promise<readonly Notification[]> {
    return await this.#recorder.selectNotifications({ start: first, stop: last, limit });
  }
}

/** Keeps a log in SQLite. */
export class SqliteLogStorage extends Reader implements LogStorage {
  readonly #parts: SqliteLogParts;

  constructor(parts: SqliteLogParts) {
    super(parts.recorder, parts.recorder, sqliteLogStatements(parts.tables, parts.eventsTable));
    this.#parts = parts;
  }

  async standing(): Promise<LogStanding> {
    return toStanding(await this.rows(this.statements.standing));
  }

  async chains(positions: readonly number[]): Promise<ReadonlyMap<number, string>> {
    const rows = await this.rows(this.statements.chains, JSON.stringify(positions));
    return new Map(rows.map((row) => [toSafeInteger(row, 'position'), textOf(row, 'chain')]));
  }

  async units(from: number, limit: number): Promise<readonly UnitRow[]> {
    return (await this.rows(this.statements.units, from, limit)).map(toUnitRow);
  }

  async owners(ids: readonly NotificationId[]): Promise<ReadonlyMap<NotificationId, UnitRow>> {
    const rows = await this.rows(this.statements.unitsOfEvents, JSON.stringify(ids));
    return new Map(rows.map((row) => [toSafeInteger(row, 'id'), toUnitRow(row)]));
  }

  async unitsOfAggregate(
    originatorId: OriginatorId,
    after: number,
    upTo: number,
    limit: number,
  ): Promise<readonly UnitRow[]> {
    const values = [uuidToBytes(originatorId), after, Math.min(upTo, Number.MAX_SAFE_INTEGER), limit];
    return (await this.rows(this.statements.unitsOfAggregate, ...values)).map(toUnitRow);
  }

  async news(
    from: number,
    limits: { readonly rows: number; readonly bytes: number },
  ): Promise<{ readonly rows: readonly UnitRow[]; readonly events: readonly Notification[] }> {
    const rows = await this.rows(this.statements.news, from, limits.rows, limits.bytes);
    // A row for each event, or for a unit whose events are not read.
    const firsts = rows.filter((row, index) => row['position'] !== rows[index - 1]?.['position']);
    return {
      rows: firsts.map(toUnitRow),
      events: toNotifications(rows.filter((row) => row['notification_id'] !== null)),
    };
  }

  async aggregates(after: OriginatorId | undefined, limit: number): Promise<readonly AggregateStart[]> {
    const { aggregates, aggregatesAfter } = this.statements;
    const rows =
      after === undefined
        ? await this.rows(aggregates, limit)
        : await this.rows(aggregatesAfter, limit, uuidToBytes(after));
    return rows.map((row) => ({ originatorId: textOf(row, 'originator_id'), first: toSafeInteger(row, 'version') }));
  }

  async tails(places: readonly EventPlace[], limit: number): Promise<readonly (readonly PlacedVersion[])[]> {
    const tails: PlacedVersion[][] = [];
    // Each by itself: SQLite has no limit for each of many, and nothing to wait for.
    for (const { originatorId, originatorVersion } of places) {
      const rows = await this.rows(this.statements.tail, uuidToBytes(originatorId), originatorVersion, limit);
      tails.push(rows.map((row) => ({ version: toSafeInteger(row, 'version'), row: toUnitRow(row) })));
    }
    return tails;
  }

  async editions(places: readonly EventPlace[]): Promise<readonly (EditionId | undefined)[]> {
    return (await this.rows(this.statements.owners, placesOf(places))).map(toEdition);
  }

  async eventsOf(
    originatorId: OriginatorId,
    { after, upTo, limit }: { readonly after: number; readonly upTo: number; readonly limit: number },
  ): Promise<readonly StoredEvent[]> {
    return await this.#parts.recorder.selectEvents(originatorId, { gt: after, lte: upTo, limit });
  }

  async eventsIn(ranges: readonly IdGap[]): Promise<readonly Notification[]> {
    const list = JSON.stringify(ranges.map(({ first, last }) => [first, last]));
    return toNotifications(await this.rows(this.statements.eventsIn, list));
  }

  async refused(after: UnitId, limit: number): Promise<readonly RefusedUnit[]> {
    return (await this.rows(this.statements.refusedAfter, hexOf(after), limit)).map(toRefusedUnit);
  }

  async due({ rows: limit, bytes }: Parameters<LogStorage['due']>[0]): Promise<readonly SetAsideRow[]> {
    return (await this.rows(this.statements.due, limit, bytes)).map(toSetAsideRow);
  }

  async refusedByIds(ids: readonly UnitId[]): Promise<readonly RefusedUnit[]> {
    return (await this.rows(this.statements.refusedByIds, listOf(ids), ids.length)).map(toRefusedUnit);
  }

  async transaction<T>(work: (transaction: LogTransaction) => Promise<T>): Promise<T> {
    return await this.#parts.recorder.transaction(
      async (transaction) => await work(new SqliteLogTransaction(transaction, this.statements, this.#parts)),
    );
  }
}

class SqliteLogTransaction extends Reader implements LogTransaction {
  readonly #transaction: RecorderTransaction<SqlQueryable>;
  readonly #parts: Pick<SqliteLogParts, 'participants'>;

  constructor(
    transaction: RecorderTransaction<SqlQueryable>,
    statements: SqliteLogStatements,
    parts: Pick<SqliteLogParts, 'participants'>,
  ) {
    super(transaction, transaction.connection, statements);
    this.#transaction = transaction;
    this.#parts = parts;
  }

  async lock(about?: PushSubjects): Promise<{ standing: LogStanding; seen?: SeenUnits | undefined }> {
    const standing = toStanding(await this.rows(this.statements.standing));
    return { standing, seen: about === undefined || hasStrangers(standing) ? undefined : await this.view(about) };
  }

  async view({ ids, aggregates }: PushSubjects): Promise<SeenUnits> {
    const known = await this.known(ids);
    return { known, ends: toSeen(await this.rows(this.statements.ends, listOf(aggregates))).ends };
  }

  async owners(places: readonly EventPlace[]): Promise<readonly (EditionId | undefined)[]> {
    return (await this.rows(this.statements.owners, placesOf(places))).map(toEdition);
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
      async (inner) => await work(new SqliteLogTransaction(inner, this.statements, this.#parts)),
    );
  }

  async setAside(ids: readonly UnitId[]): Promise<ReadonlyMap<UnitId, SetAsideRow>> {
    const rows = (await this.rows(this.statements.setAsideByIds, listOf(ids))).map(toSetAsideRow);
    return new Map(rows.map((row) => [row.unit.id, row]));
  }

  async change(change: LogChange): Promise<void> {
    const { head, units, gaps, filled } = change;
    const { statements } = this;
    await this.#changeRejected(change);
    await this.#changeSetAside(change);
    if (filled.length > 0) await this.rows(statements.deleteGaps, JSON.stringify(filled.map(({ first }) => first)));
    if (gaps.length > 0) {
      await this.rows(statements.insertGaps, JSON.stringify(gaps.map(({ first, last }) => [first, last])));
    }
    if (units.length > 0) await this.#append(units);
    await this.rows(statements.moveHead, head.position, head.chain, head.lastId);
  }

  async #append(units: readonly UnitRow[]): Promise<void> {
    try {
      await this.rows(this.statements.append, unitsOf(units));
    } catch (error) {
      throw error instanceof IntegrityError ? unitTwice(error) : error;
    }
    await this.rows(this.statements.makeDue, listOf(units.map(editionOf)));
  }

  async #changeRejected({ supersedes, discarded = [], rejected, pruning }: LogChange): Promise<void> {
    const { statements } = this;
    if (supersedes.length > 0) await this.rows(statements.forget, listOf(supersedes));
    if (discarded.length > 0) await this.rows(statements.unlist, listOf(discarded));
    for (const row of rejected) await this.rows(statements.insertRejected, ...rejectedValues(row));
    if (pruning === undefined) return;
    await this.rows(statements.unlistOld, pruning.beforeMs);
    await this.rows(statements.trimListed, pruning.bytesMax);
  }

  async #changeSetAside({ discarded = [], setAside }: LogChange): Promise<void> {
    const { statements } = this;
    const gone = [...discarded, ...setAside.map(({ unit }) => unit.id)];
    if (gone.length > 0) await this.rows(statements.deleteSetAside, listOf(gone));
    for (const row of setAside) await this.rows(statements.insertSetAside, ...setAsideValues(row));
  }
}

function rejectedValues({ id, code, message, author, replicaId, recordedAtMs, unit }: RejectedRow): unknown[] {
  const reason = [storableText(code, REASON_LENGTH_MAX), storableText(message, REASON_LENGTH_MAX)];
  const packed = unit === undefined ? null : packPendingUnits([unit]);
  return [hexOf(id), ...reason, author, replicaId, recordedAtMs, bytesOf(unit?.events ?? []), packed];
}

function setAsideValues({ unit, code, message, offeredBy, offeredAtMs, awaits }: SetAsideRow): unknown[] {
  return [
    ...[hexOf(unit.id), packLostUnits([unit])],
    ...[storableText(code, REASON_LENGTH_MAX), storableText(message, REASON_LENGTH_MAX), offeredBy, offeredAtMs],
    ...[hexOf(editionOf(unit)), awaits === undefined ? null : hexOf(awaits)],
  ];
}
