/**
 * What a device keeps. All of it is durable and shared by its tabs, and changes in whole commits.
 *
 * @module
 */
import type { Command } from './domain.js';
import type { Edition, ModelCursor, PlacedEvent, PushedUnit, SealedUnit } from './unit-types.js';
import { START } from './unit-types.js';

export interface HeldUnit {
  readonly id: string;
  readonly edition: Edition;
  readonly isCommutative: boolean;
  /** Those that the device has; a part, where it may not see the others. */
  readonly events: readonly PlacedEvent[];
  readonly total: number;
  /** Where it stands in the order in which this device recorded. */
  readonly local: number;
  readonly status: 'pending' | 'confirmed' | 'lost';
  /** Where the log has it, or had it. */
  readonly position: number;
  readonly author: string;
  readonly seal: string;
  /** Which of its events the seal is for: not those that have come since, until a page shows all of them. */
  readonly sealedIndexes: readonly number[];
  /** Whether it was recorded here. */
  readonly isOwn: boolean;
  /** What made it, where that is known: without one it cannot be decided again. */
  readonly command?: Command | undefined;
  readonly intent: string;
}

export interface SetAside {
  readonly unit: HeldUnit;
  readonly code: string;
  /** What it stood on when it left. */
  readonly after: Readonly<Record<string, Edition>>;
}

/** The reason of a unit that is set aside until the end of the log is reached, where it is decided again. */
export const SUPERSEDED = 'SUPERSEDED';

/** What is left of the first events of an aggregate that have left this device. */
export interface Base {
  /** Of the last of them. */
  readonly version: number;
  /** That holds this version. */
  readonly edition: Edition;
  /** Where the log has the event after it. */
  readonly position: number;
  /** The state that they made. In earnest no events: nobody can be given them, or offered. */
  readonly payloads: readonly string[];
}

/** The log is followed from its start, to learn what there is of what the device holds. */
export interface Pass {
  readonly cursor: ModelCursor;
  /** How far the log was ever followed before: there the pass ends. */
  readonly held: ModelCursor;
}

/** How far a bootstrap is. */
export interface BootstrapState {
  /** What all of it is of. */
  readonly at: ModelCursor;
  /** How many aggregates were given. */
  readonly given: number;
}

export interface DeviceState {
  readonly cursor: ModelCursor;
  /** Where the device stood before: fewer, the farther away. */
  readonly marks: readonly ModelCursor[];
  readonly pass: Pass | undefined;
  /** While parts of one are missing; the device stands at its place then. */
  readonly bootstrap: BootstrapState | undefined;
  /**
   * `offering`: what is lost has still to be offered. `settling`: it was; what the log has of it by now, the pages say.
   */
  readonly healing: 'none' | 'offering' | 'settling';
  /** Where the log ended after offers. */
  readonly offered: readonly ModelCursor[];
  /** What was offered, and will not be taken back by the server. */
  readonly refused: readonly string[];
  /** Whether a pass has ended, and what was set aside because it could not be seen is to be looked at. */
  readonly isReturning: boolean;
  /** How often it went back, so that who was offering before notices. */
  readonly rewinds: number;
  readonly units: ReadonlyMap<string, HeldUnit>;
  /** By aggregates. */
  readonly bases: ReadonlyMap<string, Base>;
  readonly aside: ReadonlyMap<string, SetAside>;
  readonly nextLocal: number;
}

/** Of a store that has never been synchronised. */
export const EMPTY_DEVICE: DeviceState = {
  cursor: START,
  marks: [],
  pass: undefined,
  bootstrap: undefined,
  healing: 'none',
  offered: [],
  refused: [],
  isReturning: false,
  rewinds: 0,
  units: new Map(),
  bases: new Map(),
  aside: new Map(),
  nextLocal: 1,
};

/** An event of an aggregate, and the unit that it is of. */
export interface Row {
  readonly event: PlacedEvent;
  readonly unit: HeldUnit;
}

const ROWS = new WeakMap<ReadonlyMap<string, HeldUnit>, Map<string, Row[]>>();

/** The events of an aggregate in the order of their versions: those that are confirmed, then the others. */
export function rowsOf({ units }: Pick<DeviceState, 'units'>, aggregate: string): readonly Row[] {
  return aggregatesOf(units).get(aggregate) ?? [];
}

export function aggregatesOf(units: ReadonlyMap<string, HeldUnit>): ReadonlyMap<string, readonly Row[]> {
  let rows = ROWS.get(units);
  if (rows === undefined) {
    rows = new Map();
    for (const unit of units.values()) {
      for (const event of unit.events) {
        const of = rows.get(event.aggregate);
        if (of === undefined) rows.set(event.aggregate, [{ event, unit }]);
        else of.push({ event, unit });
      }
    }
    for (const of of rows.values()) of.sort((a, b) => a.event.version - b.event.version);
    ROWS.set(units, rows);
  }
  return rows;
}

/** All that an aggregate is made of. */
export function payloadsOf(state: Pick<DeviceState, 'units' | 'bases'>, aggregate: string): string[] {
  const base = state.bases.get(aggregate)?.payloads ?? [];
  return [...base, ...rowsOf(state, aggregate).map(({ event }) => event.payload)];
}

/** The last version of an aggregate. */
export function versionOf(state: Pick<DeviceState, 'units' | 'bases'>, aggregate: string): number {
  return rowsOf(state, aggregate).at(-1)?.event.version ?? state.bases.get(aggregate)?.version ?? 0;
}

/** For each aggregate of a unit the edition that holds the version before. */
export function standsOn(state: Pick<DeviceState, 'units' | 'bases'>, unit: HeldUnit): Record<string, Edition> {
  const after: Record<string, Edition> = {};
  for (const { aggregate, version } of unit.events) {
    const base = state.bases.get(aggregate);
    after[aggregate] ??=
      rowsOf(state, aggregate).find(({ event }) => event.version === version - 1)?.unit.edition ??
      (base?.version === version - 1 ? base.edition : '');
  }
  return after;
}

export function pendingUnits(state: DeviceState): HeldUnit[] {
  return byLocal([...state.units.values()].filter(({ status }) => status === 'pending'));
}

/** As a device pushes it. */
export function pushed(state: DeviceState, unit: HeldUnit): PushedUnit {
  const { id, edition, isCommutative, events } = unit;
  return { id, edition, isCommutative, after: standsOn(state, unit), events };
}

/** What a server has lost, in the order in which it had it, as it is offered. */
export function lostUnits(state: DeviceState): SealedUnit[] {
  const lost = [...state.units.values()].filter(({ status }) => status === 'lost');
  return lost
    .sort((a, b) => a.position - b.position)
    .map((unit) => {
      const { id, edition, isCommutative, position, total, author, seal, sealedIndexes } = unit;
      const events = unit.events.filter(({ index }) => sealedIndexes.includes(index));
      const after = standsOn(state, { ...unit, events });
      return { id, edition, isCommutative, position, total, events, author, seal, after };
    });
}

export function byLocal(units: readonly HeldUnit[]): HeldUnit[] {
  return [...units].sort((a, b) => a.local - b.local);
}
