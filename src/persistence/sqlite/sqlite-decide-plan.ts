/**
 * What becomes of units that were decided again, on the tables as they are. Changes nothing.
 *
 * Each is taken in its order, on what those before it have left. Either all of them fit, or nothing is done: somebody was
 * faster, and they are to be decided once more.
 *
 * @module
 */
import type { AggregateTail } from '../journal/placed-unit.js';
import type { DecideStep, KeptCommandBytes, SettingAside, UnitPlace } from '../journal/sync-change.js';
import type { NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import { derivedEdition } from '../unit-edition.js';
import type { EditionId, PendingUnit, UnitId } from '../unit.js';
import type { DecidedUnit } from '../unit-recorder.js';

/** A unit that is set aside. */
export interface AsideRow {
  readonly place: UnitPlace;
  readonly isForeign: boolean;
  readonly scopes: readonly string[];
}

/** What is planned on. */
export interface DecidingState {
  readonly maxNotificationId: NotificationId;
  asideOf(ids: readonly UnitId[]): ReadonlyMap<UnitId, AsideRow>;
  /** Those of some that are here, wherever they stand. */
  knownOf(ids: readonly UnitId[]): ReadonlySet<UnitId>;
  /** The largest version of each aggregate, or -1. */
  maxVersions(originatorIds: readonly OriginatorId[]): readonly number[];
  /** The edition that has the version before an event's. */
  placeOf(event: StoredEvent): EditionId | undefined;
}

/** The end of an aggregate; undefined where there is none. */
export type Tail = AggregateTail | undefined;

/** @returns undefined when one of them is not set aside, or does not fit on what is there */
export function planDecide(state: DecidingState, decided: readonly DecidedUnit[]): DecideStep | undefined {
  const aside = state.asideOf(decided.map(({ id }) => id));
  const taken = state.knownOf(decided.flatMap(({ as }) => (as === undefined ? [] : [as])));
  const tails = tailsOf(state, decided);
  const withdrawn: UnitPlace[] = [];
  const kept: SettingAside[] = [];
  const replaced: UnitPlace[] = [];
  const units: PendingUnit[] = [];
  const commands: KeptCommandBytes[] = [];
  const firstNotificationId = state.maxNotificationId + 1;
  let next = firstNotificationId;
  for (const { id: asideId, as: id = asideId, events = [], isCommutative = false, command, reason } of decided) {
    const row = aside.get(asideId);
    if (row === undefined || row.isForeign) return undefined;
    const { place, scopes } = row;
    if (reason !== undefined) kept.push({ place, reason });
    else if (events.length === 0 || (id !== asideId && taken.has(id))) withdrawn.push(place);
    else {
      const after = placesOf(events, tails);
      if (after === undefined) return undefined;
      const edition = derivedEdition({ id, events, after });
      for (const { originatorId, originatorVersion: version } of events) tails.set(originatorId, { version, edition });
      units.push({ id, edition, events, isCommutative, scopes, after, firstNotificationId: next });
      replaced.push(place);
      if (command !== undefined) commands.push({ index: units.length - 1, command });
      next += events.length;
    }
  }
  const keeping = commands.length === 0 ? {} : { commands };
  return { kind: 'decide', withdrawn, kept, firstNotificationId, replaced, units, ...keeping };
}

/** @returns what the events stand on; undefined when one of them does not follow on what is there */
function placesOf(
  events: readonly StoredEvent[],
  tails: ReadonlyMap<OriginatorId, Tail>,
): PendingUnit['after'] | undefined {
  const last = new Map<OriginatorId, number | undefined>();
  const after: PendingUnit['after'][number][] = [];
  for (const { originatorId, originatorVersion } of events) {
    if (!last.has(originatorId)) {
      const tail = tails.get(originatorId);
      after.push(tail?.edition);
      last.set(originatorId, tail?.version);
    }
    const before = last.get(originatorId);
    if (before !== undefined && originatorVersion !== before + 1) return undefined;
    last.set(originatorId, originatorVersion);
  }
  return after;
}

/** The ends of the aggregates of some events. */
export function tailsOf(
  state: Pick<DecidingState, 'maxVersions' | 'placeOf'>,
  decided: readonly Pick<DecidedUnit, 'events'>[],
): Map<OriginatorId, Tail> {
  const events = decided.flatMap((unit) => unit.events ?? []);
  const ids = [...new Set(events.map(({ originatorId }) => originatorId))];
  const versions = state.maxVersions(ids);
  return new Map(
    ids.map((originatorId, index) => {
      const version = versions[index] as number;
      if (version < 0) return [originatorId, undefined];
      // What would come next stands on what is last.
      const following = { originatorId, originatorVersion: version + 1, topic: '', state: new Uint8Array(0) };
      return [originatorId, { version, edition: state.placeOf(following) }];
    }),
  );
}
