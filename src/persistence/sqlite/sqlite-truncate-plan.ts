/**
 * Which aggregates can be truncated, decided on the tables as they are. Changes nothing.
 *
 * @module
 */
import type { Truncating } from '../journal/sync-change.js';
import type { PlannedChange } from '../journal/unit-tables.js';
import type { NotificationId, OriginatorId, StoredEvent } from '../stored-event.js';
import type { Truncation } from '../unit-recorder.js';
import type { EditionId } from '../unit.js';
import type { PlanningState } from './sqlite-planning-state.js';

/** What truncation is planned on, beside. */
export interface TruncatePlanning {
  /** No event with a larger local id leaves. */
  readonly upTo: NotificationId;
  /** As `UnitTables.placeOf`. */
  readonly editionBefore: (event: StoredEvent) => EditionId | undefined;
}

/** As `UnitTables.planTruncate`. */
export function planTruncate(
  state: PlanningState,
  truncations: readonly Truncation[],
  { upTo, editionBefore }: TruncatePlanning,
  nowMs: number,
): PlannedChange<readonly OriginatorId[]> {
  const isAtRest = !state.isHealing && state.anewAt === undefined;
  const bases = (isAtRest ? truncations : []).flatMap(({ snapshot, anchor, digest }): Truncating[] => {
    const { originatorId, originatorVersion } = snapshot;
    const last = state.rows.before(originatorId, originatorVersion + 1);
    if (last?.originatorVersion !== originatorVersion || last.unit.edition !== anchor) return [];
    const lastId = state.truncation.lastIdBefore(originatorId, originatorVersion);
    const edition = editionBefore({ ...snapshot, topic: '' });
    // Before an event that is confirmed, all are.
    const { position } = last.unit;
    if (position === undefined || edition === undefined || lastId === undefined || lastId > upTo) return [];
    return [{ version: originatorVersion - 1, edition, digest, position, lastId, snapshot }];
  });
  const outcome = bases.map(({ snapshot }) => snapshot.originatorId);
  const step = { kind: 'truncate', bases } as const;
  return { outcome, change: bases.length === 0 ? undefined : { atMs: nowMs, setAside: [], step } };
}
