/**
 * The log of a tenant: what its tables hold, read only.
 *
 * @module
 */
import type { Edition, ModelCursor, PlacedEvent, SealedUnit } from './unit-types.js';
import { hashText, START } from './unit-types.js';

/** A unit in the log, whole. */
export interface LoggedUnit {
  readonly id: string;
  readonly edition: Edition;
  readonly isCommutative: boolean;
  readonly after: Readonly<Record<string, Edition>>;
  readonly author: string;
  readonly events: readonly PlacedEvent[];
  /** Of its last event; those of the others are right before. */
  readonly position: number;
  /** Of the log up to and with it. */
  readonly hash: number;
}

/** What is known of an id. */
export type KnownUnit =
  | { readonly kind: 'accepted'; readonly author: string; readonly unit: LoggedUnit }
  | { readonly kind: 'rejected'; readonly author: string; readonly code: string };

/** A row that somebody has inserted beside the server, and nobody has chained yet. */
export interface LooseRow {
  readonly aggregate: string;
  readonly version: number;
  readonly payload: string;
  readonly position: number;
}

export interface AggregateHead {
  readonly version: number;
  readonly edition: Edition;
}

export interface ModelLog {
  readonly tenant: string;
  readonly units: readonly LoggedUnit[];
  readonly known: ReadonlyMap<string, KnownUnit>;
  readonly heads: ReadonlyMap<string, AggregateHead>;
  /** Rows without units, in the order of their positions, all after the units. */
  readonly loose: readonly LooseRow[];
  /** The last position that was given, to a unit, to a loose row, or to an insert that failed. */
  readonly lastPosition: number;
  /** What was offered to be healed and does not fit, or not yet: with all of its parts that have come. */
  readonly aside: ReadonlyMap<string, SealedUnit>;
}

export function emptyLog(tenant: string): ModelLog {
  return {
    tenant,
    units: [],
    known: new Map(),
    heads: new Map(),
    loose: [],
    lastPosition: 0,
    aside: new Map(),
  };
}

export function headOf(log: ModelLog): ModelCursor {
  const last = log.units.at(-1);
  return last === undefined ? START : { position: last.position, hash: last.hash, scopes: '' };
}

/** Whether the log up to the cursor is what it was; a cursor may stand within a unit only where a rule is switched off. */
export function hasCursor({ units }: ModelLog, { position, hash }: ModelCursor): boolean {
  if (position === 0) return hash === 0;
  return units.find((unit) => unit.position >= position)?.hash === hash;
}

/** The version of an aggregate, with what stands beside the units. */
export function tableVersion(log: ModelLog, aggregate: string): number {
  const loose = log.loose.findLast((row) => row.aggregate === aggregate);
  return loose?.version ?? log.heads.get(aggregate)?.version ?? 0;
}

type Appended = Pick<LoggedUnit, 'id' | 'edition' | 'isCommutative' | 'after' | 'author' | 'events'>;

/** The log with one more unit at its end, or, for a row that has a position, at that. */
export function append(log: ModelLog, unit: Appended, at?: number): ModelLog {
  const position = at ?? log.lastPosition + unit.events.length;
  const said = unit.events.map(({ aggregate, version, payload }) => `${aggregate},${version},${payload}`).join(';');
  const hash = hashText(headOf(log).hash, `${position}:${unit.edition}:${said}`) || 1;
  const logged: LoggedUnit = { ...unit, position, hash };
  const heads = new Map(log.heads);
  for (const { aggregate, version } of unit.events) heads.set(aggregate, { version, edition: unit.edition });
  return {
    ...log,
    units: [...log.units, logged],
    known: new Map(log.known).set(unit.id, { kind: 'accepted', author: unit.author, unit: logged }),
    heads,
    lastPosition: Math.max(log.lastPosition, position),
  };
}

/** Inserts a row beside the server, as another program does under the same lock. */
export function insertBeside(log: ModelLog, row: Omit<LooseRow, 'position'>): ModelLog {
  const position = log.lastPosition + 1;
  return { ...log, loose: [...log.loose, { ...row, position }], lastPosition: position };
}

/** An insert that failed has taken a position all the same. */
export function skipPosition(log: ModelLog): ModelLog {
  return { ...log, lastPosition: log.lastPosition + 1 };
}
