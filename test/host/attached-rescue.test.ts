/**
 * Stores that a browser loses, over the server's code.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CURSOR_START } from '../../src/persistence/unit.js';
import { historyDigest } from '../../src/persistence/history-digest.js';
import { SUPERSEDED } from '../../src/persistence/unit-recorder.js';
import type { PendingUnit, UnitId, UnitPage } from '../../src/persistence/unit.js';
import { derivedEdition } from '../../src/persistence/unit-edition.js';
import { sampleEvent } from '../../src/testing/conformance/event-samples.js';
import { RescueBrowser } from '../support/rescue-browser.js';
import type { RescueTab } from '../support/rescue-browser.js';

const RUNS = Number(process.env['RESCUE_RUNS'] ?? 40);
const ALL = { eventsMax: 100_000, bytesMax: 1e9 };
const AGGREGATES = ['a', 'b', 'c'].map((letter) => `00000000-0000-4000-8000-00000000000${letter}`);
const [A, B] = AGGREGATES as [string, string];

/** A browser whose store is open in some tabs, until the test ends. */
async function withBrowser(
  work: (browser: RescueBrowser, tab: RescueTab) => Promise<void>,
  tabs?: number,
): Promise<void> {
  const browser = new RescueBrowser();
  await browser.open(true, tabs);
  try {
    await work(browser, browser.tabs[0] as RescueTab);
  } finally {
    await browser.close();
  }
}

const first = (browser: RescueBrowser): RescueTab => browser.tabs[0] as RescueTab;
const pendingIds = async ({ recorder }: RescueTab): Promise<readonly UnitId[]> =>
  (await recorder.selectPendingUnits(0, ALL)).map(({ id }) => id);
const logIds = async ({ log }: RescueBrowser): Promise<readonly UnitId[]> =>
  ((await log.page(CURSOR_START, ALL))?.units ?? []).map(({ id }) => id);

describe('a store that was lost', () => {
  test('what stands on confirmed events comes back when these have come, and is taken by the server', async () => {
    await withBrowser(async (browser, tab) => {
      const confirmed = await browser.record(tab, [A]);
      await browser.settle();
      const [ours, next, alone] = [await browser.record(tab, [A]), await browser.record(tab, [A]), await browser.record(tab, [B])]; // prettier-ignore
      const before = await tab.recorder.selectPendingUnits(0, ALL);
      await browser.restart(true);
      const again = first(browser);
      expect(again.rescue.restored).toMatchObject({ units: 4 });
      expect(again.rescue.loss).toBeUndefined();
      // At once what stands on nothing that is confirmed; the first one, of which the file does not know that it is, too.
      expect(await pendingIds(again)).toContain(alone);
      await browser.page(again, 100);
      const pending = await again.recorder.selectPendingUnits(0, ALL);
      expect(pending.map(({ id }) => id).sort()).toEqual([ours, next, alone].sort());
      const placesOf = (units: typeof pending): Map<UnitId, unknown> =>
        new Map(units.map(({ id, after }) => [id, after]));
      expect(placesOf(pending)).toEqual(placesOf(before));
      await browser.settle();
      expect(new Set(await logIds(browser))).toEqual(new Set([confirmed, ours, next, alone]));
    });
  });

  test('after the confirmed ones have left the file, too', async () => {
    await withBrowser(async (browser, tab) => {
      await browser.record(tab, [A]);
      await browser.settle();
      await tab.rescue.compact();
      const ours = await browser.record(tab, [A]);
      await browser.restart(true);
      const again = first(browser);
      expect(again.rescue.restored).toMatchObject({ units: 1 });
      expect(again.rescue.report().waitingUnits).toBe(1);
      expect(await pendingIds(again)).toEqual([]);
      await browser.page(again, 100);
      expect(await pendingIds(again)).toEqual([ours]);
      expect(again.rescue.report().waitingUnits).toBe(0);
      await browser.settle();
      expect(await logIds(browser)).toContain(ours);
    });
  });

  test('what others have taken the place of is set aside, with a reason', async () => {
    await withBrowser(async (browser, tab) => {
      await browser.record(tab, [A]);
      await browser.settle();
      await tab.rescue.compact();
      const ours = await browser.record(tab, [A]);
      const commutative = await browser.record(tab, [A], true);
      await browser.insertBeside(A);
      await browser.restart(true);
      const again = first(browser);
      await browser.page(again, 100);
      expect(await again.recorder.selectSetAside(0, ALL)).toMatchObject([{ id: ours, reason: { code: 'CONFLICT' } }]);
      expect(await again.recorder.selectPendingUnits(0, ALL)).toMatchObject([
        { id: commutative, isCommutative: true, events: [{ originatorVersion: 3 }] },
      ]);
      // An id of what was set aside is not given again.
      const [lost] = await again.recorder.selectSetAside(0, ALL);
      const ids = (await again.recorder.selectNotifications({ start: 1, limit: 100 })).map(({ id }) => id);
      expect(ids).not.toContain(lost?.firstNotificationId);
    });
  });

  test('what was decided again comes back as it was decided', async () => {
    await withBrowser(async (browser, tab) => {
      await browser.record(tab, [A]);
      await browser.settle();
      await tab.rescue.compact();
      const ours = (await browser.record(tab, [A])) as UnitId;
      await browser.insertBeside(A);
      const { cursor } = await tab.recorder.syncProgress();
      const page = (await browser.log.page(cursor, ALL)) as UnitPage;
      const decided = [{ id: ours, events: [{ ...sampleEvent(A, 3), topic: 'decided' }] }];
      expect(await tab.recorder.insertPage(page, { superseding: 'decide', decided })).toMatchObject({ isStored: true });
      await browser.restart(true);
      await browser.page(first(browser), 100);
      const pending = await first(browser).recorder.selectPendingUnits(0, ALL);
      expect(pending).toMatchObject([{ id: ours, events: [{ originatorVersion: 3, topic: 'decided' }] }]);
      await browser.settle();
      expect(await logIds(browser)).toContain(ours);
    });
  });

  test('a server that was exchanged has another event there: it does not stand on that', async () => {
    await withBrowser(async (browser, tab) => {
      const back = browser.log.backup();
      await browser.record(tab, [A]);
      await browser.settle();
      await tab.rescue.compact();
      const ours = await browser.record(tab, [A]);
      back();
      await browser.insertBeside(A);
      await browser.restart(true);
      const again = first(browser);
      await browser.page(again, 100);
      expect(await pendingIds(again)).toEqual([]);
      expect(await again.recorder.selectSetAside(0, ALL)).toMatchObject([{ id: ours }]);
    });
  });

  test('a server that was exchanged: what commutes stands on that in another edition, and what was decided on it does not', async () => {
    await withBrowser(async (browser, tab) => {
      const back = browser.log.backup();
      await browser.record(tab, [A]);
      await browser.settle();
      await tab.rescue.compact();
      const commutative = await browser.record(tab, [A], true);
      const strict = await browser.record(tab, [A]);
      back();
      await browser.insertBeside(A);
      await browser.restart(true);
      const again = first(browser);
      await browser.page(again, 100);
      const [pending, ...more] = await again.recorder.selectPendingUnits(0, ALL);
      expect([pending?.id, more]).toEqual([commutative, []]);
      expect(pending?.edition).toBe(derivedEdition(pending as PendingUnit));
      expect(await again.recorder.selectSetAside(0, ALL)).toMatchObject([{ id: strict }]);
    });
  });

  test('what was set aside comes back as that', async () => {
    await withBrowser(async (browser, tab) => {
      const ours = (await browser.record(tab, [A])) as UnitId;
      await browser.settle();
      const refused = (await browser.record(tab, [A])) as UnitId;
      await tab.recorder.setAside([{ id: refused, reason: { code: 'FORBIDDEN', message: 'no' } }]);
      await browser.restart(true);
      const again = first(browser);
      await browser.page(again, 100);
      expect(await pendingIds(again)).not.toContain(ours);
      expect([...(await pendingIds(again)), ...(await again.recorder.selectSetAside(0, ALL)).map(({ id }) => id)]).toContain(refused); // prettier-ignore
    });
  });

  test('several tabs that open at once bring it back once, and all of them say so', async () => {
    await withBrowser(async (browser, tab) => {
      const ours = [await browser.record(tab, [A]), await browser.record(browser.tabs[2] as RescueTab, [B])];
      browser.disk.kill();
      await browser.restart(true);
      for (const { rescue } of browser.tabs) {
        expect(rescue.restored).toMatchObject({ units: 2 });
        expect(rescue.loss).toBeUndefined();
      }
      expect(new Set(await pendingIds(first(browser)))).toEqual(new Set(ours));
      expect(await first(browser).recorder.maxNotificationId()).toBe(2);
    }, 3);
  });

  test('is lost again before anything has come from the server: nothing is missing', async () => {
    await withBrowser(async (browser, tab) => {
      await browser.record(tab, [A]);
      await browser.settle();
      await tab.rescue.compact();
      const ours = [await browser.record(tab, [A]), await browser.record(tab, [B])];
      for (let round = 0; round < 3; round++) {
        await browser.restart(true);
        for (const { rescue } of browser.tabs) await rescue.settle();
      }
      await browser.settle();
      for (const id of ours) expect(await logIds(browser)).toContain(id);
    });
  });
});

describe('what came back, and is not here any more,', () => {
  /** A unit of a store that was lost is here again; the files still have it as that. */
  async function withRestored(work: (browser: RescueBrowser, ours: UnitId) => Promise<void>): Promise<void> {
    await withBrowser(async (browser, tab) => {
      await browser.record(tab, [A]);
      await browser.settle();
      await tab.rescue.compact();
      const ours = (await browser.record(tab, [A])) as UnitId;
      await browser.restart(true);
      // After what it stands on has come.
      for (const { rescue } of browser.tabs) await rescue.settle();
      expect(await pendingIds(first(browser))).toEqual([]);
      await browser.page(first(browser), 100);
      expect(await pendingIds(first(browser))).toEqual([ours]);
      await work(browser, ours);
      await browser.restart(false);
      for (const { recorder, rescue } of browser.tabs) {
        expect(rescue.waiting).toEqual({ pendingUnits: 0, pendingEvents: 0 });
        expect(await recorder.selectPendingUnits(0, ALL)).toEqual([]);
        expect(await recorder.selectSetAside(0, ALL)).toEqual([]);
      }
    }, 2);
  }

  test('does not come back once more: what was given up by hand', async () => {
    await withRestored(async (browser, ours) => {
      const { recorder } = first(browser);
      await recorder.setAside([{ id: ours, reason: { code: 'FORBIDDEN', message: 'no' } }]);
      expect(await recorder.discardSetAside([ours])).toHaveLength(1);
    });
  });

  test('does not come back once more: what was withdrawn', async () => {
    await withRestored(async (browser, ours) => {
      const { recorder } = first(browser);
      await browser.insertBeside(A);
      await recorder.setAside([{ id: ours, reason: { code: SUPERSEDED, message: 'no' } }]);
      expect(await recorder.decide([{ id: ours, events: [] }])).toBe(true);
    });
  });

  test('does not come back once more: what may not be seen any more', async () => {
    await withRestored(async (browser) => {
      await browser.settle();
      const { recorder } = first(browser);
      const { cursor } = await recorder.syncProgress();
      expect(await recorder.followAnew(cursor)).toBe(true);
      const visibility = { id: 'nothing', isVisible: () => false };
      const page = (await browser.log.page(CURSOR_START, { ...ALL, visibility, held: [cursor] })) as UnitPage;
      expect(await recorder.insertPage(page)).toMatchObject({ isStored: true });
      expect(await recorder.selectEvents(A)).toEqual([]);
    });
  });

  test('does not come back once more: what has left with other history', async () => {
    await withRestored(async (browser, ours) => {
      await browser.settle();
      await browser.insertBeside(A);
      await browser.settle();
      const { recorder } = first(browser);
      const events = await recorder.selectEvents(A);
      expect(events).toHaveLength(3);
      // Some time later than it came back.
      browser.clock.advance(60_000);
      for (const { rescue } of browser.tabs) await rescue.settle();
      const snapshot = {
        ...{ originatorId: A, originatorVersion: 3, eventId: ours, aggregateType: 'Shelf', stateVersion: 1 },
        ...{ state: new Uint8Array(1), takenAtMs: 0 },
      };
      const anchor = (await logIds(browser)).at(-1) as UnitId;
      const truncation = { snapshot, anchor, digest: historyDigest(events.slice(0, 2)) };
      expect(await recorder.truncate([truncation])).toEqual([A]);
    });
  });
});

describe('the files', () => {
  test('have no room: commits go through, and what is missing after a loss is named', async () => {
    await withBrowser(async (browser, tab) => {
      const kept = await browser.record(tab, [A]);
      // What was reserved is used up by other units first.
      browser.disk.capacityBytes = browser.disk.usedBytes;
      while (tab.rescue.report().state === 'on') await browser.record(tab, [B]);
      const unsaved = await browser.record(tab, [A]);
      expect(tab.rescue.report().state).toBe('incomplete');
      const all = await pendingIds(tab);
      await browser.restart(true);
      // The tab that is first tells it.
      const { missingUnits, ...details } = browser.tabs.map(({ rescue }) => rescue.loss).find((loss) => loss !== undefined)!.details; // prettier-ignore
      expect(missingUnits).toBe([all.at(-2), unsaved].join());
      // For a page that was not told by its opening.
      expect(browser.tabs.map(({ rescue }) => rescue.report().failure).join()).toContain('2 are missing');
      expect(details).toMatchObject({ missingUnitsTotal: 2, missingEvents: 2, restoredUnits: all.length - 2, isExact: true }); // prettier-ignore
      expect(await pendingIds(first(browser))).toContain(kept);
    });
  });

  test('have room again: what was not saved is', async () => {
    await withBrowser(async (browser, tab) => {
      browser.disk.capacityBytes = browser.disk.usedBytes;
      while (tab.rescue.report().state === 'on') await browser.record(tab, [B]);
      browser.disk.capacityBytes = Infinity;
      await browser.record(tab, [B]);
      await tab.rescue.settle();
      expect(tab.rescue.report().state).toBe('on');
      const all = await pendingIds(tab);
      await browser.restart(true);
      expect(first(browser).rescue.restored).toMatchObject({ units: all.length });
      expect(first(browser).rescue.loss).toBeUndefined();
      expect(await pendingIds(first(browser))).toEqual(all);
    });
  });

  test('are emptied of what is confirmed, and stay small', async () => {
    await withBrowser(async (browser, tab) => {
      let largest = 0;
      for (let round = 0; round < 12; round++) {
        for (let count = 0; count < 100; count++) await browser.record(tab, [A]);
        await browser.settle();
        largest = Math.max(largest, tab.rescue.report().bytes);
      }
      // 1,200 units of about 140 bytes.
      expect(largest).toBeLessThan(100_000);
      await tab.rescue.compact();
      expect(tab.rescue.report().bytes).toBeLessThan(largest);
    });
  });

  test('of tabs that are gone are taken over', async () => {
    await withBrowser(async (browser) => {
      const ours = [];
      for (const each of browser.tabs) ours.push(await browser.record(each, [crypto.randomUUID()]));
      await browser.close();
      await browser.open(false, 1);
      await first(browser).rescue.settle();
      const sizes = [...browser.disk.files.values()].map(({ bytes }) => bytes.some((byte) => byte !== 0));
      expect(sizes.filter(Boolean)).toHaveLength(1);
      await browser.restart(true);
      expect(new Set(await pendingIds(first(browser)))).toEqual(new Set(ours));
    }, 3);
  });

  test('get what is pending again after a server has lost it', async () => {
    await withBrowser(async (browser, tab) => {
      const back = browser.log.backup();
      const ours = await browser.record(tab, [A]);
      await browser.settle();
      await tab.rescue.compact();
      back();
      await tab.recorder.rewind(CURSOR_START);
      const { rewinds } = await tab.recorder.syncProgress();
      await tab.recorder.endHeal({ rewinds, refused: [] });
      await tab.rescue.settle();
      await browser.restart(true);
      expect(await pendingIds(first(browser))).toEqual([ours]);
    });
  });

  test('get what was pending before there were any', async () => {
    await withBrowser(async (browser, tab) => {
      // As a tab that has not synchronised yet.
      tab.recorder.keepCopy(undefined);
      const ours = await browser.record(tab, [A]);
      await browser.restart(false);
      await first(browser).rescue.settle();
      await browser.restart(true);
      expect(await pendingIds(first(browser))).toContain(ours);
    }, 1);
  });
});

const tab = fc.nat(1);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      ...{ kind: fc.constant('record' as const), tab, isCommutative: fc.boolean() },
      aggregates: fc.array(fc.constantFrom(...AGGREGATES), { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('push' as const), tab, count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('page' as const), tab, count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('beside' as const), aggregate: fc.constantFrom(...AGGREGATES) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('lose' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const), tab }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('killSoon' as const), calls: fc.nat(6), tornBytes: fc.nat(300) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('room' as const), isThere: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('time' as const) }) },
); // prettier-ignore
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

async function take(browser: RescueBrowser, taken: Step): Promise<void> {
  const { disk } = browser;
  const at = browser.tabs['tab' in taken ? taken.tab : 0] as RescueTab;
  if (taken.kind === 'record') await browser.record(at, taken.aggregates, taken.isCommutative);
  else if (taken.kind === 'push') await browser.push(at, taken.count);
  else if (taken.kind === 'page') await browser.page(at, taken.count);
  else if (taken.kind === 'beside') await browser.insertBeside(taken.aggregate);
  else if (taken.kind === 'lose') await browser.restart(true);
  else if (taken.kind === 'restart') await browser.restart(false);
  else if (taken.kind === 'reopen') {
    await browser.close();
    await browser.open(false);
  } else if (taken.kind === 'compact') await at.rescue.compact();
  else if (taken.kind === 'killSoon') [disk.callsUntilKill, disk.tornBytes] = [taken.calls, taken.tornBytes];
  else if (taken.kind === 'room') disk.capacityBytes = taken.isThere ? Infinity : disk.usedBytes;
  else browser.clock.advance(1_000);
  // It was killed in the middle of a write, and its database is gone with it.
  if (browser.isKilled) await browser.restart(true);
}

test('whatever was acknowledged is in the log in the end, or set aside, or was named', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const browser = new RescueBrowser();
      await browser.open(true);
      try {
        for (const taken of steps) await take(browser, taken);
        browser.disk.capacityBytes = Infinity;
        browser.disk.callsUntilKill = Infinity;
        await browser.settle();
        const held = await browser.held();
        expect(browser.isExact).toBe(true);
        expect([...browser.recorded].filter((id) => !held.has(id))).toEqual([]);
      } finally {
        await browser.close();
      }
    }),
    { numRuns: RUNS },
  );
}, 120_000);

describe('without want of room', () => {
  test('nothing is missing, however often the store is lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const browser = new RescueBrowser();
        await browser.open(true);
        try {
          for (const taken of steps) if (taken.kind !== 'room') await take(browser, taken);
          await browser.restart(true);
          expect(browser.missing).toEqual(new Set());
        } finally {
          await browser.close();
        }
      }),
      { numRuns: RUNS },
    );
  }, 120_000);
});
