import { afterEach, expect, test, vi } from 'vitest';
import { MemoryOutbox } from '../../../src/application/outbox/memory-outbox.js';
import { Application } from '../../../src/application/application.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { stockIdOf, testStock } from '../../../src/testing/conformance/order-world.js';
import { uncaughtErrors } from '../../support/uncaught-errors.js';

afterEach(() => {
  vi.restoreAllMocks();
});

test('a listener of an outbox that throws keeps the hint from nobody, and the commit stands', async () => {
  const errors = uncaughtErrors();
  const outbox = new MemoryOutbox();
  const app = new Application({ recorder: new MemoryProcessRecorder(), aggregates: [testStock], inline: [outbox] });
  let hints = 0;
  outbox.onPending(() => {
    throw new RangeError('a listener');
  });
  outbox.onPending(() => hints++);
  const { state } = await app.execute(testStock, stockIdOf('nails'), { type: 'Add', data: { quantity: 5 } });
  expect(state).toEqual({ free: 5 });
  expect(hints).toBe(1);
  expect(errors.map(String)).toEqual(['RangeError: a listener']);
});
