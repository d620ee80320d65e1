/**
 * What every application recorder promises beside what an aggregate recorder does.
 *
 * @module
 */
import type { ApplicationRecorder, SelectNotificationsOptions } from '../../persistence/recorder.js';
import type { Notification } from '../../persistence/stored-event.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
import { expectSeparateRanges, tail } from './log-reading.js';

/** The recorder under test. It may hold events already, but nobody else writes to it. */
export interface ApplicationRecorderContext {
  readonly recorder: ApplicationRecorder;
}

type Case = ConformanceCase<ApplicationRecorderContext>;

// Of one call: enough that an engine which let others in between would be caught at it.
const BIG_BATCH_EVENTS = 2_000;

const emptyInsertGivesNoIds: Case = {
  name: 'inserting no events gives no ids and changes nothing',
  async run({ recorder }) {
    const start = await recorder.maxNotificationId();
    expectEqual(await recorder.insertEvents([]), [], 'ids');
    expectEqual(await recorder.maxNotificationId(), start, 'the largest id');
  },
};

const idsAreInOrder: Case = {
  name: 'ids come back in the order of the events, each greater than the one before',
  async run({ recorder }) {
    const start = await recorder.maxNotificationId();
    const [first, second] = [newOriginatorId(), newOriginatorId()];
    const ids = [
      ...(await recorder.insertEvents([sampleEvent(first, 1), sampleEvent(second, 1), sampleEvent(first, 2)])),
      ...(await recorder.insertEvents([sampleEvent(second, 2)])),
    ];
    expectEqual(ids.length, 4, 'count of ids');
    expectTrue(
      ids.every((id, index) => id > (ids[index - 1] ?? start)),
      `ids increase: ${ids.join(', ')}`,
    );
    expectEqual(await recorder.maxNotificationId(), ids[3], 'the largest id');
    const notifications = await recorder.selectNotifications({ start: start + 1, limit: 10 });
    expectEqual(
      notifications.map(brief),
      [
        [ids[0], first, 1],
        [ids[1], second, 1],
        [ids[2], first, 2],
        [ids[3], second, 2],
      ],
      'the notifications',
    );
  },
};

const notificationsAreTheEvents: Case = {
  name: 'notifications carry the event as it was written',
  async run({ recorder }) {
    const start = await recorder.maxNotificationId();
    const event = sampleEvent(newOriginatorId(), 7, 'a topic');
    const [id] = await recorder.insertEvents([event]);
    const [notification] = await recorder.selectNotifications({ start: start + 1, limit: 1 });
    const { originatorId, originatorVersion, topic, state } = notification as Notification;
    expectEqual(notification?.id, id, 'the id');
    expectEqual({ originatorId, originatorVersion, topic, state: new Uint8Array(state) }, event, 'the event');
  },
};

const failedInsertLeavesNoNotification: Case = {
  name: 'a refused insert leaves no notification, and ids go on',
  async run({ recorder }) {
    const id = newOriginatorId();
    await recorder.insertEvents([sampleEvent(id, 1)]);
    const before = await recorder.maxNotificationId();
    const log = await recorder.selectNotifications({ start: 1, limit: 50 });
    await expectRejection(
      recorder.insertEvents([sampleEvent(id, 2), sampleEvent(id, 1)]),
      'INTEGRITY_ERROR',
      'a taken position',
    );
    expectEqual(await recorder.maxNotificationId(), before, 'the largest id');
    expectEqual(await recorder.selectNotifications({ start: 1, limit: 50 }), log, 'the log, read again');
    const [next] = await recorder.insertEvents([sampleEvent(id, 2)]);
    expectTrue((next as number) > before, 'the next id is greater');
  },
};

const selectsByIdAndLimit: Case = {
  name: 'selects from start (inclusive) to stop (inclusive), at most limit',
  async run({ recorder }) {
    const ids = await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 5));
    const [a, b, c, d, e] = ids as [number, number, number, number, number];
    const select = selector(recorder);
    expectEqual(await select({ start: a, limit: 10 }), ids, 'everything');
    expectEqual(await select({ start: a, limit: 2 }), [a, b], 'a limit');
    expectEqual(await select({ start: c, limit: 1 }), [c], 'start is inclusive');
    expectEqual(await select({ start: b, limit: 10, stop: d }), [b, c, d], 'stop is inclusive');
    expectEqual(await select({ start: b, limit: 2, stop: d }), [b, c], 'limit before stop');
    expectEqual(await select({ start: b, limit: 10, stop: b }), [b], 'one');
    expectEqual(await select({ start: d, limit: 10, stop: b }), [], 'stop before start');
    expectEqual(await select({ start: e + 1, limit: 10 }), [], 'past the end');
    expectEqual(await select({ start: a, limit: 0 }), [], 'limit 0');
  },
};

const startMayBeBelowOne: Case = {
  name: 'a start of 0 or below begins at the beginning',
  async run({ recorder }) {
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 2));
    const select = selector(recorder);
    const fromOne = await select({ start: 1, limit: 10 });
    expectEqual(await select({ start: 0, limit: 10 }), fromOne, 'from 0');
    expectEqual(await select({ start: -1, limit: 10 }), fromOne, 'from -1');
  },
};

const selectsByTopics: Case = {
  name: 'filters by topics in the store, and counts the limit after the filter',
  async run({ recorder }) {
    const id = newOriginatorId();
    const topics = ['topic1', 'topic2', 'topic3', 'topic1'];
    const ids = await recorder.insertEvents(topics.map((topic, index) => sampleEvent(id, index + 1, topic)));
    const [a, b, c, d] = ids as [number, number, number, number];
    const select = selector(recorder);
    expectEqual(await select({ start: a, limit: 10, topics: ['topic1'] }), [a, d], 'one topic');
    expectEqual(await select({ start: a, limit: 10, topics: ['topic3', 'topic2'] }), [b, c], 'two topics');
    expectEqual(await select({ start: a, limit: 2, topics: ['topic1'] }), [a, d], 'limit after the filter');
    expectEqual(await select({ start: a, limit: 10, stop: c, topics: ['topic1'] }), [a], 'with stop');
    expectEqual(await select({ start: a, limit: 10, topics: ['none'] }), [], 'a topic that does not occur');
    expectEqual(await select({ start: a, limit: 10, topics: [] }), ids, 'an empty list filters nothing');
    const text = 'topic1' as unknown as readonly string[];
    await expectRejection(select({ start: a, limit: 10, topics: text }), 'PROGRAMMING_ERROR', 'a text for a list');
  },
};

const malformedSelectionsAreRefused: Case = {
  name: 'malformed selections of notifications are refused',
  async run({ recorder }) {
    const refused = async (what: string, options: object): Promise<void> =>
      expectRejection(recorder.selectNotifications(options as SelectNotificationsOptions), 'PROGRAMMING_ERROR', what);
    await refused('a negative limit', { start: 1, limit: -1 });
    await refused('a fractional limit', { start: 1, limit: 0.5 });
    await refused('a missing limit', { start: 1 });
    await refused('a fractional start', { start: 1.5, limit: 1 });
    await refused('a stop that is no number', { start: 1, limit: 1, stop: 'x' });
  },
};

const concurrentInsertsDoNotInterleave: Case = {
  name: 'concurrent inserts succeed, and the ids of each are a block of their own',
  async run({ recorder }) {
    const batches = await Promise.all(
      Array.from({ length: 20 }, () => recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 25))),
    );
    expectSeparateRanges(batches);
    expectEqual(new Set(batches.flat()).size, 500, 'distinct ids');
  },
};

const bigInsertsDoNotInterleave: Case = {
  name: 'big concurrent inserts are blocks of their own as well, and are read back whole',
  async run({ recorder }) {
    const start = (await recorder.maxNotificationId()) + 1;
    const [first, second] = [newOriginatorId(), newOriginatorId()];
    const batches = await Promise.all(
      [first, second].map((id) => recorder.insertEvents(sampleEvents(id, 1, BIG_BATCH_EVENTS))),
    );
    expectSeparateRanges(batches);
    const notifications = await recorder.selectNotifications({ start, limit: 2 * BIG_BATCH_EVENTS + 1 });
    expectEqual(notifications.length, 2 * BIG_BATCH_EVENTS, 'count of notifications');
    const owners = notifications.map(({ originatorId }) => originatorId);
    const changes = owners.filter((owner, index) => index > 0 && owner !== owners[index - 1]);
    expectEqual(changes.length, 1, 'changes from one aggregate to the other along the log');
    expectEqual((await recorder.selectEvents(second)).length, BIG_BATCH_EVENTS, 'events of one aggregate');
  },
};

const concurrentConflictsHaveOneWinner: Case = {
  name: 'of concurrent inserts at one position, one succeeds and the others are refused',
  async run({ recorder }) {
    const id = newOriginatorId();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) => recorder.insertEvents([sampleEvent(id, 1, `topic${index}`)])),
    );
    const refusals = outcomes.filter((outcome) => outcome.status === 'rejected');
    expectEqual(refusals.length, 9, 'refusals');
    for (const { reason } of refusals) {
      expectEqual((reason as { code: string }).code, 'INTEGRITY_ERROR', 'the code of a refusal');
    }
    expectEqual((await recorder.selectEvents(id)).length, 1, 'events');
  },
};

const tailingReadersMissNothing: Case = {
  name: 'two readers that tail ten writers see every id once, in order',
  async run({ recorder }) {
    const start = (await recorder.maxNotificationId()) + 1;
    const writing = Promise.all(
      Array.from({ length: 10 }, async () => {
        const ids: number[] = [];
        for (let batch = 0; batch < 10; batch++) {
          ids.push(...(await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 10))));
        }
        return ids;
      }),
    );
    const seen = await Promise.all([tail(recorder, start, writing, 50), tail(recorder, start, writing, 7)]);
    const written = (await writing).flat().sort((a, b) => a - b);
    expectEqual(written.length, 1_000, 'count');
    expectEqual(seen[0], written, 'what the first reader saw');
    expectEqual(seen[1], written, 'what the second reader saw');
  },
};

const notificationsAreDeclared: Case = {
  name: 'it declares that it has notifications',
  async run({ recorder }) {
    expectEqual(recorder.supports?.notifications, true, 'supports.notifications');
  },
};

/** The suite for {@link ApplicationRecorder}; run `aggregateRecorderCases` as well. */
export const applicationRecorderCases: readonly Case[] = [
  emptyInsertGivesNoIds,
  idsAreInOrder,
  notificationsAreTheEvents,
  failedInsertLeavesNoNotification,
  selectsByIdAndLimit,
  startMayBeBelowOne,
  selectsByTopics,
  malformedSelectionsAreRefused,
  concurrentInsertsDoNotInterleave,
  bigInsertsDoNotInterleave,
  concurrentConflictsHaveOneWinner,
  tailingReadersMissNothing,
  notificationsAreDeclared,
];

function brief({ id, originatorId, originatorVersion }: Notification): [number, string, number] {
  return [id, originatorId, originatorVersion];
}

function selector(recorder: ApplicationRecorder): (options: SelectNotificationsOptions) => Promise<number[]> {
  return async (options) => (await recorder.selectNotifications(options)).map(({ id }) => id);
}
