/**
 * A server's log of units over some storage: each call one transaction, pushes that wait together in one, or a read of what
 * is committed.
 *
 * ```text
 * push   known? ─▶ authorize what is not ─▶ with all who wait: lock ─▶ adopt what others recorded ─▶ decide ─▶ record ─▶ commit
 * heal   the same, of what is sealed (lost-offers.ts)
 * page   for all who ask at once: adopt, where there is something ─▶ rows of units from the cursor on ─▶ their events ─▶ seals
 * ```
 *
 * @module
 */
import { isEventSourcingError } from '../../domain/errors.js';
import type { Cursor, LostUnit, PendingUnit, UnitId, UnitPage } from '../../persistence/unit.js';
import { CURSOR_START } from '../../persistence/unit.js';
import { validateCount } from '../../persistence/validation.js';
import type { OriginatorIdType } from '../../persistence/validation.js';
import type { HealAnswer } from '../../sync/protocol/index.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { hasStrangers } from './adopt-events.js';
import { aggregatesOf, decidePushes } from './decide-units.js';
import type { LogView, PushToDecide } from './decide-units.js';
import { InlineUnits } from './inline-units.js';
import { fromCursor, toCursor } from './log-chain.js';
import { LogPages } from './log-pages.js';
import type { LogHead, LogStorage } from './log-storage.js';
import { LogWriter } from './log-writer.js';
import { LostOffers } from './lost-offers.js';
import { statedUnit } from './page-units.js';
import { decideShared, refusalsOf } from './prepared-push.js';
import type { PreparedPush } from './prepared-push.js';
import { PushQueue } from './push-queue.js';
import { recordDecided } from './record-units.js';
import type {
  Authorize,
  LogNews,
  NewsOptions,
  PageOptions,
  PushOutcome,
  Sender,
  SetAsideOptions,
  SetAsideOffer,
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
  /** Says when a unit was recorded. @defaultValue the platform's */
  readonly clock?: Pick<Clock, 'nowMs'>;
}

/** What a kind of tables says of itself. */
export interface LogTraits {
  /** What ids of aggregates are. @defaultValue `uuid` */
  readonly idType?: OriginatorIdType;
  /** @defaultValue nobody takes part */
  readonly inline?: InlineUnits;
}

/** A log of units over some storage. */
export class StoredUnitLog implements UnitLog {
  readonly #storage: LogStorage;
  readonly #idType: OriginatorIdType;
  readonly #inline: InlineUnits;
  readonly #seals: UnitSeals | undefined;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #pages: LogPages;
  readonly #writer: LogWriter;
  readonly #offers: LostOffers;
  readonly #shown: ShownPages;
  readonly #queue = new PushQueue((pushes: readonly PreparedPush[]) => this.#decide(pushes));

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a key is none */
  constructor(storage: LogStorage, options: UnitLogOptions = {}, { idType = 'uuid', inline }: LogTraits = {}) {
    const { seals, tenant = '', onLost = 'restore', clock = systemClock } = options;
    this.#storage = storage;
    this.#idType = idType;
    this.#inline = inline ?? new InlineUnits(undefined);
    this.#seals = seals === undefined ? undefined : new UnitSeals(seals, tenant);
    this.#clock = clock;
    this.#pages = new LogPages(storage, () => this.#adopted());
    this.#shown = new ShownPages({ storage, pages: this.#pages, seals: this.#seals });
    this.#writer = new LogWriter(storage, clock);
    const parts = { storage, writer: this.#writer, inline: this.#inline, seals: this.#seals };
    this.#offers = new LostOffers({ ...parts, onLost, clock, idType });
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

  /** Decides pushes in one transaction, one after the other. */
  async #decide(pushes: readonly PreparedPush[]): Promise<readonly PushOutcome[]> {
    const { outcomes, notified, from, page } = await this.#writer.locked(async (transaction, head) => {
      const ids = pushes.flatMap(({ units, follows = [] }) => units.map(({ id }) => id).concat(follows));
      const seen = await transaction.view(ids, aggregatesOf(pushes.flatMap(({ fresh }) => fresh)));
      const view = { ...seen, position: head.position };
      const nowMs = this.#clock.nowMs();
      const recorded = await recordDecided(transaction, {
        decide: (refusals) => decideShared(pushes, { view, refusals, recordedAtMs: nowMs }),
        placedOf: ({ placed }) => placed.map(({ unit }) => unit),
        decoded: new Map(pushes.flatMap(({ decoded }) => [...decoded])),
        chain: head.chain,
      });
      const { decided, ...change } = recorded.decided;
      const next = await this.#writer.write(transaction, head, { ...change, ...recorded });
      const outcomes = decided.map(({ decisions, conflict }) => ({ decisions, conflict, head: next.position }));
      const units = change.placed.map(({ unit, origin }) => statedUnit(unit, origin));
      const page = { last: next, head: next.position, units };
      return { outcomes, notified: recorded.notified, from: head, page };
    });
    this.#pages.noteRecorded(from, page);
    this.#inline.committed(notified);
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

  async heal(units: readonly LostUnit[], sender: Sender): Promise<HealAnswer> {
    const decisions = await this.#offers.take(units, sender);
    const { head } = await this.#storage.standing();
    return { decisions, head: toCursor(head, '') };
  }

  async head(): Promise<number> {
    return (await this.#adopted()).position;
  }

  async ping(): Promise<void> {
    await this.#storage.standing();
  }

  /**
   * Reads what was offered to `heal` and did not come back, for operators, in the order of the ids. What is in the log by
   * now is not among it.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the limit is no positive integer
   */
  async setAside({ after = UNIT_ID_LEAST, limit }: SetAsideOptions): Promise<readonly SetAsideOffer[]> {
    validateCount('limit', limit);
    return await this.#storage.setAside(after, limit);
  }

  /**
   * Makes units of what others have recorded, and gives the end of the log. Waits for writers only where there is some; and
   * no longer than the recorder may wait: whoever reads is better served with what there was before than not at all.
   */
  async #adopted(): Promise<LogHead> {
    const standing = await this.#storage.standing();
    if (!hasStrangers(standing)) return standing.head;
    return await this.#writer
      .locked((_, head) => Promise.resolve(head))
      .catch((error: unknown) => {
        if (!isEventSourcingError(error) || error.details['sqlState'] !== LOCK_NOT_AVAILABLE) throw error;
        return standing.head;
      });
  }
}

function indexOfUnit(units: readonly { readonly id: UnitId }[], id: UnitId): number {
  return units.findIndex((unit) => unit.id === id);
}
