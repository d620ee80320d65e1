/**
 * What was set aside on this device, for those who look after it: to read, to try again as it was or as something else, to
 * give up, to take along. Nothing leaves the list unasked.
 *
 * ```text
 * set aside ──retry──▶ decided on what is there now ──▶ pending again, under its id; under another one, where a server refused it
 *     │                     │    ──▶ nothing to do any more ──▶ withdrawn
 *     │                     └ says no, or fails ──▶ still set aside, with that reason
 *     └──discard──▶ gone
 * ```
 *
 * @module
 */
import { NotSupportedError, OperationalError, ProgrammingError } from '../../persistence/errors.js';
import type { Transcoder } from '../../persistence/mapping/transcoder.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import type { UnitId } from '../../persistence/unit.js';
import { UNITS_FOUND_MAX } from '../../persistence/unit-recorder.js';
import type {
  DecidedUnit,
  SetAsideReason,
  SetAsideUnit,
  Superseded,
  UnitChanges,
  UnitRecorder,
} from '../../persistence/unit-recorder.js';
import { validateCount, validateInteger } from '../../persistence/validation.js';
import { ApplicationTooOldError, CommandUnknownError } from '../aggregates/application-errors.js';
import type { RebasedUnit } from './rebased-unit.js';
import type { Redecision, RetryRequest, SetAsideEdit } from './superseded-decider.js';
import { toSetAsideEntry } from './set-aside-entry.js';
import type { SetAsideEntry, SetAsideReading } from './set-aside-entry.js';
import { setAsideLine } from './set-aside-lines.js';

const LIST_LIMIT_DEFAULT = 100;
// They pass through memory.
const LIMITS = { eventsMax: 1_000, bytesMax: 4 * 1024 * 1024 };
// Each time somebody has recorded something in the meantime.
const ATTEMPTS_MAX = 20;

/** A page of what was set aside. */
export interface SetAsidePage {
  readonly entries: readonly SetAsideEntry[];
  /** What the next page begins after; `undefined` when there is none. */
  readonly next: NotificationId | undefined;
}

/** Which page to read. */
export interface ListSetAsideOptions {
  /** As {@link SetAsidePage.next}. @defaultValue from the first one on */
  readonly after?: NotificationId | undefined;
  /** How many at most, 1 or more; fewer, where they are large. @defaultValue 100 */
  readonly limit?: number | undefined;
}

/** What {@link SetAsideUnits} are made of. */
export interface SetAsideUnitsOptions extends SetAsideReading {
  readonly recorder: ProcessRecorder;
  readonly transcoder: Transcoder;
  readonly decide: (superseded: Superseded, retry: RetryRequest) => Promise<Redecision>;
  /** As `Application.changeUnits`. */
  readonly changeUnits: (units: UnitChanges, change: (units: UnitChanges) => Promise<boolean>) => Promise<boolean>;
  /** Called with what was recorded, after it was. */
  readonly onDecided: (decided: readonly DecidedUnit[]) => Promise<void>;
}

/** What was set aside: `Application.setAside`. The same in every tab. */
export class SetAsideUnits {
  readonly #options: SetAsideUnitsOptions;

  constructor(options: SetAsideUnitsOptions) {
    this.#options = options;
  }

  /**
   * Reads a page of them, in the order in which they were recorded.
   *
   * @throws NotSupportedError (`NOT_SUPPORTED`) when the recorder has no units
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when `after` or `limit` is no number of its kind
   *
   * @example
   * ```ts
   * const { entries } = await app.setAside.list();
   * for (const { id, commands, reason } of entries) show(id, commands, reason.message);
   * ```
   */
  async list({ after = 0, limit = LIST_LIMIT_DEFAULT }: ListSetAsideOptions = {}): Promise<SetAsidePage> {
    validateInteger('after', after, 0);
    validateCount('limit', limit);
    const recorder = this.#recorder();
    const units = (await recorder.selectSetAside(after, LIMITS)).slice(0, limit);
    const last = units.at(-1);
    if (last === undefined) return { entries: [], next: undefined };
    const next = last.firstNotificationId;
    const [more] = await recorder.selectSetAside(next, { eventsMax: 1, bytesMax: 1 });
    const entries = await Promise.all(units.map((unit) => toSetAsideEntry(unit, this.#options)));
    return { entries, next: more === undefined ? undefined : next };
  }

  /** All of them, read page by page as they are asked for. @throws as {@link SetAsideUnits.list} */
  async *all(): AsyncGenerator<SetAsideEntry, void, undefined> {
    let after: NotificationId | undefined = 0;
    while (after !== undefined) {
      const page: SetAsidePage = await this.list({ after });
      yield* page.entries;
      after = page.next;
    }
  }

  /**
   * Tries units again: decides them on what is there now, however often that was done before, by their commands or by
   * `resolve`, in their order and in one commit; what cannot be decided stays set aside, with that as its reason. Those that
   * are not set aside (any more) are left out.
   *
   * With `edit`, one unit is tried as something else. Where that is refused, nothing is recorded, and it stays as it was.
   *
   * @param ids - one, or up to 1,000: give one that stands on another one with it
   * @returns what became of each, in the order in which they were recorded
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when one of them was recorded by others, or several are edited at once
   * @throws OperationalError (`OPERATIONAL_ERROR`) when others record something again and again meanwhile: try again
   *
   * @example
   * ```ts
   * const [outcome] = await app.setAside.retry(entry.id);
   * // Only two are left: so two, and not three.
   * await app.setAside.retry(entry.id, {
   *   commands: [{ aggregateType: 'StockItem', aggregateId, command: { type: 'Reserve', data: { quantity: 2 } } }],
   * });
   * // Just as it was, though somebody else has counted meanwhile.
   * await app.setAside.retry(entry.id, { events: entry.events.flatMap(({ event }) => event ?? []) });
   * ```
   */
  async retry(ids: UnitId | readonly UnitId[], edit?: SetAsideEdit): Promise<readonly RebasedUnit[]> {
    const wanted = typeof ids === 'string' ? [ids] : ids;
    if (edit !== undefined && wanted.length !== 1) {
      throw new ProgrammingError('One unit can be tried again as something else, and these are several.');
    }
    return await this.#decide(this.#recorder(), wanted, { edit });
  }

  /** @param retry - undefined: those only that this release is not too old for */
  async #decide(
    recorder: UnitRecorder,
    wanted: readonly UnitId[],
    retry: RetryRequest | undefined,
  ): Promise<readonly RebasedUnit[]> {
    const isByHand = retry !== undefined;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const superseded = await recorder.selectSuperseded(wanted);
      if (superseded.units.length === 0) return [];
      assertOwn(superseded.units);
      const decision = await this.#options.decide(superseded, retry ?? {});
      const units = decision.units.filter(({ reason }) => isByHand || !isTooOld(reason));
      const isRefused = retry?.edit !== undefined && units.some(({ outcome }) => outcome === 'setAside');
      if (isRefused || units.length === 0) return units;
      const decided = decision.decided.filter(({ reason }) => isByHand || !isTooOld(reason));
      if (await this.#options.changeUnits(recorder, (changed) => changed.decide(decided))) {
        await this.#options.onDecided(decided);
        return units;
      }
    }
    throw new OperationalError(
      'Others have recorded something each time, before what was tried again could be. Nothing was stored: try again.',
    );
  }

  /**
   * Tries again what was set aside because another release of the application ran here that was too old for it
   * (`APPLICATION_TOO_OLD`, `COMMAND_UNKNOWN`), all in one commit. What this release cannot decide either stays as it is, and
   * nothing is recorded of it. `startSync({ application })` calls it when it begins. Not tried: what a server has refused.
   *
   * @returns what became of each that was decided, in the order in which they were recorded
   * @throws as {@link SetAsideUnits.retry}
   */
  async retryHeldBack(): Promise<readonly RebasedUnit[]> {
    const recorder = this.#recorder();
    const ids: UnitId[] = [];
    for (let after: NotificationId | undefined = 0; after !== undefined;) {
      const units: readonly SetAsideUnit[] = await recorder.selectSetAside(after, LIMITS);
      for (const unit of units) if (isHeldBack(unit)) ids.push(unit.id);
      after = units.at(-1)?.firstNotificationId;
    }
    const decided: RebasedUnit[] = [];
    for (let at = 0; at < ids.length; at += UNITS_FOUND_MAX) {
      const units = await this.#decide(recorder, ids.slice(at, at + UNITS_FOUND_MAX), undefined);
      for (const unit of units) decided.push(unit);
    }
    return decided;
  }

  /**
   * Gives units up: what was recorded is gone then, for good. Export it before, where somebody may want to see it.
   *
   * @param ids - one, or several
   * @returns those that were there
   */
  async discard(ids: UnitId | readonly UnitId[]): Promise<readonly UnitId[]> {
    const wanted = typeof ids === 'string' ? [ids] : ids;
    const discarded: UnitId[] = [];
    for (let at = 0; at < wanted.length; at += UNITS_FOUND_MAX) {
      const gone = await this.#recorder().discardSetAside(wanted.slice(at, at + UNITS_FOUND_MAX));
      for (const id of gone) discarded.push(id);
    }
    return discarded;
  }

  /**
   * Writes all of them down as JSON Lines, for whoever is to look at them without this application: a line that says what it
   * is, then one for each unit, each with its line feed. What a cipher hides in the store is readable there.
   *
   * @throws as {@link SetAsideUnits.list}
   *
   * @example
   * ```ts
   * const lines: string[] = [];
   * for await (const line of app.setAside.export()) lines.push(line);
   * const file = new Blob(lines, { type: 'application/jsonl' });
   * ```
   */
  async *export(): AsyncGenerator<string, void, undefined> {
    yield `${JSON.stringify({ format: 'daybook-set-aside', version: 1 })}\n`;
    for await (const entry of this.all()) yield `${await setAsideLine(entry, this.#options.transcoder)}\n`;
  }

  #recorder(): UnitRecorder {
    const { recorder } = this.#options;
    if (recorder.supports?.units === true) return recorder as ProcessRecorder & UnitRecorder;
    throw new NotSupportedError('Nothing is set aside here: the recorder has no units. That of a browser’s store has.');
  }
}

/** What another release of the application may decide. */
function isTooOld(reason: SetAsideReason | undefined): boolean {
  return reason?.code === ApplicationTooOldError.code || reason?.code === CommandUnknownError.code;
}

function isHeldBack({ reason, isRefused, isForeign }: SetAsideUnit): boolean {
  return isTooOld(reason) && !isRefused && !isForeign;
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) */
function assertOwn(units: readonly SetAsideUnit[]): void {
  const foreign = units.find(({ isForeign }) => isForeign);
  if (foreign === undefined) return;
  throw new ProgrammingError(
    `Others have recorded the unit ${foreign.id}, and the server has lost it. Export it for whoever has, or discard it.`,
    { details: { unitId: foreign.id } },
  );
}
