import { expect } from 'vitest';
import { AttachedRescue } from '../../src/host/attached-rescue.js';
import { IntegrityError } from '../../src/persistence/errors.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import type { UnitId } from '../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { openTab } from './own-tables-tab.js';
import type { OwnTablesTab } from './own-tables-tab.js';
import { RescueDisk } from './rescue-disk.js';
import { SharedJournal } from './shared-journal.js';

const ALL = { eventsMax: 100_000, bytesMax: 1e9 };

/** One tab, with its rescue. */
export interface RescueTab extends OwnTablesTab {
  readonly rescue: AttachedRescue;
}

let states = 0;

/** One browser: a store that is open in some tabs, the files beside it, and a server. */
export class RescueBrowser {
  readonly disk = new RescueDisk();
  readonly log = new MemoryUnitLog();
  readonly clock = new ManualClock();
  readonly recorded = new Set<UnitId>();
  readonly missing = new Set<UnitId>();
  isExact = true;
  tabs: RescueTab[] = [];
  #journal = new SharedJournal();
  #replicaId = '';
  #life = 0;

  /** @param isNew - the store is not there: it was lost, or never was */
  async open(isNew: boolean, tabs: number = 2): Promise<void> {
    if (isNew) {
      this.#journal = new SharedJournal();
      this.#replicaId = crypto.randomUUID();
    }
    this.#life = this.disk.lives;
    const opened = Array.from({ length: tabs }, async () => {
      const tab = await openTab(this.#journal);
      const { recorder } = tab;
      const { disk, clock } = this;
      const files = disk.connect();
      const rescue = await AttachedRescue.attach({ name: 'stock', files, recorder, replicaId: this.#replicaId, clock });
      if (isNew) this.#hear(rescue);
      return { ...tab, rescue };
    });
    this.tabs = await Promise.all(opened);
  }

  /** Whether it was killed in the middle of a write. */
  get isKilled(): boolean {
    return this.disk.lives !== this.#life;
  }

  /** Ends the browser in the middle of everything, and starts it again. */
  async restart(isLost: boolean): Promise<void> {
    this.disk.kill();
    await this.#end();
    await this.open(isLost);
  }

  /** Has the browser ended as tabs are. */
  async close(): Promise<void> {
    for (const { rescue } of this.tabs) await rescue.close();
    await this.#end();
  }

  /** Records a unit of events, each the next of its aggregate. */
  async record(
    tab: RescueTab,
    aggregates: readonly string[],
    isCommutative: boolean = false,
  ): Promise<UnitId | undefined> {
    const { recorder } = tab;
    const events: StoredEvent[] = [];
    for (const originatorId of aggregates) {
      const [last] = await recorder.selectEvents(originatorId, { desc: true, limit: 1 });
      const earlier = events.filter((event) => event.originatorId === originatorId).length;
      const state = new TextEncoder().encode(String(++states));
      events.push({ originatorId, originatorVersion: (last?.originatorVersion ?? 0) + earlier + 1, topic: 'Counted', state }); // prettier-ignore
    }
    const id = crypto.randomUUID();
    try {
      await recorder.insertEvents(events, { unit: { id, isCommutative } });
    } catch (error) {
      // The other tab was first.
      if (!(error instanceof IntegrityError)) throw error;
      return undefined;
    }
    // Of a browser that was killed meanwhile nobody has heard it.
    if (this.isKilled) return undefined;
    this.recorded.add(id);
    return id;
  }

  /** @returns the unit that does not fit there */
  async push({ recorder }: RescueTab, count: number): Promise<UnitId | undefined> {
    const units = (await recorder.selectPendingUnits(0, ALL)).slice(0, count);
    return (await this.log.push(units, { subject: 'ann', replicaId: this.#replicaId })).conflict;
  }

  async page({ recorder, rescue }: RescueTab, count: number): Promise<boolean> {
    const { cursor } = await recorder.syncProgress();
    const page = await this.log.page(cursor, { eventsMax: count, bytesMax: 1e9 });
    if (page === undefined || page.units.length === 0) return false;
    if ((await recorder.insertPage(page)).isStored) await rescue.notePage(page);
    return true;
  }

  async insertBeside(originatorId: string): Promise<void> {
    const units = (await this.log.page(CURSOR_START, ALL))?.units ?? [];
    const events = units.flatMap((unit) => unit.events).filter((event) => event.originatorId === originatorId);
    const state = new TextEncoder().encode(String(++states));
    this.log.insertBeside([{ originatorId, originatorVersion: events.length + 1, topic: 'Counted', state }]);
  }

  /** Synchronises until nothing is left to do. */
  async settle(): Promise<void> {
    const [tab] = this.tabs as [RescueTab];
    // What the other tab has done, of which nobody tells here.
    tab.recorder.noteHead(this.#journal.records.length);
    for (let round = 0; round < 50; round++) {
      const isNews = await this.page(tab, 3);
      const { pendingUnits } = await tab.recorder.syncProgress();
      if (!isNews && pendingUnits === 0) break;
      const conflict = isNews ? undefined : await this.push(tab, 100);
      // As the exchange does, when pages have told all that they can: a tab that had not heard of a page has recorded it.
      if (conflict !== undefined && !(await this.page(tab, 3))) {
        await tab.recorder.setAside([
          { id: conflict, reason: { code: 'CONFLICT', message: 'It stands on another state.' } },
        ]);
      }
    }
    await tab.rescue.settle();
    expect((await tab.recorder.syncProgress()).pendingUnits).toBe(0);
  }

  /** Where a unit may be that was acknowledged. */
  async held(): Promise<ReadonlySet<UnitId>> {
    const [{ recorder, rescue }] = this.tabs as [RescueTab];
    expect(rescue.report().waitingUnits).toBe(0);
    const units = [
      ...((await this.log.page(CURSOR_START, ALL))?.units ?? []),
      ...(await recorder.selectPendingUnits(0, ALL)),
      ...(await recorder.selectSetAside(0, ALL)),
    ];
    return new Set([...units.map(({ id }) => id), ...this.missing]);
  }

  #hear({ loss }: AttachedRescue): void {
    if (loss === undefined) return;
    const { missingUnits, isExact } = loss.details as { readonly missingUnits: string; readonly isExact: boolean };
    for (const id of missingUnits.split(',')) this.missing.add(id);
    this.isExact &&= isExact;
  }

  async #end(): Promise<void> {
    for (const { recorder, database } of this.tabs) {
      await recorder.close();
      database.close();
    }
  }
}
