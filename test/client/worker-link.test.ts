import { afterEach, describe, expect, test, vi } from 'vitest';
import { WorkerLink } from '../../src/client/worker-link.js';
import { uncaughtErrors } from '../support/uncaught-errors.js';

/** A worker that never answers. */
class MuteWorker extends EventTarget {
  postMessage(): void {
    // Nobody hears it.
  }

  terminate(): void {
    // There is nothing to end.
  }
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a link to a worker', () => {
  test('tells each listener of the refusal once, also when one of them throws', () => {
    const errors = uncaughtErrors();
    const told: string[] = [];
    const link = new WorkerLink({
      worker: new MuteWorker() as unknown as Worker,
      explain: () => Promise.reject(new Error('not asked')),
    });
    const listener = (error: Error): void => void told.push(error.message);
    link.onRefused(() => {
      throw new RangeError('a listener');
    });
    link.onRefused(listener);
    link.onRefused(listener);
    link.onRefused(listener)();
    link.refuse(new Error('closed'));
    link.end(new Error('ended'));
    expect(told).toEqual(['closed', 'closed']);
    expect(errors.map(String)).toEqual(['RangeError: a listener']);
    expect(link.refusal?.message).toBe('closed');
  });
});
