/**
 * A commit of a device in the making, and how units give way in it.
 *
 * - D4 What gives way takes with it everything that is not confirmed and stands on it, of whatever aggregate. Units that
 *   commute and were recorded here are given the next versions and another edition; they go with the others only where
 *   nothing of their aggregate is left before them. The rest is set aside with its reason, or decided again under its id,
 *   in the order in which it was recorded, once for the whole commit. Units of others leave.
 *
 * @module
 */
import { decide } from './domain.js';
import type { Base, DeviceState, HeldUnit, SetAside } from './device-state.js';
import { aggregatesOf, byLocal, payloadsOf, rowsOf, versionOf } from './device-state.js';
import type { Mode, Switch } from './switches.js';
import type { PlacedEvent } from './unit-types.js';

/** What the rules of a device need beside its state. */
export interface DeviceRules {
  readonly mode: Mode;
  readonly fresh: () => string;
  /** For switches that break a rule now and then. */
  readonly chance: (share: number) => boolean;
  /** Told of every strict unit and what it was decided on: the payloads of an aggregate, in order. */
  readonly decided: (edition: string, aggregate: string, payloads: readonly string[]) => void;
}

/** Reasons for which a unit is set aside at once, whatever the mode. */
const FINAL: ReadonlySet<string> = new Set([
  'OUT_OF_SCOPE',
  'ID_TAKEN',
  'FORBIDDEN_AMOUNT',
  'CONFLICT_REFUSED',
  'LOST_BASE',
]);

export class DeviceDraft {
  units: ReadonlyMap<string, HeldUnit>;
  bases: ReadonlyMap<string, Base>;
  aside: ReadonlyMap<string, SetAside>;
  nextLocal: number;
  readonly rules: DeviceRules;
  /** What has given way, and waits for the end of the commit. */
  readonly #lifted: { unit: HeldUnit; code: string }[] = [];

  constructor({ units, bases, aside, nextLocal }: DeviceState, rules: DeviceRules) {
    this.units = units;
    this.bases = bases;
    this.aside = aside;
    this.nextLocal = nextLocal;
    this.rules = rules;
  }

  isBroken(name: Switch): boolean {
    return this.rules.mode.broken === name;
  }

  put(unit: HeldUnit): void {
    this.units = new Map(this.units).set(unit.id, unit);
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

  putAside(unit: HeldUnit, code: string): void {
    this.aside = new Map(this.aside).set(unit.id, { unit, code });
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

  /** Decides what becomes of everything that has given way, and is the end of the commit. */
  settle(): void {
    const codes = new Map(this.#lifted.map(({ unit, code }) => [unit.id, code]));
    for (const unit of byLocal(this.#lifted.map(({ unit }) => unit))) {
      const isGone = !unit.isOwn || unit.events.length < unit.total;
      if (isGone || this.units.has(unit.id)) continue;
      if (this.isBroken('skip-unit') && this.rules.chance(0.2)) continue;
      this.#settleUnit(unit, codes.get(unit.id) ?? 'DEPENDENCY');
    }
    this.#lifted.length = 0;
  }

  #settleUnit(unit: HeldUnit, code: string): void {
    if (FINAL.has(code)) this.putAside(unit, code);
    else if (unit.isCommutative) this.#move(unit, code);
    else if (this.rules.mode.conflicts === 'aside' || unit.command === undefined) this.putAside(unit, code);
    else if (!this.decideAgain(unit, unit.id)) this.putAside(unit, 'DOMAIN');
  }

  #move(unit: HeldUnit, code: string): void {
    const isOrphan = unit.events.some(({ aggregate }) => versionOf(this, aggregate) === 0);
    if (isOrphan && !this.isBroken('moved-orphan')) this.putAside(unit, code);
    else this.place({ ...unit, edition: `${unit.id}/${this.rules.fresh()}` });
  }

  /** @returns whether there was no domain error */
  decideAgain(unit: HeldUnit, id: string): boolean {
    if (unit.command === undefined) return false;
    const decided = decide(unit.command, unit.intent, (aggregate) => payloadsOf(this, aggregate));
    if (decided === undefined) return false;
    const newId = this.isBroken('new-id') ? this.rules.fresh() : id;
    const events = decided.drafts.map((draft, index) => ({ ...draft, index, version: 0 }));
    const edition = this.isBroken('same-edition') ? unit.edition : `${newId}/${this.rules.fresh()}`;
    const { isCommutative } = decided;
    this.place({ ...unit, id: newId, edition, isCommutative, events, total: events.length });
    return true;
  }

  /** Puts a unit after everything that there is of its aggregates. */
  place(unit: HeldUnit): void {
    const versions = new Map<string, number>();
    const events: PlacedEvent[] = unit.events.map((event) => {
      const { aggregate } = event;
      if (!versions.has(aggregate) && !unit.isCommutative) {
        this.rules.decided(unit.edition, aggregate, payloadsOf(this, aggregate));
      }
      const version = (versions.get(aggregate) ?? versionOf(this, aggregate)) + 1;
      versions.set(aggregate, version);
      return { ...event, version };
    });
    this.put({ ...unit, events, local: this.nextLocal++, status: 'pending', seal: '', sealedIndexes: [] });
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
