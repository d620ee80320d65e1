/**
 * What every application recorder promises of a log in which nothing is yet. The other suites hold on a store that others
 * have used; these cannot.
 *
 * @module
 */
import type { ApplicationRecorder } from '../../persistence/recorder.js';
import type { Notification } from '../../persistence/stored-event.js';
import { feedOf } from '../../application/log/event-subscription.js';
import { closedAfter, expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
import { expectSeparateRanges, readAgain } from './log-reading.js';

/** What the cases need of an engine. */
export interface EmptyLogContext {
  /** Opens a store in which nothing is, for one case. */
  readonly openEmpty: () => Promise<{ readonly recorder: ApplicationRecorder; readonly close: () => Promise<void> }>;
}

type Case = ConformanceCase<EmptyLogContext>;

// Of all writers together, beside readers that never rest.
const CALLS = 100;
const CALL_EVENTS = 100;

function caseOf(name: string, run: (recorder: ApplicationRecorder) => Promise<void>): Case {
  return {
    name,
    async run({ openEmpty }) {
      const opened = await openEmpty();
      await closedAfter(opened, () => run(opened.recorder));
    },
  };
}

const nothingIsThere = caseOf('an empty log has no notifications, and 0 as its largest id', async (recorder) => {
  expectEqual(await recorder.maxNotificationId(), 0, 'the largest id');
  expectEqual(await recorder.selectNotifications({ start: 1, limit: 3 }), [], 'notifications');
  expectEqual(await recorder.selectNotifications({ start: 0, limit: 3 }), [], 'notifications from 0');
  expectEqual(await recorder.selectNotifications({ start: 1, limit: 3, topics: ['topic1'] }), [], 'of a topic');
  expectEqual(await recorder.insertEvents([]), [], 'ids of no events');
  expectEqual(await recorder.maxNotificationId(), 0, 'the largest id after no events');
});

const idsBeginWithOne = caseOf('the first ids are 1, 2 and 3', async (recorder) => {
  const [first, second] = [newOriginatorId(), newOriginatorId()];
  expectEqual(await recorder.insertEvents([sampleEvent(first, 1), sampleEvent(first, 2)]), [1, 2], 'ids of two events');
  expectEqual(await recorder.insertEvents([sampleEvent(second, 1)]), [3], 'the id of the third');
  expectEqual(await recorder.maxNotificationId(), 3, 'the largest id');
  const ids = async (options: Parameters<ApplicationRecorder['selectNotifications']>[0]): Promise<number[]> =>
    (await recorder.selectNotifications(options)).map(({ id }) => id);
  expectEqual(await ids({ start: 1, limit: 10 }), [1, 2, 3], 'all');
  expectEqual(await ids({ start: 0, limit: 10 }), [1, 2, 3], 'from 0');
  expectEqual(await ids({ start: -1, limit: 10 }), [1, 2, 3], 'from -1');
  expectEqual(await ids({ start: 2, limit: 10, stop: 2 }), [2], 'start and stop are inclusive');
});

const refusedFirstInsertLeavesItEmpty = caseOf('a first insert that is refused leaves it empty', async (recorder) => {
  const id = newOriginatorId();
  const twice = [sampleEvent(id, 1), sampleEvent(id, 1)];
  await expectRejection(recorder.insertEvents(twice), 'INTEGRITY_ERROR', 'one position twice');
  await expectRejection(
    recorder.insertEvents([sampleEvent(id, 1), sampleEvent(id, 2, '')]),
    'PROGRAMMING_ERROR',
    'an event without a topic',
  );
  expectEqual(await recorder.maxNotificationId(), 0, 'the largest id');
  expectEqual(await recorder.selectNotifications({ start: 1, limit: 3 }), [], 'notifications');
  expectEqual((await recorder.insertEvents([sampleEvent(id, 1)])).length, 1, 'ids of a good insert');
});

const subscriptionWaitsForTheFirst = caseOf(
  'a subscription to an empty log waits, and gives the first event (where there are subscriptions)',
  async (recorder) => {
    const feed = feedOf(recorder);
    if (feed === undefined) return;
    const ending = new AbortController();
    try {
      const next = feed.subscribe({ gt: 0, signal: ending.signal }).next();
      const event = sampleEvent(newOriginatorId(), 1);
      const [id] = await recorder.insertEvents([event]);
      const given = (await next).value as Notification | undefined;
      expectEqual([given?.id, given?.originatorId], [id, event.originatorId], 'the first event');
    } finally {
      ending.abort();
    }
  },
);

const loopingReadersHoldNobodyUp = caseOf(
  'ten writers record 100 calls of 100 events while two readers read its beginning again and again',
  async (recorder) => {
    let calls = 0;
    const write = async (): Promise<(readonly number[])[]> => {
      const ranges: (readonly number[])[] = [];
      while (calls++ < CALLS) {
        ranges.push(await recorder.insertEvents(sampleEvents(newOriginatorId(), 0, CALL_EVENTS - 1)));
      }
      return ranges;
    };
    const writing = Promise.all(Array.from({ length: 10 }, write));
    const beginning = { start: 0, limit: 10 };
    const seen = await Promise.all([readAgain(recorder, beginning, writing), readAgain(recorder, beginning, writing)]);
    const ranges = (await writing).flat();
    expectSeparateRanges(ranges);
    const ids = ranges.flat().sort((a, b) => a - b);
    expectEqual(new Set(ids).size, CALLS * CALL_EVENTS, 'distinct ids');
    for (const read of seen.flat()) {
      expectTrue(
        read.length === 0 || read.join() === ids.slice(0, 10).join(),
        `none, or the first ten: ${read.join()}`,
      );
    }
    expectEqual(await recorder.maxNotificationId(), ids.at(-1), 'the largest id');
  },
);

/** The suite of an empty log, for {@link ApplicationRecorder}. */
export const emptyLogCases: readonly Case[] = [
  nothingIsThere,
  idsBeginWithOne,
  refusedFirstInsertLeavesItEmpty,
  loopingReadersHoldNobodyUp,
  subscriptionWaitsForTheFirst,
];
