import { describe, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { ConcurrencyError } from '../../../src/application/aggregates/application-errors.js';
import { ProcessRunner } from '../../../src/application/processes/process-runner.js';
import type { ProcessRunnerOptions } from '../../../src/application/processes/process-runner.js';
import { defineProcess, send } from '../../../src/application/processes/process.js';
import { System } from '../../../src/application/processes/system.js';
import { InterfaceError } from '../../../src/persistence/errors.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import {
  stockIdOf,
  testOrder,
  testOrders,
  testReservation,
  testStock,
  testWarehouse,
} from '../../../src/testing/conformance/order-world.js';

const NAILS = stockIdOf('nails');

async function openWorld(orderCount: number): Promise<{ orders: Application; warehouse: Application }> {
  const orders = testOrders(new MemoryProcessRecorder());
  const warehouse = testWarehouse(new MemoryProcessRecorder());
  await warehouse.execute(testStock, NAILS, { type: 'Add', data: { quantity: orderCount } });
  for (let count = 0; count < orderCount; count++) {
    const command = { type: 'Place', data: { item: 'nails', quantity: 1 } } as const;
    await orders.execute(testOrder, crypto.randomUUID(), command);
  }
  return { orders, warehouse };
}

describe('a process that runs twice', () => {
  test.each([
    ['is answered', true],
    ['stops it', false],
  ])('takes no command for refused that its twin has carried out, where a refusal %s', async (_name, answers) => {
    const { orders, warehouse } = await openWorld(3);
    const failures: unknown[] = [];
    const onFailure: ProcessRunnerOptions['onFailure'] = async (_event, error) => {
      failures.push(error);
      return [];
    };
    const options = { from: orders, into: warehouse, ...(answers ? { onFailure } : {}) };
    const quick = new ProcessRunner({ ...options, process: testReservation });
    // Reads its page, and is held up before it reacts to it.
    const slow = new ProcessRunner({
      ...options,
      process: {
        ...testReservation,
        react: async (event, context) => {
          await quick.catchUp();
          return await testReservation.react(event, context);
        },
      },
    });
    await slow.catchUp();
    expect(failures).toEqual([]);
    expect((await warehouse.repository.load(testStock, NAILS)).state).toEqual({ free: 0 });
  });
});

describe('a tracking name', () => {
  test('of a follower that was there before goes on where that one stopped, and no further back', async () => {
    const { orders, warehouse } = await openWorld(3);
    // As a follower of the Python library leaves it: the name of what it followed, in capitals or not.
    const trackingName = 'Orders';
    await warehouse.recorder.insertEvents([], { tracking: { applicationName: trackingName, notificationId: 2 } });
    await using system = new System({
      wires: [{ from: orders, process: testReservation, into: warehouse, trackingName }],
    });
    await system.settle();
    expect((await warehouse.repository.load(testStock, NAILS)).state).toEqual({ free: 2 });
    const head = await orders.recorder.maxNotificationId();
    expect(await warehouse.recorder.maxTrackingId(trackingName)).toBe(head);
    expect(await warehouse.recorder.maxTrackingId(`${orders.name}>${testReservation.name}`)).toBe(0);
  });

  test('is given to one wire of an application only, and is a text that can be stored', async () => {
    const { orders, warehouse } = await openWorld(0);
    const wire = { from: orders, process: testReservation, into: warehouse };
    const other = { ...wire, process: { ...testReservation, name: 'other' } };
    expect(() => new System({ wires: [wire, { ...other, trackingName: 'a' }] })).not.toThrow();
    expect(() => new System({ wires: [wire, other].map((each) => ({ ...each, trackingName: 'a' })) })).toThrow(
      /progress as a\./,
    );
    for (const trackingName of ['', 'a\0', '\ud800']) {
      expect(() => new ProcessRunner({ ...wire, trackingName })).toThrow(/applicationName must be/);
    }
  });
});

describe('a failure that is not the domain saying no', () => {
  test.each([
    ['a closed store', (): Error => new InterfaceError('closed')],
    ['somebody who is always faster', (): Error => new ConcurrencyError('faster')],
  ])('is not answered by onFailure: %s', async (_name, failure) => {
    const { orders, warehouse } = await openWorld(1);
    let isBroken = true;
    const into: ProcessRunnerOptions['into'] = {
      repository: warehouse.repository,
      recorder: warehouse.recorder,
      executeAll: async (executions, options) => {
        if (isBroken) throw failure();
        return await warehouse.executeAll(executions, options);
      },
    };
    let answers = 0;
    const onFailure = async (): Promise<readonly []> => {
      answers++;
      return [];
    };
    const runner = new ProcessRunner({ from: orders, process: testReservation, into, onFailure });
    await expect(runner.catchUp()).rejects.toThrow(failure().message);
    expect(answers).toBe(0);
    isBroken = false;
    await runner.catchUp();
    expect((await warehouse.repository.load(testStock, NAILS)).state).toEqual({ free: 0 });
  });

  test('a running process waits, and goes on, where others are always faster for a while', async () => {
    const { orders, warehouse } = await openWorld(1);
    let attempts = 0;
    const into: ProcessRunnerOptions['into'] = {
      repository: warehouse.repository,
      recorder: warehouse.recorder,
      executeAll: async (executions, options) => {
        if (++attempts < 3) throw new ConcurrencyError('faster');
        return await warehouse.executeAll(executions, options);
      },
    };
    await using runner = new ProcessRunner({ from: orders, process: testReservation, into, random: () => 0 });
    runner.start();
    await runner.waitFor(1);
    expect(attempts).toBe(3);
  });
});

describe('a process that follows its own application', () => {
  test('reacts to its own events, and comes to an end', async () => {
    const app = new Application({ recorder: new MemoryProcessRecorder(), aggregates: [testStock] });
    const halves = defineProcess({
      name: 'halves',
      from: [testStock],
      on: {
        Added: ({ originatorId, data: { quantity } }) =>
          quantity < 2 ? [] : [send(testStock, originatorId, { type: 'Add', data: { quantity: quantity >> 1 } })],
      },
    });
    await app.execute(testStock, NAILS, { type: 'Add', data: { quantity: 8 } });
    await using system = new System({ wires: [{ from: app, process: halves, into: app }] });
    system.start();
    await system.processes[0]?.waitFor(4);
    expect((await app.repository.load(testStock, NAILS)).state).toEqual({ free: 15 });
  });
});

describe('a system', () => {
  test('is refused when two wires would keep their progress under one name', () => {
    const target = testWarehouse(new MemoryProcessRecorder());
    const [one, other] = [testOrders(new MemoryProcessRecorder()), testOrders(new MemoryProcessRecorder())];
    const wires = [one, other].map((from) => ({ from, process: testReservation, into: target }));
    expect(() => new System({ wires })).toThrow('orders>reservation');
    const apart = [target, testWarehouse(new MemoryProcessRecorder())];
    expect(
      () => new System({ wires: apart.map((into) => ({ from: one, process: testReservation, into })) }),
    ).not.toThrow();
  });
});
