/**
 * Changes of units by way of the application, which keeps what is made of their events with them, and is told of the events
 * that came, went, or are others.
 *
 * @module
 */
import type { StoredEvent } from '../../persistence/stored-event.js';
import type { InsertPageOptions, SetAsideUnit, UnitChanges, UnitRecorder } from '../../persistence/unit-recorder.js';
import type { UnitId, UnitPage } from '../../persistence/unit.js';
import { reportFailure } from '../../util/listeners.js';

/** Whose views and caches follow the units: an `Application`. */
export interface UnitsFollower {
  /** As `Application.needsHistory`. @defaultValue false */
  readonly needsHistory?: boolean;
  /** As `Application.changeUnits`. @defaultValue units change by themselves */
  changeUnits?<T>(units: UnitChanges, change: (units: UnitChanges) => Promise<T>): Promise<T>;
  /** As `Application.noteEventsChanged`. @defaultValue nobody is told */
  noteEventsChanged?(read: () => Promise<readonly StoredEvent[]>): Promise<void>;
}

/** Without the reading part, nobody is told of what was set aside, or has left. */
type FollowedRecorder = UnitChanges & Partial<Pick<UnitRecorder, 'selectSetAside' | 'selectLostUnits'>>;

// Events that are read at once, to be told of.
const AT_ONCE = { eventsMax: 1_000, bytesMax: 8 * 1024 * 1024 };

/** Implements the changing part of a recorder. */
export class FollowedUnits implements UnitChanges {
  readonly #units: FollowedRecorder;
  readonly #follower: UnitsFollower;
  /** What was last said to give way. */
  #superseded: readonly SetAsideUnit[] = [];

  /** @param units - the store's recorder */
  constructor(units: FollowedRecorder, follower: UnitsFollower) {
    this.#units = units;
    this.#follower = follower;
  }

  async insertPage(page: UnitPage, options: InsertPageOptions = {}): ReturnType<UnitChanges['insertPage']> {
    const outcome = await this.#change((units) => units.insertPage(page, options));
    if (outcome.superseded !== undefined) this.#superseded = outcome.superseded.units;
    if (!outcome.isStored) return outcome;
    const before = options.decided === undefined ? [] : this.#superseded;
    await this.#tell([...page.units, ...before, ...(options.decided ?? [])], outcome.setAside);
    return outcome;
  }

  async setAside(...given: Parameters<UnitChanges['setAside']>): ReturnType<UnitChanges['setAside']> {
    const ids = await this.#change((units) => units.setAside(...given));
    await this.#tell([], ids);
    return ids;
  }

  async decide(...given: Parameters<UnitChanges['decide']>): ReturnType<UnitChanges['decide']> {
    const isDone = await this.#change((units) => units.decide(...given));
    if (isDone) await this.#tell(given[0], []);
    return isDone;
  }

  async endHeal(...given: Parameters<UnitChanges['endHeal']>): ReturnType<UnitChanges['endHeal']> {
    // Those of others leave, and what stands on them is set aside, or moved: nothing of that is in any page.
    const lost = await all((after) => this.#units.selectLostUnits?.(after, AT_ONCE));
    const isDone = await this.#change((units) => units.endHeal(...given));
    if (isDone) await this.#tell(lost, 'all');
    return isDone;
  }

  async #change<T>(change: (units: UnitChanges) => Promise<T>): Promise<T> {
    const units = this.#units;
    return (await this.#follower.changeUnits?.(units, change)) ?? (await change(units));
  }

  /** Has happened already: what fails here is nobody's loss but a cache's. */
  async #tell(
    units: readonly { readonly events?: readonly StoredEvent[] }[],
    setAside: readonly UnitId[] | 'all',
  ): Promise<void> {
    try {
      await this.#follower.noteEventsChanged?.(async () => {
        const aside = setAside.length === 0 ? [] : await all((after) => this.#units.selectSetAside?.(after, AT_ONCE));
        const told = aside.filter(({ id }) => setAside === 'all' || setAside.includes(id));
        return [...units, ...told].flatMap(({ events = [] }) => events);
      });
    } catch (error) {
      reportFailure(error);
    }
  }
}

/** Reads units to the end. @param select - those after a place; `undefined` where nobody can be asked */
async function all<Read extends { readonly position?: number; readonly firstNotificationId?: number }>(
  select: (after: number) => Promise<readonly Read[]> | undefined,
): Promise<readonly Read[]> {
  const units: Read[] = [];
  for (;;) {
    const { position, firstNotificationId } = units.at(-1) ?? ({} as Read);
    const some = (await select(position ?? firstNotificationId ?? 0)) ?? [];
    if (some.length === 0) return units;
    for (const unit of some) units.push(unit);
  }
}
