/**
 * What a recorder with units promises about what is recorded there.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import type { NotificationId, StoredEvent } from '../../persistence/stored-event.js';
import type { UnitId, UnitOptions } from '../../persistence/unit.js';
import type { UnitLimits } from '../../persistence/unit-recorder.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
import { LogPages } from './log-pages.js';
import { nextOf, PAGE, REASON, pendingAfter } from './unit-recorder-context.js';
import type { Case, Recorder } from './unit-recorder-context.js';

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

/** Cases about commits and what is pending. */
export const unitCommitCases: readonly Case[] = [
  commitsArePendingUnits,
  unitsCountAsPending,
  unitIdsAreTakenOnce,
  malformedUnitsAreRefused,
  limitsAreKept,
  placesNameUnits,
  readsSeeCommits,
  unitsAreFound,
];

async function expectTaken(recorder: Recorder, event: StoredEvent, unit: UnitOptions, what: string): Promise<void> {
  const error: unknown = await recorder.insertEvents([event], { unit }).catch((thrown: unknown) => thrown);
  const { code, details } = error as { code?: string; details?: { constraint?: string; unitId?: string } };
  expectEqual([code, details?.constraint, details?.unitId], ['INTEGRITY_ERROR', 'unit', unit.id], what);
}

function show(unit: UnitOptions): string {
  return JSON.stringify(unit).slice(0, 80);
}
