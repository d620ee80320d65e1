/**
 * What every recorder promises whose events belong to units.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import type { EditionRecorder, ProcessRecorder } from '../../persistence/recorder.js';
import type { NotificationId, StoredEvent } from '../../persistence/stored-event.js';
import { CURSOR_START } from '../../persistence/unit.js';
import { derivedEdition } from '../../persistence/unit-edition.js';
import type {
  ConfirmedUnit,
  EditionId,
  LostUnit,
  PendingUnit,
  UnitId,
  UnitOptions,
  UnitPage,
} from '../../persistence/unit.js';
import type { SetAsideUnit, UnitLimits, UnitRecorder } from '../../persistence/unit-recorder.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
import { LogPages } from './log-pages.js';
import { movedUnitCases } from './moved-unit-cases.js';
import { offeredUnitCases } from './offered-unit-cases.js';
import { pastCases } from './past-cases.js';
import { scopeCases } from './scope-cases.js';
import { truncationCases } from './truncation-cases.js';

/** The recorder under test. It may hold whatever there is already, but nothing that is lost. */
export interface UnitRecorderContext {
  readonly recorder: ProcessRecorder & UnitRecorder & EditionRecorder;
}

type Recorder = UnitRecorderContext['recorder'];
type Case = ConformanceCase<UnitRecorderContext>;

const PAGE: UnitLimits = { eventsMax: 10_000, bytesMax: 100_000_000 };
const REASON = { code: 'FORBIDDEN', message: 'not yours' } as const;

const commitsArePendingUnits: Case = {
  name: 'every commit is one pending unit, in the order of the commits, with all that was said of it',
  async run({ recorder }) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const last = await recorder.maxNotificationId();
    const id = uuidV4();
    await recorder.insertEvents([sampleEvent(a, 1), sampleEvent(b, 1), sampleEvent(a, 2)], { unit: { id } });
    await recorder.insertEvents([sampleEvent(b, 2)], { unit: { isCommutative: true, scopes: ['ward 7', 'ä'] } });
    await recorder.insertEvents([sampleEvent(b, 3)]);
    const [first, second, third, ...more] = await recorder.selectPendingUnits(last, PAGE);
    expectEqual(more, [], 'no more units');
    expectEqual(
      first,
      {
        ...{ id, isCommutative: false, scopes: [], firstNotificationId: last + 1, after: [undefined, undefined] },
        events: [sampleEvent(a, 1), sampleEvent(b, 1), sampleEvent(a, 2)],
      },
      'the first',
    );
    expectEqual(
      second,
      {
        ...{ id: second?.id, isCommutative: true, scopes: ['ward 7', 'ä'], firstNotificationId: last + 4, after: [id] },
        events: [sampleEvent(b, 2)],
      },
      'the second',
    );
    expectEqual([third?.firstNotificationId, third?.after], [last + 5, [second?.id]], 'the third');
    expectTrue(new Set([id, second?.id, third?.id]).size === 3, 'each has an id of its own');
  },
};

const unitsCountAsPending: Case = {
  name: 'what is pending is counted in units and events',
  async run({ recorder }) {
    const before = await recorder.syncProgress();
    const last = await recorder.maxNotificationId();
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 2));
    await recorder.setAside([{ id: (await pendingAfter(recorder, last))[1]?.id as UnitId, reason: REASON }]);
    const after = await recorder.syncProgress();
    expectEqual(after.pendingUnits - before.pendingUnits, 1, 'units');
    expectEqual(after.pendingEvents - before.pendingEvents, 3, 'events');
    expectEqual(after.setAsideUnits - before.setAsideUnits, 1, 'units that were set aside');
  },
};

const unitIdsAreTakenOnce: Case = {
  name: 'a unit id is taken once, also within one tick, and of the second commit nothing is stored',
  async run({ recorder }) {
    const [a, b, c] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const unit = { id: uuidV4() };
    const [first, second] = await Promise.allSettled([
      recorder.insertEvents([sampleEvent(a, 1)], { unit }),
      recorder.insertEvents([sampleEvent(b, 1)], { unit }),
    ]);
    expectEqual([first.status, second.status], ['fulfilled', 'rejected'], 'two in one tick');
    await expectTaken(recorder, sampleEvent(c, 1), unit, 'a third');
    await recorder.setAside([{ id: unit.id, reason: REASON }]);
    await expectTaken(recorder, sampleEvent(c, 1), unit, 'one that was set aside');
    const log = await LogPages.after(recorder);
    const foreign = { id: uuidV4() };
    await recorder.insertPage(log.next({ ...foreign, events: [sampleEvent(newOriginatorId(), 1)] }));
    await expectTaken(recorder, sampleEvent(c, 1), foreign, 'one of others');
    expectEqual(await recorder.selectEvents(b), [], 'the events of the second');
    expectEqual(await recorder.selectEvents(c), [], 'the events of the third');
  },
};

const malformedUnitsAreRefused: Case = {
  name: 'a malformed unit is refused before anything is stored',
  async run({ recorder }) {
    const a = newOriginatorId();
    const malformed: readonly UnitOptions[] = [
      { id: 'no UUID' },
      { id: uuidV4().toUpperCase() },
      { scopes: [''] },
      { scopes: ['x'.repeat(201)] },
      { scopes: Array.from({ length: 21 }, (_, index) => `scope ${index}`) },
      { scopes: 'ward' as unknown as string[] },
      { isCommutative: 1 as unknown as boolean },
    ];
    for (const unit of malformed) {
      await expectRejection(recorder.insertEvents([sampleEvent(a, 1)], { unit }), 'PROGRAMMING_ERROR', show(unit));
    }
    expectEqual(await recorder.selectEvents(a), [], 'events');
    await expectRejection(recorder.selectPendingUnits(-1, PAGE), 'PROGRAMMING_ERROR', 'before the first');
    await expectRejection(recorder.selectPendingUnits(0, { ...PAGE, eventsMax: 0 }), 'PROGRAMMING_ERROR', 'no events');
  },
};

const limitsAreKept: Case = {
  name: 'no more units are read than fit, but one at least',
  async run({ recorder }) {
    const last = await recorder.maxNotificationId();
    for (let count = 1; count <= 3; count++) await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, count));
    const counts = async (limits: Partial<UnitLimits>, after: NotificationId = last): Promise<number[]> =>
      (await recorder.selectPendingUnits(after, { ...PAGE, ...limits })).map(({ events }) => events.length);
    expectEqual(await counts({ eventsMax: 3 }), [1, 2], 'up to three events');
    expectEqual(await counts({ eventsMax: 2 }), [1], 'up to two events');
    expectEqual(await counts({ eventsMax: 1 }, last + 1), [2], 'a unit that is larger');
    expectEqual(await counts({ bytesMax: 1 }), [1], 'of one byte');
    const bytes = sampleEvent(newOriginatorId(), 1).state.length + 'topic1'.length;
    expectEqual(await counts({ bytesMax: 3 * bytes }), [1, 2], 'of the bytes of three events');
    expectEqual(await counts({}, last + 6), [], 'after the last');
  },
};

const placesNameUnits: Case = {
  name: 'after names the unit of the version before, of each aggregate, wherever it came from',
  async run({ recorder }) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const log = await LogPages.after(recorder);
    const foreign = uuidV4();
    await recorder.insertPage(log.next({ id: foreign, events: sampleEvents(a, 1, 2) }));
    const last = await recorder.maxNotificationId();
    const own = uuidV4();
    await recorder.insertEvents([sampleEvent(b, 1), sampleEvent(a, 3), sampleEvent(b, 2)], { unit: { id: own } });
    await recorder.insertEvents([sampleEvent(a, 4)]);
    const units = await pendingAfter(recorder, last);
    expectEqual(
      units.map(({ after }) => after),
      [[undefined, foreign], [own]],
      'units before',
    );
    expectEqual((await pendingAfter(recorder, last + 3))[0]?.after, [own], 'of one that is read alone');
  },
};

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

const conflictsGiveWay: Case = {
  name: 'what is pending in the place of a page’s event is set aside, with all that builds on it, and nothing else',
  async run({ recorder }) {
    const [a, b, c, d] = [newOriginatorId(), newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const log = await LogPages.after(recorder);
    await recorder.insertPage(log.next({ events: [sampleEvent(a, 1), sampleEvent(b, 1)] }));
    const last = await recorder.maxNotificationId();
    const mine = (id: string, version: number): StoredEvent => sampleEvent(id, version, 'mine');
    await recorder.insertEvents([mine(b, 2)]);
    await recorder.insertEvents([mine(a, 2), mine(c, 1)]);
    await recorder.insertEvents([mine(d, 1)]);
    await recorder.insertEvents([mine(c, 2), mine(b, 3)]);
    await recorder.insertEvents([mine(d, 2)]);
    await recorder.insertEvents([mine(b, 4)]);
    const units = await pendingAfter(recorder, last);
    const theirs = sampleEvent(a, 2, 'theirs');
    const outcome = await recorder.insertPage(log.next({ events: [theirs] }));
    const goes = [1, 3, 5].map((index) => units[index] as PendingUnit);
    expectEqual(
      outcome.setAside,
      goes.map(({ id }) => id),
      'what gives way',
    );
    expectEqual(
      (await pendingAfter(recorder, last)).map(({ id }) => id),
      [0, 2, 4].map((index) => units[index]?.id),
      'what stays',
    );
    expectEqual(await recorder.selectEvents(a), [sampleEvent(a, 1), theirs], 'the aggregate that they have changed');
    expectEqual(await recorder.selectEvents(b), [sampleEvent(b, 1), mine(b, 2)], 'the aggregate that was built on it');
    expectEqual(await recorder.selectEvents(c), [], 'the aggregate that begins with it');
    const aside = await setAsideAfter(recorder, last);
    expectEqual(
      aside.map(({ id, events, reason }) => [id, events, reason.code]),
      goes.map(({ id, events }, index) => [id, events, index === 0 ? 'CONFLICT' : 'DEPENDENCY']),
      'what was set aside',
    );
    expectTrue(
      aside.every(({ setAsideAtMs, reason }) => setAsideAtMs > 0 && reason.message !== ''),
      'when and why',
    );
    expectEqual(await recorder.maxNotificationId(), last + 9, 'ids go on');
    // Its versions are free again, its ids are not.
    expectEqual(await recorder.insertEvents([mine(c, 1)]), [last + 10], 'the next id');
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

const refusedUnitsAreSetAside: Case = {
  name: 'a refused unit is set aside with what builds on it, once, and others go on',
  async run({ recorder }) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const last = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(a, 1)]);
    await recorder.insertEvents([sampleEvent(b, 1)]);
    await recorder.insertEvents([sampleEvent(a, 2)]);
    const [first, second, third] = await pendingAfter(recorder, last);
    const refused = [
      { id: first?.id as UnitId, reason: REASON },
      { id: uuidV4(), reason: REASON },
    ];
    expectEqual(await recorder.setAside(refused), [first?.id, third?.id], 'what is set aside');
    expectEqual(await recorder.setAside(refused), [], 'once');
    expectEqual(await pendingAfter(recorder, last), [second], 'what is pending');
    const aside = await setAsideAfter(recorder, last);
    expectEqual(
      aside.map(({ firstNotificationId, reason }) => [firstNotificationId, reason.code]),
      [
        [last + 1, REASON.code],
        [last + 3, 'DEPENDENCY'],
      ],
      'why',
    );
    const log = await LogPages.after(recorder);
    await recorder.insertPage(log.next(second as PendingUnit));
    expectEqual(await recorder.setAside([{ id: second?.id as UnitId, reason: REASON }]), [], 'one that is confirmed');
    expectEqual(await recorder.selectEvents(b), [sampleEvent(b, 1)], 'which stays');
    await expectRejection(
      recorder.setAside([{ id: uuidV4(), reason: { code: '', message: '' } }]),
      'PROGRAMMING_ERROR',
      'no code',
    );
  },
};

const decidedAgainElsewhere: Case = {
  name: 'a unit that was set aside, and which a page has after all, is in the log and waits no longer',
  async run({ recorder }) {
    const a = newOriginatorId();
    const last = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(a, 1), sampleEvent(a, 2)]);
    const [own] = await pendingAfter(recorder, last);
    await recorder.setAside([{ id: own?.id as UnitId, reason: REASON }]);
    const log = await LogPages.after(recorder);
    const outcome = await recorder.insertPage(
      log.next({ events: [sampleEvent(a, 1, 'theirs')] }, { id: own?.id as UnitId, events: [sampleEvent(a, 2)] }),
    );
    expectEqual([outcome.confirmed, outcome.addedEvents], [[own?.id], 1], 'outcome');
    expectEqual(await setAsideAfter(recorder, last), [], 'what is set aside');
    expectEqual(await recorder.selectEvents(a), [sampleEvent(a, 1, 'theirs'), sampleEvent(a, 2)], 'the aggregate');
  },
};

const healing: Case = {
  name: 'what a server has lost is read as it was, is pending again if it is own, and leaves if it is not',
  async run({ recorder }) {
    const [a, b, c] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const log = await LogPages.after(recorder);
    const last = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(a, 1)]);
    await recorder.insertEvents([sampleEvent(b, 1)], { unit: { scopes: ['ward 7'] } });
    const [kept, own] = await pendingAfter(recorder, last);
    await recorder.insertPage(log.next(kept as PendingUnit));
    const mark = log.cursor;
    const lost = log.next(own as PendingUnit, { events: [sampleEvent(a, 2), sampleEvent(c, 1)], scopes: ['x'] });
    await recorder.insertPage(lost);
    const later = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(b, 2)]);
    await recorder.insertEvents([sampleEvent(c, 2)]);
    await recorder.insertEvents([sampleEvent(c, 3), sampleEvent(b, 3)]);
    const [onOwn, onForeign, onBoth] = await pendingAfter(recorder, later);

    expectEqual(await recorder.rewind(uuidV4()), false, 'no mark');
    expectEqual(await recorder.rewind(mark), true, 'a mark');
    expectEqual(await recorder.rewind(mark), true, 'where it stands');
    const { cursor, lostUnits, pendingUnits } = await recorder.syncProgress();
    expectEqual([cursor, lostUnits], [mark, 2], 'how far it is');
    const asItWas = lost.units.map((unit, index) => ({ ...unit, after: [[undefined], [kept?.id, undefined]][index] }));
    expectEqual(await lostAfter(recorder, 0), asItWas, 'what is lost, as the server had it, and what it stood on');
    expectEqual(await recorder.selectLostUnits(0, { ...PAGE, eventsMax: 1 }), asItWas.slice(0, 1), 'as much as fits');
    expectEqual(await lostAfter(recorder, lost.units[0]?.position as number), asItWas.slice(1), 'the rest');
    expectEqual((await pendingAfter(recorder, later)).length, 3, 'what is pending stays so');
    expectEqual(await recorder.selectEvents(c), sampleEvents(c, 1, 3), 'nothing leaves before it was offered');
    const early = nextOf(await recorder.syncProgress()).next({ events: [sampleEvent(a, 2)] });
    expectEqual((await recorder.insertPage(early)).isStored, false, 'a page before healing has ended');

    const { rewinds } = await recorder.syncProgress();
    const stale = await recorder.endHeal({ rewinds: rewinds - 1, refused: [] });
    expectEqual(stale, false, 'the end of what was lost before');
    expectEqual((await recorder.syncProgress()).lostUnits, 2, 'what is lost after that');
    expectEqual(await recorder.endHeal({ rewinds, refused: [] }), true, 'the end');
    expectEqual(await recorder.endHeal({ rewinds, refused: [] }), true, 'once more');
    const after = await recorder.syncProgress();
    expectEqual([after.lostUnits, after.pendingUnits], [0, pendingUnits + 1 - 2], 'how far it is then');
    expectEqual(
      (await pendingAfter(recorder, last)).map(({ id, scopes }) => [id, scopes]),
      [
        [own?.id, ['ward 7']],
        [onOwn?.id, []],
      ],
      'own units, and what builds on them',
    );
    expectEqual(await recorder.selectEvents(c), [], 'units of others');
    expectEqual(await recorder.selectEvents(a), [sampleEvent(a, 1)], 'what was not lost');
    expectEqual(
      (await setAsideAfter(recorder, later)).map(({ id, reason }) => [id, reason.code]),
      [
        [onForeign?.id, 'LOST'],
        [onBoth?.id, 'LOST'],
      ],
      'what was built on them',
    );
    // It comes back where others have brought it back.
    const back = nextOf(after).next(...lost.units, onForeign as PendingUnit);
    expectEqual((await recorder.insertPage(back)).confirmed.length, 2, 'what is confirmed');
    expectEqual(await recorder.selectEvents(c), sampleEvents(c, 1, 2), 'the aggregate');
    expectEqual((await setAsideAfter(recorder, later)).length, 1, 'what is still set aside');
  },
};

const refusedHealing: Case = {
  name: 'what a server does not take back is set aside, if it is of others, and belongs to them when it comes back',
  async run({ recorder }) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const log = await LogPages.after(recorder);
    const mark = log.cursor;
    const last = await recorder.maxNotificationId();
    await recorder.insertEvents([sampleEvent(b, 1)]);
    const [own] = await pendingAfter(recorder, last);
    const page = log.next({ events: [sampleEvent(a, 1)] }, own as PendingUnit);
    await recorder.insertPage(page);
    await recorder.insertEvents([sampleEvent(a, 2)]);
    await recorder.rewind(mark);
    const refused = page.units.map(({ id }) => id);
    const { rewinds } = await recorder.syncProgress();
    expectEqual(await recorder.endHeal({ rewinds, refused }), true, 'the end');
    expectEqual(await recorder.selectEvents(a), [], 'the aggregate');
    const aside = await setAsideAfter(recorder, last);
    expectEqual(
      aside.map(({ events, reason }) => [events, reason.code]),
      [
        [[sampleEvent(a, 1)], 'LOST'],
        [[sampleEvent(a, 2)], 'LOST'],
      ],
      'what is set aside',
    );
    expectEqual(
      (await pendingAfter(recorder, last)).map(({ id }) => id),
      [own?.id],
      'what is own is pending',
    );

    const back = nextOf(await recorder.syncProgress()).next(page.units[0] as ConfirmedUnit);
    const outcome = await recorder.insertPage(back);
    expectEqual([outcome.confirmed, outcome.addedEvents], [[], 1], 'it is not own');
    expectEqual((await setAsideAfter(recorder, last)).length, 1, 'what is still set aside');
    await recorder.rewind(mark);
    const again = await recorder.syncProgress();
    await recorder.endHeal({ rewinds: again.rewinds, refused: [] });
    expectEqual(await recorder.selectEvents(a), [], 'and leaves as what others recorded');
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

const readsSeeCommits: Case = {
  name: 'a commit after a page stands on it, at once',
  async run({ recorder }) {
    const a = newOriginatorId();
    const log = await LogPages.after(recorder);
    await recorder.insertEvents([sampleEvent(a, 1, 'mine')]);
    await recorder.insertPage(log.next({ events: sampleEvents(a, 1, 2) }));
    await expectRejection(recorder.insertEvents([sampleEvent(a, 2, 'mine')]), 'INTEGRITY_ERROR', 'a version of theirs');
    await recorder.insertEvents([sampleEvent(a, 3, 'mine')]);
    await recorder.insertPage(log.next({ events: [sampleEvent(a, 3)] }));
    await recorder.insertEvents([sampleEvent(a, 4, 'mine')]);
    const events = [...sampleEvents(a, 1, 3), sampleEvent(a, 4, 'mine')];
    expectEqual(await recorder.selectEvents(a), events, 'the aggregate');
  },
};

const unitsAreFound: Case = {
  name: 'a unit is found by its id and by those of its events, wherever it stands',
  async run({ recorder }) {
    const [a, b, c] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const log = await LogPages.after(recorder);
    const ids = Array.from({ length: 3 }, () => uuidV4());
    const places: NotificationId[] = [];
    for (const [index, aggregate] of [a, b, c].entries()) {
      const unit = { id: ids[index] as UnitId };
      places.push(...(await recorder.insertEvents(sampleEvents(aggregate, 1, 2), { unit })));
    }
    const keys = [...ids, ...places, uuidV4(), (places.at(-1) as number) + 1];
    const pending = ids.map((id, index) => {
      return { id, firstNotificationId: places[2 * index], state: 'pending', position: undefined, reason: undefined };
    });
    const twice = <T>(all: readonly T[]): T[] => all.flatMap((one) => [one, one]);
    expectEqual(await recorder.findUnits(keys), [...pending, ...twice(pending), undefined, undefined], 'pending');

    const [first, second, third] = pending as [object, object, object];
    const before = nextOf(await recorder.syncProgress());
    const page = log.next({ events: sampleEvents(a, 1, 2), id: ids[0] as UnitId });
    await recorder.insertPage(page);
    await recorder.setAside([{ id: ids[1] as UnitId, reason: REASON }]);
    const confirmed = { ...first, state: 'confirmed', position: page.position };
    const setAside = { ...second, state: 'setAside', reason: REASON };
    const all = [confirmed, setAside, third];
    expectEqual(await recorder.findUnits(keys.slice(0, 9)), [...all, ...twice(all)], 'each in its place');

    await recorder.rewind(before.cursor);
    expectEqual(await recorder.findUnits([ids[0] as UnitId]), [{ ...confirmed, state: 'lost' }], 'lost');
    const { rewinds } = await recorder.syncProgress();
    await recorder.endHeal({ rewinds, refused: [] });
    expectEqual(await recorder.findUnits([ids[0] as UnitId]), [first], 'pending again');
    for (const malformed of ['x', 0, 1.5, -1]) {
      await expectRejection(recorder.findUnits([malformed]), 'PROGRAMMING_ERROR', `the key ${malformed}`);
    }
  },
};

/** The promises of a `UnitRecorder`, to be run on every one. */
export const unitRecorderCases: readonly ConformanceCase<UnitRecorderContext>[] = [
  commitsArePendingUnits,
  unitsCountAsPending,
  unitIdsAreTakenOnce,
  malformedUnitsAreRefused,
  limitsAreKept,
  placesNameUnits,
  pagesAddEvents,
  pagesConfirm,
  partsAreConfirmed,
  ownOnlyPassesOthersOver,
  pagesBeginWhereTheStoreStands,
  emptyPages,
  impossiblePagesAreRefused,
  conflictsGiveWay,
  otherFormsReplace,
  editionsAreKept,
  refusedUnitsAreSetAside,
  decidedAgainElsewhere,
  healing,
  refusedHealing,
  marksThinOut,
  readsSeeCommits,
  unitsAreFound,
  ...movedUnitCases,
  ...pastCases,
  ...scopeCases,
  ...truncationCases,
  ...offeredUnitCases,
];

/** One that no unit has by its id. */
function editionFor(id: UnitId): EditionId {
  return derivedEdition({ id, events: [], after: [] });
}

function nextOf({ cursor, position }: { readonly cursor: string; readonly position: number }): LogPages {
  return new LogPages(cursor, position);
}

function pendingAfter(recorder: Recorder, after: NotificationId): Promise<readonly PendingUnit[]> {
  return recorder.selectPendingUnits(after, PAGE);
}

function setAsideAfter(recorder: Recorder, after: NotificationId): Promise<readonly SetAsideUnit[]> {
  return recorder.selectSetAside(after, PAGE);
}

function lostAfter(recorder: Recorder, after: number): Promise<readonly LostUnit[]> {
  return recorder.selectLostUnits(after, PAGE);
}

async function expectTaken(recorder: Recorder, event: StoredEvent, unit: UnitOptions, what: string): Promise<void> {
  const error: unknown = await recorder.insertEvents([event], { unit }).catch((thrown: unknown) => thrown);
  const { code, details } = error as { code?: string; details?: { constraint?: string; unitId?: string } };
  expectEqual([code, details?.constraint, details?.unitId], ['INTEGRITY_ERROR', 'unit', unit.id], what);
}

function show(unit: UnitOptions): string {
  return JSON.stringify(unit).slice(0, 80);
}
