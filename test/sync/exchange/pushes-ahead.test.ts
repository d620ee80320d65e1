/** Pushes that are sent while one is on its way: in their order, and of no effect where the one before was in vain. */
import { expect, test } from 'vitest';
import type { PendingUnit, UnitId } from '../../../src/persistence/unit.js';
import { PushesAhead } from '../../../src/sync/exchange/pushes-ahead.js';
import type { ReadUnits } from '../../../src/sync/exchange/pushes-ahead.js';
import { SendSize } from '../../../src/sync/exchange/send-size.js';
import { LIMITS_DEFAULT, TooLargeError, UnavailableError } from '../../../src/sync/protocol/index.js';
import type { PushAnswer } from '../../../src/sync/protocol/index.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { pendingUnits } from '../../support/unit-wire.js';

const never = new AbortController().signal;

interface Sent {
  readonly ids: readonly UnitId[];
  readonly follows: UnitId | undefined;
  readonly signal: AbortSignal;
  readonly accept: () => void;
  readonly answer: (answer: PushAnswer) => void;
  readonly fail: (error: Error) => void;
}

/** A line on which somebody says when each push is answered, and what, and units that wait. */
class Scene {
  readonly clock = new ManualClock();
  readonly size = new SendSize(this.clock);
  readonly sent: Sent[] = [];
  readonly units: readonly PendingUnit[];
  pushes = 2;
  readonly ahead: PushesAhead;

  constructor(count: number) {
    this.units = pendingUnits(count).map((unit, index) => ({ ...unit, firstNotificationId: index + 1 }));
    const limits = (): typeof LIMITS_DEFAULT => ({ ...LIMITS_DEFAULT, pushes: this.pushes });
    const transport = {
      get limits() {
        return limits();
      },
      push: (units: readonly PendingUnit[], signal: AbortSignal, follows?: UnitId) =>
        this.#push(units, signal, follows),
    };
    this.ahead = new PushesAhead({ transport, size: this.size, clock: this.clock });
  }

  /** One unit at a time. */
  readonly read: ReadUnits = async (after) => this.units.slice(after, after + 1);

  next(after = 0): ReturnType<PushesAhead['next']> {
    return this.ahead.next(this.read, after, never);
  }

  /** One that was quick, so that the next ones may go ahead. */
  async warmUp(): Promise<void> {
    const first = this.next();
    await this.until(1);
    this.sent[0]?.accept();
    await first;
  }

  async until(count: number): Promise<void> {
    while (this.sent.length < count) await Promise.resolve();
  }

  async #push(units: readonly PendingUnit[], signal: AbortSignal, follows: UnitId | undefined): Promise<PushAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<PushAnswer>();
    signal.addEventListener('abort', () => reject(signal.reason as Error));
    const ids = units.map(({ id }) => id);
    const decisions = ids.map((id) => ({ id, kind: 'accepted' as const, position: 1 }));
    const accept = (): void => resolve({ decisions, conflict: undefined, head: 1 });
    this.sent.push({ ids, follows, signal, accept, answer: resolve, fail: reject });
    return await promise;
  }
}

/** Enough turns for whatever has nothing to wait for. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

test('the first alone, then as many as the server takes, each naming the one before', async () => {
  const scene = new Scene(5);
  const first = scene.next();
  await settled();
  expect(scene.sent.map(({ follows }) => follows)).toEqual([undefined]);
  scene.sent[0]?.accept();
  expect((await first)?.units).toEqual([scene.units[0]]);
  const second = scene.next(1);
  await settled();
  expect(scene.sent.map(({ ids, follows }) => [ids, follows])).toEqual([
    [[scene.units[0]!.id], undefined],
    [[scene.units[1]!.id], undefined],
    [[scene.units[2]!.id], scene.units[1]!.id],
  ]);
  // The answer to the second one of them is there before that to the first: it is not told before.
  scene.sent[2]?.accept();
  await settled();
  scene.sent[1]?.accept();
  expect((await second)?.units).toEqual([scene.units[1]]);
  const third = await scene.next(99);
  expect([third?.units, third?.isAhead]).toEqual([[scene.units[2]], true]);
  // It was there already, and yet the next one was sent first.
  expect(scene.sent.map(({ follows }) => follows).slice(3)).toEqual([scene.units[2]!.id]);
});

test('one at a time where the server says no more, or the last one took long', async () => {
  const one = new Scene(5);
  one.pushes = 1;
  await one.warmUp();
  void one.next(1);
  await settled();
  expect(one.sent).toHaveLength(2);
  const slow = new Scene(5);
  const first = slow.next();
  await settled();
  slow.clock.advance(2_000);
  slow.sent[0]?.accept();
  await first;
  void slow.next(1);
  await settled();
  expect(slow.sent).toHaveLength(2);
  // However many a server takes.
  const many = new Scene(20);
  many.pushes = 1_000;
  await many.warmUp();
  void many.next(1);
  await settled();
  expect(many.sent).toHaveLength(5);
});

test('after an answer that is not as it was hoped for, those that were sent ahead are dropped', async () => {
  for (const kind of ['conflict', 'rejected', 'unavailable', 'tooLarge', 'nonsense'] as const) {
    const scene = new Scene(5);
    await scene.warmUp();
    const next = scene.next(1);
    await scene.until(3);
    const { id } = scene.units[1]!;
    const [, first, second] = scene.sent as [Sent, Sent, Sent];
    if (kind === 'conflict') first.answer({ decisions: [], conflict: id, head: 1 });
    if (kind === 'rejected') {
      first.answer({ decisions: [{ id, kind: 'rejected', code: 'NO', message: 'No.' }], conflict: undefined, head: 1 });
    }
    if (kind === 'unavailable') first.fail(new UnavailableError('The line is broken.'));
    if (kind === 'tooLarge') first.fail(new TooLargeError('Too large.'));
    if (kind === 'nonsense') first.answer({ decisions: [], conflict: undefined, head: 1 });
    const isThrown = kind === 'unavailable' || kind === 'nonsense';
    const outcome = await next.catch((error: unknown) => error);
    expect(outcome instanceof UnavailableError, kind).toBe(isThrown);
    expect([second.signal.aborted, scene.ahead.isEmpty], kind).toEqual([true, true]);
    // Sent again, as if it had never been sent.
    void scene.next(1);
    await settled();
    expect(scene.sent[3]?.follows, kind).toBeUndefined();
    expect(scene.sent[3]?.signal.aborted, kind).toBe(false);
  }
});

test('what was sent ahead and ended at a conflict is sent again, one at a time until there is hope', async () => {
  const scene = new Scene(9);
  await scene.warmUp();
  const first = scene.next(1);
  await scene.until(3);
  scene.sent[1]?.accept();
  await first;
  scene.sent[2]?.answer({ decisions: [], conflict: scene.units[2]!.id, head: 1 });
  const second = await scene.next(2);
  expect(second).toMatchObject({ isAhead: true, answer: { decisions: [], conflict: scene.units[2]!.id } });
  const sent = scene.sent.length;
  const third = scene.next(2);
  await settled();
  expect(scene.sent.slice(sent).map(({ ids, follows }) => [ids, follows])).toEqual([[[scene.units[2]!.id], undefined]]);
  scene.sent[sent]?.accept();
  expect(await third).toMatchObject({ isAhead: false });
  scene.ahead.hope();
  void scene.next(3);
  await settled();
  expect(scene.sent.slice(sent + 1).map(({ follows }) => follows)).toEqual([undefined, scene.units[3]!.id]);
});

test('two that fail together make the next one half as large, and not a quarter', async () => {
  const scene = new Scene(9);
  await scene.warmUp();
  const whole = scene.size.limits(LIMITS_DEFAULT).bytesMax;
  scene.size.failed(whole, 1, true);
  scene.size.succeeded(1);
  const before = scene.size.limits(LIMITS_DEFAULT).bytesMax;
  const next = scene.next(1);
  await scene.until(3);
  scene.sent[2]?.fail(new UnavailableError('The line is broken.'));
  await settled();
  expect(scene.size.limits(LIMITS_DEFAULT).bytesMax).toBe(before);
  scene.sent[1]?.fail(new TooLargeError('Too large.'));
  expect(await next).toMatchObject({ answer: { code: 'TOO_LARGE' } });
  const bytes = scene.units[1]!.events.reduce((sum, { topic, state }) => sum + topic.length + state.length, 0);
  expect(scene.size.limits(LIMITS_DEFAULT).bytesMax).toBe(Math.floor(bytes / 2));
  // And a line that was not quick is not one for two.
  void scene.next(1);
  await settled();
  expect(scene.sent).toHaveLength(4);
});

test('a store that cannot be read ends what is on its way', async () => {
  const scene = new Scene(9);
  await scene.warmUp();
  let reads = 0;
  const failing: ReadUnits = async (after, limits) => {
    if (++reads === 2) throw new Error('The store is closed.');
    return await scene.read(after, limits);
  };
  await expect(scene.ahead.next(failing, 1, never)).rejects.toThrow('The store is closed.');
  expect([scene.sent.length, scene.sent[1]?.signal.aborted, scene.ahead.isEmpty]).toEqual([2, true, true]);
});

test('nothing is sent where there is nothing', async () => {
  const scene = new Scene(1);
  expect(await scene.next(1)).toBeUndefined();
  expect(scene.sent).toEqual([]);
});
