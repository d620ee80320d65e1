/**
 * What projections promise on every engine with SQL.
 *
 * @module
 */
import { InlineProjection } from '../../application/projections/inline-projection.js';
import type { NotifiedEvent } from '../../application/events/notified-event.js';
import { ProjectionRunner } from '../../application/projections/projection-runner.js';
import type { ProjectionRunnerOptions } from '../../application/projections/projection-runner.js';
import type { SqlProjection, SqlView } from '../../application/projections/projection.js';
import { SqlProjectionStore } from '../../application/projections/sql-projection-store.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import type { Clock } from '../../util/clock.js';
import { closedAfter, expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { CountingWorld } from './counting-world.js';
import type { Found } from './counting-world.js';
import { newOriginatorId } from './event-samples.js';

/** The recorder under test. It may hold other events and tables; nobody else writes to it meanwhile. */
export interface ProjectionContext {
  readonly recorder: SqlRecorder;
}

type Case = ConformanceCase<ProjectionContext>;
type Options = Partial<ProjectionRunnerOptions<SqlView>>;

// The waits between attempts are shorter than this, the patience of those who wait for an end is longer.
const HASTY_DELAY_MS_MAX = 10_000;

/** Time stands still; short waits are over at once, and long ones never: nothing here depends on how long something takes. */
const hastyClock: Clock = {
  nowMs: () => 1_000,
  monotonicMs: () => 1_000,
  schedule(callback, delayMs) {
    let isOff = delayMs > HASTY_DELAY_MS_MAX;
    queueMicrotask(() => {
      if (!isOff) callback();
    });
    return () => {
      isOff = true;
    };
  },
};

function runnerOf(
  recorder: SqlRecorder,
  world: CountingWorld,
  projection: SqlProjection = world.sums(),
  options: Options = {},
): ProjectionRunner<SqlView> {
  const store = new SqlProjectionStore(recorder, projection);
  return new ProjectionRunner<SqlView>({ projection, store, log: world.log, random: () => 0, ...options });
}

/** A handler that rejects the events that it is told to, as long as it is told to. */
function rejecting(isBad: (found: NotifiedEvent<Found>) => boolean): (found: NotifiedEvent<Found>) => void {
  return (found) => {
    if (isBad(found)) throw new RangeError(`cannot take ${found.data.many}`);
  };
}

const countsOnce: Case = {
  name: 'every event counts once, however often and in how small pages the log is looked at',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    await world.find(a, 1, 2, 3);
    const runner = runnerOf(recorder, world, world.sums(), { batchEventsMax: 2 });
    await runner.catchUp();
    await world.find(b, 10);
    const head = await world.find(a, 4);
    await runner.catchUp();
    await runnerOf(recorder, world).catchUp();
    expectEqual(await world.readSums(recorder), sorted({ [a]: [10, 4], [b]: [10, 1] }), 'sums');
    const { position, lag } = runner.status.value;
    expectTrue(position >= head && lag === 0, `at the end: ${position} of ${head}, lag ${lag}`);
  },
};

const sharesWork: Case = {
  name: 'runners that run at once do not count an event twice',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const things = Array.from({ length: 5 }, newOriginatorId);
    for (const thing of things) await world.find(thing, 1, 2, 3, 4);
    const runners = Array.from({ length: 3 }, () => runnerOf(recorder, world, world.sums(), { batchEventsMax: 3 }));
    await runners[0]?.catchUp();
    for (const thing of things) await world.find(thing, 5);
    await Promise.all(runners.map((runner) => runner.catchUp()));
    expectEqual(
      await world.readSums(recorder),
      sorted(Object.fromEntries(things.map((thing) => [thing, [15, 5]]))),
      'sums',
    );
  },
};

const readsYourWrites: Case = {
  name: 'waitFor resolves when the view holds a notification, and a runner goes on by itself',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const thing = newOriginatorId();
    const runner = runnerOf(recorder, world);
    await closedAfter(runner, async () => {
      await runner.start();
      await runner.waitFor(await world.find(thing, 1));
      expectEqual(await world.readSums(recorder), { [thing]: [1, 1] }, 'after the first');
      await runner.waitFor(await world.find(thing, 2, 3));
      expectEqual(await world.readSums(recorder), { [thing]: [6, 3] }, 'after the second');
    });
  },
};

const givesUpWaiting: Case = {
  name: 'waitFor says when it takes too long, and when the projection has stopped',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const runner = runnerOf(recorder, world, world.sums(), { clock: hastyClock });
    await expectRejection(runner.waitFor(2 ** 40, { timeoutMs: 1 }), 'WAIT_TIMEOUT', 'nobody records so much');
    await runner.close();
    await expectRejection(runner.waitFor(2 ** 40), 'FOLLOWER_STOPPED', 'after its end');
    const reason = new RangeError('not any more');
    const other = runnerOf(recorder, world);
    const outcome = await other
      .waitFor(2 ** 40, { signal: AbortSignal.abort(reason) })
      .catch((error: unknown) => error);
    expectTrue(outcome === reason, 'the reason of the signal');
  },
};

const putsAside: Case = {
  name: 'an event that fails again and again becomes a dead letter, and holds back its aggregate only',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const [good, bad] = [newOriginatorId(), newOriginatorId()];
    let tries = 0;
    let isBroken = true;
    const projection = world.sums((found) => {
      if (found.data.many !== 13) return;
      tries++;
      if (isBroken) throw new RangeError('unlucky');
    });
    await world.find(bad, 1);
    const failedId = await world.find(bad, 13);
    await world.find(good, 5);
    const waitingId = await world.find(bad, 2);
    const runner = runnerOf(recorder, world, projection, { clock: hastyClock, onFailure: { attemptsMax: 3 } });
    await runner.catchUp();
    expectEqual(await world.readSums(recorder), sorted({ [good]: [5, 1], [bad]: [1, 1] }), 'sums');
    expectTrue(tries >= 3, `tried ${tries} times`);
    const letters = await runner.deadLetters.list();
    expectEqual(
      letters.map(({ notificationId, status, retryCount }) => [notificationId, status, retryCount]),
      [
        [failedId, 'failed', 3],
        [waitingId, 'waiting', 0],
      ],
      'letters',
    );
    expectTrue(letters[0]?.error === 'RangeError: unlucky', `the letter says why: ${letters[0]?.error ?? ''}`);
    expectEqual(runner.status.value.deadLetters, 2, 'the status counts them');

    expectEqual(await runner.deadLetters.retry(failedId, 'a tester'), false, 'still broken');
    expectEqual((await runner.deadLetters.list())[0]?.retryCount, 4, 'counted');
    await expectRejection(runner.deadLetters.retry(waitingId, 'a tester'), 'PROGRAMMING_ERROR', 'out of turn');
    isBroken = false;
    expectEqual(await runner.deadLetters.retry(failedId, 'a tester'), true, 'repaired');
    expectEqual(await runner.deadLetters.list(), [], 'nothing is left');
    expectEqual(runner.status.value.deadLetters, 0, 'the status says so');
    expectEqual(await world.readSums(recorder), sorted({ [good]: [5, 1], [bad]: [16, 3] }), 'all counted, in order');
    const settled = await runner.deadLetters.list({ statuses: ['resolved'] });
    expectEqual(
      settled.map((letter) => letter.resolvedBy),
      ['a tester', 'a tester'],
      'who did it is kept',
    );
    await world.find(bad, 4);
    await runner.catchUp();
    expectEqual((await world.readSums(recorder))[bad], [20, 4], 'nothing is held back any more');
  },
};

const settles: Case = {
  name: 'a dead letter can be settled without its event; those that wait behind it are handled',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const [one, other] = [newOriginatorId(), newOriginatorId()];
    const projection = world.sums(rejecting(({ data }) => data.many < 0));
    const runner = runnerOf(recorder, world, projection, { clock: hastyClock, onFailure: { attemptsMax: 2 } });
    const first = await world.find(one, -1);
    const second = await world.find(one, 2, -3, 4).then((last) => last - 1);
    const third = await world.find(other, -5);
    await world.find(other, 6);
    await runner.catchUp();
    await runner.deadLetters.discard(first, 'x');
    const left = await runner.deadLetters.list();
    expectEqual(
      left
        .filter(({ originatorId }) => originatorId === one)
        .map(({ notificationId, status }) => [notificationId, status]),
      [
        [second, 'failed'],
        [second + 1, 'waiting'],
      ],
      'the next one that fails stands first',
    );
    await runner.deadLetters.resolve(second, 'x');
    await runner.deadLetters.resolve(third, 'x');
    expectEqual(await runner.deadLetters.list(), [], 'nothing is left');
    expectEqual(await world.readSums(recorder), sorted({ [one]: [6, 2], [other]: [6, 1] }), 'sums');
    await expectRejection(runner.deadLetters.discard(third, 'x'), 'PROGRAMMING_ERROR', 'twice');
  },
};

const stops: Case = {
  name: 'with the policy to stop, nothing after the failing event is taken, and a restart goes on at it',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const thing = newOriginatorId();
    let isBroken = true;
    const projection = world.sums(rejecting(({ data }) => isBroken && data.many === 2));
    await world.find(thing, 1, 2);
    const last = await world.find(thing, 3);
    const options: Options = { clock: hastyClock, onFailure: { attemptsMax: 2, then: 'stop' } };
    const runner = runnerOf(recorder, world, projection, options);
    await runner.start();
    await expectRejection(runner.waitFor(last), 'FOLLOWER_STOPPED', 'it stops');
    await runner.close();
    expectEqual(await world.readSums(recorder), { [thing]: [1, 1] }, 'what came before');
    isBroken = false;
    await runnerOf(recorder, world, projection, options).catchUp();
    expectEqual(await world.readSums(recorder), { [thing]: [6, 3] }, 'after the restart');
  },
};

const rebuilds: Case = {
  name: 'a rebuild grows beside the view in use, and takes its place when it has caught up',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const thing = newOriginatorId();
    await world.find(thing, 1, 2, 3);
    const before = runnerOf(recorder, world);
    await before.catchUp();
    const seen: unknown[] = [];
    // Ten times as much, so that the new view can be told from the old one.
    const projection = world.sums(() => undefined, 10);
    const looking: SqlProjection = {
      ...projection,
      handle: async (event, view) => {
        await projection.handle(event, view);
        if (seen.length === 0 && (await view.query('SELECT 1')).rows.length === 1)
          seen.push(view.tables[world.sumsTable]);
      },
    };
    const after = runnerOf(recorder, world, looking, { batchEventsMax: 2 });
    await after.rebuild();
    expectTrue(seen[0] !== world.sumsTable, 'it grew in a table of its own');
    expectEqual(await world.readSums(recorder), { [thing]: [60, 3] }, 'the new view');
    await world.find(thing, 4);
    await after.catchUp();
    expectEqual(await world.readSums(recorder), { [thing]: [100, 4] }, 'it goes on');
    await after.rebuild();
    await after.rebuild();
    expectEqual(await world.readSums(recorder), { [thing]: [100, 4] }, 'again and again');
  },
};

const resumesRebuild: Case = {
  name: 'a rebuild that was broken off leaves the view in use, and is gone on with',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const thing = newOriginatorId();
    await world.find(thing, 1, 2, 3, 4);
    await runnerOf(recorder, world).catchUp();
    const stop = new AbortController();
    const handled: number[] = [];
    const projection = world.sums(({ data }) => {
      handled.push(data.many);
      if (data.many === 2) stop.abort(new RangeError('broken off'));
    }, 10);
    const options: Options = { batchEventsMax: 1 };
    const broken = runnerOf(recorder, world, projection, options).rebuild({ signal: stop.signal });
    await broken.catch(() => undefined);
    expectEqual(await world.readSums(recorder), { [thing]: [10, 4] }, 'the view in use');
    handled.length = 0;
    await runnerOf(recorder, world, projection, options).rebuild();
    expectEqual(handled, [3, 4], 'what was done is not done again');
    expectEqual(await world.readSums(recorder), { [thing]: [100, 4] }, 'the new view');
  },
};

const resets: Case = {
  name: 'a reset begins at the first event again',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const thing = newOriginatorId();
    await world.find(thing, 1, -2, 3);
    let isBroken = true;
    const projection = world.sums(rejecting(({ data }) => isBroken && data.many < 0));
    const runner = runnerOf(recorder, world, projection, { clock: hastyClock, onFailure: { attemptsMax: 1 } });
    await runner.catchUp();
    expectEqual(await world.readSums(recorder), { [thing]: [1, 1] }, 'before');
    isBroken = false;
    await runner.reset();
    expectEqual(await world.readSums(recorder), {}, 'empty');
    expectEqual(await runner.deadLetters.list(), [], 'no letters');
    await runner.catchUp();
    expectEqual(await world.readSums(recorder), { [thing]: [2, 3] }, 'all of it');
  },
};

const inline: Case = {
  name: 'a projection in line is committed with the events, or refuses them',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const thing = newOriginatorId();
    const projection = world.sums(rejecting(({ data }) => data.many < 0));
    const participant = new InlineProjection({
      projection,
      recorder,
      decode: (notification) => Promise.resolve(world.decode(notification)),
    });
    await participant.setUp();
    const record = async (...many: readonly number[]): Promise<void> => {
      const events = many.map((count) => world.next(thing, count));
      await recorder.transaction(async (transaction) => {
        const ids = await transaction.insertEvents(events);
        const notified = events.map((stored, index) => world.decode({ ...stored, id: ids[index] as number }));
        await participant.onRecorded(transaction, notified);
      });
    };
    await record(1, 2);
    expectEqual(await world.readSums(recorder), { [thing]: [3, 2] }, 'committed together');
    const outcome = await record(5, -1).catch((error: unknown) => error);
    expectTrue(outcome instanceof RangeError, `what the handler threw: ${String(outcome)}`);
    expectEqual((await recorder.selectEvents(thing)).length, 2, 'nothing was recorded');
    expectEqual(await world.readSums(recorder), { [thing]: [3, 2] }, 'nothing was counted');
    const other = newOriginatorId();
    await world.find(other, 7);
    await recorder.insertEvents([{ ...world.next(other, 8) }]);
    const third = newOriginatorId();
    const stored = world.next(third, 1);
    await recorder.transaction(async (transaction) => {
      const [id = 0] = await transaction.insertEvents([stored]);
      await participant.onRecorded(transaction, [world.decode({ ...stored, id })]);
    });
    expectEqual(
      await world.readSums(recorder),
      sorted({ [thing]: [3, 2], [other]: [15, 2], [third]: [1, 1] }),
      'what was recorded without it is taken first',
    );
  },
};

// Longer than any wait between attempts, so that it can be told from them.
const LIMIT_MS = 9_000;

/** Handlers that write, never settle until they are let go, and then write again; and a clock that knows their limit. */
function hanging(world: CountingWorld, isBad: (found: NotifiedEvent<Found>) => boolean) {
  const limits = new Set<() => void>();
  const clock: Clock = {
    ...hastyClock,
    schedule(callback, delayMs) {
      if (delayMs !== LIMIT_MS) return hastyClock.schedule(callback, delayMs);
      limits.add(callback);
      return () => limits.delete(callback);
    },
  };
  const sums = world.sums();
  let letGo = (): void => undefined;
  const released = new Promise<void>((resolve) => (letGo = resolve));
  const late: Promise<unknown>[] = [];
  const projection: SqlProjection = {
    ...sums,
    handle: (event, view) => {
      const handling = sums.handle(event, view);
      if (!isBad(event as NotifiedEvent<Found>)) return handling;
      const hung = Promise.resolve(handling).then(async () => {
        const begun = [...limits];
        limits.clear();
        for (const over of begun) over();
        await released;
        await sums.handle(event, view);
      });
      late.push(hung.catch((error: unknown) => (error as { code?: unknown }).code));
      return hung;
    },
  };
  return { projection, clock, handlerTimeoutMs: LIMIT_MS, letGo, late };
}

const neverSettles: Case = {
  name: 'a handler that never settles is given up, and what it does later goes nowhere',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const [good, bad] = [newOriginatorId(), newOriginatorId()];
    const { projection, late, letGo, ...options } = hanging(world, ({ originatorId }) => originatorId === bad);
    await world.find(good, 1, 2);
    const failed = await world.find(bad, 100);
    const last = await world.find(good, 3);
    const runner = runnerOf(recorder, world, projection, { ...options, onFailure: { attemptsMax: 2 } });
    const states: unknown[] = [];
    runner.status.subscribe(({ state, lastError }) => {
      if (state === 'waiting') states.push((lastError as { code?: unknown }).code, lastError);
    });
    await closedAfter(runner, async () => {
      await runner.start();
      await runner.waitFor(last);
    });
    expectEqual(states[0], 'HANDLER_TIMEOUT', 'what the status shows meanwhile');
    const { message, details } = states[1] as Error & { readonly details: object };
    expectTrue(message.includes(projection.name), `whose handler it was: ${message}`);
    const { eventType, notificationId, timeoutMs } = details as Readonly<Record<string, unknown>>;
    expectEqual([eventType, notificationId, timeoutMs], ['Found', failed, LIMIT_MS], 'the event, and the limit');
    expectEqual(await world.readSums(recorder), { [good]: [6, 3] }, 'the good ones, before and after it');
    const [letter] = await runner.deadLetters.list();
    expectEqual([letter?.notificationId, letter?.status], [failed, 'failed'], 'the letter');
    await world.find(good, 4);
    const sums = world.sums();
    // What was given up is let go in the middle of a later transaction.
    const later: SqlProjection = {
      ...sums,
      handle: async (event, view) => {
        await sums.handle(event, view);
        letGo();
        for (const code of await Promise.all(late)) expectEqual(code, 'INTERFACE_ERROR', 'a late write');
      },
    };
    await runnerOf(recorder, world, later).catchUp();
    expectEqual(await world.readSums(recorder), { [good]: [10, 4] }, 'nothing of it was counted');
  },
};

const inlineNeverSettles: Case = {
  name: 'a handler in line that never settles refuses the commit, and writes nothing into what is around it',
  run: async ({ recorder }) => {
    const world = new CountingWorld(recorder);
    const [good, bad] = [newOriginatorId(), newOriginatorId()];
    const { late, letGo, ...options } = hanging(world, ({ originatorId }) => originatorId === bad);
    const decode = (notification: Parameters<CountingWorld['decode']>[0]): Promise<NotifiedEvent> =>
      Promise.resolve(world.decode(notification));
    const participant = new InlineProjection({ ...options, recorder, decode });
    await participant.setUp();
    const record = async (within: Pick<SqlRecorder, 'transaction'>, thing: string, many: number): Promise<void> => {
      const stored = world.next(thing, many);
      await within.transaction(async (transaction) => {
        const [id = 0] = await transaction.insertEvents([stored]);
        await participant.onRecorded(transaction, [world.decode({ ...stored, id })]);
      });
    };
    await recorder.transaction(async (outer) => {
      await record(outer, good, 1);
      await expectRejection(record(outer, bad, 100), 'HANDLER_TIMEOUT', 'the commit');
      letGo();
      for (const code of await Promise.all(late)) expectEqual(code, 'INTERFACE_ERROR', 'a late write');
      await record(outer, good, 2);
    });
    expectEqual(await world.readSums(recorder), { [good]: [3, 2] }, 'what is counted');
    expectEqual([(await recorder.selectEvents(bad)).length, late.length], [0, 1], 'what is recorded, and was tried');
  },
};

/** The cases, in the order of their subjects. */
export const projectionCases: readonly Case[] = [
  countsOnce,
  sharesWork,
  readsYourWrites,
  givesUpWaiting,
  putsAside,
  settles,
  stops,
  rebuilds,
  resumesRebuild,
  resets,
  inline,
  neverSettles,
  inlineNeverSettles,
];

function sorted<T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
