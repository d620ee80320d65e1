import { describe, expect, test } from 'vitest';
import { FifoMutex } from '../../src/util/fifo-mutex.js';
import { ManualClock } from '../../src/testing/manual-clock.js';

describe('a FIFO mutex', () => {
  const open = (): { mutex: FifoMutex; clock: ManualClock } => {
    const clock = new ManualClock();
    return { mutex: new FifoMutex({ waitMsMax: 100, clock, tooLong: () => new RangeError('too long') }), clock };
  };

  test('runs synchronous work at once, and gives its result without a promise', () => {
    const { mutex } = open();
    expect(mutex.run(() => 1)).toBe(1);
    expect(() =>
      mutex.run(() => {
        throw new RangeError('refused');
      }),
    ).toThrow('refused');
    expect(mutex.run(() => 2)).toBe(2);
  });

  test('runs a hundred pieces of work one at a time, in the order in which they came', async () => {
    const { mutex } = open();
    const log: number[] = [];
    let running = 0;
    await Promise.allSettled(
      Array.from({ length: 100 }, async (_, index) =>
        mutex.run(async () => {
          expect(running++).toBe(0);
          log.push(index);
          await Promise.resolve();
          running--;
          if (index % 3 === 0) throw new RangeError('a failure hands over as well');
        }),
      ),
    );
    expect(log).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  test('lets nobody in between when it hands over', async () => {
    const { mutex } = open();
    const log: string[] = [];
    const first = mutex.run(async () => Promise.resolve());
    const second = mutex.run(() => log.push('second'));
    void Promise.resolve(first).then(() => mutex.run(() => log.push('late')));
    await Promise.all([first, second]);
    await Promise.resolve();
    expect(log).toEqual(['second', 'late']);
  });

  test('gives up on work that waits too long, and goes on with the rest', async () => {
    const { mutex, clock } = open();
    const gate = Promise.withResolvers<void>();
    const first = mutex.run(() => gate.promise);
    const second = mutex.run(() => 'second') as Promise<string>;
    const refused = expect(second).rejects.toThrow('too long');
    clock.advance(100);
    await refused;
    const third = mutex.run(() => 'third');
    gate.resolve();
    await first;
    expect(await third).toBe('third');
  });
});
