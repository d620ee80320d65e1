/**
 * What processes promise on every engine.
 *
 * @module
 */
import { defineProcess, send } from '../../application/processes/process.js';
import { ProcessRunner } from '../../application/processes/process-runner.js';
import { System } from '../../application/processes/system.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import { closedAfter, expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId } from './event-samples.js';
import {
  stockIdOf,
  testConfirmation,
  testOrder,
  testOrders,
  testReservation,
  testStock,
  testWarehouse,
} from './order-world.js';

/** Recorders to test with. */
export interface ProcessContext {
  /** Opens a recorder that is empty, and that nobody else uses. */
  readonly openRecorder: () => Promise<ProcessRecorder>;
}

type Case = ConformanceCase<ProcessContext>;

/** Two applications, and what is between them. */
async function openWorld({ openRecorder }: ProcessContext): Promise<{
  readonly orders: ReturnType<typeof testOrders>;
  readonly warehouse: ReturnType<typeof testWarehouse>;
  readonly system: System;
}> {
  const orders = testOrders(await openRecorder());
  const warehouse = testWarehouse(await openRecorder());
  const system = new System({
    wires: [
      {
        from: orders,
        process: testReservation,
        into: warehouse,
        onFailure: async ({ originatorId, metadata }, error) => {
          await orders.execute(
            testOrder,
            originatorId,
            { type: 'Refuse', data: { why: (error as Error).message } },
            { metadata: { causationId: metadata.eventId } },
          );
          return [];
        },
      },
      { from: warehouse, process: testConfirmation, into: orders },
    ],
  });
  return { orders, warehouse, system };
}

const reacts: Case = {
  name: 'what follows from an event is recorded once, with tracking, cause and correlation',
  run: async (context) => {
    const { orders, warehouse, system } = await openWorld(context);
    const orderId = newOriginatorId();
    await warehouse.execute(testStock, stockIdOf('nails'), { type: 'Add', data: { quantity: 10 } });
    const placed = await orders.execute(
      testOrder,
      orderId,
      { type: 'Place', data: { item: 'nails', quantity: 4 } },
      { metadata: { correlationId: 'a request', actorId: 'anna' } },
    );
    await system.settle();
    expectEqual((await warehouse.repository.load(testStock, stockIdOf('nails'))).state, { free: 6 }, 'stock');
    expectEqual((await orders.repository.load(testOrder, orderId)).state, { status: 'confirmed' }, 'order');
    const [, reserved] = await warehouse.repository.history(testStock, stockIdOf('nails'));
    expectEqual(reserved?.metadata.causationId, placed.events[0]?.metadata.eventId, 'the cause');
    expectEqual(reserved?.metadata.correlationId, 'a request', 'the correlation');
    expectEqual(
      await warehouse.recorder.maxTrackingId('orders>reservation'),
      placed.notificationIds[0],
      'the tracking record',
    );
    await system.settle();
    const again = new ProcessRunner({ from: orders, process: testReservation, into: warehouse });
    await again.catchUp();
    expectEqual((await warehouse.repository.load(testStock, stockIdOf('nails'))).state, { free: 6 }, 'still the same');
  },
};

const twins: Case = {
  name: 'a process that runs twice at once changes nothing twice',
  run: async (context) => {
    const { orders, warehouse } = await openWorld(context);
    await warehouse.execute(testStock, stockIdOf('nails'), { type: 'Add', data: { quantity: 100 } });
    for (let count = 0; count < 12; count++) {
      await orders.execute(testOrder, newOriginatorId(), { type: 'Place', data: { item: 'nails', quantity: 1 } });
    }
    const runners = [1, 2, 3].map(() => new ProcessRunner({ from: orders, process: testReservation, into: warehouse }));
    await Promise.all(runners.map((runner) => runner.catchUp()));
    expectEqual((await warehouse.repository.load(testStock, stockIdOf('nails'))).state, { free: 88 }, 'stock');
  },
};

const fails: Case = {
  name: 'a command that is refused stops the process, or is answered by what onFailure says',
  run: async (context) => {
    const { orders, warehouse, system } = await openWorld(context);
    const orderId = newOriginatorId();
    await orders.execute(testOrder, orderId, { type: 'Place', data: { item: 'screws', quantity: 1 } });
    const strict = new ProcessRunner({ from: orders, process: testReservation, into: warehouse });
    await expectRejection(strict.catchUp(), 'COMMAND_ERROR', 'nothing is passed over');
    expectEqual(await warehouse.recorder.maxTrackingId('orders>reservation'), 0, 'nothing is tracked');
    await system.settle();
    expectEqual((await orders.repository.load(testOrder, orderId)).state, { status: 'refused' }, 'turned down');
    expectTrue((await warehouse.recorder.maxTrackingId('orders>reservation')) > 0, 'and tracked');
  },
};

const atomic: Case = {
  name: 'several commands of one reaction are recorded together, or not at all',
  run: async (context) => {
    const { orders, warehouse } = await openWorld(context);
    await warehouse.execute(testStock, stockIdOf('nails'), { type: 'Add', data: { quantity: 5 } });
    const both = defineProcess({
      name: 'both',
      from: [testOrder],
      on: {
        Placed: ({ originatorId: orderId, data: { quantity } }) => [
          send(testStock, stockIdOf('nails'), { type: 'Reserve', data: { quantity, orderId } }),
          send(testStock, stockIdOf('nails'), { type: 'Reserve', data: { quantity, orderId } }),
          send(testStock, stockIdOf('hammers'), { type: 'Add', data: { quantity: 1 } }),
        ],
      },
    });
    await orders.execute(testOrder, newOriginatorId(), { type: 'Place', data: { item: 'nails', quantity: 2 } });
    const runner = new ProcessRunner({ from: orders, process: both, into: warehouse });
    await runner.catchUp();
    expectEqual((await warehouse.repository.load(testStock, stockIdOf('nails'))).state, { free: 1 }, 'nails');
    await orders.execute(testOrder, newOriginatorId(), { type: 'Place', data: { item: 'nails', quantity: 1 } });
    await expectRejection(runner.catchUp(), 'COMMAND_ERROR', 'the second one is too much');
    expectEqual((await warehouse.repository.load(testStock, stockIdOf('nails'))).state, { free: 1 }, 'nothing of it');
    expectEqual((await warehouse.repository.load(testStock, stockIdOf('hammers'))).version, 1, 'hammers');
  },
};

const goesOn: Case = {
  name: 'a running system reacts by itself',
  run: async (context) => {
    const { orders, warehouse, system } = await openWorld(context);
    await closedAfter(system, async () => {
      system.start();
      await warehouse.execute(testStock, stockIdOf('nails'), { type: 'Add', data: { quantity: 10 } });
      const orderId = newOriginatorId();
      const placed = await orders.execute(testOrder, orderId, { type: 'Place', data: { item: 'nails', quantity: 4 } });
      await system.processes[0]?.waitFor(placed.notificationIds[0] ?? 0);
      await system.processes[1]?.waitFor(await warehouse.recorder.maxNotificationId());
      expectEqual((await orders.repository.load(testOrder, orderId)).state, { status: 'confirmed' }, 'order');
    });
  },
};

const toldApart: Case = {
  name: 'two applications of one name that are followed into one target do not share their progress',
  run: async ({ openRecorder }) => {
    const [one, other] = [testOrders(await openRecorder()), testOrders(await openRecorder())];
    const warehouse = testWarehouse(await openRecorder());
    await warehouse.execute(testStock, stockIdOf('nails'), { type: 'Add', data: { quantity: 10 } });
    const place = async (orders: typeof one): Promise<unknown> =>
      await orders.execute(testOrder, newOriginatorId(), { type: 'Place', data: { item: 'nails', quantity: 1 } });
    const systemOf = (from: typeof one, trackingName?: string): System =>
      new System({
        wires: [
          { from, process: testReservation, into: warehouse, ...(trackingName === undefined ? {} : { trackingName }) },
        ],
      });
    const free = async (): Promise<unknown> => (await warehouse.repository.load(testStock, stockIdOf('nails'))).state;
    await systemOf(other).settle();
    await place(one);
    await systemOf(one).settle();
    expectEqual(await free(), { free: 9 }, 'of the first, though the other one was asked for news before it had any');
    await place(other);
    await place(other);
    // Beyond what the first one has: its ids would not even be known.
    for (let attempt = 0; attempt < 2; attempt++)
      await expectRejection(systemOf(other).settle(), 'PROGRAMMING_ERROR', 'of the other one');
    expectEqual(await free(), { free: 9 }, 'nothing was reacted to');
    await systemOf(other, 'other>reservation').settle();
    expectEqual(await free(), { free: 7 }, 'under a tracking name of its own');
    await place(one);
    await systemOf(one).settle();
    expectEqual(await free(), { free: 6 }, 'the first goes on');
  },
};

/** The cases, in the order of their subjects. */
export const processCases: readonly Case[] = [reacts, twins, fails, atomic, goesOn, toldApart];
