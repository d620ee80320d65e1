/**
 * A server's log of units over some storage: each call one transaction, pushes that wait together in one, or a read of what
 * is committed.
 *
 * ```text
 * push   known? ─▶ authorize what is not ─▶ with all who wait: lock ─▶ adopt what others recorded ─▶ decide ─▶ record ─▶ commit
 * heal   seals? ─────────────────────────▶ lock ─▶ adopt ───────────────────────▶ decide ─▶ record ─▶ commit
 * page   for all who ask at once: adopt, where there is something ─▶ rows of units from the cursor on ─▶ their events ─▶ seals
 * ```
 *
 * @module
 */
import { isEventSourcingError } from '../../domain/errors.js';
import { OperationalError } from '../../persistence/errors.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import type { ConfirmedUnit, Cursor, LostUnit, PendingUnit, UnitId, UnitPage } from '../../persistence/unit.js';
import { CURSOR_START } from '../../persistence/unit.js';
import { validateCount } from '../../persistence/validation.js';
import type { OriginatorIdType } from '../../persistence/validation.js';
import { ScopesChangedError } from '../../sync/protocol/index.js';
import type { HealDecision } from '../../sync/protocol/index.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { adoptEvents, gapsBetween, hasStrangers, toRow } from './adopt-events.js';
import { decideLostUnits, decidePushes, firstOfAggregates } from './decide-units.js';
import type { LogView, PlacedUnit, PushToDecide, Refusal } from './decide-units.js';
import { InlineUnits } from './inline-units.js';
import { fromCursor, toCursor } from './log-chain.js';
import { LogPages } from './log-pages.js';
import type { ReadPage } from './log-pages.js';
import type { LogHead, LogStorage, LogTransaction, SetAsideRow, UnitRow } from './log-storage.js';
import { visibleParts } from './page-units.js';
import type { StatedConfirmedUnit } from './page-units.js';
import { decideShared, refusalsOf } from './prepared-push.js';
import type { Origin, PreparedPush } from './prepared-push.js';
import { PushQueue } from './push-queue.js';
import { recordDecided } from './record-units.js';
import type { Recorded } from './record-units.js';
import type {
  Authorize,
  PageOptions,
  PushOutcome,
  Sender,
  SetAsideOptions,
  SetAsideOffer,
  UnitLog,
  Visibility,
} from './unit-log.js';
import { UnitSeals } from './unit-seals.js';
import type { SealOptions } from './unit-seals.js';
import { unseenUnits } from './unseen-units.js';
import type { SeenPush } from './unseen-units.js';
import { validateCursor, validateLostUnits, validatePendingUnits, validateVisibility } from './validate-units.js';

// Each time but the first means that somebody took an id of the sequence in the middle of a unit.
const RECORDINGS_MAX = 5;
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
  readonly #onLost: 'restore' | 'stop';
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #pages: LogPages;
  readonly #whole = new WeakMap<ReadPage, Promise<UnitPage>>();
  readonly #queue = new PushQueue((pushes: readonly PreparedPush[]) => this.#decide(pushes));

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a key is none */
  constructor(storage: LogStorage, options: UnitLogOptions = {}, { idType = 'uuid', inline }: LogTraits = {}) {
    const { seals, tenant = '', onLost = 'restore', clock = systemClock } = options;
    this.#storage = storage;
    this.#idType = idType;
    this.#inline = inline ?? new InlineUnits(undefined);
    this.#seals = seals === undefined ? undefined : new UnitSeals(seals, tenant);
    this.#onLost = onLost;
    this.#clock = clock;
    this.#pages = new LogPages(storage, () => this.#adopted());
  }

  async push(
    units: readonly PendingUnit[],
    sender: Sender,
    authorize?: Authorize,
    visibility?: Visibility,
  ): Promise<PushOutcome> {
    validatePendingUnits(units, this.#idType);
    validateVisibility(visibility);
    // Without anybody to ask, what is known is found out under the lock, with all the rest.
    if (authorize === undefined && visibility === undefined && !this.#inline.decodes && units.length > 0) {
      const nothing = { refusals: new Map(), unseen: new Set<UnitId>(), decoded: new Map() };
      return await this.#queue.add({ units, fresh: units, sender, ...nothing });
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
    return await this.#queue.add({ units: readable, fresh, sender, refusals, unseen, decoded });
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
    const { outcomes, notified } = await this.#locked(async (transaction, head) => {
      const ids = pushes.flatMap(({ units }) => units.map(({ id }) => id));
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
      const next = await this.#write(transaction, head, { ...change, ...recorded });
      const outcomes = decided.map(({ decisions, conflict }) => ({ decisions, conflict, head: next.position }));
      return { outcomes, notified: recorded.notified };
    });
    this.#inline.committed(notified);
    return outcomes;
  }

  async page(after: Cursor, options: PageOptions): Promise<UnitPage | undefined> {
    const { eventsMax, bytesMax, visibility, held = [] } = options;
    validateCount('eventsMax', eventsMax);
    validateCount('bytesMax', bytesMax);
    validateCursor(after);
    for (const cursor of held) validateCursor(cursor);
    validateVisibility(visibility);
    const from = fromCursor(after);
    if (from === undefined) return undefined;
    if (from.visibility !== undefined && from.visibility !== (visibility?.id ?? '')) {
      if (await this.#hasAll([after, ...held])) throw scopesChanged();
      return undefined;
    }
    const read = await this.#pages.after(from, { eventsMax, bytesMax });
    // After it was read: a log that was set back meanwhile has it no more.
    if (read === undefined || !(await this.#hasAll(held))) return undefined;
    if (visibility !== undefined) return await this.#shown(after, read, visibility);
    // Who sees everything sees the same: sealed once, and one object for all of them.
    const whole = this.#whole.get(read) ?? this.#shown(after, read, undefined);
    this.#whole.set(read, whole);
    return await whole;
  }

  async #shown(from: Cursor, { last, head, units }: ReadPage, visibility: Visibility | undefined): Promise<UnitPage> {
    return {
      ...{ from, head },
      to: toCursor(last, visibility?.id ?? ''),
      position: last.position,
      units: await this.#sealed(visibility === undefined ? units : visibleParts(units, visibility)),
    };
  }

  /** Whether the log has some places, whatever was visible there. */
  async #hasAll(cursors: readonly Cursor[]): Promise<boolean> {
    const places = cursors.map((cursor) => fromCursor(cursor));
    const asked = places.filter((place) => place?.position !== 0);
    if (asked.length === 0) return true;
    const chains = await this.#storage.chains(asked.flatMap((place) => (place === undefined ? [] : [place.position])));
    return asked.every((place) => place !== undefined && chains.get(place.position) === place.chain);
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

  async heal(units: readonly LostUnit[], sender: Sender): Promise<readonly HealDecision[]> {
    validateLostUnits(units, this.#idType);
    const sound = await this.#sound(units);
    if (sound.length === 0) return units.map(({ id }) => ({ id, kind: 'refused' }));
    const whole = sound.filter(({ events, total }) => events.length === total);
    const { decoded, unread } = await this.#inline.decode(whole);
    const readable = unread === undefined ? whole : whole.slice(0, indexOfUnit(whole, unread.id));
    const { kinds, notified } = await this.#locked(async (transaction, head) => {
      const ids = sound.map(({ id }) => id);
      const view = { ...(await transaction.view(ids, aggregatesOf(whole))), position: head.position };
      const offered = this.#onLost === 'stop' ? [] : readable;
      const recorded = await recordDecided(transaction, {
        decide: (refusals) =>
          decideLostUnits(
            offered.filter(({ id }) => !refusals.has(id)),
            view,
          ),
        placedOf: ({ restored }) => restored,
        ...{ decoded, chain: head.chain },
      });
      const { restored, unfit } = recorded.decided;
      const back = new Set(restored.map(({ id }) => id));
      const origins = new Map(whole.map(({ id, origin }) => [id, origin]));
      const placed = restored.map((unit) => {
        const { author, recordedAtMs } = origins.get(unit.id) as ConfirmedUnit['origin'];
        return { unit, origin: { author, recordedAtMs, replicaId: '' } };
      });
      const setAside = sound.filter(({ id }) => !view.known.has(id) && !back.has(id));
      const rows = setAside.map((unit): SetAsideRow => {
        const reason = recorded.refusals.get(unit.id) ?? this.#reasonOf(unit, unfit, readable);
        return { unit, ...reason, offeredBy: sender.subject, offeredAtMs: this.#clock.nowMs() };
      });
      await this.#write(transaction, head, { ...recorded, placed, setAside: rows });
      const kinds = new Map<UnitId, HealDecision['kind']>([
        ...setAside.map(({ id }) => [id, 'setAside'] as const),
        ...restored.map(({ id }) => [id, 'restored'] as const),
      ]);
      return { kinds, notified: recorded.notified };
    });
    this.#inline.committed(notified);
    const isSound = new Set<LostUnit>(sound);
    return units.map((unit) => ({
      id: unit.id,
      kind: isSound.has(unit) ? (kinds.get(unit.id) ?? 'known') : 'refused',
    }));
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
    return await this.#locked((_, head) => Promise.resolve(head)).catch((error: unknown) => {
      if (!isEventSourcingError(error) || error.details['sqlState'] !== LOCK_NOT_AVAILABLE) throw error;
      return standing.head;
    });
  }

  /** Runs work under the lock, after all that others have recorded: in parts, each a transaction, where that is much. */
  async #locked<T>(work: (transaction: LogTransaction, head: LogHead) => Promise<T>): Promise<T> {
    for (let recordings = 1; ;) {
      try {
        const done = await this.#storage.transaction(async (transaction) => {
          const standing = await transaction.lock();
          const { head, isComplete } = await adoptEvents(transaction, standing, this.#clock.nowMs());
          return isComplete ? { value: await work(transaction, head) } : undefined;
        });
        if (done !== undefined) return done.value;
      } catch (error) {
        if (!(error instanceof TornUnit)) throw error;
        if (++recordings > RECORDINGS_MAX) throw tornAgain(error);
      }
    }
  }

  async #write(transaction: LogTransaction, head: LogHead, change: Change): Promise<LogHead> {
    const { placed, ids, chains, rejected = [], setAside = [] } = change;
    if (placed.length + rejected.length + setAside.length === 0) return head;
    const lastId = ids.at(-1) ?? head.lastId;
    const gaps = gapsBetween(
      ids.map((id) => ({ id })),
      { first: head.lastId + 1, last: lastId },
    );
    const units = toRows(placed, ids, chains);
    const { position, chain } = units.at(-1) ?? head;
    const next: LogHead = { position, chain, lastId };
    await transaction.change({ head: next, units, supersedes: [], rejected, setAside, gaps, filled: [] });
    return next;
  }

  async #sealed(units: readonly StatedConfirmedUnit[]): Promise<readonly ConfirmedUnit[]> {
    const seals = this.#seals;
    return await Promise.all(
      units.map(async ({ after, ...unit }) => {
        if (seals === undefined) return unit;
        return { ...unit, origin: { ...unit.origin, seal: await seals.seal({ ...unit, after }) } };
      }),
    );
  }

  /** Those that this log has sealed, in the order of their old positions. */
  async #sound(units: readonly LostUnit[]): Promise<readonly LostUnit[]> {
    const seals = this.#seals;
    if (seals === undefined) return [];
    const isSound = await Promise.all(units.map((unit) => seals.isSound(unit, unit.origin.seal)));
    return units.filter((_, index) => isSound[index]).sort((one, other) => one.position - other.position);
  }

  #reasonOf(unit: LostUnit, unfit: readonly LostUnit[], readable: readonly LostUnit[]): Refusal {
    if (this.#onLost === 'stop') return STOPPED;
    if (unfit.includes(unit)) return UNFIT;
    return readable.includes(unit) || unit.events.length < unit.total ? PARTIAL : UNREAD;
  }
}

const UNFIT: Refusal = {
  code: 'CONFLICT',
  message: 'What it stood on is not there, or something else was recorded in its place since.',
};
const PARTIAL: Refusal = { code: 'PARTIAL', message: 'Who offered it had seen a part of it only.' };
const UNREAD: Refusal = {
  code: 'INVALID_REQUEST',
  message: 'The server could not read an event of it, or of one before it that was offered with it.',
};
const STOPPED: Refusal = { code: 'STOPPED', message: 'Nothing is taken back: that is for an operator to decide.' };

interface Change extends Pick<Recorded, 'ids' | 'chains'> {
  readonly placed: readonly { readonly unit: PlacedUnit; readonly origin: Origin }[];
  readonly rejected?: readonly ({ readonly id: UnitId } & Refusal & Origin)[];
  readonly setAside?: readonly SetAsideRow[];
}

function scopesChanged(): ScopesChangedError {
  return new ScopesChangedError(
    'The device may see another part of the log than that which it stands in. Follow the log from the start once more, and say what is held.',
  );
}

/** Somebody took an id of the sequence in the middle of a unit. Nothing is stored then, and it is done again. */
class TornUnit extends Error {}

function aggregatesOf(units: readonly Pick<PendingUnit, 'events'>[]): string[] {
  return firstOfAggregates(units.flatMap(({ events }) => events)).map(({ originatorId }) => originatorId);
}

function indexOfUnit(units: readonly { readonly id: UnitId }[], id: UnitId): number {
  return units.findIndex((unit) => unit.id === id);
}

/** @throws TornUnit when the ids of a unit do not follow each other */
function toRows(placed: Change['placed'], ids: readonly NotificationId[], chains: readonly string[]): UnitRow[] {
  let at = 0;
  return placed.map(({ unit, origin }, index) => {
    const count = unit.events.length;
    const [first, lastId] = [ids[at], ids[at + count - 1]] as [NotificationId, NotificationId];
    at += count;
    if (lastId - first !== count - 1) throw new TornUnit();
    return toRow(unit, { lastId, chain: chains[index] as string, ...origin });
  });
}

function tornAgain(cause: Error): OperationalError {
  return new OperationalError(
    'Others take ids of the sequence of the events again and again while units are recorded. Nothing was stored: try again.',
    { cause },
  );
}
