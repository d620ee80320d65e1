/**
 * What of a part of a bootstrap a store takes, decided on the tables as they are. Changes nothing.
 *
 * A part gives aggregates whole, as they are at one place of the log: what stands for the first events of each, and the
 * events after that. What was recorded here before the first part came may be in the log, and what stands for it would not
 * say so. So the first part has all that such units are about as events, by which they are recognised; and what is here
 * already is passed over in the parts after it. What is recorded later was not in the log at that place: it gives way, as to
 * any page.
 *
 * @module
 */
import type { OriginatorId, StoredEvent } from '../stored-event.js';
import type { AggregateBase, BootstrapAggregate, BootstrapPart, ConfirmedUnit, UnitPage } from '../unit.js';
import { assertPage } from '../unit-validation.js';
import { keyOf } from './sqlite-anew-plan.js';
import type { PlanningState } from './sqlite-planning-state.js';

/** What is taken of a part. */
export interface TakenPart {
  /** Its units, of each the events that come, or are here. */
  readonly units: readonly ConfirmedUnit[];
  readonly bases: readonly AggregateBase[];
}

/** @returns undefined when it does not fit: another tab was first, or something was recorded meanwhile */
export function takenOf(state: PlanningState, page: UnitPage, part: BootstrapPart): TakenPart | undefined {
  const { position, aggregates } = part;
  if (state.isHealing || state.anewAt !== undefined) return undefined;
  if (state.isBootstrapping) {
    assertPage(state.marks[0]?.position === position, 'it is a part of another bootstrap');
  } else {
    const given = new Set(aggregates.map(({ originatorId }) => originatorId));
    if (state.marks.length > 0 || !state.rows.openAggregates().every((id) => given.has(id))) return undefined;
  }
  const taken = new Map(
    aggregates
      .filter((aggregate) => isWanted(state, aggregate))
      .map((aggregate) => [aggregate.originatorId, aggregate]),
  );
  const units = shownParts(state, page.units, taken);
  const bases = [...taken.values()].flatMap(({ base }) => (base === undefined ? [] : [base]));
  assertAnchors(units, bases);
  return { units, bases };
}

/** Not, when it is here whole. */
function isWanted({ rows }: PlanningState, { originatorId, continues }: BootstrapAggregate): boolean {
  return continues || rows.tail(originatorId).confirmed === undefined;
}

function shownParts(
  state: PlanningState,
  units: readonly ConfirmedUnit[],
  taken: ReadonlyMap<OriginatorId, BootstrapAggregate>,
): ConfirmedUnit[] {
  const rows = state.rows.byIds(units.map(({ id }) => id));
  const here = new Set(state.eventsOf([...rows.values()]).flatMap((events) => events.map(keyOf)));
  const comes = (event: StoredEvent): boolean => {
    const aggregate = taken.get(event.originatorId);
    if (aggregate === undefined) return false;
    const { base, upTo = Number.MAX_SAFE_INTEGER } = aggregate;
    return event.originatorVersion > (base?.version ?? Number.MIN_SAFE_INTEGER) && event.originatorVersion <= upTo;
  };
  return units.flatMap((unit) => {
    const isHere = rows.has(unit.id);
    const events = unit.events.filter((event) => comes(event) || (isHere && here.has(keyOf(event))));
    return events.length === 0 ? [] : [{ ...unit, events }];
  });
}

function assertAnchors(units: readonly ConfirmedUnit[], bases: readonly AggregateBase[]): void {
  const positions = new Map<string, number>();
  for (const { position, events } of units) for (const event of events) positions.set(keyOf(event), position);
  for (const { version, position, snapshot } of bases) {
    const { originatorId } = snapshot;
    const anchor = positions.get(keyOf({ originatorId, originatorVersion: version + 1 }));
    assertPage(
      anchor === position,
      `version ${version + 1} of ${originatorId} is missing after what stands for those before`,
    );
  }
}
