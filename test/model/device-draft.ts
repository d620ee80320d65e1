/**
 * A commit of a device in the making, and how units give way in it.
 *
 * - D4 What gives way takes with it everything that is not confirmed and stands on it, of whatever aggregate. Units that
 *   commute and were recorded here are given the next versions and another edition; they go with the others only where
 *   nothing of their aggregate is left before them. The rest is set aside with its reason. Units of others leave.
 *   What has given way to a page is decided again, where that is wanted: under its id, in the order in which it was
 *   recorded, in the commit of the page that comes to the end of the log, once for all pages. So is what stood on what is
 *   lost for good. What has nothing to do any
 *   more then is withdrawn. What cannot be decided, because the domain says no, or this release of the application does not
 *   know the command or an event that it is to be decided on, stays set aside.
 *
 * @module
 */
import { decide, isOfSecondRelease } from './domain.js';
import type { Decided, ReadAggregate, Release, Undecided } from './domain.js';
import type { Base, DeviceState, HeldUnit, SetAside } from './device-state.js';
import { aggregatesOf, byLocal, payloadsOf, rowsOf, standsOn, SUPERSEDED, versionOf } from './device-state.js';
import type { Mode, Switch } from './switches.js';
import { derivedEdition, type PlacedEvent } from './unit-types.js';

/** What the rules of a device need beside its state. */
export interface DeviceRules {
  readonly mode: Mode;
  /** Of the application that runs on the device. */
  readonly release: Release;
  readonly fresh: () => string;
  /** For switches that break a rule now and then. */
  readonly chance: (share: number) => boolean;
  /** Told of every strict unit and what it was decided on: the payloads of an aggregate, in order. */
  readonly decided: (edition: string, aggregate: string, payloads: readonly string[]) => void;
  /** Told of what has nothing to do any more. */
  readonly withdrawn: (unit: Pick<HeldUnit, 'command' | 'intent'>, read: ReadAggregate) => void;
}

/** Reasons of a server that has refused a unit for good. */
export const REFUSALS: ReadonlySet<string> = new Set(['FORBIDDEN_AMOUNT', 'CONFLICT_REFUSED', 'ID_TAKEN']);
/** Reasons for which a unit is set aside at once, whether it commutes or not. */
const FINAL: ReadonlySet<string> = new Set([...REFUSALS, 'OUT_OF_SCOPE', 'LOST_BASE']);
/** Reasons that a page has: what was set aside for one of them may be decided again. */
const OF_PAGES: ReadonlySet<string> = new Set(['CONFLICT', 'DEPENDENCY']);
/** What was set aside for one of these comes back when it may be seen again. */
const RETURNING: ReadonlySet<string> = new Set(['OUT_OF_SCOPE', 'DEPENDENCY']);

export class DeviceDraft {
  units: ReadonlyMap<string, HeldUnit>;
  bases: ReadonlyMap<string, Base>;
  aside: ReadonlyMap<string, SetAside>;
  nextLocal: number;
  readonly rules: DeviceRules;
  readonly #before: DeviceState;
  /** What has given way, and waits for the end of the commit. */
  readonly #lifted: { unit: HeldUnit; code: string }[] = [];

  constructor(state: DeviceState, rules: DeviceRules) {
    const { units, bases, aside, nextLocal } = state;
    this.units = units;
    this.bases = bases;
    this.aside = aside;
    this.nextLocal = nextLocal;
    this.rules = rules;
    this.#before = state;
  }

  isBroken(name: Switch): boolean {
    return this.rules.mode.broken === name;
  }

  put(unit: HeldUnit): void {
    this.units = new Map(this.units).set(unit.id, unit);
  }

  /** Keeps of a unit what has not left; what is here in part is nobody's own any more, because nobody can send it. */
  keepPart(unit: HeldUnit, events: readonly PlacedEvent[]): void {
    if (events.length === 0) this.remove([unit.id]);
    else if (events.length < unit.events.length) this.put({ ...unit, events, isOwn: false });
  }

  remove(ids: Iterable<string>): void {
    const units = new Map(this.units);
    for (const id of ids) units.delete(id);
    this.units = units;
  }

  dropBases(aggregates: Iterable<string>): void {
    const bases = new Map(this.bases);
    for (const aggregate of aggregates) bases.delete(aggregate);
    this.bases = bases;
  }

  /** What has given way under this id, if it has. */
  lifted(id: string): HeldUnit | undefined {
    return this.#lifted.find(({ unit }) => unit.id === id)?.unit;
  }

  /** Says of what has given way already that it is about what may not be seen. */
  hideLifted(aggregates: ReadonlySet<string>): void {
    for (const lifted of this.#lifted) {
      if (lifted.unit.events.some(({ aggregate }) => aggregates.has(aggregate))) lifted.code = 'OUT_OF_SCOPE';
    }
  }

  putAside(unit: HeldUnit, code: string): void {
    const after = this.aside.get(unit.id)?.after ?? standsOn(this.#before, this.#before.units.get(unit.id) ?? unit);
    this.aside = new Map(this.aside).set(unit.id, { unit, code, after });
  }

  takeFromAside(id: string): void {
    if (!this.aside.has(id)) return;
    const aside = new Map(this.aside);
    aside.delete(id);
    this.aside = aside;
  }

  /** Takes away these units, each for its reason, and what stands on them. */
  giveWay(reasons: ReadonlyMap<string, string>): void {
    const going = new Map(reasons);
    const from = new Map<string, number>();
    const queue = [...reasons.keys()];
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      for (const { aggregate, version } of this.units.get(id)?.events ?? []) {
        if (version >= (from.get(aggregate) ?? Infinity) || this.isBroken('closure')) continue;
        from.set(aggregate, version);
        for (const { event, unit } of rowsOf(this, aggregate)) {
          if (event.version <= version || going.has(unit.id) || unit.status === 'confirmed') continue;
          going.set(unit.id, 'DEPENDENCY');
          queue.push(unit.id);
        }
      }
    }
    for (const [id, code] of going) {
      const unit = this.units.get(id);
      if (unit !== undefined) this.#lifted.push({ unit, code });
    }
    if (going.size > 0) this.remove(going.keys());
  }

  /**
   * Decides what becomes of everything that has given way.
   *
   * @param to - a page, or the end of healing, after which what gives way may be decided again; or a server that has refused
   * @param refused - what the server does not take back: of others it is kept, because nobody else may have it
   */
  settle(to: 'page' | 'endOfHealing' | 'refusal', refused: readonly string[] = []): void {
    const codes = new Map(this.#lifted.map(({ unit, code }) => [unit.id, code]));
    const isAgain = to !== 'refusal' && this.rules.mode.conflicts === 'again';
    for (const unit of byLocal(this.#lifted.map(({ unit }) => unit))) {
      if (this.units.has(unit.id)) continue;
      if (!unit.isOwn || unit.events.length < unit.total) {
        if (refused.includes(unit.id)) this.putAside(unit, 'LOST');
        continue;
      }
      if (this.isBroken('skip-unit') && this.rules.chance(0.2)) continue;
      const code = codes.get(unit.id) ?? 'DEPENDENCY';
      if (!FINAL.has(code) && unit.isCommutative && this.#move(unit)) continue;
      const isDecided = to === 'page' ? OF_PAGES.has(code) : unit.command !== undefined && !FINAL.has(code);
      this.putAside(unit, isAgain && isDecided ? SUPERSEDED : code);
    }
    this.#lifted.length = 0;
  }

  /** Decides again what has given way to pages, in the order in which it was recorded. */
  decideSuperseded(): void {
    if (this.isBroken('superseded-stays')) return;
    const superseded = [...this.aside.values()].filter(({ code }) => code === SUPERSEDED);
    for (const unit of byLocal(superseded.map((entry) => entry.unit))) {
      const outcome = unit.command === undefined ? 'CONFLICT' : this.decideAgain(unit, unit.id);
      if (outcome === 'decided' || outcome === 'withdrawn') this.takeFromAside(unit.id);
      else this.putAside(unit, outcome);
    }
  }

  /** Takes back what was set aside because it could not be seen, or with that, where what it stood on is there. */
  takeBack(): void {
    for (const unit of byLocal([...this.aside.values()].map((entry) => entry.unit))) {
      const back = this.returned(this.aside.get(unit.id) as SetAside);
      if (back === undefined) continue;
      this.takeFromAside(unit.id);
      this.put({ ...back, local: this.nextLocal++ });
    }
  }

  /** A unit that was set aside as it may be pending again; `undefined` where it may not. */
  returned({ unit, code, after }: SetAside): HeldUnit | undefined {
    if (!RETURNING.has(code) || !unit.isOwn || this.units.has(unit.id)) return undefined;
    const aggregates = [...new Set(unit.events.map(({ aggregate }) => aggregate))];
    const ends = new Map(aggregates.map((aggregate) => [aggregate, this.#endOf(aggregate)]));
    const isThere = unit.events.every(({ aggregate, version }, at) => {
      const end = ends.get(aggregate);
      const place = after[aggregate] ?? '';
      const isFirst = unit.events.findIndex((event) => event.aggregate === aggregate) === at;
      if (!isFirst) return true;
      if (unit.isCommutative) return place === '' || end?.edition !== '';
      return place === end?.edition && version === end.version + 1;
    });
    if (!isThere) return undefined;
    const back = { ...unit, status: 'pending', seal: '', sealedIndexes: [], position: 0 } as const;
    if (!unit.isCommutative) return back;
    const events = this.#placed(unit.events);
    const now = Object.fromEntries([...ends].map(([aggregate, { edition }]) => [aggregate, edition]));
    const isSame = events.every(({ version }, at) => version === unit.events[at]?.version);
    const isThereStill = isSame && aggregates.every((aggregate) => (after[aggregate] ?? '') === now[aggregate]);
    return isThereStill ? back : { ...back, events, edition: derivedEdition(unit.id, events, now) };
  }

  #endOf(aggregate: string): { readonly version: number; readonly edition: string } {
    const version = versionOf(this, aggregate);
    const edition = rowsOf(this, aggregate).at(-1)?.unit.edition ?? this.bases.get(aggregate)?.edition ?? '';
    return { version, edition };
  }

  /** @returns whether it could be */
  #move(unit: HeldUnit): boolean {
    const isOrphan = unit.events.some(
      ({ aggregate, version }) => versionOf(this, aggregate) === 0 && this.#hadBefore(aggregate, version, unit),
    );
    if (isOrphan && !this.isBroken('moved-orphan')) return false;
    this.place(unit, { isAnew: true, local: unit.local });
    return true;
  }

  /** Whether something of the aggregate was before a version when the commit began, but for the unit itself. */
  #hadBefore(aggregate: string, version: number, { id }: HeldUnit): boolean {
    return (
      (this.#before.bases.get(aggregate)?.version ?? 0) > 0 ||
      rowsOf(this.#before, aggregate).some(({ event, unit }) => event.version < version && unit.id !== id)
    );
  }

  /** @returns why nothing was decided, or `withdrawn`, when there was nothing to do any more */
  decideAgain(unit: HeldUnit, id: string): 'decided' | 'withdrawn' | Undecided {
    const decided = this.decide(unit);
    if (decided === 'DOMAIN' || decided === 'UNKNOWN') return decided;
    if (decided.drafts.length === 0) {
      this.rules.withdrawn(unit, (aggregate) => payloadsOf(this, aggregate));
      return 'withdrawn';
    }
    const newId = this.isBroken('new-id') ? this.rules.fresh() : id;
    const events = decided.drafts.map((draft, index) => ({ ...draft, index, version: 0 }));
    const { isCommutative } = decided;
    const total = events.length;
    this.place({ ...unit, id: newId, isCommutative, events, total }, { isAnew: true, local: this.nextLocal++ });
    return 'decided';
  }

  /** What a command decides on what is here. */
  decide({ command, intent }: Pick<HeldUnit, 'command' | 'intent'>): Decided | Undecided {
    const { release } = this.rules;
    if (command === undefined) return 'UNKNOWN';
    if (release === 1 && command.type === 'Count' && this.isBroken('unknown-is-nothing')) {
      return { drafts: [], isCommutative: false };
    }
    return decide(command, intent, { read: (aggregate) => this.#known(payloadsOf(this, aggregate)), release });
  }

  /** With a rule that is switched off, what a release does not know is passed over. */
  #known(payloads: readonly string[]): readonly string[] {
    const isOld = this.rules.release === 1 && this.isBroken('unknown-is-passed');
    return isOld ? payloads.filter((payload) => !isOfSecondRelease(payload)) : payloads;
  }

  /**
   * Puts a unit after everything that there is of its aggregates.
   *
   * @param isAnew - whether it is in another edition from now on
   */
  place(unit: HeldUnit, { isAnew, local }: { readonly isAnew: boolean; readonly local: number }): void {
    const events = this.#placed(unit.events);
    const aggregates = [...new Set(events.map(({ aggregate }) => aggregate))];
    const after = Object.fromEntries(aggregates.map((aggregate) => [aggregate, this.#endOf(aggregate).edition]));
    const edition = isAnew && !this.isBroken('same-edition') ? derivedEdition(unit.id, events, after) : unit.edition;
    for (const aggregate of unit.isCommutative ? [] : aggregates) {
      this.rules.decided(edition, aggregate, this.#known(payloadsOf(this, aggregate)));
    }
    this.put({ ...unit, edition, events, local, status: 'pending', position: 0, seal: '', sealedIndexes: [] });
  }

  #placed(events: readonly PlacedEvent[]): PlacedEvent[] {
    const versions = new Map<string, number>();
    return events.map((event) => {
      const version = (versions.get(event.aggregate) ?? versionOf(this, event.aggregate)) + 1;
      versions.set(event.aggregate, version);
      return { ...event, version };
    });
  }

  /** @returns what is wrong with the order of its events, if something is */
  hole(): string | undefined {
    for (const [aggregate, rows] of aggregatesOf(this.units)) {
      const base = this.bases.get(aggregate)?.version ?? 0;
      const at = rows.findIndex(({ event }, i) => event.version !== base + i + 1);
      if (at >= 0) return `${aggregate}: version ${rows[at]?.event.version} in place ${base + at + 1}`;
    }
    return undefined;
  }
}
