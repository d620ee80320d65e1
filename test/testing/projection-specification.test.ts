import { describe, expect, test } from 'vitest';
import { memoryProjection, sqlProjection } from '../../src/application/projections/projection.js';
import { defineProcess, send } from '../../src/application/processes/process.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { inMemoryApplication } from '../../src/testing/in-memory-application.js';
import { stockIdOf, testOrder, testReservation, testStock } from '../../src/testing/conformance/order-world.js';
import { processSpecification } from '../../src/testing/specifications/process-specification.js';
import {
  memoryProjectionSpecification,
  sqlProjectionSpecification,
} from '../../src/testing/specifications/projection-specification.js';
import { SpecificationError } from '../../src/testing/specifications/specification-error.js';

const free = memoryProjection({
  name: 'free',
  from: [testStock],
  initialState: () => 0,
  on: {
    Added: (state, { data }) => state + data.quantity,
    Reserved: (state, { data }) => state - data.quantity,
  },
});

const levels = sqlProjection({
  name: 'levels',
  from: [testStock],
  tables: { levels: (table) => `CREATE TABLE ${table} (item TEXT PRIMARY KEY, quantity BIGINT NOT NULL)` },
  on: {
    Added: async ({ originatorId, data }, { query, tables }) => {
      await query(`INSERT INTO ${tables.levels} VALUES ($1, $2)`, [originatorId, data.quantity]);
    },
  },
});

async function sqlite(): Promise<SqlRecorder> {
  const database = await openSqlJs();
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  return recorder;
}

describe('a projection is specified', () => {
  test('into memory', async () => {
    const given = memoryProjectionSpecification(free).given([
      { type: 'Added', data: { quantity: 5 } },
      { type: 'Reserved', data: { quantity: 2, orderId: 'x' } },
    ]);
    await given.thenState(3);
    await expect(given.thenState(4)).rejects.toThrow(SpecificationError);
  });

  test('into tables, which are emptied before', async () => {
    const recorder = await sqlite();
    const specification = sqlProjectionSpecification(levels, recorder);
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    for (const id of [a, b]) {
      const given = specification.given([{ type: 'Added', originatorId: id, data: { quantity: 5 } }]);
      await given.thenRows((tables) => `SELECT * FROM ${tables.levels}`, [{ item: id, quantity: 5 }]);
      await expect(given.thenRows((tables) => `SELECT * FROM ${tables.levels}`, [])).rejects.toThrow('the rows');
    }
  });
});

describe('a process is specified', () => {
  const id = stockIdOf('nails');
  const orderId = newOriginatorId();

  test('by the commands that follow', async () => {
    const reaction = processSpecification(testReservation).when({
      type: 'Placed',
      originatorId: orderId,
      data: { item: 'nails', quantity: 4 },
    });
    await reaction.then([send(testStock, id, { type: 'Reserve', data: { quantity: 4, orderId } })]);
    await expect(reaction.thenNothing()).rejects.toThrow('TestStock');
    await processSpecification(testReservation).when({ type: 'Confirmed', data: {} }).thenNothing();
  });

  test('with the aggregates that its policy looks at', async () => {
    const app = inMemoryApplication({ aggregates: [testStock] });
    await app.execute(testStock, id, { type: 'Add', data: { quantity: 3 } });
    const careful = defineProcess({
      name: 'careful',
      from: [testOrder],
      on: {
        Placed: async ({ originatorId, data }, { repository }) => {
          const { state } = await repository.load(testStock, stockIdOf(data.item));
          return state.free < data.quantity
            ? []
            : [send(testStock, id, { type: 'Reserve', data: { quantity: data.quantity, orderId: originatorId } })];
        },
      },
    });
    const placed = { type: 'Placed', originatorId: orderId, data: { item: 'nails', quantity: 4 } };
    await processSpecification(careful, app.repository).when(placed).thenNothing();
    await expect(processSpecification(careful).when(placed).thenNothing()).rejects.toThrow('give its specification');
  });

  test('commands are of the decider that they are for', () => {
    // @ts-expect-error stock is not placed
    send(testStock, id, { type: 'Place', data: {} });
    // @ts-expect-error a quantity is a number
    send(testStock, id, { type: 'Add', data: { quantity: '1' } });
  });
});
