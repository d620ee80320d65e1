/**
 * What every recorder promises of events that come to stand on another past. Part of `unitRecorderCases`.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import { historyDigest } from '../../persistence/history-digest.js';
import type { DecidedOn, Past } from '../../persistence/past.js';
import type { EditionRecorder, InsertEventsOptions, ProcessRecorder } from '../../persistence/recorder.js';
import type { TransactionalRecorder } from '../../persistence/recorder-transaction.js';
import type { StoredEvent } from '../../persistence/stored-event.js';
import type { UnitRecorder } from '../../persistence/unit-recorder.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
import { LogPages } from './log-pages.js';

type Recorder = ProcessRecorder & UnitRecorder & EditionRecorder;
type Case = ConformanceCase<{ readonly recorder: Recorder }>;

/** Somebody's own event, which is told from others'. */
function own(originatorId: string, originatorVersion: number): StoredEvent {
  return { originatorId, originatorVersion, topic: 'Own', state: Uint8Array.of(originatorVersion) };
}

async function lastPast(recorder: EditionRecorder, originatorId: string): Promise<Past> {
  const { last } = await recorder.selectPast(originatorId);
  expectTrue(last !== undefined, 'the last event stands in an edition');
  return last as Past;
}

function on(originatorId: string, { version, edition }: Past): DecidedOn {
  return { originatorId, version, edition };
}

/** Refused as another past, with nothing stored. */
async function expectPastChanged(
  recorder: ProcessRecorder,
  events: readonly StoredEvent[],
  decidedOn: readonly DecidedOn[],
  what: string,
): Promise<void> {
  const before = await recorder.maxNotificationId();
  const error: unknown = await recorder.insertEvents(events, { decidedOn }).catch((thrown: unknown) => thrown);
  const { code, details } = error as { code?: string; details?: { constraint?: string; originatorId?: string } };
  expectEqual([code, details?.constraint], ['INTEGRITY_ERROR', 'past'], what);
  expectEqual(await recorder.maxNotificationId(), before, `nothing is stored of ${what}`);
}

const pastsAreRead: Case = {
  name: 'events are read with the editions of the first and the last of them',
  async run({ recorder }) {
    const a = newOriginatorId();
    expectEqual(await recorder.selectPast(a), { events: [], first: undefined, last: undefined }, 'of nothing');
    const [first, second] = [uuidV4(), uuidV4()];
    await recorder.insertEvents([own(a, 1)], { unit: { id: first } });
    await recorder.insertEvents([own(a, 2), own(a, 3)], { unit: { id: second } });
    const ofFirst = { version: 1, edition: first, isAsRecorded: true };
    const ofSecond = { version: 3, edition: second, isAsRecorded: true };
    expectEqual(
      await recorder.selectPast(a),
      { events: [own(a, 1), own(a, 2), own(a, 3)], first: ofFirst, last: ofSecond },
      'of all',
    );
    const one = await recorder.selectPast(a, { gt: 1, lte: 2 });
    const ofOne = { ...ofSecond, version: 2 };
    expectEqual(one, { events: [own(a, 2)], first: ofOne, last: ofOne }, 'of one');
    const newest = await recorder.selectPast(a, { desc: true, limit: 2 });
    expectEqual([newest.first, newest.last], [ofSecond, ofOne], 'as they are given');
    await expectRejection(recorder.selectPast('a'), 'PROGRAMMING_ERROR', 'of what is no aggregate');
  },
};

const pastsAreLookedAt: Case = {
  name: 'what is decided on the last event is recorded as long as that is there, and stands on the same',
  async run({ recorder }) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const log = await LogPages.after(recorder);
    await recorder.insertPage(log.next({ events: [sampleEvent(a, 1)] }));
    await recorder.insertEvents([own(a, 2)]);
    const [id] = await recorder.insertEvents([own(a, 3)], { unit: { isCommutative: true } });
    const past = await lastPast(recorder, a);
    await expectPastChanged(recorder, [own(a, 9)], [{ ...on(a, past), version: 2 }], 'another version');
    await expectPastChanged(recorder, [own(b, 1)], [on(b, past)], 'an aggregate without events');
    // What was decided on one aggregate may be recorded of another.
    await recorder.insertEvents([own(b, 1)], { decidedOn: [on(a, past)] });
    await recorder.insertEvents([own(b, 2)], { decidedOn: [{ originatorId: a, version: 3, edition: id as number }] });
    // The second event gives way, and the third is where it was, as it was.
    await recorder.insertPage(log.next({ events: [sampleEvent(a, 2)] }));
    expectEqual(await recorder.selectEvents(a), [sampleEvent(a, 1), sampleEvent(a, 2), own(a, 3)], 'the aggregate');
    await expectPastChanged(recorder, [own(a, 4)], [on(a, past)], 'another past');
    await expectPastChanged(
      recorder,
      [own(b, 3), own(a, 4)],
      [on(b, await lastPast(recorder, b)), { originatorId: a, version: 3, edition: id as number }],
      'another past of what was recorded',
    );
    const now = await lastPast(recorder, a);
    expectEqual([now.version, now.isAsRecorded], [3, false], 'as it is now');
    await recorder.insertEvents([own(a, 4)], { decidedOn: [on(a, now)] });
    await expectPastChanged(recorder, [own(a, 6)], [on(a, now)], 'a place behind what was recorded since');
  },
};

const shorterPasts: Case = {
  name: 'what is decided on events that have left is not recorded behind them',
  async run({ recorder }) {
    const a = newOriginatorId();
    const log = await LogPages.after(recorder);
    await recorder.insertEvents([own(a, 1)]);
    await recorder.insertEvents([own(a, 2)]);
    const past = await lastPast(recorder, a);
    await recorder.insertPage(log.next({ events: [sampleEvent(a, 1)] }));
    await expectPastChanged(recorder, [own(a, 3)], [on(a, past)], 'a place with a hole before it');
  },
};

const truncatedPasts: Case = {
  name: 'what is decided on the last event stands when all before it has left the store, and not on what has left',
  async run({ recorder }) {
    const a = newOriginatorId();
    const log = await LogPages.after(recorder);
    const ids = [uuidV4(), uuidV4(), uuidV4()];
    const units = ids.map((id, index) => ({ id, events: [sampleEvent(a, index + 1)] }));
    await recorder.insertPage(log.next(...units.slice(0, 2)));
    const older = await lastPast(recorder, a);
    await recorder.insertPage(log.next(...units.slice(2)));
    const past = await lastPast(recorder, a);
    const snapshot = {
      ...{ originatorId: a, originatorVersion: 3, eventId: 'event 3', aggregateType: 'Sample' },
      ...{ stateVersion: 1, takenAtMs: 1_700_000_000_000, state: Uint8Array.of(3) },
    };
    const digest = historyDigest(sampleEvents(a, 1, 2));
    expectEqual(await recorder.truncate([{ snapshot, anchor: ids[2] as string, digest }]), [a], 'what was truncated');
    await expectRejection(recorder.selectPast(a), 'HISTORY_TRUNCATED', 'all of them');
    expectEqual(
      await recorder.selectPast(a, { gt: 2 }),
      { events: [sampleEvent(a, 3)], first: past, last: past },
      'what is left',
    );
    await expectPastChanged(recorder, [own(a, 4)], [on(a, older)], 'what has left');
    await recorder.insertEvents([own(a, 4)], { decidedOn: [on(a, past)] });
    expectEqual((await recorder.selectPast(a, { desc: true, limit: 1 })).last?.version, 4, 'what is recorded');
  },
};

const pastsInTransactions: Case = {
  name: 'a transaction says what events stand in, and looks at it, but for what it records itself',
  async run({ recorder }) {
    if (recorder.supports?.transactions !== true) return;
    const a = newOriginatorId();
    const log = await LogPages.after(recorder);
    await recorder.insertEvents([own(a, 1)]);
    const past = await lastPast(recorder, a);
    const transactional = recorder as Recorder & TransactionalRecorder<unknown>;
    await transactional.transaction(async (transaction) => {
      expectEqual(transaction.supports?.editions, true, 'what it says of itself');
      const lent = transaction as typeof transaction & EditionRecorder;
      expectEqual((await lent.selectPast(a)).last, past, 'in the transaction');
      const [id] = await transaction.insertEvents([own(a, 2)], { decidedOn: [on(a, past)] });
      const both = await lent.selectPast(a);
      expectEqual([both.first, both.last], [past, undefined], 'of what it has recorded itself');
      const decidedOn = [{ originatorId: a, version: 2, edition: id as number }];
      await transaction.insertEvents([own(a, 3)], { decidedOn });
    });
    await recorder.insertEvents([own(a, 4)]);
    await recorder.insertPage(log.next(...[1, 2, 3, 4].map((version) => ({ events: [sampleEvent(a, version)] }))));
    const options: InsertEventsOptions = { decidedOn: [{ ...on(a, past), version: 4 }] };
    await expectRejection(
      transactional.transaction((transaction) => transaction.insertEvents([own(a, 5)], options)),
      'INTEGRITY_ERROR',
      'another past, in a transaction',
    );
    expectEqual((await recorder.selectEvents(a)).length, 4, 'nothing is recorded');
  },
};

const malformedPasts: Case = {
  name: 'what nothing can be decided on is refused',
  async run({ recorder }) {
    const a = newOriginatorId();
    const fine: DecidedOn = { originatorId: a, version: 1, edition: uuidV4() };
    const refused = [{ ...fine, originatorId: 'a' }, { ...fine, version: 0.5 }, { ...fine, edition: 0 }, { ...fine, edition: 'a' }]; // prettier-ignore
    for (const one of refused) {
      await expectRejection(
        recorder.insertEvents([own(a, 1)], { decidedOn: [one] }),
        'PROGRAMMING_ERROR',
        JSON.stringify(one),
      );
    }
    expectEqual(await recorder.selectEvents(a), [], 'nothing is recorded');
  },
};

/** The promises about the past of events. */
export const pastCases: readonly Case[] = [
  pastsAreRead,
  pastsAreLookedAt,
  shorterPasts,
  truncatedPasts,
  pastsInTransactions,
  malformedPasts,
];
