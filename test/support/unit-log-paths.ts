/**
 * What is asked of a log of units again and again, however long it is: to look at the plans of the statements.
 *
 * @module
 */
import { expect } from 'vitest';
import type { StoredSnapshot } from '../../src/persistence/snapshot-store.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import type { Cursor } from '../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import type { StoredUnitLog, UnitLogOptions } from '../../src/server/log/stored-unit-log.js';
import { newOriginatorId, sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { asLost, pageOf, sampleUnit } from '../../src/testing/conformance/unit-samples.js';

const UNITS = 5_000;
const SENDER = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const LIMITS = { eventsMax: 50, bytesMax: 1_000_000 };
const SEALS = { keys: [new Uint8Array(32).fill(1)] };

/** A log with thousands of units, one aggregate of which is much longer than the others. */
export interface LongLog {
  readonly log: StoredUnitLog;
  /** A place in its middle. */
  readonly middle: Cursor;
  /** The aggregate that is long. */
  readonly shelf: string;
  /** The unit of its last event. */
  readonly last: string;
  /** Inserts events beside the log. @param id - of the event n, which counts from 1, as SQL */
  readonly insertBeside: (id: string, count: number) => Promise<void>;
}

/** Which aggregate is long has to be known before. */
export function longLogOptions(shelf: string): Required<Pick<UnitLogOptions, 'seals' | 'snapshots'>> {
  const select = async (originatorId: string): Promise<StoredSnapshot | undefined> =>
    originatorId === shelf ? snapshotOf(shelf, 20) : undefined;
  return { seals: SEALS, snapshots: { select } };
}

function snapshotOf(originatorId: string, originatorVersion: number): StoredSnapshot {
  const of = { originatorId, originatorVersion, eventId: 'some', aggregateType: 'Shelf' };
  return { ...of, stateVersion: 1, takenAtMs: 0, state: Uint8Array.of(1) };
}

/** Fills a log. */
export async function fillLongLog(log: StoredUnitLog, shelf: string): Promise<Omit<LongLog, 'insertBeside'>> {
  let last = '';
  for (let version = 1; version <= UNITS; version += 500) {
    const some = Array.from({ length: 500 }, (_, index) => {
      const isShelf = index % 5 === 0;
      return sampleUnit([sampleEvent(isShelf ? shelf : newOriginatorId(), 1)], { isCommutative: true });
    });
    last = some.findLast((_, index) => index % 5 === 0)!.id;
    await log.push(some, SENDER, async ({ id }) => (id.startsWith('0') ? { code: 'NO', message: 'No.' } : undefined));
  }
  const { to: middle } = await pageOf(log, CURSOR_START, { eventsMax: 2_000, bytesMax: 1e9 });
  return { log, middle, shelf, last };
}

/** What is asked, by name. */
export const LOG_PATHS: Readonly<Record<string, (long: LongLog) => Promise<unknown>>> = {
  'a push of much': async ({ log, shelf, last }) => {
    const strict = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    const on = sampleUnit([sampleEvent(shelf, 1)], { isCommutative: true, after: [last] });
    const units = Array.from({ length: 200 }, () => sampleUnit([sampleEvent(newOriginatorId(), 1)]));
    expect((await log.push([strict, on, ...units], SENDER)).decisions).toHaveLength(202);
    await log.push([strict, on], SENDER);
  },
  'a push of a unit, of one that is refused, and of a conflict': async ({ log, shelf, last }) => {
    await log.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], SENDER);
    const refused = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
    await log.push([refused], SENDER, async () => ({ code: 'NO', message: 'No.' }));
    const late = sampleUnit([sampleEvent(shelf, 3)], { after: [last] });
    expect((await log.push([late], SENDER)).conflict).toBe(late.id);
  },
  pages: async ({ log, middle }) => {
    await log.page(CURSOR_START, LIMITS);
    const { to } = await pageOf(log, middle, LIMITS);
    await log.page(to, { ...LIMITS, eventsMax: 1 });
  },
  'what is new': async ({ log, middle }) => {
    const { end } = await log.news(LIMITS);
    await log.push([sampleUnit([sampleEvent(newOriginatorId(), 1)])], SENDER);
    expect((await log.news({ ...LIMITS, after: end })).page?.units).toHaveLength(1);
    expect((await log.news({ ...LIMITS, after: middle })).page).toBeUndefined();
  },
  'what others recorded': async ({ log, insertBeside }) => {
    await insertBeside('200000 + n', 5);
    // And one that comes late.
    await insertBeside('101999', 1);
    const head = await log.head();
    expect(head).toBeGreaterThan(UNITS);
  },
  'the history of an aggregate': async ({ log, shelf }) => {
    const all = await log.history(shelf, { after: 0, upTo: UNITS, ...LIMITS });
    expect(all.length).toBeGreaterThanOrEqual(LIMITS.eventsMax);
    expect(await log.history(shelf, { after: UNITS, upTo: UNITS + 1, ...LIMITS })).toEqual([]);
  },
  'parts of a bootstrap': async ({ log, shelf }) => {
    const bootstrap = [newOriginatorId(), newOriginatorId()];
    const first = await pageOf(log, CURSOR_START, { ...LIMITS, bootstrap });
    expect(first.bootstrap?.aggregates).toHaveLength(2);
    // In the midst of the aggregate that is long, whichever id it has.
    let part = await pageOf(log, CURSOR_START, { ...LIMITS, eventsMax: 1_000, bootstrap: [] });
    while (!part.bootstrap!.aggregates.some(({ originatorId }) => originatorId === shelf)) {
      part = await pageOf(log, part.to, { ...LIMITS, eventsMax: 1_000 });
    }
    expect((await pageOf(log, part.to, LIMITS)).bootstrap?.isEnd).toBe(false);
    const base = part.bootstrap?.aggregates.find(({ originatorId }) => originatorId === shelf)?.base;
    expect(base?.version).toBe(19);
  },
  'a common place': async ({ log, middle }) => {
    const marks = Array.from({ length: 50 }, (_, index) => `1.${index * 7 + 1}.${'ab'.repeat(16)}`);
    expect(await log.common([...marks, middle])).toBe(middle);
  },
  'an offer': async ({ log }) => {
    const { units } = await pageOf(log, CURSOR_START, LIMITS);
    const { decisions: known } = await log.heal(asLost(units), SENDER);
    expect(known.every(({ kind }) => kind === 'known')).toBe(true);
    await log.refused({ limit: 10 });
  },
  'an offer that waits, and what it waits for': async ({ log }) => {
    const id = newOriginatorId();
    const first = sampleUnit([sampleEvent(id, 1)]);
    const second = sampleUnit([sampleEvent(id, 2)], { after: [first.id] });
    const other = new MemoryUnitLog({ seals: SEALS });
    await other.push([first, second], SENDER);
    const lost = asLost((await pageOf(other, CURSOR_START, LIMITS)).units);
    expect((await log.heal(lost.slice(1), SENDER)).decisions[0]?.kind).toBe('setAside');
    const before = await log.head();
    await log.push([first], SENDER);
    expect(await log.head()).toBe(before + 2);
  },
};
