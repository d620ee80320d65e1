/**
 * What every recorder promises of what a server has lost, between the offer of it and the end of the log. Part of
 * `unitRecorderCases`.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { UnitId } from '../../persistence/unit.js';
import type { UnitLimits, UnitRecorder } from '../../persistence/unit-recorder.js';
import { expectEqual } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';
import { LogPages } from './log-pages.js';

type Recorder = ProcessRecorder & UnitRecorder;
type Case = ConformanceCase<{ readonly recorder: Recorder }>;

const ALL: UnitLimits = { eventsMax: 10_000, bytesMax: 100_000_000 };

async function states(recorder: Recorder, ids: readonly UnitId[]): Promise<readonly (string | undefined)[]> {
  return (await recorder.findUnits(ids)).map((unit) => unit?.reason?.code ?? unit?.state);
}

const staysUntilTheEnd: Case = {
  name: 'what was offered stays in its place, is recognised when it is back, and gives way to what stands there by now',
  async run({ recorder }) {
    const [a, b, c, d] = [newOriginatorId(), newOriginatorId(), newOriginatorId(), newOriginatorId()];
    const log = await LogPages.after(recorder);
    const { cursor: mark, position } = await recorder.syncProgress();
    const last = await recorder.maxNotificationId();
    const unitOf = (originatorId: string) => ({ id: uuidV4(), events: [sampleEvent(originatorId, 1)] });
    const theirs = [unitOf(a), unitOf(b), unitOf(c), unitOf(d)] as const;
    const own = { id: uuidV4(), events: [sampleEvent(a, 2)] };
    await recorder.insertPage(log.next(theirs[0]));
    await recorder.insertEvents(own.events, { unit: { id: own.id } });
    await recorder.insertPage(log.next(own, ...theirs.slice(1)));
    const onTheirs = [a, b, c].map((originatorId) => ({ id: uuidV4(), originatorId }));
    for (const { id, originatorId } of onTheirs) {
      await recorder.insertEvents([sampleEvent(originatorId, originatorId === a ? 3 : 2)], { unit: { id } });
    }
    const there = await recorder.selectNotifications({ start: last + 1, limit: 100 });
    await recorder.rewind(mark);
    const { rewinds } = await recorder.syncProgress();

    const again = new LogPages(mark, position);
    const page = again.next(theirs[0], own);
    expectEqual((await recorder.insertPage(page)).isStored, false, 'before it was offered');
    const offered = { rewinds, refused: [theirs[2].id] };
    const stale = { ...offered, rewinds: rewinds - 1 };
    expectEqual((await recorder.insertPage(page, { offered: stale })).isStored, false, 'when less was offered');
    const outcome = await recorder.insertPage(page, { offered });
    expectEqual([outcome.isStored, outcome.confirmed, outcome.addedEvents], [true, [own.id], 0], 'what is back');
    expectEqual(await recorder.selectNotifications({ start: last + 1, limit: 100 }), there, 'all of it in its place');
    expectEqual((await recorder.selectLostUnits(0, ALL)).map(({ id }) => id), theirs.slice(1).map(({ id }) => id), 'the rest'); // prettier-ignore

    const others = [b, c].map((originatorId) => ({ id: uuidV4(), events: [sampleEvent(originatorId, 1, 'by now')] }));
    const { setAside } = await recorder.insertPage(again.next(...others), { offered });
    expectEqual(
      [...setAside].sort(),
      [theirs[2].id, ...onTheirs.slice(1).map(({ id }) => id)].sort(),
      'what is set aside',
    );
    expectEqual(await states(recorder, [theirs[1].id, theirs[2].id]), [undefined, 'LOST'], 'what was in the way');
    expectEqual(await states(recorder, [theirs[0].id, theirs[3].id]), ['confirmed', 'lost'], 'what was not');
    expectEqual(await recorder.endHeal(offered), true, 'at the end of the log');
    expectEqual(
      await states(recorder, [...theirs.map(({ id }) => id), own.id, ...onTheirs.map(({ id }) => id)]),
      ['confirmed', undefined, 'LOST', undefined, 'confirmed', 'pending', 'CONFLICT', 'CONFLICT'],
      'what has become of all of them',
    );
    expectEqual(await recorder.selectEvents(d), [], 'what has not come back');
  },
};

const isMovedFromLost: Case = {
  name: 'what was offered and commutes is pending again behind what stands in its place by now',
  async run({ recorder }) {
    const a = newOriginatorId();
    const log = await LogPages.after(recorder);
    await recorder.insertPage(log.next({ events: [sampleEvent(a, 1)] }));
    const { cursor: mark, position } = await recorder.syncProgress();
    const id = uuidV4();
    const [place] = await recorder.insertEvents([sampleEvent(a, 2)], { unit: { id, isCommutative: true } });
    await recorder.insertPage(log.next({ id, events: [sampleEvent(a, 2)], isCommutative: true }));
    await recorder.rewind(mark);
    const offered = { rewinds: (await recorder.syncProgress()).rewinds, refused: [] };
    const again = new LogPages(mark, position);
    await recorder.insertPage(again.next({ events: [sampleEvent(a, 2, 'by now')] }), { offered });
    const { lostUnits, pendingUnits } = await recorder.syncProgress();
    expectEqual(lostUnits, 0, 'what is lost');
    const pending = (await recorder.selectPendingUnits(0, ALL)).filter((unit) => unit.id === id);
    expectEqual(
      pending.map((unit) => [unit.firstNotificationId, unit.events[0]?.originatorVersion]),
      [[place, 3]],
      'where it is',
    );
    expectEqual(await recorder.endHeal(offered), true, 'at the end of the log');
    expectEqual((await recorder.syncProgress()).pendingUnits, pendingUnits, 'it stays so');
  },
};

/** The cases. */
export const offeredUnitCases: readonly Case[] = [staysUntilTheEnd, isMovedFromLost];
