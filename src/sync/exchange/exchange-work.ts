/**
 * What is to be done next to agree with a server, and how: sends, follows, heals, a piece at a time. Knows no time but for
 * the size of what it asks, and no state that the store would not have: what it remembers saves requests.
 *
 * ```text
 * the cursor is unknown      ─▶ ask for the common place, go back to it
 * the scopes have changed    ─▶ follow the log anew, and keep meanwhile what is here
 * something is lost          ─▶ offer it, a part at a time; healing ends at the head
 * there is something to send ─▶ send it, unless a conflict asks to follow first
 * there may be news          ─▶ follow, a page at a time, to the head; what was accepted and is not there is sent again
 * nothing of that            ─▶ done
 * ```
 *
 * @module
 */
import type {
  EndOfHealing,
  SetAsideReason,
  SyncProgress,
  UnitLimits,
  UnitRecorder,
} from '../../persistence/unit-recorder.js';
import { refusalReason, unreadableReason } from '../../persistence/unit-reasons.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import { CURSOR_START } from '../../persistence/unit.js';
import type { Cursor, LostUnit, PendingUnit, Unit, UnitId, UnitPage } from '../../persistence/unit.js';
import type { Clock } from '../../util/clock.js';
import {
  CursorUnknownError,
  HELD_MAX,
  InvalidRequestError,
  ScopesChangedError,
  StuckError,
  TooLargeError,
  UnavailableError,
} from '../protocol/index.js';
import type { HealAnswer } from '../protocol/index.js';
import type { BeatenUnits } from './beaten-units.js';
import { FollowedUnits } from './changed-units.js';
import { LogNews } from './log-news.js';
import { PageIntake } from './page-intake.js';
import type { UnitDecider } from './page-intake.js';
import { PushesAhead, sizeOf } from './pushes-ahead.js';
import type { PushOutcome } from './pushes-ahead.js';
import { SendSize } from './send-size.js';
import type { SyncTransport } from './transport.js';
import { unreadableOf } from './unreadable-unit.js';

// A server that was set back between answer and page does so once; one that hides from a device what it sends does so always.
const MISSING_ROUNDS_MAX = 5;
// Nobody is granted and revoked something so often in the time that it takes to follow a log.
const RESCOPED_ROUNDS_MAX = 10;

/** What came of offering what is lost. */
interface Offer extends EndOfHealing {
  /** An old position: lost units up to it were offered. */
  readonly upTo: number;
  /** Whether these are all of them. */
  readonly isThrough: boolean;
  /** Where the log ended after offers: a log that has one of them has all that was taken back before. */
  readonly heads: readonly Cursor[];
}

type OfferAnswer = HealAnswer & Pick<Offer, 'upTo'>;

const NOTHING_OFFERED: Offer = { rewinds: 0, upTo: 0, refused: [], isThrough: false, heads: [] };
// One is how far the store was, while it follows the log anew.
const HEADS_MAX = HELD_MAX - 1;

// Somebody has done it again under the id that it had, where the unit has left with history, or never came.
const ALREADY_THERE = 'The server has a unit of this id from before what is on this device: give this one up.';

/** A piece of work. */
export type ExchangeTask = 'push' | 'pull' | 'heal';

/**
 * Which ways events go. With `push`, of others only what they record on aggregates that are here comes into the store: what
 * is recorded here stands on it.
 */
export type Direction = 'both' | 'push' | 'pull';

/** What it reads and changes of a store. */
export type ExchangedUnits = Pick<
  UnitRecorder,
  | 'selectPendingUnits'
  | 'setAside'
  | 'insertPage'
  | 'selectSuperseded'
  | 'decide'
  | 'rewind'
  | 'followAnew'
  | 'selectLostUnits'
  | 'endHeal'
>;

interface ReadAhead {
  readonly after: NotificationId;
  readonly limits: UnitLimits;
  readonly commits: number;
  readonly units: Promise<readonly PendingUnit[]>;
}

/** What an {@link ExchangeWork} needs. */
export interface ExchangeWorkOptions {
  readonly recorder: ExchangedUnits & Partial<Pick<UnitRecorder, 'selectSetAside'>>;
  readonly transport: SyncTransport;
  readonly direction: Direction;
  /** Whether a store in which nothing is confirmed takes snapshots of the server's. @defaultValue false */
  readonly bootstrap?: boolean | undefined;
  readonly clock: Clock;
  /** @defaultValue what gives way to others is set aside */
  readonly decider?: UnitDecider | undefined;
  /** Told of what was decided again. */
  readonly onRebased?: ((units: readonly unknown[]) => void) | undefined;
  /** @defaultValue what has lost to others is sent again at once, however often */
  readonly beaten?: BeatenUnits | undefined;
}

/** The recorder, with what follows its units. */
function followed({ recorder, decider }: ExchangeWorkOptions): ExchangedUnits {
  if (decider === undefined) return recorder;
  const units = new FollowedUnits(recorder, decider);
  return {
    selectPendingUnits: (...given) => recorder.selectPendingUnits(...given),
    selectSuperseded: (...given) => recorder.selectSuperseded(...given),
    rewind: (...given) => recorder.rewind(...given),
    followAnew: (...given) => recorder.followAnew(...given),
    selectLostUnits: (...given) => recorder.selectLostUnits(...given),
    insertPage: (...given) => units.insertPage(...given),
    setAside: (...given) => units.setAside(...given),
    decide: (...given) => units.decide(...given),
    endHeal: (...given) => units.endHeal(...given),
  };
}

/** Knows what is to be done, and does it. */
export class ExchangeWork {
  readonly #options: ExchangeWorkOptions;
  readonly #pushSize: SendSize;
  readonly #pageSize: SendSize;
  readonly #intake: PageIntake;
  readonly #pushes: PushesAhead;
  #acceptedUpTo: NotificationId = 0;
  #mayHaveUnsent = true;
  /** Whether the present push has set something aside. */
  #hasSetAside = false;
  #commits = 0;
  /** What there was to send when the store was looked at last. */
  #ahead: ReadAhead | undefined;
  readonly #news = new LogNews();
  #isDiverged = false;
  /** What was offered since the store went back the last time: lost units up to an old position; some were refused. */
  #offer = NOTHING_OFFERED;
  /** Where the last page began, where it was not stored. */
  #notStoredAt: Cursor | undefined;
  /** The unit at which the last push ended. */
  #conflict: { readonly id: UnitId; readonly position: number } | undefined;
  /** Whether the log is to be followed to its end first, because of that. */
  #mustFollow = false;
  /** Where the server says that units are, since they were missing. */
  readonly #acceptedAt = new Map<UnitId, number>();
  /** So often in a row the head was reached, and what had been accepted was not there. */
  #missingRounds = 0;
  /** So often in a row the scopes had changed, and the head was not reached. */
  #rescopedRounds = 0;

  constructor(given: ExchangeWorkOptions) {
    const options = { ...given, recorder: followed(given) };
    this.#options = options;
    this.#pushSize = new SendSize(options.clock);
    this.#pageSize = new SendSize(options.clock);
    const { recorder, transport, direction, decider, onRebased, clock, beaten } = options;
    this.#pushes = new PushesAhead({ transport, clock, size: this.#pushSize });
    this.#intake = new PageIntake({ recorder, ownOnly: direction === 'push', decider, onRebased, beaten });
  }

  /** The largest position that the server has spoken of; 0 when it has not yet. */
  get head(): number {
    return this.#news.head;
  }

  /** Units up to this local id were answered as accepted, and wait for the page that has them; 0 when none does. */
  get acceptedUpTo(): NotificationId {
    return this.#acceptedUpTo;
  }

  /** Takes that something was recorded here, or may have been. */
  noteCommit(): void {
    this.#mayHaveUnsent = true;
    this.#commits++;
  }

  /** Begins to read what there is to send, where that is likely, so that a look at the store does not come before it. */
  readAhead(): void {
    if (this.#options.direction === 'pull' || this.#mustFollow) return;
    if (!this.#mayHaveUnsent || !this.#pushes.isEmpty || this.#waitMs > 0) return;
    const { recorder, transport } = this.#options;
    const [after, limits] = [this.#acceptedUpTo, this.#pushSize.limits(transport.limits)];
    const units = recorder.selectPendingUnits(after, limits);
    // Whoever uses it hears of it.
    units.catch(() => undefined);
    this.#ahead = { after, limits, commits: this.#commits, units };
  }

  /** Takes that the server may have something new. */
  noteNews(head?: number): void {
    this.#news.note(head);
  }

  /** Takes a page that the server has sent unasked. */
  notePage(page: UnitPage): void {
    this.#news.notePage(page);
  }

  /** Takes that there is another line on which news come, or none any more. */
  noteLine(): void {
    this.#news.noteLine();
  }

  /**
   * Milliseconds for which a task has to wait; 0 for none. A pull where what it would ask for is about to come by itself; a
   * push where others were faster.
   */
  awaitedMs(task: ExchangeTask, { cursor, held }: SyncProgress): number {
    if (task === 'push') return this.#pushes.isEmpty ? this.#waitMs : 0;
    if (task === 'heal') return 0;
    if (this.#mustFollow || held.length > 0) return 0;
    return this.#news.awaitedMs(cursor, this.#options.clock.monotonicMs());
  }

  /** What is to be done next; `undefined` when there is nothing. */
  next(progress: SyncProgress): ExchangeTask | undefined {
    const task = this.#next(progress);
    if (task !== 'push') this.#ahead = undefined;
    return task;
  }

  #next(progress: SyncProgress): ExchangeTask | undefined {
    const { direction } = this.#options;
    const { lostUnits, pendingUnits } = progress;
    const isHealing = lostUnits > 0 && this.#offered(progress) === undefined;
    if (this.#isDiverged || isHealing) return 'heal';
    if (!this.#pushes.isEmpty) return 'push';
    const hasUnsent = direction !== 'pull' && pendingUnits > 0 && this.#mayHaveUnsent;
    if (hasUnsent && !this.#mustFollow && !this.#mayLoseAgain(progress)) return 'push';
    return this.#news.isAtEnd && !this.#mustFollow ? undefined : 'pull';
  }

  /** Whether something has come that may stand in the place of what has lost before, or time to look for it. */
  #mayLoseAgain({ cursor }: SyncProgress): boolean {
    const { beaten } = this.#options;
    if (beaten === undefined || beaten.isEmpty || this.#news.isAtEnd) return false;
    return this.#waitMs > 0 || this.#news.hasPage(cursor);
  }

  /** Until the next push is due. */
  get #waitMs(): number {
    return this.#options.beaten?.waitMs ?? 0;
  }

  /**
   * Does a piece of work.
   *
   * @returns whether the store may have changed
   * @throws as `SyncTransport` does, but for `CURSOR_UNKNOWN` and `SCOPES_CHANGED`, which are worked off
   * @throws StuckError (`STUCK`) when nothing changes, however often it is tried
   * @throws as the recorder does
   */
  async do(task: ExchangeTask, progress: SyncProgress, signal: AbortSignal): Promise<boolean> {
    if (task === 'push') return await this.#push(progress, signal);
    if (task === 'pull') await this.#pull(progress, signal);
    else await this.#heal(progress, signal);
    return true;
  }

  async #push(progress: SyncProgress, signal: AbortSignal): Promise<boolean> {
    this.#hasSetAside = false;
    let pushed: PushOutcome | undefined;
    let allUpTo: NotificationId | undefined;
    try {
      pushed = await this.#pushes.next(
        async (after, limits) => {
          if (after === allUpTo) return [];
          // Before it is read: what is recorded meanwhile sets it again.
          this.#mayHaveUnsent = false;
          const units = await this.#pendingUnits(after, limits);
          // What was counted is read: nobody has to be asked for the rest.
          if (after === 0 && units.length === progress.pendingUnits) allUpTo = endOfUnits(units);
          else if (units.length > 0) this.#mayHaveUnsent = true;
          return units;
        },
        this.#acceptedUpTo,
        signal,
      );
    } catch (error) {
      this.#mayHaveUnsent = true;
      throw error;
    }
    if (pushed === undefined) this.#options.beaten?.forget();
    else await this.#take(pushed, progress);
    return this.#hasSetAside;
  }

  async #pendingUnits(after: NotificationId, limits: UnitLimits): Promise<readonly PendingUnit[]> {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const isAll = ahead?.after === after && ahead.commits === this.#commits;
    const isAsAsked = ahead?.limits.eventsMax === limits.eventsMax && ahead.limits.bytesMax === limits.bytesMax;
    return await (isAll && isAsAsked ? ahead.units : this.#options.recorder.selectPendingUnits(after, limits));
  }

  async #take({ units, answer, isAhead, tookMs }: PushOutcome, progress: SyncProgress): Promise<void> {
    const [first] = units;
    if (answer instanceof TooLargeError) {
      this.#mayHaveUnsent = true;
      if (units.length === 1 && first !== undefined) await this.#tooLarge(first, answer);
      return;
    }
    if (answer instanceof InvalidRequestError) {
      this.#mayHaveUnsent = true;
      const unreadable = unreadableOf(answer, units);
      if (unreadable !== undefined)
        await this.#setAside({ id: unreadable.unit.id, reason: unreadableReason(unreadable.problem) });
      return;
    }
    const { decisions, conflict, head } = answer;
    const rejected = decisions.flatMap((decision) =>
      decision.kind === 'rejected' ? [{ id: decision.id, reason: refusalReason(decision) }] : [],
    );
    // What was sent ahead of an answer that is not as it was hoped for is sent again.
    if (rejected.length > 0 || conflict !== undefined) this.#mayHaveUnsent = true;
    if (rejected.length > 0) await this.#setAside(...rejected);
    this.#options.beaten?.forget(decisions.map(({ id }) => id));
    this.#acceptedUpTo = endOfUnits(units.slice(0, decisions.length)) ?? this.#acceptedUpTo;
    if (this.#missingRounds > 0) {
      for (const one of decisions) if (one.kind === 'accepted') this.#acceptedAt.set(one.id, one.position);
    }
    if (decisions.some(({ kind }) => kind === 'accepted')) {
      this.#news.noteSent(Math.max(head, progress.position + 1), this.#options.clock.monotonicMs());
    }
    if (conflict === undefined) this.#conflict = undefined;
    else if (!isAhead) await this.#meet(conflict, progress, tookMs);
  }

  /** A unit stands on another state than the server's. Pages will tell which; or they have told all that they can. */
  async #meet(id: UnitId, { position }: SyncProgress, tookMs: number): Promise<void> {
    const isKnown = this.#conflict?.id === id && this.#conflict.position === position && this.#news.isAtEnd;
    if (!isKnown) {
      this.#conflict = { id, position };
      this.#mustFollow = true;
      this.#options.beaten?.noteDefeat(id, tookMs);
      return;
    }
    this.#conflict = undefined;
    const message =
      'The server says that it stands on another state than the log, and has nothing that this device could see of that.';
    await this.#setAside({ id, reason: { code: 'CONFLICT', message } });
  }

  async #tooLarge(unit: PendingUnit, error: TooLargeError): Promise<void> {
    if (isOfProxy(error)) {
      const { firstNotificationId: notificationId } = unit;
      throw tooLargeForProxy(unit, `from event ${notificationId} on`, { notificationId }, error);
    }
    const { code, message } = error;
    await this.#setAside({ id: unit.id, reason: { code, message } });
  }

  async #setAside(...units: readonly { readonly id: UnitId; readonly reason: SetAsideReason }[]): Promise<void> {
    this.#hasSetAside = true;
    this.#options.beaten?.forget(units.map(({ id }) => id));
    await this.#options.recorder.setAside(units);
  }

  async #pull(progress: SyncProgress, signal: AbortSignal): Promise<void> {
    const { recorder, decider } = this.#options;
    const { cursor } = progress;
    if (progress.bootstrap?.isBegun === true && decider?.needsHistory === true) {
      // There are views in line since it began, and they need all events: from the start, as of a log that was set back.
      await recorder.rewind(CURSOR_START);
      this.#startAnew();
      return;
    }
    // What is held the server has to have as well, which it says only where it is asked.
    const came = this.#news.takePage(cursor);
    const offered = this.#offered(progress);
    const held = [...progress.held, ...(offered?.heads ?? [])];
    const sent = held.length === 0 && offered === undefined ? came : undefined;
    let page;
    try {
      page = sent ?? (await this.#askedPage(progress, held, signal));
    } catch (error) {
      if (error instanceof CursorUnknownError) this.#isDiverged = true;
      else if (error instanceof ScopesChangedError) {
        await recorder.followAnew(cursor);
        this.#startAnew();
        if (++this.#rescopedRounds >= RESCOPED_ROUNDS_MAX) this.#tooOftenRescoped(error);
      } else throw error;
      return;
    }
    if (page.from !== cursor) throw new UnavailableError('The server gave another page than was asked for.');
    // One that was not asked for may have been read before something was accepted.
    const isHead = page.position >= Math.max(page.head, sent === undefined ? 0 : this.#news.head);
    // An empty page changes nothing; but it says the end of the log to what is to come back into a store that was lost.
    // Or to what was set aside because it could not be seen.
    const isWaitedFor = progress.pendingUnits > 0 || progress.setAsideUnits > 0;
    const isOfUse = page.units.length > 0 || page.to !== cursor || isWaitedFor;
    const outcome = isOfUse ? await this.#intake.insert(page, endOf(offered)) : undefined;
    const isStored = outcome?.isStored ?? isHead;
    this.#options.beaten?.forget(outcome?.setAside ?? []);
    if (!isStored) {
      // Another tab was first, and this one goes on from there. Or what the page stands on is lost as well, and cannot be
      // offered: then the store is where it was, the next time too.
      if (offered !== undefined && this.#notStoredAt === cursor) await this.#intake.endHeal(endOf(offered));
      this.#notStoredAt = cursor;
      return;
    }
    this.#notStoredAt = undefined;
    this.#news.noteStored(page);
    if (isHead && offered !== undefined) await this.#intake.endHeal(endOf(offered));
    if (isHead) await this.#intake.settle();
    if (isHead) await this.#reachHead(progress, page.units.length === 0);
  }

  async #askedPage(
    { cursor, bootstrap }: SyncProgress,
    held: readonly Cursor[],
    signal: AbortSignal,
  ): Promise<UnitPage> {
    const { transport, bootstrap: isWanted = false } = this.#options;
    this.#news.beginReading();
    const limits = this.#pageSize.limits(transport.limits);
    const named = isWanted && bootstrap?.isBegun === false ? bootstrap.named : undefined;
    return await this.#measured(this.#pageSize, limits.bytesMax, () =>
      transport.page(cursor, limits, signal, held, named),
    );
  }

  #tooOftenRescoped(cause: ScopesChangedError): never {
    this.#rescopedRounds = 0;
    throw new StuckError(
      'The server says again and again that this device may see another part of its log than before. Nothing is lost; it is tried again. The id of a visibility has to stay the same for as long as what is visible does.',
      { cause },
    );
  }

  /** @param isEmpty - whether the page had nothing */
  async #reachHead({ pendingUnits, position }: SyncProgress, isEmpty: boolean): Promise<void> {
    const isMissing = isEmpty && pendingUnits > 0 && this.#acceptedUpTo > 0;
    this.#mustFollow = false;
    this.#options.beaten?.noteDecided();
    this.#rescopedRounds = 0;
    this.#acceptedUpTo = 0;
    this.#mayHaveUnsent = true;
    this.#pushes.hope();
    this.#missingRounds = isMissing ? this.#missingRounds + 1 : 0;
    if (!isMissing) this.#acceptedAt.clear();
    // Said twice: others may wait behind it. The first time, it may be a page that is late.
    else if (await this.#setPassedAside(position)) this.#missingRounds = 0;
    if (this.#missingRounds < MISSING_ROUNDS_MAX) return;
    this.#missingRounds = 0;
    throw new StuckError(
      'The server says that it takes what is sent, and does not have it in its log. Nothing is lost; it is tried again.',
      { details: { pendingUnits } },
    );
  }

  /** Of what the server has, what stands before the end of what is here: no page brings that any more. @returns whether there was some */
  async #setPassedAside(position: number): Promise<boolean> {
    const passed = [...this.#acceptedAt].filter(([, at]) => at <= position).map(([id]) => id);
    this.#acceptedAt.clear();
    for (const id of passed) await this.#setAside({ id, reason: { code: 'CONFLICT', message: ALREADY_THERE } });
    return passed.length > 0;
  }

  async #heal(progress: SyncProgress, signal: AbortSignal): Promise<void> {
    const { recorder, transport } = this.#options;
    this.#pushes.drop();
    if (this.#isDiverged) {
      await recorder.rewind(await transport.common(progress.marks, signal));
      this.#isDiverged = false;
      this.#startAnew();
      return;
    }
    const limits = this.#pushSize.limits(transport.limits);
    // Another tab may have ended it, and begun another: what was offered then is lost anew.
    const { rewinds } = progress;
    if (this.#offer.rewinds !== rewinds) this.#offer = { ...NOTHING_OFFERED, rewinds };
    const offer = this.#offer;
    if (offer.heads.length >= HEADS_MAX) {
      await this.#checkHeads(offer, progress, signal);
      return;
    }
    const units = await recorder.selectLostUnits(offer.upTo, limits);
    if (units.length === 0) {
      this.#startAnew();
      this.#offer = { ...offer, isThrough: true };
      return;
    }
    const answer = await this.#offerSome(units, signal);
    if (answer === undefined) return;
    const refused = answer.decisions.flatMap(({ id, kind }) => (kind === 'refused' ? [id] : []));
    const heads = answer.head === undefined || answer.head === offer.heads.at(-1) ? [] : [answer.head];
    this.#offer = {
      ...{ rewinds, upTo: answer.upTo, isThrough: false },
      ...{ refused: [...offer.refused, ...refused], heads: [...offer.heads, ...heads] },
    };
  }

  /** What came of offering all that is lost, when that was done since the store went back. */
  #offered({ lostUnits, rewinds }: SyncProgress): Offer | undefined {
    const offer = this.#offer;
    return lostUnits > 0 && offer.isThrough && offer.rewinds === rewinds ? offer : undefined;
  }

  /** A log that has all of them is the one that was offered to, so that the last one stands for them. */
  async #checkHeads(offer: Offer, { cursor }: SyncProgress, signal: AbortSignal): Promise<void> {
    const { transport } = this.#options;
    try {
      await transport.page(cursor, { eventsMax: 1, bytesMax: 1 }, signal, offer.heads);
    } catch (error) {
      if (error instanceof CursorUnknownError) {
        this.#isDiverged = true;
        return;
      }
      if (!(error instanceof ScopesChangedError)) throw error;
    }
    this.#offer = { ...offer, heads: offer.heads.slice(-1) };
  }

  /**
   * @returns what became of them, or of the first of them, and up to which position; `undefined` when less has to be offered at
   *   once
   */
  async #offerSome(units: readonly LostUnit[], signal: AbortSignal): Promise<OfferAnswer | undefined> {
    const { transport } = this.#options;
    try {
      const answer = await this.#measured(this.#pushSize, sizeOf(units), () => transport.heal(units, signal));
      return { ...answer, upTo: units.at(-1)?.position ?? 0 };
    } catch (error) {
      const unreadable = unreadableOf(error, units);
      // Nothing was restored: those before it are offered without it, then it is passed over.
      if (unreadable !== undefined && unreadable.index > 0)
        return await this.#offerSome(units.slice(0, unreadable.index), signal);
      if (unreadable !== undefined) return notOffered(unreadable.unit);
      if (!(error instanceof TooLargeError)) throw error;
      const [only, ...rest] = units;
      if (only === undefined || rest.length > 0) return undefined;
      if (isOfProxy(error)) throw tooLargeForProxy(only, `at position ${only.position}`, {}, error);
      // Alone, it cannot be brought back.
      return notOffered(only);
    }
  }

  #startAnew(): void {
    this.#notStoredAt = undefined;
    this.#offer = NOTHING_OFFERED;
    this.#acceptedUpTo = 0;
    this.#mayHaveUnsent = true;
    this.#conflict = undefined;
    this.#mustFollow = false;
    this.#news.startAnew();
  }

  async #measured<T>(size: SendSize, bytes: number, request: () => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    try {
      const answer = await request();
      size.succeeded(clock.monotonicMs() - startMs);
      return answer;
    } catch (error) {
      size.noteFailure(error, bytes, clock.monotonicMs() - startMs);
      throw error;
    }
  }
}

/** The local id of the last event; `undefined` of none. */
function endOfUnits(units: readonly PendingUnit[]): NotificationId | undefined {
  const last = units.at(-1);
  return last && last.firstNotificationId + last.events.length - 1;
}

function notOffered({ id, position }: LostUnit): OfferAnswer {
  return { decisions: [{ id, kind: 'refused' }], head: undefined, upTo: position };
}

function endOf(offer: Offer): EndOfHealing;
function endOf(offer: Offer | undefined): EndOfHealing | undefined;
function endOf(offer: Offer | undefined): EndOfHealing | undefined {
  return offer && { rewinds: offer.rewinds, refused: offer.refused };
}

/** A proxy's limit is not the server's: on another way it may get through. */
function isOfProxy({ details }: TooLargeError): boolean {
  return details['isServers'] === false;
}

function tooLargeForProxy({ id, events }: Unit, where: string, more: object, cause: TooLargeError): TooLargeError {
  const { bytes } = cause.details;
  return new TooLargeError(
    `A unit of ${bytes} bytes on the wire, ${where}, is too large for a proxy before the server. It is kept, and waits with those after it. Raise the limit there: it is tried again once a minute, and by syncNow.`,
    { cause, details: { ...cause.details, unitId: id, ...more, originatorId: events[0]?.originatorId } },
  );
}
