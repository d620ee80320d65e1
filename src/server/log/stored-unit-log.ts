/**
 * A server's log of units over some storage: each call one transaction, pushes that wait together in one, or a read of what
 * is committed.
 *
 * ```text
 * push   known? ─▶ authorize what is not ─▶ with all who wait: lock ─▶ adopt what others recorded ─▶ decide ─▶ record ─▶ commit
 *        or, where all is hoped to be new and to fit: decide ─▶ lock, is it so?, record ─▶ commit (hoped-push.ts)
 * heal   the same, of what is sealed (lost-offers.ts); and whenever something has come, of what waited for it
 * page   for all who ask at once: adopt, where there is something ─▶ rows of units from the cursor on ─▶ their events ─▶ seals
 * ```
 *
 * @module
 */
import { isEventSourcingError } from '../../domain/errors.js';
import type { Cursor, LostUnit, PendingUnit, UnitId, UnitPage } from '../../persistence/unit.js';
import type { ServerRecord, ServerRecords } from '../../persistence/server-records.js';
import type { NotificationId, OriginatorId, StoredEvent } from '../../persistence/stored-event.js';
import { CURSOR_START } from '../../persistence/unit.js';
import { validateCount, validateWord } from '../../persistence/validation.js';
import type { OriginatorIdType } from '../../persistence/validation.js';
import type { SnapshotStore } from '../../persistence/snapshot-store.js';
import type { HealAnswer } from '../../sync/protocol/index.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { hasStrangers } from './adopt-events.js';
import { BootstrapParts } from './bootstrap-parts.js';
import { aggregatesOf, decidePushes } from './decide-units.js';
import type { LogView, PushToDecide } from './decide-units.js';
import { assertAsHoped, hopedOf } from './hoped-push.js';
import { InlineUnits } from './inline-units.js';
import { fromCursor, toCursor } from './log-chain.js';
import { LogPages } from './log-pages.js';
import type { LogHead, LogStanding, LogStorage } from './log-storage.js';
import { LogWriter } from './log-writer.js';
import { LostOffers } from './lost-offers.js';
import { firstUnits, historyIn, statedUnit } from './page-units.js';
import type { StatedConfirmedUnit } from './page-units.js';
import { decideShared, refusalsOf } from './prepared-push.js';
import type { PreparedPush } from './prepared-push.js';
import { PushQueue } from './push-queue.js';
import { recordDecided } from './record-units.js';
import { RefusedKeeping } from './refused-units.js';
import type { RefusedUnitsOptions } from './refused-units.js';
import type {
  AllowedUnit,
  Authorize,
  HistoryOptions,
  LogNews,
  NewsOptions,
  PageOptions,
  PushOutcome,
  RefusedUnit,
  RefusedUnitsSelection,
  Sender,
  UnitLog,
  Visibility,
} from './unit-log.js';
import { ShownPages } from './shown-pages.js';
import { UnitSeals } from './unit-seals.js';
import type { SealOptions } from './unit-seals.js';
import { unseenUnits } from './unseen-units.js';
import type { SeenPush } from './unseen-units.js';
import { validateCursor, validatePendingUnits, validateVisibility } from './validate-units.js';

const CHAINS_AT_ONCE = 500;
// Of PostgreSQL, when the time is up that a writer waits for those before it.
const LOCK_NOT_AVAILABLE = '55P03';
const UNIT_ID_LEAST = '00000000-0000-0000-0000-000000000000';

/** What all logs of units are told. */
export interface UnitLogOptions {
  /**
   * With what pages are sealed, so that what the log may lose can be brought back.
   *
   * @defaultValue pages are not sealed, and whatever is offered is refused
   */
  readonly seals?: SealOptions;
  /** Is sealed as well, so that nothing of one tenant is brought back to another. @defaultValue empty */
  readonly tenant?: string;
  /**
   * What becomes of units that are offered because the log has lost them: `restore` takes back what fits; `stop` sets all
   * of it aside, for somebody to look at first.
   *
   * @defaultValue `restore`
   */
  readonly onLost?: 'restore' | 'stop';
  /**
   * Where an application keeps snapshots of the aggregates in this log, so that new devices need not load all of their
   * history: `app.snapshotsForDevices()` of one that has the same transcoder, compressor and cipher as the devices.
   *
   * @defaultValue a new device follows the log from its start
   */
  readonly snapshots?: Pick<SnapshotStore, 'select'> | undefined;
  /** What is kept of units that are refused, for operators. @defaultValue as is said there */
  readonly refused?: RefusedUnitsOptions | undefined;
  /** Says when a unit was recorded. @defaultValue the platform's */
  readonly clock?: Pick<Clock, 'nowMs'>;
}

/** How much is read at once: a unit is whole, so it may be more by that. */
export type SentLimits = Pick<PageOptions, 'eventsMax' | 'bytesMax'>;

/** A part of a log, as it was sent. */
export interface SentUnits {
  /** In their order. */
  readonly units: readonly StatedConfirmedUnit[];
  /** The place after them. */
  readonly to: Cursor;
  /** Of that place. */
  readonly position: number;
  /** The end of the log. */
  readonly head: number;
}

/** What a kind of tables says of itself. */
export interface LogTraits {
  /** What ids of aggregates are. @defaultValue `uuid` */
  readonly idType?: OriginatorIdType;
  /** @defaultValue nobody takes part */
  readonly inline?: InlineUnits;
}

/** A log of units over some storage. */
export class StoredUnitLog implements UnitLog, ServerRecords {
  readonly #storage: LogStorage;
  readonly #idType: OriginatorIdType;
  readonly #inline: InlineUnits;
  readonly #seals: UnitSeals | undefined;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #pages: LogPages;
  readonly #writer: LogWriter;
  readonly #offers: LostOffers;
  readonly #refused: RefusedKeeping;
  readonly #shown: ShownPages;
  readonly #queue = new PushQueue((pushes: readonly PreparedPush[], onDecided) => this.#decide(pushes, onDecided));

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a key is none, or a limit makes no sense */
  constructor(storage: LogStorage, options: UnitLogOptions = {}, { idType = 'uuid', inline }: LogTraits = {}) {
    const { seals, tenant = '', onLost = 'restore', clock = systemClock } = options;
    validateWord('onLost', onLost, ['restore', 'stop']);
    this.#storage = storage;
    this.#idType = idType;
    this.#inline = inline ?? new InlineUnits(undefined);
    this.#seals = seals === undefined ? undefined : new UnitSeals(seals, tenant);
    this.#clock = clock;
    this.#pages = new LogPages(storage, () => this.#adopted());
    const bootstrap = new BootstrapParts({
      ...{ storage, pages: this.#pages, readHead: () => this.#adopted() },
      // Devices know ids of no other kind.
      snapshots: idType === 'uuid' ? options.snapshots : undefined,
    });
    this.#shown = new ShownPages({ storage, pages: this.#pages, seals: this.#seals, bootstrap });
    this.#writer = new LogWriter(storage, clock);
    const parts = { storage, writer: this.#writer, inline: this.#inline, seals: this.#seals };
    this.#refused = new RefusedKeeping(options.refused);
    this.#offers = new LostOffers({ ...parts, onLost, clock, idType });
  }

  /**
   * When this log has recorded events, and from whom: for an application beside it, as its option `serverRecords`.
   *
   * @param ids - as they are in the table of the events
   */
  async serverRecords(ids: readonly NotificationId[]): Promise<ReadonlyMap<NotificationId, ServerRecord>> {
    const owners = await this.#storage.owners(ids);
    return new Map(
      [...owners].map(([id, { author, recordedAtMs }]) => [id, { author, recordedAt: new Date(recordedAtMs) }]),
    );
  }

  async push(
    units: readonly PendingUnit[],
    sender: Sender,
    authorize?: Authorize,
    visibility?: Visibility,
    follows?: UnitId,
  ): Promise<PushOutcome> {
    validatePendingUnits(units, this.#idType);
    validateVisibility(visibility);
    // Without anybody to ask, what is known is found out under the lock, with all the rest.
    if (authorize === undefined && visibility === undefined && !this.#inline.decodes && units.length > 0) {
      const nothing = { refusals: new Map(), unseen: new Set<UnitId>(), decoded: new Map() };
      return await this.#queue.add({ units, fresh: units, sender, follows, ...nothing });
    }
    const known = await this.#storage.known(units.map(({ id }) => id));
    const fresh = units.filter(({ id }) => !known.has(id));
    const { subject } = sender;
    const unseen = await this.#unseen({ fresh, known, subject, visibility });
    if (fresh.length === 0) return await this.#answered({ units, unseen, subject }, known);
    const seen = fresh.filter(({ id }) => !unseen.has(id));
    const refusals = authorize === undefined ? new Map() : await refusalsOf(seen, sender, authorize);
    const { decoded, unread } = await this.#inline.decode(seen.filter(({ id }) => !refusals.has(id)));
    // What is before it is decided: it must not wait with it.
    const readable = unread === undefined ? units : units.slice(0, indexOfUnit(units, unread.id));
    if (unread !== undefined && readable.length === 0) throw unread.error;
    return await this.#queue.add({ units: readable, fresh, sender, refusals, unseen, decoded, follows });
  }

  async #unseen(push: Omit<SeenPush, 'visibility'> & Pick<PageOptions, 'visibility'>): Promise<ReadonlySet<UnitId>> {
    const { visibility } = push;
    if (visibility === undefined) return new Set();
    const reading = { storage: this.#storage, pages: this.#pages, nowMs: this.#clock.nowMs() };
    return await unseenUnits({ ...push, visibility }, reading);
  }

  /** Answers what is known altogether. Nothing to lock for: it stays so. */
  async #answered(push: Omit<PushToDecide, 'refusals'>, known: LogView['known']): Promise<PushOutcome> {
    const { head } = await this.#storage.standing();
    const view = { known, ends: new Map(), position: head.position };
    const [decided] = decidePushes([{ ...push, refusals: new Map() }], view);
    return { decisions: decided?.decisions ?? [], conflict: undefined, head: head.position };
  }

  /** Decides pushes in one transaction, one after the other. @param onDecided - as in `LogWriter` */
  async #decide(pushes: readonly PreparedPush[], onDecided: () => void): Promise<readonly PushOutcome[]> {
    const about = {
      ids: pushes.flatMap(({ units, follows = [] }) => units.map(({ id }) => id).concat(follows)),
      aggregates: aggregatesOf(pushes.flatMap(({ fresh }) => fresh)),
    };
    const { outcomes, notified, from, page, mayBeDue } = await this.#writer.locked(
      async (transaction, { head, waiting, seen, isHoped }) => {
        const view = { ...(seen ?? (await transaction.view(about))), position: head.position };
        const nowMs = this.#clock.nowMs();
        const recorded = await recordDecided(transaction, {
          decide: (refusals) => {
            const decided = decideShared(pushes, { view, refusals, recordedAtMs: nowMs });
            if (isHoped) assertAsHoped(decided);
            return decided;
          },
          placedOf: ({ placed }) => placed.map(({ unit }) => unit),
          decoded: new Map(pushes.flatMap(({ decoded }) => [...decoded])),
          chain: head.chain,
        });
        const { decided, ...change } = recorded.decided;
        const kept = this.#refused.kept(change.rejected, nowMs);
        const next = await this.#writer.write(transaction, head, { ...change, ...recorded, ...kept });
        const outcomes = decided.map(({ decisions, conflict }) => ({ decisions, conflict, head: next.position }));
        const units = change.placed.map(({ unit, origin }) => statedUnit(unit, origin));
        const page = { last: next, head: next.position, units };
        const mayBeDue = waiting !== 'none' && units.length > 0;
        return { outcomes, notified: recorded.notified, from: head, page, mayBeDue };
      },
      { about, hoped: hopedOf(pushes), whenDecided: onDecided },
    );
    this.#pages.noteRecorded(from, page);
    this.#inline.committed(notified);
    // What the log had lost, and waited for one of these.
    if (mayBeDue) await this.#offers.settle();
    return outcomes;
  }

  async page(after: Cursor, options: PageOptions): Promise<UnitPage | undefined> {
    return await this.#shown.page(after, options);
  }

  async news(options: NewsOptions): Promise<LogNews> {
    return await this.#shown.news(options);
  }

  async common(marks: readonly Cursor[]): Promise<Cursor> {
    for (const mark of marks) validateCursor(mark);
    const places = marks.flatMap((mark) => {
      const place = fromCursor(mark);
      return place === undefined || place.position === 0 ? [] : [{ ...place, mark }];
    });
    places.sort((one, other) => other.position - one.position);
    for (let at = 0; at < places.length; at += CHAINS_AT_ONCE) {
      const some = places.slice(at, at + CHAINS_AT_ONCE);
      const chains = await this.#storage.chains(some.map(({ position }) => position));
      const found = some.find(({ position, chain }) => chains.get(position) === chain);
      if (found !== undefined) return found.mark;
    }
    return CURSOR_START;
  }

  /**
   * What follows a place in the log, as it was sent, and with what it stands on: for who keeps the same log elsewhere.
   *
   * @param after - a cursor of this log, or `CURSOR_START`
   * @returns `undefined` where the log does not have that place, or not any more
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the cursor is none, or a limit is no positive integer
   */
  async sentAfter(after: Cursor, limits: SentLimits): Promise<SentUnits | undefined> {
    validateCursor(after);
    validateCount('eventsMax', limits.eventsMax);
    validateCount('bytesMax', limits.bytesMax);
    const place = fromCursor(after);
    const page = place === undefined ? undefined : await this.#pages.after(place, limits);
    return page && { units: page.units, to: toCursor(page.last, ''), position: page.last.position, head: page.head };
  }

  async heal(units: readonly LostUnit[], sender: Sender): Promise<HealAnswer> {
    for (;;) {
      const decisions = await this.#offers.take(units, sender);
      const { head } = await this.#storage.standing();
      // A log that was set back in between ends without them: who holds its end would not notice that they are lost again.
      // What others have pushed in between is part of what it says, and does no harm: a log without that is noticed.
      const there = decisions.flatMap(({ id, kind }) => (kind === 'restored' || kind === 'known' ? [id] : []));
      const known = await this.#storage.known([...new Set(there)]);
      if (there.every((id) => known.has(id))) return { decisions, head: toCursor(head, '') };
    }
  }

  async history(originatorId: OriginatorId, options: HistoryOptions): Promise<readonly StoredEvent[]> {
    const { after, upTo, eventsMax, bytesMax, visibility } = options;
    validateCount('eventsMax', eventsMax);
    validateCount('bytesMax', bytesMax);
    validateVisibility(visibility);
    const rows = await this.#storage.unitsOfAggregate(originatorId, after, upTo, eventsMax);
    const units = await this.#pages.unitsOf(firstUnits(rows, { eventsMax, bytesMax }));
    return historyIn(units, originatorId, { after, upTo, visibility });
  }

  async head(): Promise<number> {
    return (await this.#adopted()).position;
  }

  async ping(): Promise<void> {
    await this.#storage.standing();
  }

  /**
   * Reads, for operators, what did not come into the log: what was refused when it was pushed, and what was offered to `heal`
   * and did not come back; in the order of the ids. What is in the log by now is not among it.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the limit is no positive integer
   *
   * @example
   * ```ts
   * for (const { id, unit, subject, message } of await log.refused({ limit: 100 })) show(id, unit?.events, subject, message);
   * ```
   */
  async refused({ after = UNIT_ID_LEAST, limit }: RefusedUnitsSelection): Promise<readonly RefusedUnit[]> {
    validateCount('limit', limit);
    return await this.#storage.refused(after, limit);
  }

  /** Reads one of them; `undefined` where it is not in the list. */
  async findRefused(id: UnitId): Promise<RefusedUnit | undefined> {
    const [found] = await this.#storage.refusedByIds([id]);
    return found;
  }

  /**
   * Allows units of the list, for operators. Of one that was refused the id is forgotten: nothing is recorded, and whoever
   * sends it again is asked about (`authorizePush`) as about a new one. Not where the device has tried it again meanwhile,
   * under another id: both would be taken. One that was lost is taken back, where it fits by now.
   *
   * @returns what came of those that are in the list
   * @throws OperationalError (`OPERATIONAL_ERROR`) when the database fails
   */
  async allow(ids: readonly UnitId[]): Promise<readonly AllowedUnit[]> {
    const listed = await this.#storage.refusedByIds(ids);
    const forgotten = listed.filter(({ kind }) => kind === 'rejected').map(({ id }) => id);
    if (forgotten.length > 0) await this.#settle({ forgotten });
    const restored = new Set<UnitId>();
    for (const { kind, unit, subject } of byPosition(listed)) {
      if (kind !== 'offered' || unit === undefined) continue;
      // One after the other: what stands on something comes after it.
      for (const id of await this.#offers.allow([unit as LostUnit], subject)) restored.add(id);
    }
    if (restored.size > 0) {
      await this.#settle({ discarded: [...restored] });
      await this.#offers.settle();
    }
    return listed.map(({ id, kind }) => ({
      id,
      outcome: kind === 'rejected' ? 'forgotten' : restored.has(id) ? 'restored' : 'unfit',
    }));
  }

  /**
   * Takes units out of the list, for good. What was refused stays refused; what was lost may be offered again by who has it.
   *
   * @returns those that were in it
   */
  async discardRefused(ids: readonly UnitId[]): Promise<readonly UnitId[]> {
    const listed = (await this.#storage.refusedByIds(ids)).map(({ id }) => id);
    if (listed.length > 0) await this.#settle({ discarded: listed });
    return listed;
  }

  async #settle(change: Parameters<LogWriter['settle']>[2]): Promise<void> {
    await this.#writer.locked(async (transaction, { head }) => await this.#writer.settle(transaction, head, change));
  }

  /**
   * Makes units of what others have recorded, takes back what waited for that, and gives the end of the log. Waits for writers
   * only where there is some; and no longer than the recorder may wait: whoever reads is better served with what there was
   * before than not at all.
   */
  async #adopted(): Promise<LogHead> {
    const standing = await this.#storage.standing();
    const head = await this.#withStrangers(standing);
    const isDue = standing.waiting === 'due' || (standing.waiting === 'some' && head !== standing.head);
    if (!isDue) return head;
    await this.#offers.settle();
    return (await this.#storage.standing()).head;
  }

  async #withStrangers(standing: LogStanding): Promise<LogHead> {
    if (!hasStrangers(standing)) return standing.head;
    return await this.#writer
      .locked((_, { head }) => Promise.resolve(head))
      .catch((error: unknown) => {
        if (!isEventSourcingError(error) || error.details['sqlState'] !== LOCK_NOT_AVAILABLE) throw error;
        return standing.head;
      });
  }
}

/** What was lost, in the order of its old positions; the rest first. */
function byPosition(units: readonly RefusedUnit[]): readonly RefusedUnit[] {
  const positionOf = ({ unit }: RefusedUnit): number => (unit !== undefined && 'position' in unit ? unit.position : 0);
  return [...units].sort((one, other) => positionOf(one) - positionOf(other));
}

function indexOfUnit(units: readonly { readonly id: UnitId }[], id: UnitId): number {
  return units.findIndex((unit) => unit.id === id);
}
