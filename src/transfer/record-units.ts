/**
 * Records events in a store whose events belong to units: each in the unit that it was in, or in one of its own.
 *
 * @module
 */
import { derivedUnitId } from '../persistence/derived-unit-id.js';
import { NotSupportedError } from '../persistence/errors.js';
import type { ProcessRecorder } from '../persistence/recorder.js';
import type { NotificationId, OriginatorId } from '../persistence/stored-event.js';
import type { UnitRecorder } from '../persistence/unit-recorder.js';
import { CURSOR_START } from '../persistence/unit.js';
import { readConfirmed } from '../sync/confirmed.js';
import { plain } from './events-file.js';
import type { FileEvent, FileUnit } from './events-file.js';

/**
 * A server's log brings its events to a store that follows it, and decides which stand: nothing else may put them there.
 *
 * @throws NotSupportedError (`NOT_SUPPORTED`) when the store follows one, or has
 */
export async function assertNotSynchronised(recorder: ProcessRecorder, units: UnitRecorder): Promise<void> {
  const { cursor, rewinds, setAsideUnits } = await units.syncProgress();
  const isNew = cursor === CURSOR_START && rewinds === 0 && setAsideUnits === 0;
  if (isNew && (await readConfirmed(recorder)).confirmedId === 0) return;
  throw new NotSupportedError(
    'This store follows the log of a server, which brings it its events: those of a file could be the same ones, and be recorded twice. Nothing more was stored. Import into a store that has never synchronised, or into the database of the server; a store that moves is moved as its file (importDaybook).',
    { details: { reason: 'synchronised' } },
  );
}

interface UnitOfFile {
  readonly unit: FileUnit;
  readonly events: FileEvent[];
}

/**
 * Records units, one commit each, in their order. Those on their way together are of different aggregates: where one is refused,
 * nothing that follows on it was recorded.
 *
 * @returns the positions that the events have, in their order
 */
export async function recordUnits(
  recorder: ProcessRecorder,
  events: readonly FileEvent[],
): Promise<readonly NotificationId[]> {
  const ids: NotificationId[] = [];
  for (const units of apart(unitsOfFile(events))) {
    const recordings = units.map(
      async ({ unit, events: some }) => await recorder.insertEvents(some.map(plain), { unit }),
    );
    for (const recorded of await Promise.allSettled(recordings)) {
      if (recorded.status === 'rejected') throw recorded.reason;
      for (const id of recorded.value) ids.push(id);
    }
  }
  return ids;
}

/** Runs of units no two of which have an aggregate in common. */
function apart(units: readonly UnitOfFile[]): readonly (readonly UnitOfFile[])[] {
  const runs: UnitOfFile[][] = [];
  let seen = new Set<OriginatorId>();
  for (const unit of units) {
    const run = runs.at(-1);
    if (run === undefined || unit.events.some(({ originatorId }) => seen.has(originatorId))) {
      runs.push([unit]);
      seen = new Set();
    } else {
      run.push(unit);
    }
    for (const { originatorId } of unit.events) seen.add(originatorId);
  }
  return runs;
}

function unitsOfFile(events: readonly FileEvent[]): readonly UnitOfFile[] {
  const units: UnitOfFile[] = [];
  for (const event of events) {
    const unit = event.unit ?? { id: derivedUnitId(event), isCommutative: false, scopes: [] };
    const before = units.at(-1);
    if (before?.unit.id === unit.id) before.events.push(event);
    else units.push({ unit, events: [event] });
  }
  return units;
}
