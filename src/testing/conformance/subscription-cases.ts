/**
 * What every recorder promises that can be subscribed to: `supports.subscriptions` says that it can.
 *
 * @module
 */
import type { ApplicationRecorder } from '../../persistence/recorder.js';
import type { Notification, NotificationId } from '../../persistence/stored-event.js';
import type { FollowOptions, Subscription } from '../../persistence/subscription.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';

/** The recorder under test. It may hold events already, but nobody else writes to it. */
export interface SubscriptionContext {
  readonly recorder: ApplicationRecorder & { subscribe(options?: FollowOptions): Subscription };
}

type Case = ConformanceCase<SubscriptionContext>;
type Recorder = SubscriptionContext['recorder'];

const WRITERS = 5;
const BATCHES = 5;
// More than one page of a subscription, so that it has to read on.
const PAGES_EVENTS = 1_200;

/** Runs with subscriptions that begin at the present end of the log, and ends them whatever comes of it. */
function caseOf(
  name: string,
  run: (recorder: Recorder, follow: (options?: FollowOptions) => Subscription, gt: NotificationId) => Promise<void>,
): Case {
  return {
    name,
    async run({ recorder }) {
      const gt = await recorder.maxNotificationId();
      const followed: Subscription[] = [];
      const follow = (options: FollowOptions = {}): Subscription => {
        const subscription = recorder.subscribe({ gt, ...options });
        followed.push(subscription);
        return subscription;
      };
      try {
        await run(recorder, follow, gt);
      } finally {
        await Promise.all(followed.map((subscription) => subscription.return()));
      }
    },
  };
}

const givesPresentAndComing = caseOf(
  'gives whole events that are there, and then those to come, in order',
  async (recorder, follow) => {
    const id = newOriginatorId();
    const present = await recorder.insertEvents(sampleEvents(id, 1, 2));
    const subscription = follow();
    const there = [await value(subscription), await value(subscription)];
    expectEqual(there.map(bare), [sampleEvent(id, 1), sampleEvent(id, 2)], 'the events that were there');
    const next = value(subscription);
    const coming = await recorder.insertEvents([sampleEvent(id, 3)]);
    expectEqual([...there, await next].map(idOf), [...present, ...coming], 'the ids');
    expectEqual(bare(await next), sampleEvent(id, 3), 'the event that came');
  },
);

const beginsAfter = caseOf('begins after the id that is given', async (recorder, follow) => {
  const ids = await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
  const [first, second, third] = ids as [number, number, number];
  expectEqual(await take(follow({ gt: first }), 2), [second, third], 'after the first');
  const atTheEnd = value(follow({ gt: third }));
  const coming = await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
  expectEqual([(await atTheEnd)?.id], coming, 'after the last');
});

const givesTopicsAskedFor = caseOf('gives the topics that are asked for, and all without', async (recorder, follow) => {
  const id = newOriginatorId();
  const record = (first: number): Promise<readonly number[]> =>
    recorder.insertEvents(['a', 'b', 'c'].map((topic, index) => sampleEvent(id, first + index, topic)));
  const present = await record(1);
  const [only, two, all] = [follow({ topics: ['b'] }), follow({ topics: ['c', 'a'] }), follow({ topics: [] })];
  const taken = Promise.all([take(only, 2), take(two, 4), take(all, 6)]);
  const ids = [...present, ...(await record(4))];
  const expected = [[ids[1], ids[4]], [ids[0], ids[2], ids[3], ids[5]], ids];
  expectEqual(await taken, expected, 'what three subscriptions gave');
});

const everySubscriptionMissesNothing = caseOf(
  'two subscriptions beside five writers give every id once, in order',
  async (recorder, follow) => {
    const count = WRITERS * BATCHES * 4;
    const taken = Promise.all([take(follow(), count), take(follow(), count)]);
    const written = await Promise.all(
      Array.from({ length: WRITERS }, async () => {
        const ids: number[] = [];
        while (ids.length < BATCHES * 4)
          ids.push(...(await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 4))));
        return ids;
      }),
    );
    const ids = written.flat().sort((a, b) => a - b);
    expectEqual(await taken, [ids, ids], 'what they gave');
  },
);

const readsPagesOn = caseOf('reads on where there is more than a page', async (recorder, follow) => {
  const ids = await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, PAGES_EVENTS));
  expectEqual(await take(follow(), PAGES_EVENTS), ids, 'the ids');
});

const refusedInsertGivesNothing = caseOf('gives nothing of an insert that is refused', async (recorder, follow) => {
  const id = newOriginatorId();
  const first = await recorder.insertEvents([sampleEvent(id, 1)]);
  const taken = take(follow(), 2);
  await expectRejection(recorder.insertEvents(sampleEvents(id, 1, 2)), 'INTEGRITY_ERROR', 'a taken position');
  const second = await recorder.insertEvents([sampleEvent(id, 2)]);
  expectEqual(await taken, [...first, ...second], 'the ids');
});

const endsBeforeItBegins = caseOf('ends before the first event is asked for', async (recorder, follow) => {
  await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
  const [returned, aborted] = [follow(), follow({ signal: AbortSignal.abort() })];
  await returned.return();
  expectEqual(await take(returned, 1), [], 'what a subscription gave that was ended');
  expectEqual(await take(aborted, 1), [], 'what one gave whose signal was aborted before');
});

const endsWhileItWaits = caseOf('ends while somebody waits, by return and by its signal', async (_recorder, follow) => {
  const ending = new AbortController();
  const [returned, aborted] = [follow(), follow({ signal: ending.signal })];
  const waiting = [value(returned), value(returned), value(aborted)];
  await returned.return();
  ending.abort();
  expectEqual(await Promise.all(waiting), [undefined, undefined, undefined], 'what who waited was given');
  expectEqual(await returned.return(), { done: true, value: undefined }, 'a second end');
});

const endsInTheMiddle = caseOf(
  'ends in the middle: by break, by return, and by its signal',
  async (recorder, follow) => {
    const ids = await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
    const broken = follow();
    for await (const { id } of broken) {
      expectEqual(id, ids[0], 'the first id');
      break;
    }
    const ending = new AbortController();
    const aborted = follow({ signal: ending.signal });
    await value(aborted);
    ending.abort();
    const disposed = follow();
    await value(disposed);
    await disposed[Symbol.asyncDispose]();
    const after = await Promise.all([broken, aborted, disposed].map(value));
    expectEqual(after, [undefined, undefined, undefined], 'what they gave then');
  },
);

const malformedOptionsAreRefused = caseOf('malformed options are refused at once', async (recorder) => {
  const malformed: Record<string, object> = {
    'a fractional gt': { gt: 0.5 },
    'a text for gt': { gt: '1' },
    'a text for topics': { topics: 'a' },
    'topics that are no texts': { topics: [1] },
  };
  for (const [what, options] of Object.entries(malformed)) {
    await expectRejection((async () => recorder.subscribe(options))(), 'PROGRAMMING_ERROR', what);
  }
});

const subscriptionsAreDeclared = caseOf('it declares that it has subscriptions', async (recorder) => {
  expectTrue(recorder.supports?.subscriptions === true, 'supports.subscriptions');
});

/** The suite for recorders that have `subscribe`; run `applicationRecorderCases` and those before it as well. */
export const subscriptionCases: readonly Case[] = [
  givesPresentAndComing,
  beginsAfter,
  givesTopicsAskedFor,
  everySubscriptionMissesNothing,
  readsPagesOn,
  refusedInsertGivesNothing,
  endsBeforeItBegins,
  endsWhileItWaits,
  endsInTheMiddle,
  malformedOptionsAreRefused,
  subscriptionsAreDeclared,
];

async function value(subscription: Subscription): Promise<Notification | undefined> {
  return (await subscription.next()).value;
}

/** The ids of the next notifications: fewer where it ends before. */
async function take(subscription: Subscription, count: number): Promise<number[]> {
  const ids: number[] = [];
  while (ids.length < count) {
    const notification = await value(subscription);
    if (notification === undefined) break;
    ids.push(notification.id);
  }
  return ids;
}

const idOf = (notification: Notification | undefined): number | undefined => notification?.id;

function bare(notification: Notification | undefined): object | undefined {
  if (notification === undefined) return undefined;
  const { originatorId, originatorVersion, topic, state } = notification;
  return { originatorId, originatorVersion, topic, state: new Uint8Array(state) };
}
