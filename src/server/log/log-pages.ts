/**
 * Reads pages of a log as it is, before anybody's part of it is taken: once for all who ask in the same moment.
 *
 * @module
 */
import { InternalError } from '../../persistence/errors.js';
import type { Notification, NotificationId, StoredEvent } from '../../persistence/stored-event.js';
import { CHAIN_START } from './log-chain.js';
import type { LogPlace } from './log-chain.js';
import type { LogHead, LogStorage, UnitRow } from './log-storage.js';
import { bytesOf, firstUnits, isMore, rangesOf } from './page-units.js';
import type { StatedConfirmedUnit, UnitSize } from './page-units.js';
import { UnavailableError } from '../../sync/protocol/index.js';
import { SharedReads } from './shared-reads.js';
import type { NewsOptions, PageOptions } from './unit-log.js';
import { systemClock } from '../../util/clock.js';

/** A part of the log. The same object for all for whom it was read. */
export interface ReadPage {
  /** Where it ends. */
  readonly last: LogPlace;
  /** The position of the end of the log. */
  readonly head: number;
  readonly units: readonly StatedConfirmedUnit[];
}

/** What follows a place of the log, where that is not much. */
export interface ReadNews {
  /** Where the log ends. */
  readonly end: LogPlace;
  /** `undefined` where it is more than was asked for, or the log does not have the place. */
  readonly page: ReadPage | undefined;
}

// While somebody may still be on the way to who is told of it. Later the log may be another one.
const RECENT_MS = 1_000;
const RESTORED_RETRY_SECONDS = 1;
// What is kept of it; larger ones are read.
const RECENT_MAX: Limits = { eventsMax: 200, bytesMax: 65_536 };

interface RecentPage {
  readonly from: LogPlace;
  readonly page: ReadPage;
  readonly sizes: readonly UnitSize[];
  readonly atMs: number;
}

type Limits = Pick<PageOptions, 'eventsMax' | 'bytesMax'>;

/** Reads a log. */
export class LogPages {
  readonly #storage: LogStorage;
  readonly #readHead: () => Promise<LogHead>;
  readonly #reads = new SharedReads<ReadPage | undefined>();
  readonly #news = new SharedReads<ReadNews>();
  #recent: RecentPage | undefined;

  /** @param readHead - the end of the log, with what others have recorded */
  constructor(storage: LogStorage, readHead: () => Promise<LogHead>) {
    this.#storage = storage;
    this.#readHead = readHead;
  }

  /**
   * @returns `undefined` when the log does not have the place
   * @throws InternalError (`INTERNAL_ERROR`) when events of the log are gone
   */
  async after(from: LogPlace, { eventsMax, bytesMax }: Limits): Promise<ReadPage | undefined> {
    const key = `${from.position} ${from.chain} ${eventsMax} ${bytesMax}`;
    return await this.#reads.read(key, () => this.#read(from, { eventsMax, bytesMax }));
  }

  /** Takes what was committed just now: who stands where it begins is given it without a look at the tables. */
  noteRecorded(from: LogPlace, page: ReadPage): void {
    const sizes = page.units.map(({ total, events }) => ({ count: total, bytes: bytesOf(events) }));
    const isKept = sizes.length > 0 && !isMore(sizes, RECENT_MAX);
    this.#recent = isKept ? { from, page, sizes, atMs: systemClock.monotonicMs() } : undefined;
  }

  /**
   * What follows up to the end, by what was committed just now, or by the rows that there are: what others have recorded beside the log is not looked for.
   *
   * @throws InternalError (`INTERNAL_ERROR`) when events of the log are gone
   */
  async news(
    from: LogPlace | undefined,
    { head = Infinity, ...limits }: Limits & Pick<NewsOptions, 'head'>,
  ): Promise<ReadNews> {
    const recent = this.#recentAfter(from, limits);
    if (recent !== undefined && recent.last.position >= head) return { end: recent.last, page: recent };
    const key = `${from?.position} ${from?.chain} ${limits.eventsMax} ${limits.bytesMax}`;
    return await this.#news.read(key, () => this.#readNews(from, limits));
  }

  #recentAfter(from: LogPlace | undefined, limits: Limits): ReadPage | undefined {
    const recent = this.#recent;
    if (recent === undefined || from?.position !== recent.from.position || from.chain !== recent.from.chain) return;
    if (systemClock.monotonicMs() - recent.atMs > RECENT_MS || isMore(recent.sizes, limits)) return;
    return recent.page;
  }

  async #readNews(from: LogPlace | undefined, limits: Limits): Promise<ReadNews> {
    const found = from === undefined ? undefined : await this.#rowsWithEvents(from, limits);
    if (from === undefined || found === undefined || isMore(found.rows, limits)) {
      return { end: await this.#readHead(), page: undefined };
    }
    const last = found.rows.at(-1) ?? from;
    const units = wholeUnits(found.rows, byId(found.events));
    return { end: last, page: { last, head: last.position, units } };
  }

  async #rowsWithEvents(
    place: LogPlace,
    { eventsMax, bytesMax }: Limits,
  ): Promise<Awaited<ReturnType<LogStorage['news']>> | undefined> {
    const { rows, events } = await this.#storage.news(place.position, { rows: eventsMax + 1, bytes: bytesMax });
    const after = rowsAfter(place, rows);
    return after === undefined ? undefined : { rows: after, events };
  }

  async #read(from: LogPlace, limits: Limits): Promise<ReadPage | undefined> {
    const head = await this.#readHead();
    if (from.position > head.position) return undefined;
    const rows = await this.#rowsAfter(from, limits.eventsMax);
    if (rows === undefined) return undefined;
    const shown = firstUnits(rows, limits);
    const last = shown.at(-1) ?? from;
    // The log may have grown meanwhile.
    return { last, head: Math.max(head.position, last.position), units: await this.unitsOf(shown) };
  }

  /** Rows after a place, if the log has that place. */
  async #rowsAfter(place: LogPlace, limit: number): Promise<readonly UnitRow[] | undefined> {
    return rowsAfter(place, await this.#storage.units(place.position, limit + 1));
  }

  /**
   * Units whole, by their rows.
   *
   * @throws InternalError (`INTERNAL_ERROR`) when events of the log are gone
   * @throws UnavailableError (`UNAVAILABLE`) when the log is another one than a moment ago, because it was restored
   */
  async unitsOf(rows: readonly UnitRow[]): Promise<StatedConfirmedUnit[]> {
    const events = byId(await this.#eventsOf(rows));
    const torn = rows.find((row) => !isWhole(row, events));
    if (torn !== undefined && !(await this.#has(torn))) {
      throw new UnavailableError('The log was restored while it was read. Ask again.', {
        details: { retryAfterSeconds: RESTORED_RETRY_SECONDS },
      });
    }
    return wholeUnits(rows, events);
  }

  async #has({ position, chain }: UnitRow): Promise<boolean> {
    const [row] = await this.#storage.units(position, 1);
    return row?.position === position && row.chain === chain;
  }

  /** Events by their ids: read in one range where the units follow each other, which in pages is nearly always. */
  async #eventsOf(rows: readonly UnitRow[]): Promise<readonly Notification[]> {
    const ranges = rangesOf(rows);
    const [range] = ranges;
    if (range === undefined) return [];
    if (ranges.length > 1) return await this.#storage.eventsIn(ranges);
    return await this.#storage.events(range, range.last - range.first + 1);
  }
}

/** Rows after a place, of those from there on; `undefined` where the log does not have it. */
function rowsAfter({ position, chain }: LogPlace, rows: readonly UnitRow[]): readonly UnitRow[] | undefined {
  if (position === 0) return chain === CHAIN_START ? rows : undefined;
  const [at, ...after] = rows;
  return at?.position === position && at.chain === chain ? after : undefined;
}

/** @throws InternalError (`INTERNAL_ERROR`) when events of the log are gone */
function wholeUnits(rows: readonly UnitRow[], events: EventsById): StatedConfirmedUnit[] {
  return rows.map((row) => {
    const { id, edition, isCommutative, scopes, after, position, count: total, author, recordedAtMs } = row;
    if (!isWhole(row, events)) throw eventMissing(row);
    const own = idsOf(row).map((eventId) => events.get(eventId) as StoredEvent);
    const origin = { author, recordedAtMs, seal: new Uint8Array(0) };
    const unit = { id, isCommutative, scopes, after, position, total, events: own, origin };
    return edition === undefined ? unit : { ...unit, edition };
  });
}

type EventsById = ReadonlyMap<NotificationId, StoredEvent>;

function byId(notifications: readonly Notification[]): EventsById {
  const events = new Map<NotificationId, StoredEvent>();
  for (const { id, ...event } of notifications) events.set(id, event);
  return events;
}

function idsOf({ lastId, count }: UnitRow): readonly NotificationId[] {
  return Array.from({ length: count }, (_, index) => lastId - count + 1 + index);
}

function isWhole(row: UnitRow, events: EventsById): boolean {
  return idsOf(row).every((id) => events.has(id));
}

function eventMissing({ id, lastId }: UnitRow): InternalError {
  return new InternalError(
    `Events of unit ${id} are not in the table of the events any more, where they had ids up to ${lastId}: rows were deleted, or restored without the tables beside them. Bring the rows back, or restore all tables from one backup.`,
    { details: { id, lastId } },
  );
}
