import { expect, test, vi } from 'vitest';
import { HeadHub } from '../../../src/server/live/head-hub.js';
import { CountingClock } from '../../support/counting-clock.js';

/** Lets what is under way go as far as it can. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(): {
  readonly clock: CountingClock;
  readonly hub: HeadHub;
  readonly log: { head: number; looks: number; failure: Error | undefined };
  readonly failures: unknown[];
  readonly news: { tell: ((head?: number) => void) | undefined };
} {
  const clock = new CountingClock();
  const log = { head: 7, looks: 0, failure: undefined as Error | undefined };
  const failures: unknown[] = [];
  const news: { tell: ((head?: number) => void) | undefined } = { tell: undefined };
  const hub = new HeadHub({
    clock,
    readHead: async () => {
      log.looks++;
      if (log.failure !== undefined) throw log.failure;
      return log.head;
    },
    listen: (onNews) => {
      news.tell = onNews;
      return () => (news.tell = undefined);
    },
    onFailure: (error) => failures.push(error),
  });
  return { clock, hub, log, failures, news };
}

test('who waits is told of the head there is, and of each that follows', async () => {
  const { clock, hub, log } = setUp();
  const heads: number[] = [];
  hub.subscribe((head) => heads.push(head));
  await settled();
  log.head = 9;
  clock.advance(2_000);
  await settled();
  clock.advance(2_000);
  await settled();
  hub.announce(12);
  expect(heads).toEqual([7, 9, 12]);
});

test('who comes later is told at once, without another look', async () => {
  const { hub, log } = setUp();
  hub.subscribe(() => undefined);
  await settled();
  const heads: number[] = [];
  hub.subscribe((head) => heads.push(head));
  expect(heads).toEqual([7]);
  expect(log.looks).toBe(1);
});

test('a thousand who wait cost one look', async () => {
  const { clock, hub, log } = setUp();
  for (let index = 0; index < 1_000; index++) hub.subscribe(() => undefined);
  await settled();
  clock.advance(2_000);
  await settled();
  expect(log.looks).toBe(2);
});

test('news of another process are looked at at once; a hundred of them by two looks', async () => {
  const { hub, log, news } = setUp();
  const heads: number[] = [];
  hub.subscribe((head) => heads.push(head));
  await settled();
  log.head = 8;
  for (let index = 0; index < 100; index++) news.tell?.();
  await settled();
  expect(heads).toEqual([7, 8]);
  expect(log.looks).toBeLessThanOrEqual(3);
});

test('news that say a head which is known are not looked at, and one that is higher is; what is told on is what was read', async () => {
  const { hub, log, news } = setUp();
  const heads: number[] = [];
  hub.subscribe((head) => heads.push(head));
  await settled();
  hub.announce(9);
  for (const head of [3, 7, 9]) news.tell?.(head);
  await settled();
  expect(log.looks).toBe(1);
  log.head = 12;
  news.tell?.(10);
  await settled();
  expect(heads).toEqual([7, 9, 12]);
  expect(log.looks).toBe(2);
});

test('a look that began before an announcement does not take it back', async () => {
  const clock = new CountingClock();
  const answers: ((head: number) => void)[] = [];
  const readHead = (): Promise<number> => new Promise((resolve) => answers.push(resolve));
  const hub = new HeadHub({ clock, readHead, onFailure: () => undefined });
  const heads: number[] = [];
  hub.subscribe((head) => heads.push(head));
  hub.announce(5);
  answers[0]?.(4);
  await settled();
  answers[1]?.(5);
  await settled();
  expect(heads).toEqual([5]);
});

test('a log that was set back is told of', async () => {
  const { clock, hub, log } = setUp();
  const heads: number[] = [];
  hub.subscribe((head) => heads.push(head));
  await settled();
  log.head = 3;
  clock.advance(2_000);
  await settled();
  expect(heads).toEqual([7, 3]);
});

test('a look that fails is told of, and followed by the next', async () => {
  const { clock, hub, log, failures } = setUp();
  const heads: number[] = [];
  log.failure = new Error('no database');
  hub.subscribe((head) => heads.push(head));
  await settled();
  expect(failures).toEqual([log.failure]);
  log.failure = undefined;
  clock.advance(2_000);
  await settled();
  expect(heads).toEqual([7]);
});

test('when the last one has gone, nothing is left: no timer, nobody listened to, no head', async () => {
  const { clock, hub, log, news } = setUp();
  const leave = [hub.subscribe(() => undefined), hub.subscribe(() => undefined)];
  await settled();
  for (const go of leave) {
    go();
    go();
  }
  expect(hub.size).toBe(0);
  expect(clock.openCount).toBe(0);
  expect(news.tell).toBeUndefined();
  const { looks } = log;
  clock.advance(60_000);
  hub.announce(99);
  await settled();
  expect(log.looks).toBe(looks);
  const listener = vi.fn();
  hub.subscribe(listener);
  await settled();
  expect(listener.mock.calls).toEqual([[7]]);
});
