/**
 * What has left a store of the first events of aggregates, and what stands for it (`daybook_bases`).
 *
 * Invariant: of an aggregate that has a base, the event after it is there, and a page has confirmed it; so its newest event
 * says as much of it as before.
 *
 * @module
 */
import { bytesToUuid, uuidToBytes } from '../../util/uuid-bytes.js';
import { HistoryTruncatedError } from '../errors.js';
import type { Truncating, TruncateStep, UnitPlace } from '../journal/sync-change.js';
import type { SelectEventsOptions, SelectNotificationsOptions } from '../recorder.js';
import type { NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import type { AggregateBase, ConfirmedUnit } from '../unit.js';
import { statementsOf } from './sqlite-connection.js';
import type { SqliteDatabase, SqliteValue } from './sqlite-driver.js';
import { noteLeft } from './sqlite-left.js';
import { SqliteMarks } from './sqlite-marks.js';
import type { SqliteStatements } from './sqlite-statements.js';
import { FLAG_FOREIGN } from './sqlite-unit-rows.js';

/** The bases of one database. */
export class SqliteTruncation {
  readonly #statements: SqliteStatements;
  readonly #marks: SqliteMarks;

  /** @param database - lent, with the tables of units */
  constructor(database: SqliteDatabase) {
    this.#statements = statementsOf(database);
    this.#marks = new SqliteMarks(database);
  }

  /** The largest local id that has left; 0 when nothing has. */
  lastId(): NotificationId {
    return this.#marks.noted('truncatedId') ?? 0;
  }

  /** The last version of an aggregate that has left; `undefined` where none has. */
  versionOf(originatorId: OriginatorId): number | undefined {
    const sql = 'SELECT version FROM daybook_bases WHERE originator_id = ?';
    return this.#statements.number(sql, [uuidToBytes(originatorId)]);
  }

  base(originatorId: OriginatorId): AggregateBase | undefined {
    const sql = `SELECT version, edition, digest, position, event_id, aggregate_type, state_version, state, taken_at_ms
      FROM daybook_bases WHERE originator_id = ?`;
    const [row] = this.#statements.all(sql, [uuidToBytes(originatorId)]);
    if (row === undefined) return undefined;
    const [version, edition, digest, position, ...taken] = row as [number, Uint8Array, Uint8Array, number];
    const [eventId, aggregateType, stateVersion, state, takenAtMs] = taken as unknown as [
      ...[string, string, number, Uint8Array | null, number],
    ];
    return {
      version,
      edition: bytesToUuid(edition),
      digest: bytesToUuid(digest),
      position,
      snapshot: {
        ...{ originatorId, originatorVersion: version + 1, eventId, aggregateType, stateVersion, takenAtMs },
        // Some drivers have no empty blob.
        state: state ?? new Uint8Array(0),
      },
    };
  }

  /** The largest local id of an aggregate's events before a version; `undefined` where there is none. */
  lastIdBefore(originatorId: OriginatorId, version: number): NotificationId | undefined {
    const sql = 'SELECT max(notification_id) FROM stored_events WHERE originator_id = ? AND originator_version < ?';
    return this.#statements.number(sql, [uuidToBytes(originatorId), version]);
  }

  /** Units without the events that have left. */
  withoutTruncated(units: readonly ConfirmedUnit[]): readonly ConfirmedUnit[] {
    if (this.lastId() === 0) return units;
    const versions = new Map<OriginatorId, number>();
    const isHere = ({ originatorId, originatorVersion }: StoredEvent): boolean => {
      const version = versions.get(originatorId) ?? this.versionOf(originatorId) ?? Number.MIN_SAFE_INTEGER;
      versions.set(originatorId, version);
      return originatorVersion > version;
    };
    return units.map((unit) => ({ ...unit, events: unit.events.filter(isHere) }));
  }

  /**
   * @param events - what was found
   * @throws HistoryTruncatedError (`HISTORY_TRUNCATED`) when that is not all of it
   */
  assertAllOf(
    originatorId: OriginatorId,
    { gt = Number.MIN_SAFE_INTEGER, lte = Infinity, desc = false, limit }: SelectEventsOptions,
    events: readonly StoredEvent[],
  ): void {
    const first = events[0]?.originatorVersion;
    // Nearly always: nothing is missing before it.
    if (!desc && first !== undefined && (first === gt + 1 || first === 1)) return;
    const isFull = limit !== undefined && events.length >= limit;
    if (lte <= gt || (isFull && (desc || limit === 0)) || this.lastId() === 0) return;
    const version = this.versionOf(originatorId);
    if (version === undefined || gt >= version) return;
    throw new HistoryTruncatedError(
      `The events of ${originatorId} up to version ${version} have left this store. Read those after it, or ask the server for them: give the Application olderEvents.`,
      { details: { originatorId, version } },
    );
  }

  /** @throws HistoryTruncatedError (`HISTORY_TRUNCATED`) when events may have left that somebody asks for */
  assertAllAfter({ start }: SelectNotificationsOptions): void {
    const notificationId = this.lastId();
    if (notificationId === 0 || start > notificationId) return;
    const firstEvent = this.#marks.text('firstEvent') ?? '';
    throw new HistoryTruncatedError(
      `Events up to notification ${notificationId} have left this store, some or all, and what begins at ${start} would be given a part. Follow the log from there on, or build it from the server's.`,
      { details: { notificationId, start, firstEvent } },
    );
  }

  /** Aggregates whose bases end where a log that ends at a position has nothing of. */
  lostAt(position: number): OriginatorId[] {
    const sql = 'SELECT originator_id FROM daybook_bases WHERE position > ?';
    return this.#statements.all(sql, [position]).map(([id]) => bytesToUuid(id as Uint8Array));
  }

  truncate({ bases }: Pick<TruncateStep, 'bases'>, atMs: number): void {
    if (this.lastId() === 0) this.#noteFirstEvent();
    for (const base of bases) this.#truncate(base, atMs);
  }

  /** Lets go of aggregates, whole. */
  hide(originatorIds: readonly OriginatorId[], atMs: number): void {
    for (const originatorId of originatorIds) {
      this.#letGo(originatorId, Number.MAX_SAFE_INTEGER, atMs, 'own');
      this.#run('DELETE FROM daybook_bases WHERE originator_id = ?', [uuidToBytes(originatorId)]);
    }
    const isLeft = this.#statements.number('SELECT 1 FROM daybook_bases LIMIT 1', []) !== undefined;
    if (!isLeft) this.#marks.note('truncatedId', undefined);
  }

  /** By it a log is known to who follows it. */
  #noteFirstEvent(): void {
    const sql = 'SELECT originator_id, originator_version FROM stored_events ORDER BY notification_id LIMIT 1';
    const [row] = this.#statements.all(sql, []);
    if (row === undefined || this.#marks.text('firstEvent') !== undefined) return;
    this.#marks.setText('firstEvent', `version ${row[1] as number} of ${bytesToUuid(row[0] as Uint8Array)}`);
  }

  #truncate({ version, edition, digest, position, lastId, snapshot }: Truncating, atMs: number): void {
    const { originatorId, eventId, aggregateType, stateVersion, state, takenAtMs } = snapshot;
    this.#letGo(originatorId, version, atMs, 'replaced');
    this.#run('INSERT OR REPLACE INTO daybook_bases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', [
      ...[uuidToBytes(originatorId), version, uuidToBytes(edition), uuidToBytes(digest), position],
      ...[eventId, aggregateType, stateVersion, state, takenAtMs],
    ]);
    this.#marks.note('truncatedId', Math.max(lastId, this.lastId()));
  }

  /**
   * Of units that are of others as well a part is left, which nobody can send as it was.
   *
   * @param noted - what somebody is to hear of that the server has it: all that was recorded here, where somebody may still
   *   wait for it, or only what would be taken for withdrawn
   */
  #letGo(originatorId: OriginatorId, version: number, atMs: number, noted: 'own' | 'replaced'): void {
    const which = [uuidToBytes(originatorId), version];
    const rows = this.#statements.all(
      `SELECT DISTINCT (SELECT max(first_id) FROM daybook_units WHERE first_id <= e.notification_id)
        FROM stored_events AS e WHERE e.originator_id = ? AND e.originator_version <= ?`,
      which,
    );
    this.#run('DELETE FROM stored_events WHERE originator_id = ? AND originator_version <= ?', which);
    for (const place of rows) {
      noteLeft(this.#statements, 'daybook_units', place[0] as UnitPlace, atMs, noted);
      this.#run(`UPDATE daybook_units SET flags = flags | ${FLAG_FOREIGN} WHERE first_id = ?`, place);
      this.#run(
        `DELETE FROM daybook_units WHERE first_id = ?1 AND NOT EXISTS (SELECT 1 FROM stored_events
          WHERE notification_id >= ?1 AND notification_id < ?1 + daybook_units.events)`,
        place,
      );
    }
  }

  #run(sql: string, parameters: readonly SqliteValue[]): void {
    this.#statements.run(sql, parameters);
  }
}
