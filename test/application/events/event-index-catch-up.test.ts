/** An index that catches up: with what was recorded without it, on every engine, and from where it was the last time. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import type { EventIndex } from '../../../src/application/event-index/event-index.js';
import { MemoryEventIndex } from '../../../src/application/event-index/memory-event-index.js';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import { OperationalError } from '../../../src/persistence/errors.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import type { ProcessRecorder } from '../../../src/persistence/recorder.js';
import { receive } from '../../../src/testing/conformance/application-context.js';
import { LogBook, stockItem } from '../../../src/testing/conformance/application-samples.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';

interface Opened {
  readonly recorder: ProcessRecorder;
  readonly openIndex: () => Promise<EventIndex>;
}

const ENGINES: Readonly<Record<string, () => Promise<Opened>>> = {
  memory: async () => ({ recorder: new MemoryProcessRecorder(), openIndex: async () => new MemoryEventIndex() }),
  ...Object.fromEntries(
    Object.entries(SQL_RECORDERS).map(([name, open]) => [
      name,
      async (): Promise<Opened> => {
        const { recorder, close } = await open();
        onTestFinished(close);
        const table = uniqueName();
        return {
          recorder,
          async openIndex() {
            const index = new SqlEventIndex({ recorder, table });
            await index.createTables();
            return index;
          },
        };
      },
    ]),
  ),
};

const metadata = { actorId: 'anna' };

async function versions(app: Application): Promise<readonly number[]> {
  const found: number[] = [];
  for await (const event of app.readAll({ actorId: 'anna' })) found.push(event.originatorVersion);
  return found;
}

describe.each(Object.entries(ENGINES))('an index on %s', (name, open) => {
  test('takes what was recorded without it, beside what it has, and is told of nothing twice', async () => {
    const { recorder, openIndex } = await open();
    const without = new Application({ recorder, aggregates: [stockItem] });
    const id = newOriginatorId();
    await without.execute(stockItem, id, receive(1, 1_100), { metadata });
    const eventIndex = await openIndex();
    const app = new Application({ recorder, aggregates: [stockItem], eventIndex });
    await app.execute(stockItem, id, receive(1, 2), { metadata });
    expect(await versions(app)).toEqual([1_101, 1_102]);
    expect(await eventIndex.catchUp(app)).toEqual({ added: 1_100, unreadable: 0 });
    expect(await versions(app)).toEqual(Array.from({ length: 1_102 }, (_, index) => index + 1));
    expect(await eventIndex.catchUp(app)).toEqual({ added: 0, unreadable: 0 });
    await without.execute(stockItem, id, receive(1), { metadata });
    await app.execute(stockItem, id, receive(1), { metadata });
    expect(await eventIndex.catchUp(app)).toEqual({ added: 1, unreadable: 0 });
    expect((await versions(app)).slice(-2)).toEqual([1_103, 1_104]);
  });

  test('passes over what it cannot read, and takes it when it can', async () => {
    const { recorder, openIndex } = await open();
    const all = new Application({ recorder, aggregates: [stockItem, LogBook] });
    await all.append(LogBook, newOriginatorId(), [{ type: 'Opened', data: { title: 'x' } }], 'any', { metadata });
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1, 'Strange:Event')]);
    await all.execute(stockItem, newOriginatorId(), receive(1), { metadata });
    const eventIndex = await openIndex();
    const older = new Application({ recorder, aggregates: [stockItem], eventIndex });
    expect(await eventIndex.catchUp(older)).toEqual({ added: 1, unreadable: 2 });
    expect(await eventIndex.catchUp(older)).toEqual({ added: 0, unreadable: 2 });
    const newer = new Application({ recorder, aggregates: [stockItem, LogBook], eventIndex });
    expect(await eventIndex.catchUp(newer)).toEqual({ added: 1, unreadable: 1 });
    expect(await versions(newer)).toHaveLength(2);
  });

  test('of two that catch up at once, one adds each event', async () => {
    const { recorder, openIndex } = await open();
    const app = new Application({ recorder, aggregates: [stockItem] });
    await app.execute(stockItem, newOriginatorId(), receive(1, 1_200), { metadata });
    const eventIndex = await openIndex();
    const [one, other] = await Promise.all([eventIndex.catchUp(app), eventIndex.catchUp(app)]);
    if (name !== 'memory') expect(one.added + other.added).toBe(1_200);
    expect(await versions(new Application({ recorder, aggregates: [stockItem], eventIndex }))).toHaveLength(1_200);
  });

  test('stops by its signal, and where something fails that may not fail again, and goes on from there', async () => {
    const { recorder, openIndex } = await open();
    const app = new Application({ recorder, aggregates: [stockItem] });
    await app.execute(stockItem, newOriginatorId(), receive(1, 700), { metadata });
    const eventIndex = await openIndex();
    const reason = new RangeError('enough');
    const signal = AbortSignal.abort(reason);
    await expect(eventIndex.catchUp(app, { signal })).rejects.toBe(reason);
    let left = 600;
    const failing = {
      recorder,
      decode: async (notification: Parameters<Application['decode']>[0]) => {
        if (left-- === 0) throw new OperationalError('no keys at present');
        return await app.decode(notification);
      },
    };
    await expect(eventIndex.catchUp(failing)).rejects.toThrow('no keys at present');
    const { added, unreadable } = await eventIndex.catchUp(app);
    expect(unreadable).toBe(0);
    expect(added).toBeLessThanOrEqual(200);
    expect(await versions(new Application({ recorder, aggregates: [stockItem], eventIndex }))).toHaveLength(700);
  });
});

test('a log that was cut off is noticed: what comes next would not be looked at', async () => {
  const database = await openSqlJs();
  onTestFinished(() => database.close());
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  const eventIndex = new SqlEventIndex({ recorder });
  await eventIndex.createTables();
  const app = new Application({ recorder, aggregates: [stockItem] });
  await app.execute(stockItem, newOriginatorId(), receive(1, 5));
  await eventIndex.catchUp(app);
  database.exec('DELETE FROM stored_events WHERE notification_id > 2');
  await expect(eventIndex.catchUp(app)).rejects.toMatchObject({ code: 'LOG_BEHIND' });
});
