/** Code of others without an end, in what follows a log. Handlers with SQL: `projectionCases`. */
import { describe, expect, test } from 'vitest';
import { memoryProjection } from '../../../src/application/projections/projection.js';
import { MemoryProjectionStore } from '../../../src/application/projections/memory-projection-store.js';
import { ProjectionRunner } from '../../../src/application/projections/projection-runner.js';
import { ProcessRunner } from '../../../src/application/processes/process-runner.js';
import type { ProcessRunnerOptions } from '../../../src/application/processes/process-runner.js';
import type { ProcessCommand } from '../../../src/application/processes/process.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import type { Application } from '../../../src/application/application.js';
import {
  stockIdOf,
  testOrder,
  testOrders,
  testReservation,
  testStock,
  testWarehouse,
} from '../../../src/testing/conformance/order-world.js';
import { ManualClock } from '../../support/manual-clock.js';

const NAILS = stockIdOf('nails');
const LIMIT_MS = 30_000;
// The longest wait between two attempts.
const WAIT_MS = 30_000;

/** Orders for nails, and a warehouse that has so many. */
async function openWorld(orderCount: number, nails: number): Promise<{ orders: Application; warehouse: Application }> {
  const orders = testOrders(new MemoryProcessRecorder());
  const warehouse = testWarehouse(new MemoryProcessRecorder());
  await warehouse.execute(testStock, NAILS, { type: 'Add', data: { quantity: nails } });
  for (let count = 0; count < orderCount; count++) {
    await orders.execute(testOrder, crypto.randomUUID(), { type: 'Place', data: { item: 'nails', quantity: 1 } });
  }
  return { orders, warehouse };
}

/** Something that does not answer the first time that it is asked, until it is let go. */
function stuckOnce<Args extends readonly unknown[], T>(answer: (...args: Args) => Promise<T>) {
  let letGo = (): void => undefined;
  const released = new Promise<void>((resolve) => (letGo = resolve));
  let calls = 0;
  return {
    call: async (...args: Args): Promise<T> => {
      if (++calls === 1) await released;
      return await answer(...args);
    },
    calls: () => calls,
    letGo,
  };
}

async function soon(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}

describe('a process whose code does not settle', () => {
  type Options = Partial<ProcessRunnerOptions>;
  const react = (): { stuck: ReturnType<typeof stuckOnce>; options: Options; nails: number } => {
    const stuck = stuckOnce(testReservation.react.bind(testReservation));
    return { stuck: stuck as never, options: { process: { ...testReservation, react: stuck.call } }, nails: 5 };
  };
  const onFailure = (): { stuck: ReturnType<typeof stuckOnce>; options: Options; nails: number } => {
    const stuck = stuckOnce(async (): Promise<readonly ProcessCommand[]> => []);
    return { stuck: stuck, options: { onFailure: stuck.call }, nails: 0 };
  };

  test.each([
    ['react', react, 'reacting to'],
    ['onFailure', onFailure, 'answering the failure of'],
  ])('says so, waits, and asks again, and a late answer changes nothing: %s', async (_name, make, doing) => {
    const { stuck, options, nails } = make();
    const { orders, warehouse } = await openWorld(2, nails);
    const clock = new ManualClock();
    const wires = { from: orders, into: warehouse, process: testReservation, ...options };
    await using runner = new ProcessRunner({ ...wires, clock, random: () => 0.5 });
    runner.start();
    await expect.poll(stuck.calls).toBe(1);
    clock.advance(LIMIT_MS - 1);
    await soon();
    expect(runner.status.value).toMatchObject({ state: 'running', lastError: undefined });
    clock.advance(1);
    await soon();
    expect(runner.status.value).toMatchObject({
      state: 'waiting',
      position: 0,
      lastError: {
        code: 'HANDLER_TIMEOUT',
        name: 'HandlerTimeoutError',
        details: {
          what: 'The process reservation',
          doing,
          eventType: 'Placed',
          notificationId: 1,
          timeoutMs: LIMIT_MS,
        },
      },
    });
    expect(stuck.calls()).toBe(1);
    clock.advance(WAIT_MS);
    await runner.waitFor(2, { timeoutMs: Infinity });
    expect(runner.status.value).toMatchObject({ state: 'live', lastError: undefined });
    const recorded = async (): Promise<unknown> => [
      await warehouse.recorder.maxNotificationId(),
      await warehouse.recorder.maxTrackingId('orders>reservation'),
    ];
    const before = await recorded();
    stuck.letGo();
    await soon();
    expect(await recorded()).toEqual(before);
    expect((await warehouse.repository.load(testStock, NAILS)).state).toEqual({ free: Math.max(0, nails - 2) });
  });

  test('is not asked by onFailure what follows instead: nobody has said no', async () => {
    const { stuck, options } = react();
    const { orders, warehouse } = await openWorld(1, 5);
    const clock = new ManualClock();
    const answers: unknown[] = [];
    const runner = new ProcessRunner({
      ...{ from: orders, into: warehouse, process: testReservation, ...options, clock, handlerTimeoutMs: 7 },
      onFailure: async (_event, error) => {
        answers.push(error);
        return [];
      },
    });
    const outcome = runner.catchUp().catch((error: unknown) => error);
    await expect.poll(stuck.calls).toBe(1);
    clock.advance(7);
    expect(await outcome).toMatchObject({ code: 'HANDLER_TIMEOUT' });
    expect(answers).toEqual([]);
  });

  test('can be closed: what is in flight is given up at its limit', async () => {
    const { stuck, options } = react();
    const { orders, warehouse } = await openWorld(1, 5);
    const clock = new ManualClock();
    const runner = new ProcessRunner({ from: orders, into: warehouse, process: testReservation, ...options, clock });
    runner.start();
    await expect.poll(stuck.calls).toBe(1);
    const closing = runner.close();
    clock.advance(LIMIT_MS);
    await closing;
    expect(runner.status.value.state).toBe('stopped');
    stuck.letGo();
    await soon();
    expect(await warehouse.recorder.maxNotificationId()).toBe(1);
  });
});

describe('what reads events and does not settle', () => {
  test.each(['process', 'projection'])('says so, waits, and reads again: of a %s', async (kind) => {
    const { orders, warehouse } = await openWorld(1, 5);
    const stuck = stuckOnce((notification: Parameters<Application['decode']>[0]) => orders.decode(notification));
    const clock = new ManualClock();
    const log = { name: orders.name, recorder: orders.recorder, decode: stuck.call };
    const projection = memoryProjection({
      name: 'placed',
      from: [testOrder],
      initialState: () => 0,
      on: { Placed: (count) => count + 1 },
    });
    const store = new MemoryProjectionStore(projection);
    const options = { clock, random: () => 0.5, pollIntervalMs: 1e9 };
    await using runner =
      kind === 'process'
        ? new ProcessRunner({ ...options, from: log, into: warehouse, process: testReservation })
        : new ProjectionRunner({ ...options, projection, store, log });
    await runner.start();
    await expect.poll(stuck.calls).toBe(1);
    clock.advance(LIMIT_MS);
    await soon();
    expect(runner.status.value).toMatchObject({
      state: 'waiting',
      lastError: { code: 'HANDLER_TIMEOUT', details: { doing: 'reading', notificationId: 1 } },
    });
    clock.advance(WAIT_MS);
    await runner.waitFor(1, { timeoutMs: Infinity });
    stuck.letGo();
    await soon();
    const free = (await warehouse.repository.load(testStock, NAILS)).state.free;
    expect([store.state, free]).toEqual(kind === 'process' ? [0, 4] : [1, 5]);
  });
});

test('a projection that is to stop stops where a handler does not settle, as often as it is tried', async () => {
  const { orders } = await openWorld(1, 0);
  const clock = new ManualClock();
  let tried = 0;
  const projection = {
    name: 'stuck',
    topics: ['TestOrder:Placed'],
    initialState: () => 0,
    handle: async () => {
      tried++;
      await new Promise<never>(() => undefined);
    },
  };
  const store = new MemoryProjectionStore(projection);
  const onFailure = { attemptsMax: 2, then: 'stop' } as const;
  await using runner = new ProjectionRunner({ projection, store, log: orders, clock, random: () => 0, onFailure });
  await runner.start();
  for (const times of [1, 2]) {
    await expect.poll(() => tried).toBe(times);
    clock.advance(LIMIT_MS);
    await soon();
    // The wait before the next attempt.
    clock.advance(0);
  }
  await expect.poll(() => runner.status.value.state).toBe('stopped');
  expect(runner.status.value.lastError).toMatchObject({ code: 'HANDLER_TIMEOUT' });
  expect(tried).toBe(2);
});
