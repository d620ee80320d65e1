/** A process that is killed at every call it makes, and started again: what follows from an event is recorded once. */
import { describe, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { ProcessRunner } from '../../../src/application/processes/process-runner.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import {
  stockIdOf,
  testOrder,
  testOrders,
  testReservation,
  testStock,
} from '../../../src/testing/conformance/order-world.js';
import { killedRecorder, KilledError } from '../../support/fault-recorder.js';
import type { KillPlan } from '../../support/fault-recorder.js';
import { openPostgres } from '../../support/postgres-fixture.js';

// More than a run makes: the last round is one that nothing happens to.
const CALLS_MAX = 100;
let rounds = 0;

function warehouse(recorder: SqlRecorder, round: string): Application {
  return new Application({ name: `warehouse ${round}`, recorder, aggregates: [testStock] });
}

/** @returns at which call nothing was killed any more */
async function expectOnce(recorder: SqlRecorder, when: KillPlan['when']): Promise<number> {
  for (let atCall = 1; atCall <= CALLS_MAX; atCall++) {
    const round = `${++rounds}`;
    const orders = testOrders(new MemoryProcessRecorder());
    const process = { ...testReservation, name: `reservation ${round} ${newOriginatorId()}` };
    const item = `nails ${process.name}`;
    const whole = warehouse(recorder, round);
    await whole.execute(testStock, stockIdOf(item), { type: 'Add', data: { quantity: 100 } });
    for (const quantity of [1, 2, 3]) {
      await orders.execute(testOrder, newOriginatorId(), { type: 'Place', data: { item, quantity } });
    }
    const killed = killedRecorder(recorder, { atCall, when });
    const first = new ProcessRunner({ from: orders, process, into: warehouse(killed.recorder, round) });
    await first.catchUp().catch((error: unknown) => {
      if (!(error instanceof KilledError)) throw error;
    });
    const wasKilled = killed.calls() >= atCall;
    await new ProcessRunner({ from: orders, process, into: whole }).catchUp();
    const { state, version } = await whole.repository.load(testStock, stockIdOf(item));
    expect({ state, version }, `killed ${when} call ${atCall}`).toEqual({ state: { free: 94 }, version: 4 });
    if (!wasKilled) return atCall;
  }
  throw new Error('The run makes more calls than the test expects.');
}

describe.each(['before', 'after'] as const)('a process, killed at every call, %s the store hears of it', (when) => {
  test('on SQLite', async () => {
    const database = await openSqlJs();
    const recorder = new SqliteProcessRecorder(database);
    await recorder.createTable();
    expect(await expectOnce(recorder, when)).toBeGreaterThan(6);
  });

  test('on PostgreSQL', async () => {
    await using fixture = await openPostgres();
    expect(await expectOnce(fixture.recorder, when)).toBeGreaterThan(6);
  });
});
