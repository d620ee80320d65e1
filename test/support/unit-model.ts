/**
 * What a store with units holds, by plain lists: the oracle of `synchronised-tabs.test.ts`. Written apart from the code
 * that it checks, and as simply as it can be: it looks at everything, every time.
 */
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import type { ConfirmedUnit, Cursor, Unit, UnitId, UnitPage } from '../../src/persistence/unit.js';

export interface ModelUnit extends Unit {
  readonly place: number;
  readonly isOwn: boolean;
  readonly confirmed: ConfirmedUnit | undefined;
  readonly isLost: boolean;
}

export interface ModelAside {
  readonly unit: ModelUnit;
  readonly code: string;
}

export class UnitModel {
  units: ModelUnit[] = [];
  aside: ModelAside[] = [];
  cursor: Cursor = CURSOR_START;
  position = 0;
  lastId = 0;

  get pending(): ModelUnit[] {
    return this.units.filter(({ confirmed }) => confirmed === undefined);
  }

  get lost(): ModelUnit[] {
    return this.units
      .filter(({ isLost }) => isLost)
      .sort((a, b) => (a.confirmed as ConfirmedUnit).position - (b.confirmed as ConfirmedUnit).position);
  }

  get notifications(): (StoredEvent & { id: number })[] {
    return this.units.flatMap(({ place, events }) => events.map((event, index) => ({ id: place + index, ...event })));
  }

  nextVersion(originatorId: string): number {
    const versions = this.units.flatMap(({ events }) =>
      events.filter((event) => event.originatorId === originatorId).map((event) => event.originatorVersion),
    );
    return Math.max(0, ...versions) + 1;
  }

  commit(unit: Unit): void {
    this.#add({ ...unit, isOwn: true, confirmed: undefined, isLost: false });
  }

  page({ from, to, position, units }: UnitPage): boolean {
    if (from !== this.cursor || this.lost.length > 0) return false;
    const inPage = new Map(units.map((unit) => [unit.id, unit]));
    const isKnown = ({ id, events }: ModelUnit): boolean =>
      JSON.stringify(inPage.get(id)?.events.map(plain)) === JSON.stringify(events.map(plain));
    const known = this.pending.filter(isKnown);
    const replaced = this.pending.filter((unit) => inPage.has(unit.id) && !isKnown(unit));
    const added = units.filter(({ id }) => !known.some((unit) => unit.id === id));
    const others = this.pending.filter(({ id }) => !inPage.has(id));
    const gone = new Map<ModelUnit, string>();
    for (const unit of others) {
      const isInTheWay = unit.events.some((own) =>
        added.some(({ events }) =>
          events.some((e) => e.originatorId === own.originatorId && e.originatorVersion <= own.originatorVersion),
        ),
      );
      if (isInTheWay) gone.set(unit, 'CONFLICT');
    }
    this.#close(gone, replaced, others);
    this.#setAside(gone);
    const ownIds = new Set([...replaced.map(({ id }) => id), ...this.aside.map(({ unit }) => unit.id)]);
    this.units = this.units
      .filter((unit) => !replaced.includes(unit))
      .map((unit) => (known.includes(unit) ? { ...unit, confirmed: inPage.get(unit.id) } : unit));
    this.aside = this.aside.filter(({ unit }) => !inPage.has(unit.id));
    for (const unit of added) this.#add({ ...unit, isOwn: ownIds.has(unit.id), confirmed: unit, isLost: false });
    [this.cursor, this.position] = [to, position];
    return true;
  }

  setAside(id: UnitId, code: string): void {
    const unit = this.pending.find((one) => one.id === id);
    if (unit === undefined) return;
    const gone = new Map([[unit, code]]);
    this.#close(gone, [], this.pending);
    this.#setAside(gone);
  }

  rewind(cursor: Cursor, position: number): void {
    this.units = this.units.map((unit) => ({
      ...unit,
      isLost: unit.isLost || (unit.confirmed?.position ?? 0) > position,
    }));
    [this.cursor, this.position] = [cursor, position];
  }

  endHeal(): void {
    const foreign = this.lost.filter(({ isOwn }) => !isOwn);
    const open = this.units.filter(({ confirmed, isLost, isOwn }) => confirmed === undefined || (isLost && isOwn));
    const gone = new Map<ModelUnit, string>();
    for (const unit of open) {
      const standsOnLost = unit.events.some((own) =>
        foreign.some(({ events }) =>
          events.some((e) => e.originatorId === own.originatorId && e.originatorVersion < own.originatorVersion),
        ),
      );
      if (standsOnLost) gone.set(unit, 'LOST');
    }
    this.#close(gone, [], open);
    this.#setAside(gone);
    this.units = this.units
      .filter((unit) => !foreign.includes(unit))
      .map((unit) => (unit.isLost ? { ...unit, isLost: false, confirmed: undefined } : unit));
  }

  #close(gone: Map<ModelUnit, string>, replaced: readonly ModelUnit[], candidates: readonly ModelUnit[]): void {
    for (let before = -1; before !== gone.size;) {
      before = gone.size;
      for (const unit of candidates) {
        if (gone.has(unit)) continue;
        const touches = (other: ModelUnit): boolean =>
          other.place < unit.place &&
          other.events.some((a) => unit.events.some((b) => a.originatorId === b.originatorId));
        if ([...gone.keys(), ...replaced].some(touches)) gone.set(unit, 'DEPENDENCY');
      }
    }
  }

  #setAside(gone: ReadonlyMap<ModelUnit, string>): void {
    const leaving = [...gone].map(([unit, code]) => ({ unit, code }));
    this.aside = [...this.aside, ...leaving].sort((a, b) => a.unit.place - b.unit.place);
    this.units = this.units.filter((unit) => !gone.has(unit));
  }

  #add(unit: Omit<ModelUnit, 'place'>): void {
    this.units.push({ ...unit, place: this.lastId + 1 });
    this.lastId += unit.events.length;
  }
}

export function plain({ originatorId, originatorVersion, topic, state }: StoredEvent): unknown {
  return [originatorId, originatorVersion, topic, [...state]];
}
