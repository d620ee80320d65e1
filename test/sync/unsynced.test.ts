import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CURSOR_START } from '../../src/persistence/unit.js';
import type { LostUnit, PendingUnit } from '../../src/persistence/unit.js';
import { readUnsynced } from '../../src/sync/unsynced.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../src/testing/conformance/event-samples.js';
import { LogPages } from '../../src/testing/conformance/log-pages.js';
import { openTab } from '../support/own-tables-tab.js';
import type { OwnTablesTab } from '../support/own-tables-tab.js';
import { SharedJournal } from '../support/shared-journal.js';

const ALL = { eventsMax: 1_000, bytesMax: 1e9 };
const NONE = { largestId: 0, pendingEvents: 0, lostUnits: 0, setAsideUnits: 0 };

let tab: OwnTablesTab;
let recorder: OwnTablesTab['recorder'];

beforeEach(async () => {
  tab = await openTab(new SharedJournal());
  ({ recorder } = tab);
});

afterEach(async () => {
  await recorder.close();
  tab.database.close();
});

const confirmByFirstProtocol = async (notificationId: number): Promise<void> => {
  await recorder.insertEvents([], { tracking: { applicationName: 'daybook:push', notificationId } });
};

/** Stores a page with what is pending, as far as it is given. */
const confirm = async (units: readonly PendingUnit[]): Promise<void> => {
  const pages = await LogPages.after(recorder);
  expect(await recorder.insertPage(pages.next(...units))).toMatchObject({ confirmed: units.map(({ id }) => id) });
};

describe('of a store that was never synchronised', () => {
  test('nothing is unsynced when it is empty', async () => {
    expect(await readUnsynced(recorder)).toEqual(NONE);
  });

  test('everything is, whatever else it has tracked', async () => {
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 4));
    await recorder.insertEvents([], { tracking: { applicationName: 'upstream', notificationId: 3 } });
    expect(await readUnsynced(recorder)).toEqual({ ...NONE, largestId: 4, pendingEvents: 4 });
  });
});

describe('what is pending', () => {
  test('is what no page has confirmed, in events', async () => {
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 4));
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
    const [first] = await recorder.selectPendingUnits(0, ALL);
    await confirm([first as PendingUnit]);
    expect(await readUnsynced(recorder)).toEqual({ ...NONE, largestId: 7, pendingEvents: 3 });
    await confirm(await recorder.selectPendingUnits(0, ALL));
    expect(await readUnsynced(recorder)).toEqual({ ...NONE, largestId: 7 });
  });

  test('is not what others have recorded', async () => {
    const pages = await LogPages.after(recorder);
    await recorder.insertPage(pages.next({ events: sampleEvents(newOriginatorId(), 1, 5) }));
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    expect(await readUnsynced(recorder)).toEqual({ ...NONE, largestId: 6, pendingEvents: 1 });
  });
});

describe('what the first protocol has confirmed', () => {
  test('is not pending before the store hears of the log', async () => {
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 10));
    await confirmByFirstProtocol(6);
    expect(await readUnsynced(recorder)).toEqual({ ...NONE, largestId: 10, pendingEvents: 4 });
    await confirmByFirstProtocol(10);
    expect(await readUnsynced(recorder)).toEqual({ ...NONE, largestId: 10 });
  });

  test('is pending again when the log, at last, does not have it', async () => {
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 10));
    await confirmByFirstProtocol(10);
    const pages = await LogPages.after(recorder);
    await recorder.insertPage(pages.next({ events: [sampleEvent(newOriginatorId(), 1)] }));
    expect(await readUnsynced(recorder)).toEqual({ ...NONE, largestId: 11, pendingEvents: 10 });
  });

  test('is lost when the server goes back to the start, and pending until it has it again', async () => {
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 10));
    await confirmByFirstProtocol(10);
    await confirm(await recorder.selectPendingUnits(0, ALL));
    expect(await readUnsynced(recorder)).toEqual({ ...NONE, largestId: 10 });
    expect(await recorder.rewind(CURSOR_START)).toBe(true);
    expect(await readUnsynced(recorder)).toEqual({ ...NONE, largestId: 10, lostUnits: 1 });
    expect(await recorder.endHeal({ rewinds: 1, refused: [] })).toBe(true);
    expect(await readUnsynced(recorder)).toEqual({ ...NONE, largestId: 10, pendingEvents: 10 });
  });
});

test('units of others that the server has lost count, because this store may be the last to have them', async () => {
  const pages = await LogPages.after(recorder);
  await recorder.insertPage(pages.next({ events: sampleEvents(newOriginatorId(), 1, 2) }));
  await recorder.rewind(CURSOR_START);
  const lost: readonly LostUnit[] = await recorder.selectLostUnits(0, ALL);
  expect(lost).toHaveLength(1);
  expect(await readUnsynced(recorder)).toEqual({ ...NONE, largestId: 2, lostUnits: 1 });
});

test('what was set aside is told apart, and is neither pending nor gone', async () => {
  const a = newOriginatorId();
  await recorder.insertEvents(sampleEvents(a, 1, 3));
  const pages = await LogPages.after(recorder);
  const theirs = { ...sampleEvent(a, 1), topic: 'Theirs' };
  expect(await recorder.insertPage(pages.next({ events: [theirs] }))).toMatchObject({ setAside: [expect.any(String)] });
  expect(await readUnsynced(recorder)).toEqual({ ...NONE, largestId: 4, setAsideUnits: 1 });
});
