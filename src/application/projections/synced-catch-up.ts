/**
 * Brings a view of a synchronised store to where the store is, in one transaction: nobody reads a view that has some of what
 * was before, and some of what is now.
 *
 * ```text
 * the order has changed under it ──▶ the view is made anew
 * what is confirmed since is the beginning of its tail, in order ──▶ that stays, and is no tail any more
 * else ──▶ the tail is taken back ──▶ what is confirmed ──▶ what is pending, which is the tail now
 * ```
 *
 * So a view is always the events that are confirmed, in the server's order, and then those that are pending, in the order in
 * which they were recorded; whatever way it has come there.
 *
 * @module
 */
import { HistoryTruncatedError } from '../../persistence/errors.js';
import type { Notification, NotificationId } from '../../persistence/stored-event.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import {
  hasLeft,
  readUnitOrder,
  selectConfirmedUnits,
  selectEditions,
  selectPendingInOrder,
  selectUnitsByPosition,
} from '../../persistence/sql/unit-order.js';
import type { NumberedRequest, OrderedUnit, UnitOrder } from '../../persistence/sql/unit-order.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import type { Following, TailEntry, ViewProgress, ViewTail } from './view-tail.js';

// Events that are read at once.
const PAGE_EVENTS = 500;

/** A view in a transaction that is open. */
export interface SyncedView {
  readonly tail: ViewTail;
  /** Pending units up to this id were taken in. */
  readonly position: NotificationId;
  /** Takes one event in. */
  handle(event: NotifiedEvent): Promise<void> | void;
  /** Says how far the view is. @param last - the event with the largest id that was taken in, if one was */
  advance(to: NotificationId, last: NotifiedEvent | undefined): Promise<void>;
}

/** What a {@link catchUpSynced} needs. */
export interface SyncedCatchUpOptions {
  readonly following: Following;
  readonly topics: readonly string[];
  readonly decode: (notification: Notification) => Promise<NotifiedEvent>;
  /** Events that are taken in at most, about. @defaultValue all */
  readonly limit?: number;
  /**
   * Whether a view that is made anew may be left half made. @defaultValue false: with more events than the limit nothing is
   * done, and the outcome is `anew`
   */
  readonly mayBePartial?: boolean;
}

/**
 * - `synced`: the view is where the store is
 * - `more`: there is more than the limit
 * - `anew`: the view has to be made anew, of more than the limit
 */
export type SyncedOutcome = 'synced' | 'more' | 'anew';

/**
 * Brings a view up to date.
 *
 * @throws HistoryTruncatedError (`HISTORY_TRUNCATED`) when it has to be made anew, and the first events have left the store; and
 *   when something has left that it has not taken in
 */
export async function catchUpSynced(
  sql: SqlQueryable,
  view: SyncedView,
  options: SyncedCatchUpOptions,
  order?: UnitOrder,
): Promise<SyncedOutcome> {
  return await new SyncedCatchUp(sql, view, options, order ?? (await readUnitOrder(sql))).run();
}

class SyncedCatchUp {
  readonly #sql: SqlQueryable;
  readonly #view: SyncedView;
  readonly #options: SyncedCatchUpOptions;
  readonly #order: UnitOrder;
  #left: number;
  #last: NotifiedEvent | undefined;
  /** How far the view was, as it is written. */
  #before: ViewProgress | undefined;

  constructor(sql: SqlQueryable, view: SyncedView, options: SyncedCatchUpOptions, order: UnitOrder) {
    this.#sql = sql;
    this.#view = view;
    this.#options = options;
    this.#order = order;
    this.#left = options.limit ?? Infinity;
  }

  async run(): Promise<SyncedOutcome> {
    const { tail, position } = this.#view;
    const { following } = this.#options;
    const before = await tail.progress();
    this.#before = before;
    if (before?.era !== this.#order.era) return await this.#begin();
    const entries = await tail.entries();
    const beginning = await this.#confirmedBeginning(before, entries);
    // Whoever follows what is confirmed has no tail, but may have had one.
    if (beginning === undefined || (following === 'confirmed' && entries.length > 0)) {
      if (!(await tail.takeBack())) return await this.#begin();
      return await this.#end(await this.#takeConfirmed(before), 0);
    }
    if (beginning.length > 0) await tail.confirm(beginning);
    // With a tail, all that is new and matters is its beginning.
    const reached =
      entries.length === 0 ? await this.#takeConfirmed(before) : { ...before, confirmed: this.#order.confirmed };
    return await this.#end(reached, position);
  }

  /** Makes the view anew. */
  async #begin(): Promise<SyncedOutcome> {
    const { mayBePartial = false } = this.#options;
    if (this.#order.truncated > 0) throw historyTruncated(this.#order.truncated);
    if (!mayBePartial && (await this.#isMoreThanLimit())) return 'anew';
    const { era, confirmed } = this.#order;
    await this.#view.tail.empty();
    this.#before = undefined;
    if (!mayBePartial) this.#left = Infinity;
    // By positions only where the numbers have another order: that takes longer.
    const start = era === 0 ? { era, confirmed: 0, position: undefined } : { era, confirmed, position: 0 };
    return await this.#end(await this.#takeConfirmed(start), 0);
  }

  /** @param after - pending units up to this id are in the view */
  async #end(reached: ViewProgress, after: NotificationId): Promise<SyncedOutcome> {
    const { tail } = this.#view;
    // Where there is nothing new, nothing is written: it would be news itself.
    if (!isSame(reached, this.#before)) await tail.setProgress(reached);
    const { following } = this.#options;
    const isThere = reached.position === undefined && reached.confirmed === this.#order.confirmed;
    const isConfirmed = following === 'confirmed';
    const to = !isThere ? after : isConfirmed ? this.#order.settled : await this.#takePending(after);
    if (to !== this.#view.position || this.#last !== undefined) await this.#view.advance(to, this.#last);
    return isThere && (isConfirmed || to === this.#order.last) ? 'synced' : 'more';
  }

  /** @returns how far it came */
  async #takeConfirmed(from: ViewProgress): Promise<ViewProgress> {
    const { topics } = this.#options;
    const upTo = this.#order.confirmed;
    let reached = from;
    for (;;) {
      const limit = Math.min(PAGE_EVENTS, this.#left);
      if (limit <= 0) return reached;
      const { position } = reached;
      const units =
        position === undefined
          ? await this.#selectConfirmed({ after: reached.confirmed, upTo, topics, limit })
          : await this.#selectByPosition({ after: position, upTo: reached.confirmed, topics, limit });
      await this.#handle(units);
      const last = units.at(-1);
      if (last === undefined) {
        if (position === undefined) return { ...reached, confirmed: upTo };
        // What has come since is in the order of the numbers.
        reached = { ...reached, position: undefined };
      } else if (position === undefined) reached = { ...reached, confirmed: last.number as number };
      else reached = { ...reached, position: last.position };
    }
  }

  /** Nobody is given a part: what has left since the view was there last would be missing in it for good. */
  async #selectConfirmed(range: NumberedRequest): Promise<readonly OrderedUnit[]> {
    const units = await selectConfirmedUnits(this.#sql, range);
    const { truncated } = this.#order;
    const { after, upTo } = range;
    const read = { after, upTo: units.at(-1)?.number ?? upTo };
    if (truncated > 0 && (await hasLeft(this.#sql, read))) throw historyTruncated(truncated);
    return units;
  }

  async #selectByPosition(range: NumberedRequest): Promise<readonly OrderedUnit[]> {
    const { truncated } = this.#order;
    // A view that is half made: when it was begun, all was there.
    if (truncated > 0) throw historyTruncated(truncated);
    return await selectUnitsByPosition(this.#sql, range);
  }

  /** @returns up to which id what is pending is in the view */
  async #takePending(from: NotificationId): Promise<NotificationId> {
    const { topics } = this.#options;
    const { tail } = this.#view;
    let after = from;
    let hasBegun = false;
    for (;;) {
      const limit = Math.min(PAGE_EVENTS, this.#left);
      if (limit <= 0) return after;
      const units = await selectPendingInOrder(this.#sql, { after, topics, limit });
      if (units.length === 0) return this.#order.last;
      if (!hasBegun) await tail.begin();
      hasBegun = true;
      for (const unit of units) {
        await this.#handle([unit]);
        await tail.add(unit);
        after = unit.place + unit.count - 1;
      }
    }
  }

  async #handle(units: readonly OrderedUnit[]): Promise<void> {
    const notifications = units.flatMap(({ events }) => events);
    this.#left -= notifications.length;
    const events = await Promise.all(notifications.map((notification) => this.#options.decode(notification)));
    for (const event of events) {
      const handling = this.#view.handle(event);
      // What is done at once is not awaited: that would cost more than to do it.
      if (handling !== undefined) await handling;
      if (this.#last === undefined || event.notificationId > this.#last.notificationId) this.#last = event;
    }
  }

  /**
   * Of the units of a tail those that are confirmed since: where they are all that is, and stand at its beginning in the same
   * order, and all of the tail is as it was.
   *
   * @returns their places; undefined when the tail has to make way
   */
  async #confirmedBeginning(
    { confirmed, position }: ViewProgress,
    entries: readonly TailEntry[],
  ): Promise<readonly NotificationId[] | undefined> {
    if (position !== undefined || entries.length === 0) return [];
    const editions = await selectEditions(
      this.#sql,
      entries.map(({ place }) => place),
    );
    if (entries.some(({ place, edition }) => editions.get(place) !== edition)) return undefined;
    const places: NotificationId[] = [];
    for (let after = confirmed; after < this.#order.confirmed;) {
      const range = { after, upTo: this.#order.confirmed, topics: this.#options.topics, limit: PAGE_EVENTS };
      const units = await this.#selectConfirmed(range);
      for (const { place } of units) {
        if (entries[places.length]?.place !== place) return undefined;
        places.push(place);
      }
      after = units.at(-1)?.number ?? this.#order.confirmed;
    }
    return places;
  }

  async #isMoreThanLimit(): Promise<boolean> {
    const { limit = Infinity, topics, following } = this.#options;
    if (limit === Infinity) return false;
    const upTo = this.#order.confirmed;
    const confirmed = await selectConfirmedUnits(this.#sql, { after: 0, upTo, topics, limit });
    const pending = following === 'confirmed' ? [] : await selectPendingInOrder(this.#sql, { after: 0, topics, limit });
    const events = [...confirmed, ...pending].reduce((sum, unit) => sum + unit.events.length, 0);
    return events >= limit;
  }
}

function isSame(a: ViewProgress, b: ViewProgress | undefined): boolean {
  return a.confirmed === b?.confirmed && a.era === b.era && a.position === b.position;
}

function historyTruncated(truncatedId: NotificationId): HistoryTruncatedError {
  return new HistoryTruncatedError(
    `The view has to be made anew, and events up to notification ${truncatedId} have left this store. It stays as it was. Make it where all of them are, on the server for example, or begin with a new store.`,
    { details: { truncatedId } },
  );
}
