/**
 * A log in PostgreSQL, beside the events that a recorder has there.
 *
 * @module
 */
import type { InlineParticipant } from '../../../application/events/inline-participant.js';
import type { NotifiedEvent } from '../../../application/events/notified-event.js';
import { DataError, IntegrityError, OperationalError } from '../../../persistence/errors.js';
import type { InternalError } from '../../../persistence/errors.js';
import { literalsOf, withLiterals } from '../../../persistence/postgres/inlined-statement.js';
import { resultsOf } from '../../../persistence/postgres/postgres-driver.js';
import { isConnectionLost, postgresError } from '../../../persistence/postgres/postgres-errors.js';
import { toNotifications, toSafeInteger } from '../../../persistence/postgres/postgres-rows.js';
import type { ProcessRecorder } from '../../../persistence/recorder.js';
import type { RecorderTransaction } from '../../../persistence/recorder-transaction.js';
import type { SqlLog } from '../../../persistence/sql/sql-dialect.js';
import type { SqlQueryable } from '../../../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../../persistence/sql/sql-recorder.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent } from '../../../persistence/stored-event.js';
import { editionOf } from '../../../persistence/unit-edition.js';
import type { EditionId, UnitId } from '../../../persistence/unit.js';
import { hasStrangers } from '../adopt-events.js';
import type { KnownUnit } from '../decide-units.js';
import { NotAsHoped } from '../hoped-push.js';
import { toEdition, toKnown, toRefusedUnit, toSeen, toSetAsideRow, toStanding, toUnitRow } from '../log-rows.js';
import type {
  AggregateStart,
  EventPlace,
  HopedUnits,
  IdGap,
  LogChange,
  LogHead,
  LogStanding,
  LogStorage,
  LogTransaction,
  PlacedVersion,
  PushSubjects,
  SeenUnits,
  SetAsideRow,
  UnitRow,
} from '../log-storage.js';
import type { LogTables } from './log-tables.js';
import {
  arrayOf,
  hopedColumns,
  placeColumns,
  rejectedColumns,
  subjectColumns,
  unitColumns,
} from './postgres-log-rows.js';
import { refusedColumns, setAsideColumns } from './postgres-refused.js';
import { NOT_AS_HOPED_MARK, statementsOf } from './postgres-log-statements.js';
import type { Statements } from './postgres-log-statements.js';
import { textOf } from '../text-of.js';
import type { RefusedUnit } from '../unit-log.js';
import { unitTwice } from '../unit-twice.js';

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

  async owners(ids: readonly NotificationId[]): Promise<ReadonlyMap<NotificationId, UnitRow>> {
    const { rows } = await this.#parts.recorder.query(this.#statements.unitsOfEvents, [[...ids]]);
    return new Map(rows.map((row) => [toSafeInteger(row, 'id'), toUnitRow(row)]));
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
    let made: PostgresLogTransaction | undefined;
    try {
      return await recorder.transaction(
        async (transaction) =>
          await work((made = new PostgresLogTransaction(transaction, this.#statements, this.#parts))),
      );
    } catch (error) {
      throw made?.isPlaced === true && mayBeLookedAt(error) ? new NotAsHoped('', { cause: error }) : error;
    }
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
  /** The last id before what is recorded, where that is hoped. */
  #hopedAfter: NotificationId | undefined;
  /** Whether the events go with the commit. */
  isPlaced = false;

  constructor(
    transaction: RecorderTransaction<SqlQueryable>,
    statements: Statements,
    parts: Pick<PostgresLogParts, 'participants'>,
  ) {
    super(transaction, transaction.connection, statements);
    this.#transaction = transaction;
    this.#parts = parts;
  }

  async lock(about?: PushSubjects): Promise<{ standing: LogStanding; seen?: SeenUnits | undefined }> {
    const { lock, view } = this.statements;
    const literals = about && literalsOf(subjectColumns(about));
    // One message. What comes after the lock sees what was committed until somebody had it.
    const message = literals === undefined ? lock : `${lock};\n${withLiterals(view, literals)}`;
    const results = resultsOf(await this.sql.query(message));
    const standing = toStanding(results.at(literals === undefined ? -1 : -2)?.rows ?? []);
    this.#isAwaited = standing.waiting !== 'none';
    const isSeen = literals !== undefined && !hasStrangers(standing);
    return { standing, seen: isSeen ? toSeen(results.at(-1)?.rows ?? []) : undefined };
  }

  expect(head: LogHead, hoped: HopedUnits): boolean {
    const literals = literalsOf(hopedColumns(head, hoped));
    const { turn, hoped: text } = this.statements;
    if (literals === undefined || this.#transaction.open?.([...turn, withLiterals(text, literals)]) !== true)
      return false;
    this.#hopedAfter = head.lastId;
    return true;
  }

  async view(about: PushSubjects): Promise<SeenUnits> {
    return toSeen((await this.sql.query(this.statements.view, subjectColumns(about))).rows);
  }

  async owners(places: readonly EventPlace[]): Promise<readonly (EditionId | undefined)[]> {
    const { rows } = await this.sql.query(this.statements.owners, placeColumns(places));
    return rows.map(toEdition);
  }

  async record(events: readonly StoredEvent[]): Promise<readonly NotificationId[]> {
    const placed = this.#hopedAfter === undefined ? undefined : this.#transaction.place?.(events, this.#hopedAfter);
    if (placed !== undefined) {
      this.isPlaced = true;
      return placed;
    }
    return await this.#transaction.insertEvents(events).catch((error: unknown) => {
      throw isNotAsHoped(error) ? new NotAsHoped('', { cause: error }) : error;
    });
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
    // It is the last thing of most transactions.
    const { close } = this.#transaction;
    const toError = (cause: unknown): Error =>
      // Of what goes with the commit, nobody can tell what of it was refused.
      this.isPlaced ? postgresError(cause) : refusedAppend(postgresError(cause));
    if (close !== undefined) await close(statements.append, values, toError);
    else {
      await sql.query(statements.append, values).catch((error: unknown) => {
        throw refusedAppend(error);
      });
    }
  }
}

function isNotAsHoped(error: unknown): boolean {
  const { message, cause } = error as { readonly message?: string; readonly cause?: unknown };
  return message?.includes(NOT_AS_HOPED_MARK) === true || (cause instanceof Error && isNotAsHoped(cause));
}

/**
 * Whether looking at the log tells what became of it: what was refused of all that was hoped together, and what nobody has
 * answered, for a unit that is there is known.
 */
function mayBeLookedAt(error: unknown): boolean {
  if (error instanceof DataError || error instanceof IntegrityError) return true;
  if (!(error instanceof OperationalError)) return false;
  return error.details['outcome'] === 'unknown' || isConnectionLost(error.cause);
}

function refusedAppend<Failure>(error: Failure): Failure | InternalError {
  return error instanceof IntegrityError ? unitTwice(error) : error;
}
