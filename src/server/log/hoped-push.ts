/**
 * What pushes hope to find in a log, so that it need not be looked at before they are written: one message to the database in the
 * place of three, a look that is shorter, and the next ones decided while it is on its way.
 *
 * ```text
 * all units new, each on what it says, the end as this process left it ──▶ decided ──▶ one message: the lock, is it so?, the events, the units, the commit
 *                                                                                        │ no: nothing is stored; or nobody says
 *                                                                                        ▼
 *                                                                          looked at, decided anew, written
 * ```
 *
 * What is hoped decides nothing: the database says under the lock that it is so, or that which was decided does not count.
 *
 * @module
 */
import type { OriginatorId } from '../../persistence/stored-event.js';
import type { UnitId } from '../../persistence/unit.js';
import { firstOfAggregates } from './decide-units.js';
import type { AggregateEnd, KnownUnit } from './decide-units.js';
import type { HopedUnits } from './log-storage.js';
import type { PreparedPush, SharedDecisions } from './prepared-push.js';

/** It is not as was hoped, and nothing is stored. */
export class NotAsHoped extends Error {}

/** @returns `undefined` where there is no hope, or somebody else takes part */
export function hopedOf(pushes: readonly PreparedPush[]): HopedUnits | undefined {
  const isPlain = ({ units, fresh, refusals, unseen, decoded }: PreparedPush): boolean =>
    fresh.length === units.length && refusals.size + unseen.size + decoded.size === 0;
  if (!pushes.every(isPlain)) return undefined;
  const fresh = new Set<UnitId>();
  const aggregates = new Set<OriginatorId>();
  const ends = new Map<OriginatorId, AggregateEnd>();
  for (const { id, events, after } of pushes.flatMap(({ units }) => units)) {
    fresh.add(id);
    firstOfAggregates(events).forEach(({ originatorId, originatorVersion }, index) => {
      if (aggregates.has(originatorId)) return;
      aggregates.add(originatorId);
      const edition = after[index];
      if (edition !== undefined) ends.set(originatorId, { version: originatorVersion - 1, edition });
    });
  }
  const known = new Map<UnitId, KnownUnit>();
  for (const { follows, sender } of pushes) {
    // What is followed within them is decided with them.
    if (follows === undefined || fresh.has(follows)) continue;
    known.set(follows, { kind: 'accepted', position: 0, author: sender.subject });
  }
  return { ids: [...fresh], aggregates: [...aggregates], known, ends };
}

/** @throws NotAsHoped where something was decided that has to be looked at: all that is hoped is that all is new and fits */
export function assertAsHoped({ decided, placed }: SharedDecisions): void {
  const isAccepted = decided.every(
    ({ decisions, conflict }) => conflict === undefined && decisions.every(({ kind }) => kind === 'accepted'),
  );
  if (placed.length === 0 || !isAccepted) throw new NotAsHoped();
}
