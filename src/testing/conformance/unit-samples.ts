/**
 * Units to test logs of units with.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import type { StoredEvent } from '../../persistence/stored-event.js';
import { CURSOR_START } from '../../persistence/unit.js';
import { editionOf } from '../../persistence/unit-edition.js';
import type { ConfirmedUnit, Cursor, EditionId, LostUnit, PendingUnit, UnitPage } from '../../persistence/unit.js';
import type { PageOptions, UnitLog } from '../../server/log/unit-log.js';
import { expectTrue } from './conformance.js';

/** What of a unit is not as usual. */
export type UnitSample = Partial<Omit<PendingUnit, 'events'>>;

/** A strict unit of these events, after nothing where nothing else is said. */
export function sampleUnit(events: readonly StoredEvent[], sample: UnitSample = {}): PendingUnit {
  const aggregates = new Set(events.map(({ originatorId }) => originatorId));
  return {
    id: uuidV4(),
    events,
    isCommutative: false,
    scopes: [],
    firstNotificationId: 1,
    after: Array.from(aggregates, () => undefined),
    ...sample,
  };
}

/** Reads all of a log after a place, page by page, as a device does, and checks how the pages fit each other. */
export async function readLog(
  log: Pick<UnitLog, 'page'>,
  after: Cursor = CURSOR_START,
  options: PageOptions = { eventsMax: 100, bytesMax: 1_000_000 },
): Promise<{ readonly units: readonly ConfirmedUnit[]; readonly cursor: Cursor; readonly pages: number }> {
  const units: ConfirmedUnit[] = [];
  let cursor = after;
  for (let pages = 1; ; pages++) {
    const page = await pageOf(log, cursor, options);
    expectTrue(page.from === cursor, 'a page begins where it was asked for');
    units.push(...page.units);
    if (page.to === cursor) return { units, cursor, pages };
    cursor = page.to;
  }
}

/** A page of a log that has the cursor. */
export async function pageOf(
  log: Pick<UnitLog, 'page'>,
  after: Cursor,
  options: PageOptions = { eventsMax: 100, bytesMax: 1_000_000 },
): Promise<UnitPage> {
  const page = await log.page(after, options);
  if (page === undefined) throw new Error(`The log does not have the cursor ${after}.`);
  return page;
}

/** Units as a device offers them that held this log: with what each stood on. */
export function asLost(units: readonly ConfirmedUnit[]): LostUnit[] {
  const holders = new Map<string, EditionId>();
  return units.map((unit) => {
    const seen = new Set<string>();
    const after: (EditionId | undefined)[] = [];
    for (const { originatorId, originatorVersion } of unit.events) {
      if (!seen.has(originatorId)) after.push(holders.get(`${originatorId} ${originatorVersion - 1}`));
      seen.add(originatorId);
    }
    for (const { originatorId, originatorVersion } of unit.events) {
      holders.set(`${originatorId} ${originatorVersion}`, editionOf(unit));
    }
    return { ...unit, after };
  });
}
