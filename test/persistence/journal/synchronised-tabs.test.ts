import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import type { ConfirmedUnit, Cursor, Unit, UnitPage } from '../../../src/persistence/unit.js';
import { derivedEdition, editionOf } from '../../../src/persistence/unit-edition.js';
import type { EndOfHealing } from '../../../src/persistence/unit-recorder.js';
import { openTab } from '../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../support/own-tables-tab.js';
import { SharedJournal } from '../../support/shared-journal.js';
import { dumpTables } from '../../support/table-dump.js';
import { ToldChanges } from '../../support/told-changes.js';
import { plain, UnitModel } from '../../support/unit-model.js';

const AGGREGATES = ['a', 'b', 'c', 'd'].map((letter) => `00000000-0000-4000-8000-00000000000${letter}`);
const ALL = { eventsMax: 100_000, bytesMax: 1e9 };
const RUNS = Number(process.env['UNIT_RUNS'] ?? 60);

const aggregates = fc.array(fc.nat({ max: AGGREGATES.length - 1 }), { minLength: 1, maxLength: 3 });
const tab = fc.nat({ max: 1 });
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('commit' as const), tab, aggregates, isCommutative: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('transaction' as const), tab, aggregates }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('accept' as const), count: fc.nat({ max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('others' as const), aggregates }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('page' as const), tab, count: fc.nat({ max: 5 }), fault: fc.nat({ max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('bothPage' as const), count: fc.nat({ max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const), tab, which: fc.nat({ max: 9 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('setBack' as const), tab, to: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('offer' as const), tab, takes: fc.boolean(), ends: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('anew' as const), tab, count: fc.integer({ min: 1, max: 5 }), aggregates }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('checkpoint' as const), tab }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const), tab }) },
); // prettier-ignore
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** Of the first event of each aggregate. */
function placesOf<T>(events: readonly StoredEvent[], of: (originatorId: string, version: number) => T): T[] {
  const seen = new Set<string>();
  return events
    .filter(({ originatorId }) => !seen.has(originatorId) && seen.add(originatorId))
    .map(({ originatorId, originatorVersion }) => of(originatorId, originatorVersion));
}

function editionAt(units: readonly Unit[], originatorId: string, version: number): string | undefined {
  const holder = units.find(({ events }) =>
    events.some((event) => event.originatorId === originatorId && event.originatorVersion === version),
  );
  return holder === undefined ? undefined : editionOf(holder);
}

/** A server, as far as a store can tell: a log that takes what fits, and which may be set back. */
class Log {
  units: ConfirmedUnit[] = [];
  readonly #cursors: Cursor[] = [];
  #made = 0;

  cursorAt(count: number): Cursor {
    return count === 0 ? CURSOR_START : (this.#cursors[count - 1] as Cursor);
  }

  /** How many units are before a cursor; undefined when the log does not have it. */
  countAt(cursor: Cursor): number | undefined {
    if (cursor === CURSOR_START) return 0;
    const index = this.#cursors.indexOf(cursor);
    return index === -1 ? undefined : index + 1;
  }

  add(unit: Unit): void {
    const { id, edition, events, isCommutative, scopes } = unit;
    const position = this.position + events.length;
    const origin = {
      author: `author ${++this.#made % 3}`,
      recordedAtMs: this.#made,
      seal: Uint8Array.of(this.#made & 255),
    };
    this.units.push({ id, edition, events, isCommutative, scopes, position, total: events.length, origin });
    // Not the position alone: after it was set back, another log has the same positions.
    this.#cursors.push(`${position}-${this.#made}`);
  }

  get position(): number {
    return this.units.at(-1)?.position ?? 0;
  }

  nextVersion(originatorId: string): number {
    const versions = this.units.flatMap(({ events }) =>
      events.filter((event) => event.originatorId === originatorId).map((event) => event.originatorVersion),
    );
    return Math.max(0, ...versions) + 1;
  }

  fits(events: readonly StoredEvent[]): boolean {
    const next = new Map<string, number>();
    return events.every(({ originatorId, originatorVersion }) => {
      const wanted = next.get(originatorId) ?? this.nextVersion(originatorId);
      next.set(originatorId, originatorVersion + 1);
      return originatorVersion === wanted;
    });
  }

  /** The unit with the next versions, where these may be given; as it is, where it fits. */
  renumbered(unit: Unit, stood: readonly (string | undefined)[]): Unit {
    const after = placesOf(unit.events, (originatorId) => editionAt(this.units, originatorId, this.nextVersion(originatorId) - 1)); // prettier-ignore
    if (this.fits(unit.events) && JSON.stringify(after) === JSON.stringify(stood)) return unit;
    const next = new Map<string, number>();
    const events = unit.events.map((event) => {
      const originatorVersion = next.get(event.originatorId) ?? this.nextVersion(event.originatorId);
      next.set(event.originatorId, originatorVersion + 1);
      return { ...event, originatorVersion };
    });
    return { ...unit, events, edition: derivedEdition({ id: unit.id, events, after }) };
  }

  page(from: Cursor, count: number): UnitPage {
    const start = this.countAt(from) as number;
    const units = this.units.slice(start, start + count);
    const position = this.units[start + units.length - 1]?.position ?? 0;
    return { from, to: this.cursorAt(start + units.length), position, head: this.position, units };
  }

  setBack(count: number): void {
    this.units.length = count;
    this.#cursors.length = count;
  }
}

class World {
  readonly journal: SharedJournal = new SharedJournal();
  readonly model: UnitModel = new UnitModel();
  readonly log: Log = new Log();
  tabs: OwnTablesTab[] = [];
  /** Of each tab. */
  readonly #told: ToldChanges[] = [];
  /** What was offered of what is lost, until a page has come to the end of the log. */
  #offered: EndOfHealing | undefined;
  #made = 0;

  async open(): Promise<void> {
    this.tabs = [await this.#openTab(0), await this.#openTab(1)];
  }

  async #openTab(at: number): Promise<OwnTablesTab> {
    const told = new ToldChanges();
    this.#told[at] = told;
    const opened = await openTab(this.journal, undefined, { onApplied: told.onApplied });
    await told.check(opened);
    return opened;
  }

  async take(taken: Step): Promise<void> {
    const { model, log } = this;
    const at = this.tabs['tab' in taken ? taken.tab : 0] as OwnTablesTab;
    const { recorder } = at;
    if (taken.do === 'commit') {
      const events = this.#events(taken.aggregates, (id) => model.nextVersion(id));
      const unit = { id: this.#unitId(), isCommutative: taken.isCommutative, scopes: taken.isCommutative ? ['s'] : [] };
      await recorder.insertEvents(events, { unit });
      model.commit({ ...unit, events });
    } else if (taken.do === 'transaction') {
      const events = this.#events(taken.aggregates, (id) => model.nextVersion(id));
      const unit = { id: this.#unitId() };
      await recorder.transaction(async (transaction) => {
        for (const event of events) await transaction.insertEvents([event], { unit });
      });
      model.commit({ ...unit, isCommutative: false, scopes: [], events });
    } else if (taken.do === 'accept') this.#accept(taken.count);
    else if (taken.do === 'others') {
      const events = this.#events(taken.aggregates, (id) => log.nextVersion(id));
      log.add({ id: this.#unitId(), events, isCommutative: false, scopes: ['theirs'] });
    } else if (taken.do === 'page') await this.#page(at, taken.count, taken.fault);
    else if (taken.do === 'bothPage') await this.#bothPage(taken.count);
    else if (taken.do === 'refuse') {
      const unit = model.pending[taken.which % Math.max(1, model.pending.length)];
      if (unit === undefined || log.units.some(({ id }) => id === unit.id)) return;
      await recorder.setAside([{ id: unit.id, reason: { code: 'REFUSED', message: 'not this' } }]);
      model.setAside(unit.id, 'REFUSED');
    } else if (taken.do === 'setBack') {
      log.setBack(Math.floor(taken.to * (log.units.length + 1)) % (log.units.length + 1));
      this.#accept(1);
      if (log.countAt(model.cursor) === undefined) await this.#rewind(at);
    } else if (taken.do === 'anew') await this.#followAnew(taken);
    else if (taken.do === 'offer') await this.#offer(at, taken);
    else if (taken.do === 'checkpoint') await recorder.checkpoint();
    else {
      await recorder.close();
      at.database.close();
      this.tabs[taken.tab] = await this.#openTab(taken.tab);
    }
  }

  async check(): Promise<void> {
    const { model } = this;
    for (const [index, tab] of this.tabs.entries()) {
      const { recorder } = tab;
      recorder.noteHead(this.journal.records.length);
      const stored = await recorder.selectNotifications({ start: 1, limit: 100_000 });
      expect(stored.map((event) => [event.id, plain(event)])).toEqual(
        [...model.notifications].sort((a, b) => a.id - b.id).map((event) => [event.id, plain(event)]),
      );
      expect(await recorder.maxNotificationId()).toBe(model.lastId);
      const pending = await recorder.selectPendingUnits(0, ALL);
      expect(pending.map(({ id, edition, firstNotificationId, isCommutative, scopes }) => [id, edition, firstNotificationId, isCommutative, scopes])).toEqual(
        model.pending.sort((a, b) => a.place - b.place).map(({ id, edition, place, isCommutative, scopes }) => [id, edition, place, isCommutative, scopes]),
      ); // prettier-ignore
      expect(pending.map(({ after }) => after)).toEqual(
        model.pending.sort((a, b) => a.place - b.place).map((unit) => this.#places(unit)),
      );
      expect(await recorder.selectLostUnits(0, ALL)).toEqual(
        model.lost.map((unit) => ({ ...unit.confirmed, after: this.#places(unit) })),
      );
      const aside = await recorder.selectSetAside(0, ALL);
      expect(aside.map(({ id, events, reason, firstNotificationId }) => [id, events.map(plain), reason.code, firstNotificationId])).toEqual(
        model.aside.map(({ unit, code }) => [unit.id, unit.events.map(plain), code, unit.place]),
      ); // prettier-ignore
      const progress = await recorder.syncProgress();
      expect(progress).toMatchObject({
        cursor: model.cursor,
        position: model.position,
        pendingUnits: model.pending.length,
        pendingEvents: model.pending.reduce((sum, { events }) => sum + events.length, 0),
        lostUnits: model.lost.length,
        setAsideUnits: model.aside.length,
      });
      expect(progress.marks.at(-1)).toBe(CURSOR_START);
      await this.#told[index]?.check(tab);
    }
  }

  /** All tabs, and those that begin from the start and from a checkpoint, hold the same, byte for byte. */
  async checkReplays(): Promise<void> {
    const dump = async ({ recorder, database }: OwnTablesTab): Promise<string> => {
      await recorder.query('SELECT 1');
      return dumpTables(database);
    };
    const truth = await dump(this.tabs[0] as OwnTablesTab);
    expect(await dump(this.tabs[1] as OwnTablesTab)).toBe(truth);
    const fromStart = await openTab(this.journal.uncompacted());
    expect(await dump(fromStart)).toBe(truth);
    if (this.journal.records.length > 0) await (this.tabs[1] as OwnTablesTab).recorder.checkpoint();
    const fromImage = await openTab(this.journal);
    expect(await dump(fromImage)).toBe(truth);
    const integrity = await fromImage.recorder.query('SELECT * FROM pragma_integrity_check');
    expect(integrity.rows).toEqual([{ integrity_check: 'ok' }]);
    for (const { recorder, database } of [...this.tabs, fromStart, fromImage]) {
      await recorder.close();
      database.close();
    }
  }

  /** The server takes what fits of what is pending, in order, until something does not. */
  #accept(count: number): void {
    const { model, log } = this;
    let left = count;
    for (const unit of [...model.pending].sort((a, b) => a.place - b.place)) {
      if (left-- <= 0) return;
      if (log.units.some(({ id }) => id === unit.id)) continue;
      if (unit.isCommutative) log.add(log.renumbered(unit, this.#places(unit)));
      else if (log.fits(unit.events) && this.#standsOn(unit)) log.add(unit);
      else return;
    }
  }

  /** Whether a strict unit follows on the events that it was decided on. */
  #standsOn(unit: { readonly events: readonly StoredEvent[] }): boolean {
    return unit.events.every((event) => {
      const own = unit.events.some((other) => other.originatorId === event.originatorId && other.originatorVersion === event.originatorVersion - 1); // prettier-ignore
      const before = (units: readonly Unit[]): string | undefined =>
        editionAt(units, event.originatorId, event.originatorVersion - 1);
      return own || before(this.model.units) === before(this.log.units);
    });
  }

  async #page({ recorder }: OwnTablesTab, count: number, fault: number): Promise<void> {
    const { model, log, journal } = this;
    if (log.countAt(model.cursor) === undefined) return;
    const page = log.page(model.cursor, count);
    const [offered, isOffered] = [this.#offered, this.#offered !== undefined];
    const options = offered === undefined ? {} : { offered };
    if (fault > 1) {
      const outcome = await recorder.insertPage(page, options);
      expect(outcome.isStored).toBe(model.page(page, isOffered));
      if (outcome.isStored && offered !== undefined && page.position === page.head) {
        await recorder.endHeal(offered);
        model.endHeal();
        this.#offered = undefined;
      }
      return;
    }
    // The storage fails before the record is written, or after it: the tab is not told.
    const before = journal.records.length;
    journal.nextFault = () => (fault === 0 ? 'fails' : 'fails-after-writing');
    const settled = await recorder.insertPage(page, options).then(
      ({ isStored }) => isStored,
      () => 'failed',
    );
    journal.nextFault = () => 'none';
    if (journal.records.length > before) expect([settled, model.page(page, isOffered)]).toEqual(['failed', true]);
    else {
      const isTaken = page.units.length > 0 && (model.lost.length === 0 || isOffered);
      expect(settled).toBe(isTaken ? 'failed' : model.page(page, isOffered));
    }
  }

  async #bothPage(count: number): Promise<void> {
    const { model, log } = this;
    if (log.countAt(model.cursor) === undefined) return;
    const page = log.page(model.cursor, count);
    const outcomes = await Promise.all(this.tabs.map(({ recorder }) => recorder.insertPage(page)));
    const isStored = model.page(page);
    const expected = isStored ? (page.units.length === 0 ? 2 : 1) : 0;
    expect(outcomes.filter((outcome) => outcome.isStored)).toHaveLength(expected);
  }

  /** The way once more, by both tabs in turn, while one of them records: all that is shown is here, and stays as it is. */
  async #followAnew({ tab: first, count, aggregates: recorded }: Extract<Step, { do: 'anew' }>): Promise<void> {
    const { model, log, journal } = this;
    const end = log.countAt(model.cursor);
    if (end === undefined || end === 0 || model.lost.length > 0) return;
    // What may be pending again at the end of the log is for `scope-cases.ts` and the model of synchronisation.
    if (end < log.units.length) return;
    if (model.aside.some(({ code }) => code === 'DEPENDENCY')) return;
    const { recorder } = this.tabs[first] as OwnTablesTab;
    expect(await recorder.followAnew(model.cursor)).toBe(true);
    await this.take({ do: 'commit', tab: first, aggregates: recorded, isCommutative: false });
    for (let [from, turn] = [0, first]; from < end; from += count, turn = 1 - turn) {
      const following = (this.tabs[turn] as OwnTablesTab).recorder;
      following.noteHead(journal.records.length);
      expect(await following.syncProgress()).toMatchObject({ cursor: log.cursorAt(from), held: [model.cursor] });
      const page = log.page(log.cursorAt(from), Math.min(count, end - from));
      expect(await following.insertPage(page)).toEqual({ isStored: true, confirmed: [], setAside: [], addedEvents: 0 });
    }
  }

  async #rewind({ recorder }: OwnTablesTab): Promise<void> {
    const { model, log } = this;
    recorder.noteHead(this.journal.records.length);
    const { marks } = await recorder.syncProgress();
    const common = marks.find((mark) => log.countAt(mark) !== undefined) as Cursor;
    expect(await recorder.rewind(common)).toBe(true);
    this.#offered = undefined;
    model.rewind(common, log.units[(log.countAt(common) as number) - 1]?.position ?? 0);
  }

  /** @param ends - at once, as devices of the release before do; otherwise when the log was followed to its end */
  async #offer(
    { recorder }: OwnTablesTab,
    { takes, ends }: { readonly takes: boolean; readonly ends: boolean },
  ): Promise<void> {
    const { model, log } = this;
    if (takes) {
      for (const unit of await recorder.selectLostUnits(0, ALL)) {
        const isThere = log.units.some(({ id }) => id === unit.id);
        if (!isThere && log.fits(unit.events) && this.#standsOn(unit)) log.add(unit);
      }
    }
    const { rewinds } = await recorder.syncProgress();
    this.#offered = ends ? undefined : { rewinds, refused: [] };
    if (!ends) return;
    await recorder.endHeal({ rewinds, refused: [] });
    model.endHeal();
  }

  #places({ events }: Pick<Unit, 'events'>): (string | undefined)[] {
    return placesOf(events, (originatorId, version) => editionAt(this.model.units, originatorId, version - 1));
  }

  #events(indexes: readonly number[], nextVersion: (originatorId: string) => number): StoredEvent[] {
    const next = new Map<string, number>();
    return indexes.map((index) => {
      const originatorId = AGGREGATES[index] as string;
      const originatorVersion = next.get(originatorId) ?? nextVersion(originatorId);
      next.set(originatorId, originatorVersion + 1);
      return {
        originatorId,
        originatorVersion,
        topic: 'Counted',
        state: Uint8Array.of(++this.#made & 255, this.#made >> 8),
      };
    });
  }

  #unitId(): string {
    return `00000000-0000-4000-9000-${String(++this.#made).padStart(12, '0')}`;
  }
}

describe('two tabs that record, follow a log, are set aside and heal', () => {
  test('agree with a plain model, with each other, and with every replay', { timeout: 240_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), async (steps) => {
        const world = new World();
        await world.open();
        for (const taken of steps) {
          await world.take(taken);
          await world.check();
        }
        await world.checkReplays();
      }),
      { numRuns: RUNS },
    );
  });
});
