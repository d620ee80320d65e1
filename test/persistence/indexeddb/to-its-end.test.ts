import { expect, test, vi } from 'vitest';
import { toItsEnd } from '../../../src/persistence/indexeddb/to-its-end.js';

test.each([
  ['rejects', () => Promise.reject(new RangeError('no room'))],
  [
    'is refused at once',
    () => {
      throw new RangeError('no room');
    },
  ],
])('work that %s is taken back, and waited for until its transaction has ended', async (_how, work) => {
  const { promise: done, reject: end } = Promise.withResolvers<void>();
  const abort = vi.fn<() => void>();
  let told: unknown;
  const ended = toItsEnd({ done, abort }, work).catch((error: unknown) => (told = error));
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(told).toBeUndefined();
  expect(abort).toHaveBeenCalledOnce();
  end(new Error('aborted'));
  await ended;
  expect(told).toMatchObject({ message: 'no room' });
});

test('work that succeeds is worth nothing when its transaction does not', async () => {
  const abort = (): void => {
    throw new Error('it has ended');
  };
  const failed = { done: Promise.reject(new RangeError('no room')), abort };
  await expect(toItsEnd(failed, () => Promise.resolve(1))).rejects.toThrow('no room');
  expect(await toItsEnd({ done: Promise.resolve(), abort }, () => Promise.resolve(1))).toBe(1);
});
