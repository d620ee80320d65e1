import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { WorkLoop } from '../../src/util/work-loop.js';
import type { Rest } from '../../src/util/work-loop.js';
import { CountingClock } from '../support/counting-clock.js';

const UNTIL_WOKEN: Rest = { ms: Infinity };

/** A loop whose work ends when the test says so. */
function lab(afterFailure: (error: unknown) => Rest = () => ({ ms: 100, isExact: true })) {
  const clock = new CountingClock();
  const log: string[] = [];
  const failures: unknown[] = [];
  let begun = 0;
  let current: { resolve: (rest: Rest) => void; reject: (error: unknown) => void } | undefined;
  const loop = new WorkLoop({
    clock,
    onStart: () => {
      log.push('started');
      return () => void log.push('ended');
    },
    work: async () => {
      begun++;
      if (current !== undefined) throw new TypeError('twice at once');
      const { promise, resolve, reject } = Promise.withResolvers<Rest>();
      current = { resolve, reject };
      return await promise.finally(() => (current = undefined));
    },
    afterFailure: (error) => {
      if (error instanceof TypeError) throw error;
      failures.push(error);
      return afterFailure(error);
    },
  });
  return {
    clock,
    failures,
    log,
    loop,
    get begun() {
      return begun;
    },
    get isWorking() {
      return current !== undefined;
    },
    async finish(rest: Rest): Promise<void> {
      current?.resolve(rest);
      await settled();
    },
    async fail(error: unknown): Promise<void> {
      current?.reject(error);
      await settled();
    },
    async wake(): Promise<void> {
      loop.wake();
      await settled();
    },
    async advance(byMs: number): Promise<void> {
      clock.advance(byMs);
      await settled();
    },
  };
}

type Lab = ReturnType<typeof lab>;

/** Lets everything happen that does not wait for time, or for the test. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('work', () => {
  test('begins with the start, and runs once at a time, however often it is started and woken', async () => {
    const bench = lab();
    const { loop } = bench;
    const ended = loop.start();
    expect(bench.isWorking).toBe(true);
    expect(loop.start()).toBe(ended);
    await bench.wake();
    await bench.wake();
    expect(bench.begun).toBe(1);
    await bench.finish(UNTIL_WOKEN);
    await bench.finish(UNTIL_WOKEN);
    expect(bench).toMatchObject({ begun: 2, isWorking: false });
    await loop.close();
    await ended;
  });

  test('goes on without a rest, and without a timer, when it says so', async () => {
    const bench = lab();
    void bench.loop.start();
    await bench.finish('none');
    await bench.finish('none');
    expect(bench).toMatchObject({ begun: 3, isWorking: true, clock: { openCount: 0 } });
  });

  test('that rejects rests as the one who is asked says, and goes on', async () => {
    const bench = lab(() => ({ ms: 10 }));
    void bench.loop.start();
    await bench.fail(new RangeError('not now'));
    expect(bench.failures).toEqual([new RangeError('not now')]);
    expect(bench.isWorking).toBe(false);
    await bench.advance(10);
    expect(bench.begun).toBe(2);
  });

  test('ends the loop, and not in silence, when nobody knows how to go on', async () => {
    const bench = lab(() => {
      throw new RangeError('no idea');
    });
    const ended = bench.loop.start();
    const closing = expect(ended).rejects.toThrow('no idea');
    await bench.fail(new Error('broken'));
    await closing;
    expect(bench.loop.signal.aborted).toBe(true);
    expect(bench.log).toEqual(['started', 'ended']);
    await expect(bench.loop.close()).rejects.toThrow('no idea');
    await bench.wake();
    await bench.advance(1_000);
    expect(bench.begun).toBe(1);
  });
});

describe('a rest', () => {
  test('ends by a wake, and takes its timer with it', async () => {
    const bench = lab();
    void bench.loop.start();
    await bench.finish({ ms: 100 });
    expect(bench.clock.openCount).toBe(1);
    await bench.wake();
    expect(bench).toMatchObject({ begun: 2, clock: { openCount: 0 } });
  });

  test('ends when its time is over', async () => {
    const bench = lab();
    void bench.loop.start();
    await bench.finish({ ms: 100 });
    await bench.advance(99);
    expect(bench.begun).toBe(1);
    await bench.advance(1);
    expect(bench.begun).toBe(2);
  });

  test('without a limit has no timer', async () => {
    const bench = lab();
    void bench.loop.start();
    await bench.finish(UNTIL_WOKEN);
    expect(bench.clock.openCount).toBe(0);
    await bench.advance(1_000_000);
    expect(bench.begun).toBe(1);
  });

  test('ends at once when a wake came during the work, and the one after it does not', async () => {
    const bench = lab();
    void bench.loop.start();
    await bench.wake();
    await bench.finish(UNTIL_WOKEN);
    expect(bench.begun).toBe(2);
    await bench.finish(UNTIL_WOKEN);
    expect(bench).toMatchObject({ begun: 2, isWorking: false });
  });

  test('of an exact time is not shortened by a wake, before it or in it', async () => {
    const bench = lab();
    void bench.loop.start();
    await bench.wake();
    await bench.fail(new RangeError('not now'));
    await bench.wake();
    await bench.advance(99);
    expect(bench).toMatchObject({ begun: 1, isWorking: false });
    await bench.advance(1);
    expect(bench.begun).toBe(2);
    // The wakes were for the work that has begun since.
    await bench.finish(UNTIL_WOKEN);
    expect(bench.isWorking).toBe(false);
  });
});

describe('the end', () => {
  test.each<Rest>([UNTIL_WOKEN, { ms: 100 }, { ms: 100, isExact: true }])('ends a rest at once: %o', async (rest) => {
    const bench = lab();
    const ended = bench.loop.start();
    await bench.finish(rest);
    await bench.loop.close();
    await ended;
    expect(bench).toMatchObject({ begun: 1, log: ['started', 'ended'], clock: { openCount: 0 } });
  });

  test('waits for the work under way, which is told of it', async () => {
    const bench = lab();
    const { loop } = bench;
    void loop.start();
    const closed = vi.fn();
    const closings = [loop.close(), loop.close()].map((closing) => closing.then(closed));
    await settled();
    expect(loop.signal.aborted).toBe(true);
    expect(closed).not.toHaveBeenCalled();
    expect(bench.log).toEqual(['started']);
    await bench.finish(UNTIL_WOKEN);
    await Promise.all(closings);
    expect(bench).toMatchObject({ begun: 1, log: ['started', 'ended'] });
    await loop.close();
  });

  test('comes by any of the signals, with its reason', async () => {
    const bench = lab();
    const [first, second] = [new AbortController(), new AbortController()];
    const ended = bench.loop.start(first.signal);
    void bench.loop.start(second.signal);
    await bench.finish({ ms: 100, isExact: true });
    second.abort(new RangeError('enough'));
    await ended;
    first.abort(new RangeError('too late'));
    expect(bench.loop.signal.reason).toEqual(new RangeError('enough'));
    expect(bench.begun).toBe(1);
  });

  test('before the start means that nothing is done', async () => {
    const aborted = lab();
    await aborted.loop.start(AbortSignal.abort());
    const closed = lab();
    await closed.loop.close();
    await closed.loop.start();
    closed.loop.wake();
    for (const bench of [aborted, closed]) expect(bench).toMatchObject({ begun: 0, log: ['started', 'ended'] });
  });
});

/** What the loop is to be, in a few lines. */
class Model {
  begun = 0;
  state: 'working' | 'resting' | 'ended' = 'resting';
  #isWoken = false;
  #isDeaf = false;
  #isClosing = false;
  #untilMs = 0;

  constructor() {
    this.#begin();
  }

  wake(): void {
    if (this.state === 'resting' && !this.#isDeaf) this.#begin();
    else this.#isWoken = true;
  }

  advanceTo(nowMs: number): void {
    if (this.state === 'resting' && this.#untilMs <= nowMs) this.#begin();
  }

  finish(rest: Rest, nowMs: number): void {
    if (this.state !== 'working') return;
    if (this.#isClosing) this.state = 'ended';
    else if (rest === 'none' || (rest.isExact !== true && this.#isWoken)) this.#begin();
    else {
      this.state = 'resting';
      this.#isDeaf = rest.isExact === true;
      this.#untilMs = nowMs + rest.ms;
    }
  }

  close(): void {
    this.#isClosing = true;
    if (this.state === 'resting') this.state = 'ended';
  }

  #begin(): void {
    this.state = 'working';
    this.begun++;
    this.#isWoken = false;
  }
}

type Step =
  | { readonly kind: 'wake' }
  | { readonly kind: 'close' }
  | { readonly kind: 'advance'; readonly byMs: number }
  | { readonly kind: 'finish'; readonly rest: Rest }
  | { readonly kind: 'fail'; readonly rest: Rest };

const delaysMs = fc.integer({ min: 0, max: 30 });
const rests = fc.oneof<fc.Arbitrary<Rest>[]>(
  fc.constant('none'),
  fc.constant(UNTIL_WOKEN),
  fc.record({ ms: delaysMs }),
  fc.record({ ms: delaysMs, isExact: fc.constant(true) }),
);
const steps = fc.oneof<fc.MaybeWeightedArbitrary<Step>[]>(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('wake') }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('advance'), byMs: delaysMs }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom<('finish' | 'fail')[]>('finish', 'fail'), rest: rests }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close') }) },
);

async function take(step: Step, bench: Lab, model: Model): Promise<void> {
  switch (step.kind) {
    case 'wake':
      model.wake();
      return bench.wake();
    case 'close':
      model.close();
      void bench.loop.close();
      return settled();
    case 'advance':
      model.advanceTo(bench.clock.nowMs() + step.byMs);
      return bench.advance(step.byMs);
    case 'finish':
      model.finish(step.rest, bench.clock.nowMs());
      return bench.finish(step.rest);
    case 'fail':
      model.finish(step.rest, bench.clock.nowMs());
      return bench.fail(step.rest);
  }
}

test('whatever happens in whatever order, it does what the model does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 40 }), async (sequence) => {
      // A failure carries the rest that follows it.
      const bench = lab((error) => error as Rest);
      const ended = vi.fn();
      void bench.loop.start().then(ended);
      const model = new Model();
      for (const step of sequence) {
        await take(step, bench, model);
        expect({ begun: bench.begun, isWorking: bench.isWorking, hasEnded: ended.mock.calls.length === 1 }).toEqual({
          begun: model.begun,
          isWorking: model.state === 'working',
          hasEnded: model.state === 'ended',
        });
        expect(bench.clock.openCount).toBeLessThanOrEqual(model.state === 'resting' ? 1 : 0);
      }
    }),
    { numRuns: 300 },
  );
});
