import { describe, expect, test } from 'vitest';
import type { DurableRecorder } from '../../../src/persistence/journal/durable-recorder.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import type { UnitPage } from '../../../src/persistence/unit.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { openTab } from '../../support/own-tables-tab.js';
import type { OwnTablesTab } from '../../support/own-tables-tab.js';
import { SharedJournal } from '../../support/shared-journal.js';

const ALL = { eventsMax: 10_000, bytesMax: 1e9 };

const openLimited = (journal: SharedJournal, pendingUnitsMax: number): Promise<OwnTablesTab> =>
  openTab(journal, undefined, { pendingUnitsMax });

const record = (recorder: DurableRecorder, id?: string): Promise<readonly number[]> =>
  recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], id === undefined ? {} : { unit: { id } });

const full = (maxUnits: number): object => ({
  code: 'BACKLOG_FULL',
  details: { pendingUnits: maxUnits, maxUnits },
});

const pendingUnits = async (recorder: DurableRecorder): Promise<number> => (await recorder.syncProgress()).pendingUnits;

/** A server that has what is pending, up to some units. */
const confirm = async (recorder: DurableRecorder, count: number): Promise<void> => {
  const { cursor, position } = await recorder.syncProgress();
  const units = (await recorder.selectPendingUnits(0, ALL)).slice(0, count);
  await recorder.insertPage(pageOf(cursor, position, units));
};

const pageOf = (
  from: string,
  start: number,
  sent: readonly { readonly id: string; readonly events: readonly StoredEvent[] }[],
): UnitPage => {
  let position = start;
  const units = sent.map(({ id, events }) => {
    position += events.length;
    const origin = { author: 'ann', recordedAtMs: 1, seal: new Uint8Array(0) };
    return { id, events, isCommutative: false, scopes: [], position, total: events.length, origin };
  });
  return { from, to: `${position}.a`, position, head: position, units };
};

describe('a store that takes so many pending units', () => {
  test('refuses more before anything is stored, and takes more when a server has confirmed some', async () => {
    const journal = new SharedJournal();
    const { recorder } = await openLimited(journal, 3);
    // A unit is a commit, however many events it has.
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 10));
    await record(recorder);
    await record(recorder);
    const before = journal.records.length;
    await expect(record(recorder)).rejects.toMatchObject(full(3));
    await expect(record(recorder)).rejects.toMatchObject(full(3));
    expect(journal.records).toHaveLength(before);
    expect(await recorder.maxNotificationId()).toBe(12);
    // What is no event adds nothing.
    await recorder.insertEvents([], { tracking: { applicationName: 'upstream', notificationId: 7 } });
    await confirm(recorder, 2);
    await record(recorder);
    await record(recorder);
    await expect(record(recorder)).rejects.toMatchObject(full(3));
  });

  test('in one group: those that there is room for stand, the others are refused, and nobody takes room in vain', async () => {
    const journal = new SharedJournal();
    const { recorder } = await openLimited(journal, 3);
    const id = newOriginatorId();
    const outcomes = await Promise.allSettled([
      recorder.insertEvents([sampleEvent(id, 1)]),
      recorder.insertEvents([sampleEvent(id, 1)]),
      recorder.insertEvents([], { tracking: { applicationName: 'upstream', notificationId: 1 } }),
      recorder.insertEvents([sampleEvent(id, 2)]),
      recorder.insertEvents([sampleEvent(id, 3)]),
      recorder.insertEvents([sampleEvent(id, 4)]),
      recorder.insertEvents([], { tracking: { applicationName: 'upstream', notificationId: 2 } }),
    ]);
    const codes = outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? 'done' : (outcome.reason as { readonly code: string }).code,
    );
    expect(codes).toEqual(['done', 'INTEGRITY_ERROR', 'done', 'done', 'done', 'BACKLOG_FULL', 'done']);
    expect(journal.records).toHaveLength(1);
    expect(await recorder.selectEvents(id)).toHaveLength(3);
  });

  test('refuses a transaction as a whole, and takes one that records nothing', async () => {
    const { recorder } = await openLimited(new SharedJournal(), 1);
    await recorder.transaction(({ connection }) => connection.query('CREATE TABLE notes (text TEXT)'));
    await recorder.transaction(async (transaction) => {
      await transaction.insertEvents(sampleEvents(newOriginatorId(), 1, 2));
      await transaction.connection.query("INSERT INTO notes VALUES ('first')");
    });
    const second = recorder.transaction(async (transaction) => {
      await transaction.connection.query("INSERT INTO notes VALUES ('second')");
      await transaction.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    });
    await expect(second).rejects.toMatchObject(full(1));
    await recorder.transaction(({ connection }) => connection.query("INSERT INTO notes VALUES ('third')"));
    expect((await recorder.query('SELECT text FROM notes ORDER BY text')).rows).toEqual([
      { text: 'first' },
      { text: 'third' },
    ]);
    expect(await recorder.maxNotificationId()).toBe(2);
  });

  test('says to whoever repeats a unit that it is there, and not that there is no room', async () => {
    const { recorder } = await openLimited(new SharedJournal(), 1);
    const id = crypto.randomUUID();
    await record(recorder, id);
    await expect(record(recorder, id)).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
  });

  test('takes whatever comes from a server', async () => {
    const { recorder } = await openLimited(new SharedJournal(), 1);
    await record(recorder);
    const theirs = [1, 2, 3].map(() => ({ id: crypto.randomUUID(), events: sampleEvents(newOriginatorId(), 1, 2) }));
    await recorder.insertPage(pageOf('0', 0, theirs));
    expect(await recorder.maxNotificationId()).toBe(7);
    await expect(record(recorder)).rejects.toMatchObject(full(1));
  });

  test('has room again for what was set aside, and none for what was brought back', async () => {
    const { recorder } = await openLimited(new SharedJournal(), 2);
    const ids = [crypto.randomUUID(), crypto.randomUUID()] as const;
    for (const id of ids) await record(recorder, id);
    await recorder.setAside([{ id: ids[0], reason: { code: 'FORBIDDEN', message: 'no' } }]);
    await record(recorder);
    await expect(record(recorder)).rejects.toMatchObject(full(2));
    await confirm(recorder, 2);
    await record(recorder);
    // A server that was set back: what it had is pending again, or will be.
    await recorder.rewind('0');
    const { rewinds } = await recorder.syncProgress();
    await recorder.endHeal({ rewinds, refused: [] });
    expect(await pendingUnits(recorder)).toBe(3);
    await expect(record(recorder)).rejects.toMatchObject({ code: 'BACKLOG_FULL', details: { pendingUnits: 3 } });
  });
});

describe('in several tabs', () => {
  test('what one has recorded counts in the others, and of those that record at once so many get through as fit', async () => {
    const journal = new SharedJournal();
    const tabs = [await openLimited(journal, 10), await openLimited(journal, 10), await openLimited(journal, 10)];
    const attempts = tabs.flatMap(({ recorder }) => Array.from({ length: 6 }, () => record(recorder)));
    const outcomes = await Promise.allSettled(attempts);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    expect(refused).toHaveLength(8);
    for (const reason of refused) expect(reason).toMatchObject(full(10));
    for (const { recorder } of tabs) await expect(record(recorder)).rejects.toMatchObject(full(10));
    expect(await pendingUnits((tabs[0] as OwnTablesTab).recorder)).toBe(10);
  });

  test('a tab that takes a checkpoint of another one counts what is in it', async () => {
    const journal = new SharedJournal();
    const [one, other] = [await openLimited(journal, 5), await openLimited(journal, 5)] as const;
    await record(other.recorder);
    for (let round = 0; round < 4; round++) await record(one.recorder);
    // Two, of which the older one has the records that go.
    await one.recorder.checkpoint();
    await confirm(one.recorder, 1);
    await record(one.recorder);
    await one.recorder.checkpoint();
    while ((await one.recorder.compact(100)) > 0);
    expect(journal.records[0]).toBeUndefined();
    await expect(record(other.recorder)).rejects.toMatchObject(full(5));
    await confirm(other.recorder, 1);
    await record(other.recorder);
  });
});
