/**
 * Reads the events of a store for a file, with what is said of their units where they have some.
 *
 * @module
 */
import { NotSupportedError, OperationalError } from '../persistence/errors.js';
import type { ApplicationRecorder } from '../persistence/recorder.js';
import type { SqlRecorder } from '../persistence/sql/sql-recorder.js';
import { hasUnitLog } from '../persistence/sql/unit-log-beside.js';
import type { Notification, NotificationId } from '../persistence/stored-event.js';
import type { SyncProgress, UnitRecorder } from '../persistence/unit-recorder.js';
import type { UnitId } from '../persistence/unit.js';
import type { EventsFileHeader, FileEvent, FileUnit } from './events-file.js';
import { throwIfAborted } from '../persistence/heed-signal.js';

// Read at once. Not more than a store finds units by.
const PAGE_EVENTS = 500;
const PENDING_LIMITS = { eventsMax: PAGE_EVENTS, bytesMax: 4 * 1_048_576 };

/** What is exported. */
export interface ExportedRange {
  /** Only positions greater than this. */
  readonly after: NotificationId;
  /** Only positions up to this. */
  readonly upTo: NotificationId;
  readonly signal?: AbortSignal | undefined;
}

/** Asks a recorder for its units, if it has some. */
export function unitsOf(recorder: ApplicationRecorder): UnitRecorder | undefined {
  return recorder.supports?.units === true ? (recorder as ApplicationRecorder & UnitRecorder) : undefined;
}

/** Asks a recorder for its SQL, if it has some. */
export function sqlOf(recorder: ApplicationRecorder): SqlRecorder | undefined {
  return recorder.supports?.sql === true ? (recorder as unknown as SqlRecorder) : undefined;
}

/** What the file says of where the events come from. */
export async function describeStore(recorder: ApplicationRecorder, after: NotificationId): Promise<EventsFileHeader> {
  const sql = sqlOf(recorder);
  if (unitsOf(recorder) !== undefined) return { engine: 'browser', after, isOfLog: false };
  if (sql === undefined) return { engine: 'memory', after, isOfLog: false };
  return { engine: sql.dialect.name, after, isOfLog: await hasUnitLog(sql) };
}

/**
 * Reads events in the order of their positions, a page at a time.
 *
 * @throws HistoryTruncatedError (`HISTORY_TRUNCATED`) when some of them have left the store
 * @throws OperationalError (`OPERATIONAL_ERROR`) when a store that is synchronised has followed the log meanwhile: what was read
 *   may have changed
 */
export async function* exportedEvents(
  recorder: ApplicationRecorder,
  { after, upTo, signal }: ExportedRange,
): AsyncGenerator<readonly FileEvent[], void, undefined> {
  const units = unitsOf(recorder);
  const before = await units?.syncProgress();
  let start = after + 1;
  while (start <= upTo) {
    throwIfAborted(signal);
    const page = await recorder.selectNotifications({ start, stop: upTo, limit: PAGE_EVENTS });
    const events = units === undefined ? page : await withUnits(units, page);
    if (before !== undefined) assertSame(before, await units?.syncProgress());
    if (events.length > 0) yield events;
    if (page.length < PAGE_EVENTS) return;
    start = (page.at(-1) as Notification).id + 1;
  }
}

function assertSame(before: SyncProgress, now: SyncProgress | undefined): void {
  const isSame =
    now?.cursor === before.cursor && now.rewinds === before.rewinds && now.setAsideUnits === before.setAsideUnits;
  if (isSame) return;
  throw new OperationalError(
    'The store has followed the server’s log while it was exported: events may have gone, or have other versions. Export it anew while it does not synchronise, or take its file: daybook.storage.export().',
    { details: { reason: 'synchronised' } },
  );
}

async function withUnits(units: UnitRecorder, page: readonly Notification[]): Promise<readonly FileEvent[]> {
  const [first] = page;
  if (first === undefined) return [];
  const found = await units.findUnits(page.map(({ id }) => id));
  const pending = found.some((unit) => unit?.state === 'pending')
    ? await pendingUnits(units, page, found.find((unit) => unit?.state === 'pending')?.firstNotificationId ?? first.id)
    : new Map<UnitId, FileUnit>();
  return page.map((event, index) => {
    const id = found[index]?.id;
    if (id === undefined) {
      throw new NotSupportedError(
        'The store cannot say to which unit an event belongs. Reload the page to get its newest version.',
      );
    }
    return { ...event, unit: pending.get(id) ?? { id, isCommutative: false, scopes: [] } };
  });
}

/** What is said of units that no server has confirmed; of the others the server says it. */
async function pendingUnits(
  units: UnitRecorder,
  page: readonly Notification[],
  from: NotificationId,
): Promise<ReadonlyMap<UnitId, FileUnit>> {
  const last = (page.at(-1) as Notification).id;
  const said = new Map<UnitId, FileUnit>();
  let after = from - 1;
  while (after < last) {
    const some = await units.selectPendingUnits(after, PENDING_LIMITS);
    for (const { id, isCommutative, scopes } of some) said.set(id, { id, isCommutative, scopes });
    const unit = some.at(-1);
    if (unit === undefined) break;
    after = unit.firstNotificationId;
  }
  return said;
}
