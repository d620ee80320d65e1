/**
 * What a recorder with units promises about pages of a server’s log.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import type { StoredEvent } from '../../persistence/stored-event.js';
import { CURSOR_START } from '../../persistence/unit.js';
import { derivedEdition } from '../../persistence/unit-edition.js';
import type { EditionId, PendingUnit, UnitId, UnitPage } from '../../persistence/unit.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
import { LogPages } from './log-pages.js';
import { nextOf, REASON, pendingAfter, setAsideAfter, lostAfter } from './unit-recorder-context.js';
import type { Case } from './unit-recorder-context.js';

const pagesAddEvents: Case = {
  name: 'a page adds the events of others, whatever their topics, and moves the cursor in the same commit',
  async run({ recorder }) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    await recorder.insertEvents([sampleEvent(b, 1)]);
    const last = await recorder.maxNotificationId();
    const log = await LogPages.after(recorder);
    const page = log.next(
      { events: [sampleEvent(a, 1), sampleEvent(a, 2)], scopes: ['ward 7'] },
      { events: [sampleEvent(a, 3, 'nobody:Knows.This')], isCommutative: true },
    );
    expectEqual(
      await recorder.insertPage(page),
      { isStored: true, confirmed: [], setAside: [], addedEvents: 3 },
      'outcome',
    );
    expectEqual(
      await recorder.selectEvents(a),
      page.units.flatMap(({ events }) => events),
      'the aggregate',
    );
    const notifications = await recorder.selectNotifications({ start: last + 1, limit: 10 });
    expectEqual(
      notifications.map(({ id }) => id),
      [last + 1, last + 2, last + 3],
      'notifications',
    );
    const { cursor, position, marks } = await recorder.syncProgress();
    expectEqual([cursor, position, marks[0]], [page.to, page.position, page.to], 'where the store stands');
    expectEqual((await pendingAfter(recorder, last)).length, 0, 'nothing of it is pending');
  },
};

const pagesConfirm: Case = {
  name: 'a page confirms own units, whose events stay what they are',
  async run({ recorder }) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const last = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(a, 1), sampleEvent(b, 1)]);
    await recorder.insertEvents([sampleEvent(a, 2)]);
    const [first, second] = await pendingAfter(recorder, last);
    const log = await LogPages.after(recorder);
    const before = await recorder.selectNotifications({ start: last + 1, limit: 10 });
    const outcome = await recorder.insertPage(log.next(first as PendingUnit));
    expectEqual(
      outcome,
      { isStored: true, confirmed: [first?.id], setAside: [], addedEvents: 0 },
      'outcome of the first',
    );
    expectEqual(await pendingAfter(recorder, last), [second], 'what is pending');
    await recorder.insertPage(log.next(second as PendingUnit));
    expectEqual(await recorder.selectNotifications({ start: last + 1, limit: 10 }), before, 'notifications');
  },
};

const partsAreConfirmed: Case = {
  name: 'of an own unit of which a page has a part only that part stays and is confirmed, and a part of another is stored',
  async run({ recorder }) {
    const [a, b, c] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const last = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(a, 1), sampleEvent(b, 1), sampleEvent(a, 2)]);
    const [own] = await pendingAfter(recorder, last);
    const log = await LogPages.after(recorder);
    const outcome = await recorder.insertPage(
      log.next(
        { id: own?.id as UnitId, events: [sampleEvent(a, 1), sampleEvent(a, 2)], total: 3 },
        { events: [sampleEvent(c, 1)], total: 2 },
      ),
    );
    expectEqual([outcome.confirmed, outcome.addedEvents], [[own?.id], 1], 'outcome');
    expectEqual(await recorder.selectEvents(b), [], 'what the page does not have');
    expectEqual(await recorder.selectEvents(a), sampleEvents(a, 1, 2), 'what it has');
    expectEqual(
      (await recorder.selectNotifications({ start: last + 1, limit: 10 })).map(({ id }) => id - last),
      [1, 3, 4],
      'under their ids',
    );
    expectEqual(await recorder.selectEvents(c), [sampleEvent(c, 1)], 'a part of a unit of others');
  },
};

const ownOnlyPassesOthersOver: Case = {
  name: 'of a page that is for own units only, others are passed over, but for those of aggregates that are here',
  async run({ recorder }) {
    const [a, b, c] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const last = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(a, 1, 'mine')]);
    await recorder.insertEvents([sampleEvent(b, 1)]);
    const [aside, own] = await pendingAfter(recorder, last);
    const log = await LogPages.after(recorder);
    const outcome = await recorder.insertPage(
      log.next({ events: [sampleEvent(c, 1)] }, { events: [sampleEvent(a, 1, 'theirs')] }, own as PendingUnit, {
        events: [sampleEvent(b, 2)],
      }),
      { ownOnly: true },
    );
    expectEqual(outcome, { isStored: true, confirmed: [own?.id], setAside: [aside?.id], addedEvents: 2 }, 'outcome');
    expectEqual(await recorder.selectEvents(c), [], 'what is only of others');
    expectEqual(
      await recorder.selectEvents(a),
      [sampleEvent(a, 1, 'theirs')],
      'what stands in the place of an own one',
    );
    expectEqual(await recorder.selectEvents(b), sampleEvents(b, 1, 2), 'what follows on an own one');
    expectEqual((await recorder.syncProgress()).cursor, log.cursor, 'where the store stands');
    // What was set aside here is own, also where nothing else of its aggregate is here.
    const before = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(c, 1)]);
    const [refused] = await pendingAfter(recorder, before);
    await recorder.setAside([{ id: refused?.id as UnitId, reason: { code: 'NO', message: 'No.' } }]);
    const back = await recorder.insertPage(log.next(refused as PendingUnit), { ownOnly: true });
    expectEqual([back.confirmed, (await recorder.selectEvents(c)).length], [[refused?.id], 1], 'what came back');
  },
};

const pagesBeginWhereTheStoreStands: Case = {
  name: 'a page is stored once, and only where the store stands',
  async run({ recorder }) {
    const a = newOriginatorId();
    const log = await LogPages.after(recorder);
    const [first, second] = [log.next({ events: [sampleEvent(a, 1)] }), log.next({ events: [sampleEvent(a, 2)] })];
    const notStored = { isStored: false, confirmed: [], setAside: [], addedEvents: 0 };
    expectEqual(await recorder.insertPage(second), notStored, 'a page before its time');
    const outcomes = await Promise.all([recorder.insertPage(first), recorder.insertPage(first)]);
    expectEqual(
      outcomes.map(({ isStored }) => isStored),
      [true, false],
      'the same page twice',
    );
    await recorder.insertPage(second);
    expectEqual(await recorder.selectEvents(a), sampleEvents(a, 1, 2), 'the aggregate');
  },
};

const emptyPages: Case = {
  name: 'a page without units moves the cursor, if it moves at all',
  async run({ recorder }) {
    const log = await LogPages.after(recorder);
    const { cursor, position } = await recorder.syncProgress();
    const still: UnitPage = { from: cursor, to: cursor, position, head: position, units: [] };
    expectEqual((await recorder.insertPage(still)).isStored, true, 'one that moves nothing');
    const moved = log.next();
    expectEqual((await recorder.insertPage(moved)).isStored, true, 'one that moves the cursor');
    expectEqual((await recorder.syncProgress()).cursor, moved.to, 'the cursor');
  },
};

const impossiblePagesAreRefused: Case = {
  name: 'a page that no server has is refused, and nothing of it is stored',
  async run({ recorder }) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const log = await LogPages.after(recorder);
    const known = { id: uuidV4(), events: [sampleEvent(a, 1)] };
    await recorder.insertPage(log.next(known));
    const last = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(b, 1)]);
    const [pending] = await pendingAfter(recorder, last);
    const at = await recorder.syncProgress();
    const twice = { id: uuidV4(), events: [sampleEvent(a, 2)] };
    const impossible: Readonly<Record<string, UnitPage>> = {
      'a gap between versions': nextOf(at).next({ events: [sampleEvent(a, 3)] }),
      'a version that is taken': nextOf(at).next({ events: [sampleEvent(a, 1)] }),
      'a version after one that is pending': nextOf(at).next({ events: [sampleEvent(b, 2)] }),
      'a gap within the page': nextOf(at).next({ events: [sampleEvent(a, 2)] }, { events: [sampleEvent(a, 4)] }),
      'an event in the place of an own one that it has too': nextOf(at).next(pending as PendingUnit, {
        events: [sampleEvent(b, 1, 'theirs')],
      }),
      'an own event in the place of another': nextOf(at).next(
        { events: [sampleEvent(b, 1, 'theirs')] },
        pending as PendingUnit,
      ),
      'a unit twice': nextOf(at).next(twice, { ...twice, events: [sampleEvent(a, 3)] }),
      'a unit that it has brought before': nextOf(at).next({ ...known, events: [sampleEvent(a, 2)] }),
      'a position before the store': nextOf(at).next({ events: [sampleEvent(a, 2)], position: at.position }),
      'a position after its end': { ...nextOf(at).next({ events: [sampleEvent(a, 2)] }), position: at.position },
      'less than its events': nextOf(at).next({ events: sampleEvents(a, 2, 3), total: 1 }),
      'an end before the store': { ...nextOf(at).next(), position: at.position - 1 },
      'no cursor': { ...nextOf(at).next(), to: '' },
    };
    for (const [what, page] of Object.entries(impossible)) {
      await expectRejection(recorder.insertPage(page), 'DATA_ERROR', what);
    }
    const malformed = nextOf(at).next({ events: [{ ...sampleEvent(a, 2), topic: '' }] });
    await expectRejection(recorder.insertPage(malformed), 'PROGRAMMING_ERROR', 'an event without a topic');
    expectEqual(await recorder.syncProgress(), { ...at }, 'how far the store is');
    expectEqual(await recorder.selectEvents(a), [sampleEvent(a, 1)], 'the aggregate');
    expectEqual(await pendingAfter(recorder, last), [pending], 'what is pending');
  },
};

const otherFormsReplace: Case = {
  name: 'an own unit that a page has in another form is there once, as the page has it',
  async run({ recorder }) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const log = await LogPages.after(recorder);
    await recorder.insertPage(log.next({ events: [sampleEvent(a, 1)] }));
    const last = await recorder.maxNotificationId();
    const received = (version: number): StoredEvent => ({
      ...sampleEvent(a, version, 'Received'),
      state: Uint8Array.of(3),
    });
    await recorder.insertEvents([received(2)], { unit: { isCommutative: true } });
    await recorder.insertEvents([received(3)], { unit: { isCommutative: true } });
    await recorder.insertEvents([sampleEvent(b, 1)]);
    const [first, second] = await pendingAfter(recorder, last);
    const outcome = await recorder.insertPage(
      log.next(
        { events: [sampleEvent(a, 2, 'theirs')] },
        { id: first?.id as UnitId, isCommutative: true, events: [received(3)] },
        { id: second?.id as UnitId, isCommutative: true, events: [received(4)] },
      ),
    );
    expectEqual(outcome.setAside, [], 'nothing is set aside');
    expectEqual([...outcome.confirmed].sort(), [first?.id, second?.id].sort(), 'what is confirmed');
    expectEqual(outcome.addedEvents, 1, 'events of others');
    expectEqual(
      await recorder.selectEvents(a),
      [sampleEvent(a, 1), sampleEvent(a, 2, 'theirs'), received(3), received(4)],
      'the aggregate',
    );
    expectEqual((await pendingAfter(recorder, last)).length, 1, 'what is pending');
  },
};

const editionsAreKept: Case = {
  name: 'after names the edition of the version before, and an own unit in another edition is there as the page has it',
  async run({ recorder }) {
    const a = newOriginatorId();
    const log = await LogPages.after(recorder);
    const [ofTheirs, ofMine] = [editionFor(uuidV4()), editionFor(uuidV4())];
    await recorder.insertPage(log.next({ events: [sampleEvent(a, 1)], edition: ofTheirs }));
    const before = nextOf(await recorder.syncProgress());
    const last = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(a, 2)], { unit: { isCommutative: true } });
    const [mine] = await pendingAfter(recorder, last);
    expectEqual(mine?.after, [ofTheirs], 'what it stands on');
    expectTrue(mine !== undefined && !('edition' in mine), 'as it was recorded');
    const id = mine?.id as UnitId;
    const moved = { id, edition: ofMine, isCommutative: true, events: [sampleEvent(a, 2)] };
    const outcome = await recorder.insertPage(log.next(moved));
    expectEqual([outcome.confirmed, outcome.setAside, outcome.addedEvents], [[id], [], 0], 'the page');
    const place = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(a, 3)]);
    expectEqual((await pendingAfter(recorder, place))[0]?.after, [ofMine], 'what follows on it');

    await recorder.rewind(before.cursor);
    const [lost] = await lostAfter(recorder, 0);
    expectEqual([lost?.id, lost?.edition, lost?.after], [id, ofMine, [ofTheirs]], 'what is lost');
    await recorder.endHeal({ rewinds: (await recorder.syncProgress()).rewinds, refused: [] });
    const [again] = await pendingAfter(recorder, last);
    expectEqual([again?.id, again?.edition], [id, ofMine], 'what is pending again');
    await recorder.setAside([{ id, reason: REASON }]);
    const aside = (await setAsideAfter(recorder, last)).find((unit) => unit.id === id);
    expectEqual(aside?.edition, ofMine, 'what is set aside');
    await expectRejection(
      recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], { unit: { id: ofMine } }),
      'PROGRAMMING_ERROR',
      'the id of an edition',
    );
  },
};

const marksThinOut: Case = {
  name: 'marks are few, close to each other at the end, and the last one is the start',
  async run({ recorder }) {
    const log = await LogPages.after(recorder);
    const a = newOriginatorId();
    const cursors: string[] = [];
    for (let version = 1; version <= 200; version++) {
      cursors.unshift(log.cursor);
      await recorder.insertPage(log.next({ events: [sampleEvent(a, version)] }));
    }
    const { marks, cursor } = await recorder.syncProgress();
    expectTrue(marks.length <= 100, `${marks.length} marks`);
    expectEqual(marks.slice(0, 9), [cursor, ...cursors.slice(0, 8)], 'the newest');
    expectEqual(marks.at(-1), CURSOR_START, 'the last');
    // From any place on, no more than half as much again is asked for twice as had come after it.
    for (let back = 1; back <= 120; back++) {
      const kept = cursors.findIndex((one, index) => index >= back - 1 && marks.includes(one)) + 1;
      expectTrue(kept > 0 && kept <= 1.5 * back + 1, `${back} back, the next mark is ${kept} back`);
    }
  },
};

/** Cases about pages. */
export const logPageCases: readonly Case[] = [
  pagesAddEvents,
  pagesConfirm,
  partsAreConfirmed,
  ownOnlyPassesOthersOver,
  pagesBeginWhereTheStoreStands,
  emptyPages,
  impossiblePagesAreRefused,
  otherFormsReplace,
  editionsAreKept,
  marksThinOut,
];

/** One that no unit has by its id. */
function editionFor(id: UnitId): EditionId {
  return derivedEdition({ id, events: [], after: [] });
}
