/**
 * What a store with units holds, by plain lists: the oracle of `synchronised-tabs.test.ts`. Written apart from the code
 * that it checks, and as simply as it can be: it looks at everything, every time.
 */
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import { derivedEdition, editionOf } from '../../src/persistence/unit-edition.js';
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

  get open(): ModelUnit[] {
    return this.units.filter(({ confirmed, isLost }) => confirmed === undefined || isLost);
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

  /** @param isOffered - whether all that is lost was offered: then it is as what is pending, also what others recorded */
  page({ from, to, position, units }: UnitPage, isOffered = false): boolean {
    if (from !== this.cursor || (this.lost.length > 0 && !isOffered)) return false;
    const inPage = new Map(units.map((unit) => [unit.id, unit]));
    const own = this.open.filter(({ id }) => inPage.has(id));
    const isKnown = (unit: ModelUnit): boolean =>
      editionOf(unit) === editionOf(inPage.get(unit.id) as ConfirmedUnit) &&
      JSON.stringify(inPage.get(unit.id)?.events.map(plain)) === JSON.stringify(unit.events.map(plain));
    const known = own.filter(isKnown);
    const shifted = own.filter((unit) => !isKnown(unit) && isSameButForVersions(unit, inPage.get(unit.id) as Unit));
    const replaced = own.filter((unit) => !known.includes(unit) && !shifted.includes(unit));
    const others = this.open.filter(({ id }) => !inPage.has(id));
    const news = units.filter(({ id }) => !known.some((unit) => unit.id === id));
    const gone = new Map<ModelUnit, string>();
    for (const unit of others) {
      const isInTheWay = unit.events.some((event) =>
        news.some(({ events }) =>
          events.some((e) => e.originatorId === event.originatorId && e.originatorVersion <= event.originatorVersion),
        ),
      );
      if (isInTheWay) gone.set(unit, 'CONFLICT');
    }
    this.#close(gone, [...replaced, ...shifted], others);
    const before = this.units;
    const replacedOwn = replaced.filter(({ isOwn }) => isOwn);
    const ownIds = new Set([...replacedOwn.map(({ id }) => id), ...this.aside.map(({ unit }) => unit.id)]);
    this.units = this.units
      .filter((unit) => !replaced.includes(unit) && !gone.has(unit))
      .map((unit) => {
        const confirmed = inPage.get(unit.id);
        if (confirmed === undefined || (unit.confirmed !== undefined && !unit.isLost)) return unit;
        return { ...unit, events: confirmed.events, edition: confirmed.edition, confirmed, isLost: false };
      });
    this.aside = this.aside.filter(({ unit }) => !inPage.has(unit.id));
    for (const unit of news) {
      const isHere = shifted.some(({ id }) => id === unit.id);
      if (!isHere) this.#add({ ...unit, isOwn: ownIds.has(unit.id), confirmed: unit, isLost: false });
    }
    this.#settle(gone, before);
    [this.cursor, this.position] = [to, position];
    return true;
  }

  setAside(id: UnitId, code: string): void {
    const unit = this.pending.find((one) => one.id === id);
    if (unit === undefined) return;
    const gone = new Map([[unit, code]]);
    this.#close(gone, [], this.pending);
    const before = this.units;
    this.units = this.units.filter((one) => !gone.has(one));
    this.#settle(gone, before, unit);
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
    const before = this.units;
    this.units = this.units
      .filter((unit) => !foreign.includes(unit) && !gone.has(unit))
      .map((unit) => (unit.isLost ? { ...unit, isLost: false, confirmed: undefined } : unit));
    this.#settle(gone, before);
  }

  #close(gone: Map<ModelUnit, string>, elsewhere: readonly ModelUnit[], candidates: readonly ModelUnit[]): void {
    for (let before = -1; before !== gone.size;) {
      before = gone.size;
      for (const unit of candidates) {
        if (gone.has(unit)) continue;
        const touches = (other: ModelUnit): boolean =>
          other.events.some((a) =>
            unit.events.some((b) => a.originatorId === b.originatorId && a.originatorVersion < b.originatorVersion),
          );
        if ([...gone.keys(), ...elsewhere].some(touches)) gone.set(unit, 'DEPENDENCY');
      }
    }
  }

  /** What commutes goes behind what is there, unless what it stood on is gone and nothing else is there. */
  #settle(gone: ReadonlyMap<ModelUnit, string>, before: readonly ModelUnit[], refused?: ModelUnit): void {
    for (const [unit, code] of [...gone].sort(([a], [b]) => a.place - b.place)) {
      if (!unit.isOwn) continue;
      const ends = new Map(
        unit.events.map(({ originatorId }) => {
          const holders = this.units.filter(({ events }) => events.some((e) => e.originatorId === originatorId));
          const version = this.nextVersion(originatorId) - 1;
          const holder = holders.find(({ events }) =>
            events.some((e) => e.originatorId === originatorId && e.originatorVersion === version),
          );
          return [originatorId, { version, edition: holder === undefined ? undefined : editionOf(holder) }] as const;
        }),
      );
      const isOrphan = unit.events.some(
        ({ originatorId, originatorVersion }) =>
          ends.get(originatorId)?.edition === undefined &&
          before.some(
            (other) =>
              other !== unit &&
              other.events.some((e) => e.originatorId === originatorId && e.originatorVersion < originatorVersion),
          ),
      );
      if (!unit.isCommutative || unit === refused || isOrphan) {
        this.aside = [...this.aside, { unit, code }].sort((a, b) => a.unit.place - b.unit.place);
        continue;
      }
      const versions = new Map([...ends].map(([originatorId, { version }]) => [originatorId, version]));
      const events = unit.events.map((event) => {
        const originatorVersion = (versions.get(event.originatorId) as number) + 1;
        versions.set(event.originatorId, originatorVersion);
        return { ...event, originatorVersion };
      });
      const after = [...ends.values()].map(({ edition }) => edition);
      const edition = derivedEdition({ id: unit.id, events, after });
      this.units.push({ ...unit, events, edition, confirmed: undefined, isLost: false });
    }
  }

  #add(unit: Omit<ModelUnit, 'place'>): void {
    this.units.push({ ...unit, place: this.lastId + 1 });
    this.lastId += unit.events.length;
  }
}

function isSameButForVersions(a: Unit, b: Unit): boolean {
  const said = ({ isCommutative, events }: Unit): string =>
    JSON.stringify([isCommutative, events.map(({ originatorId, topic, state }) => [originatorId, topic, [...state]])]);
  return a.isCommutative && said(a) === said(b);
}

export function plain({ originatorId, originatorVersion, topic, state }: StoredEvent): unknown {
  return [originatorId, originatorVersion, topic, [...state]];
}
