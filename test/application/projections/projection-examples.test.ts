import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { countAndRead } from '../../../examples/projections/stock-levels.js';
import { recountNeeded, recountTask, taskIdOf } from '../../../examples/projections/recount-process.js';
import { stockItem } from '../../../examples/projections/stock-item.js';
import { Application } from '../../../src/application/application.js';
import { System } from '../../../src/application/processes/system.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import type { ProcessRecorder } from '../../../src/persistence/recorder.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import { shownExamples } from '../../support/shown-examples.js';

test.each(shownExamples('docs/projections.md'))('%s is shown as it is', (_path, shown, actual) => {
  expect(shown).toBe(actual);
});

describe('the projection of the document', () => {
  test('on SQLite', async () => {
    const database = await openSqlJs();
    const recorder = new SqliteProcessRecorder(database);
    await recorder.createTable();
    expect(await countAndRead(recorder, randomUUID(), 12)).toBe(12);
  });

  test('on PostgreSQL', async () => {
    await using fixture = await openPostgres();
    expect(await countAndRead(fixture.recorder, randomUUID(), 12)).toBe(12);
  });
});

describe('the process of the document', () => {
  async function recounting(recorder: ProcessRecorder): Promise<void> {
    const app = new Application({ recorder, aggregates: [stockItem, recountTask] });
    const system = new System({ wires: [{ from: app, process: recountNeeded, into: app }] });
    const itemId = randomUUID();
    const isOpen = async (): Promise<boolean> => {
      await system.settle();
      return (await app.repository.loadOrCreate(recountTask, taskIdOf(itemId))).state.isOpen;
    };
    await app.execute(stockItem, itemId, { type: 'Count', data: { quantity: 2 } });
    await app.execute(stockItem, itemId, { type: 'Sell', data: { quantity: 2 } });
    expect(await isOpen()).toBe(false);
    await app.execute(stockItem, itemId, { type: 'Sell', data: { quantity: 1 } });
    await app.execute(stockItem, itemId, { type: 'Sell', data: { quantity: 1 } });
    expect(await isOpen()).toBe(true);
    await app.execute(stockItem, itemId, { type: 'Count', data: { quantity: 5 } });
    expect(await isOpen()).toBe(false);
    expect(await app.repository.versionOf(recountTask, taskIdOf(itemId))).toBe(2);
  }

  test('in memory', async () => {
    await recounting(new MemoryProcessRecorder());
  });

  test('on PostgreSQL', async () => {
    await using fixture = await openPostgres();
    await recounting(fixture.recorder);
  });
});
