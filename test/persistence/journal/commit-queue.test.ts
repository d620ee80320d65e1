import { beforeEach, describe, expect, test } from 'vitest';
import { InternalError } from '../../../src/persistence/errors.js';
import { packEvents } from '../../../src/persistence/event-batch.js';
import { CommitQueue } from '../../../src/persistence/journal/commit-queue.js';
import type { CommitRequest } from '../../../src/persistence/journal/commit-queue.js';
import { JournalFollower } from '../../../src/persistence/journal/journal-follower.js';
import { decodeJournalRecord } from '../../../src/persistence/journal/journal-record.js';
import { MemoryReplica } from '../../../src/persistence/memory/memory-replica.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../../src/testing/conformance/event-samples.js';
import { unitMark } from '../../../src/persistence/journal/unit-mark.js';
import { SharedJournal } from '../../support/shared-journal.js';

const MEBIBYTE = 1024 * 1024;

interface Tab {
  readonly follower: JournalFollower;
  readonly queue: CommitQueue;
}

let journal: SharedJournal;

beforeEach(() => {
  journal = new SharedJournal();
});

const openTab = (durability: 'strict' | 'relaxed' = 'strict'): Tab => {
  const follower = new JournalFollower({ replica: new MemoryReplica(), journal: journal.connect(durability) });
  return { follower, queue: new CommitQueue(follower) };
};

const request = (events: readonly StoredEvent[], more: Partial<CommitRequest> = {}): CommitRequest => ({
  ...{ events, packedEvents: undefined, tracking: undefined, durability: undefined, unit: unitMark() },
  ...more,
});

const some = (count: number = 1): StoredEvent[] => sampleEvents(newOriginatorId(), 1, count);

const ofBytes = (bytes: number): StoredEvent[] => [
  { ...sampleEvent(newOriginatorId(), 1), state: new Uint8Array(bytes) },
];

const add = ({ queue }: Tab, events: readonly StoredEvent[], more?: Partial<CommitRequest>): Promise<unknown> =>
  queue.add(request(events, more));

/** How many commits each record holds. */
const groupSizes = (): number[] =>
  journal.records.map((bytes, index) => decodeJournalRecord(index + 1, bytes as Uint8Array).length);

/** Holds the requests to the journal back, until it is opened. */
const closeGate = (): { readonly reached: Promise<void>; readonly open: () => void } => {
  const [gate, reached] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  journal.beforeRequest = async () => {
    reached.resolve();
    await gate.promise;
  };
  return { reached: reached.promise, open: gate.resolve };
};

/** For what follows by itself: no timer and no request is behind it. */
const aFewTicks = async (): Promise<void> => {
  for (let tick = 0; tick < 20; tick++) await Promise.resolve();
};

const outcomesOf = (commits: readonly Promise<unknown>[]): Promise<PromiseSettledResult<unknown>[]> =>
  Promise.allSettled(commits);

const ids = (...value: number[]): object => ({ status: 'fulfilled', value });
const refused = (constraint: 'event' | 'tracking'): object => ({
  status: 'rejected',
  reason: { code: 'INTEGRITY_ERROR', details: { constraint } },
});
const failed = (reason: string): object => ({ status: 'rejected', reason: { message: reason } });

describe('a group', () => {
  test('is what is added in one tick: one record, ids in the order of the calls', async () => {
    const tab = openTab();
    expect(await outcomesOf([add(tab, some(2)), add(tab, some()), add(tab, some(3))])).toMatchObject([
      ids(1, 2),
      ids(3),
      ids(4, 5, 6),
    ]);
    expect(groupSizes()).toEqual([3]);
  });

  test('is also what is added while the one before it is in flight', async () => {
    const tab = openTab();
    const { reached, open } = closeGate();
    const commits = [add(tab, some())];
    await reached;
    commits.push(add(tab, some()));
    await Promise.resolve();
    commits.push(add(tab, some()));
    open();
    expect(await outcomesOf(commits)).toMatchObject([ids(1), ids(2), ids(3)]);
    expect(groupSizes()).toEqual([1, 2]);
  });

  test('is what is added until its turn comes, while another piece of work has it', async () => {
    const tab = openTab();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const other = tab.follower.exclusive(() => gate);
    const commits = [add(tab, some())];
    await aFewTicks();
    commits.push(add(tab, some()));
    open();
    await other;
    expect(await outcomesOf(commits)).toMatchObject([ids(1), ids(2)]);
    expect(groupSizes()).toEqual([2]);
  });

  test('is busy until the last of them has its outcome, and so are those after it', async () => {
    const tab = openTab();
    expect(tab.queue.isBusy).toBe(false);
    const first = closeGate();
    const commits = [add(tab, some())];
    expect(tab.queue.isBusy).toBe(true);
    await first.reached;
    commits.push(add(tab, some()));
    const second = closeGate();
    first.open();
    await second.reached;
    await aFewTicks();
    expect(tab.queue.isBusy).toBe(true);
    second.open();
    expect(await Promise.all(commits)).toEqual([[1], [2]]);
    await aFewTicks();
    expect(tab.queue.isBusy).toBe(false);
    expect(await add(tab, some())).toEqual([3]);
  });

  test('is as durable as the one that asks for most, of those that are refused too', async () => {
    const tab = openTab('relaxed');
    const [event] = some();
    await outcomesOf([add(tab, [event!]), add(tab, some(), { durability: 'relaxed' })]);
    await outcomesOf([add(tab, some()), add(tab, some(), { durability: 'strict' }), add(tab, some())]);
    await outcomesOf([add(tab, [event!], { durability: 'strict' }), add(tab, some())]);
    expect(journal.durabilities).toEqual(['relaxed', 'strict', 'strict']);
  });
});

describe('the limits of a group', () => {
  test('are 16 MiB: what fits exactly is in, a byte more begins the next', async () => {
    const tab = openTab();
    const commits = [8 * MEBIBYTE, 8 * MEBIBYTE, 1].map((bytes) => add(tab, ofBytes(bytes)));
    expect(await outcomesOf(commits)).toMatchObject([ids(1), ids(2), ids(3)]);
    expect(groupSizes()).toEqual([2, 1]);
  });

  test('hold nobody back who is larger alone', async () => {
    const tab = openTab();
    const commits = [17 * MEBIBYTE, 1, 17 * MEBIBYTE].map((bytes) => add(tab, ofBytes(bytes)));
    expect(await outcomesOf(commits)).toMatchObject([ids(1), ids(2), ids(3)]);
    expect(groupSizes()).toEqual([1, 1, 1]);
  });

  test('count what is packed as it is', async () => {
    const tab = openTab();
    const packed = [8 * MEBIBYTE, 8 * MEBIBYTE].map((bytes) => {
      const events = ofBytes(bytes);
      // A little more than the states alone, which would fit.
      return add(tab, events, { packedEvents: packEvents(events) });
    });
    expect(await outcomesOf(packed)).toMatchObject([ids(1), ids(2)]);
    expect(groupSizes()).toEqual([1, 1]);
  });

  test('are a thousand commits', async () => {
    const tab = openTab();
    const commits = Array.from({ length: 1_001 }, () => add(tab, some()));
    expect(await Promise.all(commits)).toEqual(Array.from({ length: 1_001 }, (_, index) => [index + 1]));
    expect(groupSizes()).toEqual([1_000, 1]);
  });
});

describe('each of a group', () => {
  test('has an outcome of its own', async () => {
    const tab = openTab();
    const [event] = some();
    const tracking = { applicationName: 'upstream', notificationId: 5 };
    await add(tab, [event!], { tracking });
    const outcomes = await outcomesOf([
      add(tab, some()),
      add(tab, [event!]),
      add(tab, some(2)),
      add(tab, some(), { tracking }),
      add(tab, [], { tracking: { ...tracking, notificationId: 6 } }),
      add(tab, some()),
    ]);
    expect(outcomes).toMatchObject([ids(2), refused('event'), ids(3, 4), refused('tracking'), ids(), ids(5)]);
    expect(groupSizes()).toEqual([1, 4]);
  });

  test('may be refused because of one before it, when that one is durable and not sooner', async () => {
    const tab = openTab();
    const { reached, open } = closeGate();
    const [event] = some();
    const settled: string[] = [];
    const note = (name: string, commit: Promise<unknown>): Promise<unknown> => commit.finally(() => settled.push(name));
    const commits = [
      note('first', add(tab, [event!])),
      note('same', add(tab, [event!])),
      note('other', add(tab, some())),
    ];
    await reached;
    expect(settled).toEqual([]);
    open();
    expect(await outcomesOf(commits)).toMatchObject([ids(1), refused('event'), ids(2)]);
    expect(settled.sort()).toEqual(['first', 'other', 'same']);
  });

  test('is not refused because of one that fails: that one told nobody anything', async () => {
    const tab = openTab();
    journal.nextFault = () => 'fails';
    const [event] = some();
    const commits = [add(tab, [event!]), add(tab, [event!])];
    expect(await outcomesOf(commits)).toMatchObject([
      failed('injected: the request failed'),
      failed('injected: the request failed'),
    ]);
    expect(tab.follower.replica.maxNotificationId()).toBe(0);
  });

  test('is refused without a record when none of them can be', async () => {
    const tab = openTab();
    const [event] = some();
    await add(tab, [event!]);
    journal.nextFault = () => 'fails';
    expect(await outcomesOf([add(tab, [event!]), add(tab, [event!])])).toMatchObject([
      refused('event'),
      refused('event'),
    ]);
    expect(groupSizes()).toEqual([1]);
  });
});

// In the same request, or by another one: who is overtaken must come to the same.
describe.each([
  ['and says in the same request what instead', true],
  ['and is asked again', false],
])('a group whose position is taken, %s', (_how, asksOvertaken) => {
  beforeEach(() => {
    journal.asksOvertaken = () => asksOvertaken;
  });

  test('is checked anew, the whole of it', async () => {
    const [tab, other] = [openTab(), openTab()];
    const [[taken], [wanted]] = [some(), some()];
    await add(other, [taken!]);
    // The second one gives way to the first, and needs not when that is refused in the end.
    const commits = [add(tab, [taken!, wanted!]), add(tab, [wanted!]), add(tab, some())];
    expect(await outcomesOf(commits)).toMatchObject([refused('event'), ids(2), ids(3)]);
    expect(groupSizes()).toEqual([1, 2]);
    expect(
      tab.follower.replica.selectNotifications({ start: 1, limit: 10 }).map(({ originatorId }) => originatorId),
    ).toEqual(expect.arrayContaining([taken!.originatorId, wanted!.originatorId]));
  });

  test('that is taken whole is refused whole, and appends nothing', async () => {
    const [tab, other] = [openTab(), openTab()];
    const events = [some(), some()];
    await outcomesOf(events.map((one) => add(other, one)));
    expect(await outcomesOf(events.map((one) => add(tab, one)))).toMatchObject([refused('event'), refused('event')]);
    expect(groupSizes()).toEqual([2]);
    expect(tab.follower.applied).toBe(1);
  });

  test('goes on however often others are first', async () => {
    const [tab, other] = [openTab(), openTab()];
    let rounds = 0;
    journal.beforeRequest = async () => {
      // Before each of the first requests of this tab: those of the other one come from here.
      if (rounds++ >= 12 || rounds % 2 === 0) return;
      await add(other, some());
    };
    expect(await add(tab, some())).toEqual([journal.records.length]);
    expect(journal.records.length).toBeGreaterThan(1);
    expect(groupSizes()).toEqual(journal.records.map(() => 1));
  });
});

describe('a failure of the journal', () => {
  test('is told to the commits of that group, and the next group goes on', async () => {
    const tab = openTab();
    const { reached, open } = closeGate();
    let requests = 0;
    journal.nextFault = () => (++requests === 1 ? 'fails' : 'none');
    const first = [add(tab, some()), add(tab, some())];
    await reached;
    const second = [add(tab, some()), add(tab, some())];
    open();
    expect(await outcomesOf(first)).toMatchObject([
      failed('injected: the request failed'),
      failed('injected: the request failed'),
    ]);
    expect(await outcomesOf(second)).toMatchObject([ids(1), ids(2)]);
    expect(groupSizes()).toEqual([2]);
  });

  test('after the record was written, is found by the next group, which comes after it', async () => {
    const tab = openTab();
    const { reached, open } = closeGate();
    let requests = 0;
    journal.nextFault = () => (++requests === 1 ? 'fails-after-writing' : 'none');
    const [event] = some();
    const first = add(tab, [event!]);
    await reached;
    const second = [add(tab, [event!]), add(tab, some())];
    open();
    expect(await outcomesOf([first])).toMatchObject([failed('injected: the answer was lost')]);
    expect(await outcomesOf(second)).toMatchObject([refused('event'), ids(2)]);
    expect(groupSizes()).toEqual([1, 1]);
  });

  test('that leaves the replica unsound is told to everyone from then on', async () => {
    const tab = openTab();
    tab.follower.fail(new InternalError('unsound'));
    expect(await outcomesOf([add(tab, some()), add(tab, some())])).toMatchObject([
      failed('unsound'),
      failed('unsound'),
    ]);
    expect(await outcomesOf([add(tab, some())])).toMatchObject([failed('unsound')]);
    expect(journal.records).toHaveLength(0);
  });
});
