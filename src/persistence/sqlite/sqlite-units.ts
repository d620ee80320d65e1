/**
 * The units of a store, in tables beside its events (`sqlite-schema.ts`).
 *
 * @module
 */
import { uuidToBytes } from '../../util/uuid-bytes.js';
import type { CheckedCommit } from '../journal/replica.js';
import type { SyncChange, UnitPlace } from '../journal/sync-change.js';
import type { PlannedChange, UnitsHere, UnitTables } from '../journal/unit-tables.js';
import type { PlacedPast } from '../past.js';
import type { NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import { BOOTSTRAP_NAMED_MAX, CURSOR_START } from '../unit.js';
import type { AggregateBase, Cursor, EditionId, LostUnit, PendingUnit, UnitId, UnitPage } from '../unit.js';
import type {
  DecidedUnit,
  EndOfHealing,
  InsertPageOptions,
  PageOutcome,
  SetAsideReason,
  SetAsideUnit,
  Superseded,
  SyncProgress,
  Truncation,
  UnitLimits,
  UnitStanding,
} from '../unit-recorder.js';
import { SqliteAnew } from './sqlite-anew.js';
import { SqliteConfirmedOrder } from './sqlite-confirmed-order.js';
import { statementsOf } from './sqlite-connection.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import { SqliteEventsTable } from './sqlite-events-table.js';
import { SqliteMarks } from './sqlite-marks.js';
import { standing } from './sqlite-planning-state.js';
import type { PlanningState } from './sqlite-planning-state.js';
import { CREATE_DECISIONS_SQL, CREATE_PENDING_SQL, CREATE_UNITS_SQL } from './sqlite-schema.js';
import type { SqliteStatements } from './sqlite-statements.js';
import { SqliteSuperseding } from './sqlite-superseding.js';
import { planEndHeal, planFollowAnew, planPage, planRewind, planSetAside } from './sqlite-sync-plan.js';
import { SqliteUnitChanges } from './sqlite-unit-changes.js';
import { SqliteUnitReads } from './sqlite-unit-reads.js';
import { planTruncate } from './sqlite-truncate-plan.js';
import { SqliteTruncation } from './sqlite-truncation.js';
import { isOpenRow, SqliteUnitRows } from './sqlite-unit-rows.js';

// Rows that are read at once when a store gets its units: bounds memory.
const ROWS_DERIVED = 1_000;
// A store that has more of its own, and was never synchronised, is not looked through for what they are about.
const NAMED_UNITS_MAX = 200;

/** The tables of units in one database, beside the events of it. */
export class SqliteUnits implements UnitTables {
  readonly #database: SqliteDatabase;
  readonly #statements: SqliteStatements;
  readonly #events: SqliteEventsTable;
  readonly #rows: SqliteUnitRows;
  readonly #reads: SqliteUnitReads;
  readonly #changes: SqliteUnitChanges;
  readonly #superseding: SqliteSuperseding;
  readonly #marks: SqliteMarks;
  readonly #anew: SqliteAnew;
  readonly truncation: SqliteTruncation;

  /** @param database - lent, with a table `stored_events` */
  constructor(database: SqliteDatabase) {
    this.#database = database;
    this.#statements = statementsOf(database);
    this.#events = new SqliteEventsTable(database);
    this.#rows = new SqliteUnitRows(database);
    this.#reads = new SqliteUnitReads(database);
    this.#changes = new SqliteUnitChanges(database, this.#reads);
    this.truncation = new SqliteTruncation(database);
    this.#superseding = new SqliteSuperseding(database, {
      ...{ rows: this.#rows, events: this.#events, reads: this.#reads, changes: this.#changes },
      truncation: this.truncation,
    });
    this.#marks = new SqliteMarks(database);
    this.#anew = new SqliteAnew(database);
  }

  /** Creates the tables where they are missing: events that were there before are units with derived ids. */
  createTables(): void {
    this.#database.exec(CREATE_DECISIONS_SQL);
    const isThere = (name: string): boolean =>
      this.#number(`SELECT 1 FROM sqlite_schema WHERE name = '${name}'`) !== undefined;
    if (!isThere('daybook_units')) this.#createUnits();
    if (!isThere('daybook_pending')) this.#database.exec(CREATE_PENDING_SQL);
    new SqliteConfirmedOrder(this.#database).createTables();
  }

  #createUnits(): void {
    this.#database.exec(CREATE_UNITS_SQL);
    for (let start = 1; ;) {
      const events = this.#events.selectNotifications({ start, limit: ROWS_DERIVED });
      this.insert(events.map((event) => ({ events: [event], firstNotificationId: event.id, tracking: undefined })));
      if (events.length < ROWS_DERIVED) return;
      start = (events.at(-1) as { readonly id: NotificationId }).id + 1;
    }
  }

  hasUnit(id: UnitId): boolean {
    return this.#rows.byIds([id]).size + this.#rows.setAsideOf([id]).size > 0;
  }

  /** Inserts the units of commits whose events are there. */
  insert(commits: readonly CheckedCommit[]): void {
    this.#changes.insert(commits);
  }

  /** Inserts the unit of a transaction that is open, or what it is by now. */
  insertOpen(id: UnitId, place: UnitPlace, events: number): void {
    this.#statements.run(
      `INSERT INTO daybook_units (first_id, events, unit_id, flags) VALUES (?, ?, ?, 0)
        ON CONFLICT (first_id) DO UPDATE SET events = excluded.events`,
      [place, events, uuidToBytes(id)],
    );
  }

  /** Makes a change. Inside a transaction. */
  apply(change: SyncChange): void {
    this.#changes.apply(change);
  }

  progress(): SyncProgress {
    const marks = this.#marks.all();
    const anewAt = this.#anew.at();
    const [row] = this.#statements.all(
      `SELECT units, events,
        (SELECT count(*) FROM daybook_units WHERE flags > 3), (SELECT count(*) FROM daybook_set_aside)
        FROM daybook_pending`,
      [],
    );
    const [pendingUnits, pendingEvents, lostUnits, setAsideUnits] = row as [number, number, number, number];
    const covered = this.#marks.noted('bootstrap');
    const isEmpty = marks.length === 0 && lostUnits === 0 && pendingUnits + setAsideUnits <= NAMED_UNITS_MAX;
    const named = isEmpty ? this.#rows.openAggregates() : [];
    const mayBootstrap = covered !== undefined || (isEmpty && named.length <= BOOTSTRAP_NAMED_MAX);
    return {
      ...standing({ marks, anewAt }),
      ...(covered === undefined ? {} : { position: covered }),
      ...(mayBootstrap ? { bootstrap: { isBegun: covered !== undefined, named } } : {}),
      held: anewAt === undefined ? [] : marks.slice(0, 1).map(({ cursor }) => cursor),
      marks: [...marks.map(({ cursor }) => cursor), CURSOR_START],
      ...{ pendingUnits, pendingEvents, lostUnits, setAsideUnits, rewinds: this.#marks.noted('rewinds') ?? 0 },
    };
  }

  selectPending(after: NotificationId, limits: UnitLimits): PendingUnit[] {
    return this.#reads.selectPending(after, limits);
  }

  selectLost(after: number, limits: UnitLimits): LostUnit[] {
    return this.#reads.selectLost(after, limits);
  }

  selectSetAside(after: NotificationId, limits: UnitLimits): SetAsideUnit[] {
    return this.#reads.selectSetAside(after, limits);
  }

  find(keys: readonly (UnitId | NotificationId)[]): (UnitStanding | undefined)[] {
    return this.#reads.find(keys);
  }

  /** As in `PastTables`. */
  pastAt(originatorId: OriginatorId, upTo: number): PlacedPast | undefined {
    return this.#reads.pastAt(originatorId, upTo);
  }

  selectSuperseded(ids: readonly UnitId[] | undefined): Superseded {
    return this.#superseding.select(ids);
  }

  planPage(page: UnitPage, nowMs: number, options: InsertPageOptions = {}): PlannedChange<PageOutcome> {
    const state = this.#state();
    const planned = planPage(state, page, nowMs, options);
    if (!planned.outcome.isStored) return planned;
    // What stands for events is here when the page is stored: only then something can be decided on it.
    const isDeferred = page.bootstrap !== undefined && options.superseding === 'decide';
    const how = isDeferred ? ({ ...options, superseding: 'defer' } as const) : options;
    return this.#superseding.planPage(planned, how, standing(state).position, nowMs);
  }

  planDecide(decided: readonly DecidedUnit[], nowMs: number): PlannedChange<boolean> {
    return this.#superseding.planDecide(decided, nowMs);
  }

  planDiscard(ids: readonly UnitId[], nowMs: number): PlannedChange<readonly UnitId[]> {
    return this.#superseding.planDiscard(ids, nowMs);
  }

  planSetAside(
    refused: readonly { readonly id: UnitId; readonly reason: SetAsideReason }[],
    nowMs: number,
  ): PlannedChange<readonly UnitId[]> {
    return planSetAside(this.#state(), refused, nowMs);
  }

  planRewind(cursor: Cursor, nowMs: number): PlannedChange<boolean> {
    return planRewind(this.#state(), cursor, nowMs);
  }

  planFollowAnew(asked: Cursor, nowMs: number): PlannedChange<boolean> {
    return planFollowAnew(this.#state(), asked, nowMs);
  }

  planReturn(nowMs: number): PlannedChange<boolean> {
    const state = {
      ...this.#state(),
      asideAfter: (place: UnitPlace) => this.#reads.selectReturning(place),
      placeOf: (event: StoredEvent) => this.placeOf(event),
    };
    return this.#anew.planReturn(state, nowMs);
  }

  planEndHeal(healing: EndOfHealing, nowMs: number): PlannedChange<boolean> {
    return planEndHeal(this.#state(), healing, nowMs);
  }

  planTruncate(
    truncations: readonly Truncation[],
    upTo: NotificationId,
    nowMs: number,
  ): PlannedChange<readonly OriginatorId[]> {
    const editionBefore = (event: StoredEvent): EditionId | undefined => this.placeOf(event);
    return planTruncate(this.#state(), truncations, { upTo, editionBefore }, nowMs);
  }

  base(originatorId: OriginatorId): AggregateBase | undefined {
    return this.truncation.base(originatorId);
  }

  openIds(): UnitId[] {
    return this.#reads.openIds();
  }

  unitsHere(ids: readonly UnitId[]): UnitsHere {
    const [rows, aside] = [this.#rows.byIds(ids), this.#rows.setAsideOf(ids)];
    const isOpen = (id: UnitId): boolean => aside.has(id) || isOpenRow(rows.get(id));
    const known = new Set([...rows.keys(), ...aside.keys(), ...this.#rows.goneOf(ids)]);
    return { known, open: new Set([...known].filter(isOpen)) };
  }

  placeOf(event: StoredEvent): EditionId | undefined {
    return this.#reads.editionBefore(event);
  }

  #state(): PlanningState {
    return {
      rows: this.#rows,
      truncation: this.truncation,
      marks: this.#marks.all(),
      anewAt: this.#anew.at(),
      rewinds: this.#marks.noted('rewinds') ?? 0,
      isBootstrapping: this.#marks.noted('bootstrap') !== undefined,
      isHealing: this.#number('SELECT 1 FROM daybook_units WHERE flags > 3 LIMIT 1') !== undefined,
      maxNotificationId: this.#events.maxNotificationId(),
      maxVersions: (originatorIds) => this.#events.maxOriginatorVersions(originatorIds),
      eventsOf: (units) => this.#reads.eventsOf(units),
    };
  }

  #number(sql: string): number | undefined {
    return this.#statements.number(sql, []);
  }
}
