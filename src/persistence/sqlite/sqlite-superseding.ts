/**
 * Pages whose units take the places of pending ones that are decided again in the same commit: what these are to be decided
 * on is read from the tables as they would be, which a transaction shows that is taken back.
 *
 * @module
 */
import type { DecideStep, SyncChange, UnitPlace } from '../journal/sync-change.js';
import type { PlannedChange } from '../journal/unit-tables.js';
import { steppedUnit } from '../serial/unit-of-work.js';
import type { OriginatorId } from '../stored-event.js';
import type { UnitId } from '../unit.js';
import { SUPERSEDED, SUPERSEDED_UNITS_MAX } from '../unit-recorder.js';
import type {
  DecidedUnit,
  InsertPageOptions,
  PageOutcome,
  SetAsideUnit,
  Superseded,
  UnitLimits,
} from '../unit-recorder.js';
import { savepoints, statementsOf } from './sqlite-connection.js';
import { planDecide } from './sqlite-decide-plan.js';
import type { DecidingState } from './sqlite-decide-plan.js';
import type { SqliteDatabase } from './sqlite-driver.js';
import type { SqliteEventsTable } from './sqlite-events-table.js';
import type { SqliteStatements } from './sqlite-statements.js';
import type { SqliteTruncation } from './sqlite-truncation.js';
import type { SqliteUnitChanges } from './sqlite-unit-changes.js';
import type { SqliteUnitReads } from './sqlite-unit-reads.js';
import type { SqliteUnitRows } from './sqlite-unit-rows.js';

/** What it needs of the tables of units. */
export interface SupersedingTables {
  readonly rows: SqliteUnitRows;
  readonly events: SqliteEventsTable;
  readonly reads: SqliteUnitReads;
  readonly changes: SqliteUnitChanges;
  readonly truncation: Pick<SqliteTruncation, 'versionOf'>;
}

const DEFERRED: ReadonlySet<string> = new Set(['CONFLICT', 'DEPENDENCY']);
const IS_SUPERSEDED = `code = '${SUPERSEDED}'`;
// They pass through memory.
const LIMITS: UnitLimits = { eventsMax: 10 * SUPERSEDED_UNITS_MAX, bytesMax: 8 * 1024 * 1024 };
const ONE: UnitLimits = { eventsMax: 1, bytesMax: 1 };

/** Plans what is decided of units that gave way. */
export class SqliteSuperseding {
  readonly #statements: SqliteStatements;
  readonly #tables: SupersedingTables;

  /** @param database - lent */
  constructor(database: SqliteDatabase, tables: SupersedingTables) {
    this.#statements = statementsOf(database);
    this.#tables = tables;
  }

  /**
   * Plans what was decided after what a page does.
   *
   * @param planned - the page, which is stored
   * @param position - where the store stands before it
   */
  planPage(
    planned: PlannedChange<PageOutcome>,
    { superseding = 'setAside', decided }: InsertPageOptions,
    position: number,
    nowMs: number,
  ): PlannedChange<PageOutcome> {
    if (superseding === 'setAside') return planned;
    const { outcome, change } = deferred(planned);
    const hasSome = outcome.setAside.length > 0 || this.#isAnySupersededAfter(0);
    if (superseding === 'defer' || !hasSome) return { outcome, change };
    return this.#asIf(change, () => {
      const superseded = this.select(undefined, position);
      if (superseded.units.length === 0) return { outcome, change };
      const ids = new Set(decided?.map(({ id }) => id));
      const isWhole = superseded.units.every(({ id }) => ids.has(id));
      const step = isWhole ? this.#plan(decided as readonly DecidedUnit[]) : undefined;
      if (step === undefined) {
        return { outcome: { ...outcome, isStored: false, confirmed: [], setAside: [], superseded }, change: undefined };
      }
      const pending = new Set(step.units.map(({ id }) => id));
      const setAside = outcome.setAside.filter((id) => !pending.has(id));
      return { outcome: { ...outcome, setAside }, change, decision: { atMs: nowMs, setAside: [], step } };
    });
  }

  /** As `UnitRecorder.selectSuperseded`. @param position - up to it nothing changes */
  select(ids: readonly UnitId[] | undefined, position: number = Number.MAX_SAFE_INTEGER): Superseded {
    const { events } = this.#tables;
    const { units, hasMore } = ids === undefined ? this.#first() : { units: this.#named(ids), hasMore: false };
    const originatorIds = new Set(units.flatMap((unit) => unit.events.map(({ originatorId }) => originatorId)));
    const aggregates = [...originatorIds].map((originatorId) => {
      const version = this.#versionThatStays(originatorId, position);
      return { originatorId, version, events: events.selectEvents(originatorId, { gt: version }) };
    });
    return { units, aggregates, hasMore };
  }

  /** While the log is followed anew, little lies before where that has come to: what stands for history stays all the same. */
  #versionThatStays(originatorId: OriginatorId, position: number): number {
    const { rows, truncation } = this.#tables;
    const base = truncation.versionOf(originatorId);
    const confirmed = rows.versionAt(originatorId, position);
    // The event after it never leaves without it.
    return base === undefined ? confirmed : Math.max(confirmed, base + 1);
  }

  planDecide(decided: readonly DecidedUnit[], nowMs: number): PlannedChange<boolean> {
    const step = this.#plan(decided);
    return { outcome: step !== undefined, change: step && { atMs: nowMs, setAside: [], step } };
  }

  planDiscard(ids: readonly UnitId[], nowMs: number): PlannedChange<readonly UnitId[]> {
    const aside = this.#tables.rows.asideByIds(ids);
    const step = { kind: 'discard', places: [...aside.values()].map(({ place }) => place) } as const;
    return { outcome: [...aside.keys()], change: aside.size === 0 ? undefined : { atMs: nowMs, setAside: [], step } };
  }

  #plan(decided: readonly DecidedUnit[]): DecideStep | undefined {
    const { rows, events } = this.#tables;
    const state: DecidingState = {
      maxNotificationId: events.maxNotificationId(),
      asideOf: (ids) => rows.asideByIds(ids),
      knownOf: (ids) => new Set(ids.length === 0 ? [] : [...rows.byIds(ids).keys(), ...rows.setAsideOf(ids).keys()]),
      maxVersions: (originatorIds) => events.maxOriginatorVersions(originatorIds),
      placeOf: (event) => this.#tables.reads.editionBefore(event),
    };
    return planDecide(state, decided);
  }

  #first(): { readonly units: readonly SetAsideUnit[]; readonly hasMore: boolean } {
    const found = this.#tables.reads.selectSetAside(0, LIMITS, ` AND u.${IS_SUPERSEDED}`);
    const units = found.slice(0, SUPERSEDED_UNITS_MAX);
    return { units, hasMore: this.#isAnySupersededAfter(units.at(-1)?.firstNotificationId ?? 0) };
  }

  #named(ids: readonly UnitId[]): readonly SetAsideUnit[] {
    const places = [...this.#tables.rows.asideByIds(ids).values()].map(({ place }) => place).sort((a, b) => a - b);
    return places.flatMap((place) => this.#tables.reads.selectSetAside(place - 1, ONE));
  }

  #isAnySupersededAfter(place: UnitPlace): boolean {
    const sql = `SELECT 1 FROM daybook_set_aside WHERE ${IS_SUPERSEDED} AND first_id > ? LIMIT 1`;
    return this.#statements.number(sql, [place]) !== undefined;
  }

  /** Looks at the tables as they would be after a change. */
  #asIf<T>(change: SyncChange | undefined, look: () => T): T {
    let seen: { readonly value: T } | undefined;
    const takenBack = new Error('taken back');
    try {
      // Within a transaction, too.
      steppedUnit(savepoints(this.#statements, 0)).run(() => {
        if (change !== undefined) this.#tables.changes.apply(change);
        seen = { value: look() };
        throw takenBack;
      });
    } catch (error) {
      if (error !== takenBack) throw error;
    }
    return (seen as { readonly value: T }).value;
  }
}

/** The same change; what gives way waits for being decided again. */
function deferred<T>({ outcome, change }: PlannedChange<T>): PlannedChange<T> {
  if (change === undefined) return { outcome, change };
  const setAside = change.setAside.map(({ place, reason }) => ({
    place,
    reason: DEFERRED.has(reason.code) ? { code: SUPERSEDED, message: reason.message } : reason,
  }));
  return { outcome, change: { ...change, setAside } };
}
