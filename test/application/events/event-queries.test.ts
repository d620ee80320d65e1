/** Reading and following events by an index: what is refused, and what is beside the rule. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import type { ApplicationOptions } from '../../../src/application/application-options.js';
import { MemoryEventIndex } from '../../../src/application/event-index/memory-event-index.js';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import type { ReadEventsOptions } from '../../../src/application/selection.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { command, event } from '../../../src/domain/message-types.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import { receive } from '../../../src/testing/conformance/application-context.js';
import { LogBook, stockItem } from '../../../src/testing/conformance/application-samples.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';

const invalid = new Date(Number.NaN);

/** Of reading and of following; then of reading alone. */
const REFUSED: readonly (readonly [options: object, option: string, ofSubscriptions: boolean])[] = [
  [{ actorId: 42 }, 'actorId', true],
  [{ actorId: null }, 'actorId', true],
  [{ correlationId: ['c'] }, 'correlationId', true],
  [{ tenantId: null }, 'tenantId', true],
  [{ tenantId: undefined }, 'tenantId', true],
  [{ tenant: 'north' }, 'tenant', true],
  [{ actor: 'anna' }, 'actor', true],
  [{ until: new Date(0) }, 'until', true],
  [{ aggregates: 'StockItem' }, 'aggregates', true],
  [{ types: 'Received' }, 'types', true],
  [{ unknownTopic: 'pass' }, 'unknownTopic', true],
  [{ gt: 1.5 }, 'gt', true],
  [{ gt: '7' }, 'gt', true],
  [{ signal: 'stop' }, 'signal', true],
  [{ from: '2026-11-30' }, 'from', false],
  [{ from: invalid }, 'from', false],
  [{ to: invalid }, 'to', false],
  [{ to: 0 }, 'to', false],
  [{ limit: -1 }, 'limit', false],
  [{ limit: Infinity }, 'limit', false],
  [{ limit: '5' }, 'limit', false],
  [{ stop: Number.NaN }, 'stop', false],
];

/** An application whose recorder counts what it is asked. */
function open(options: Partial<ApplicationOptions> = {}) {
  const asked: unknown[] = [];
  class CountingRecorder extends MemoryProcessRecorder {
    override async selectNotifications(request: Parameters<MemoryProcessRecorder['selectNotifications']>[0]) {
      asked.push(request);
      return await super.selectNotifications(request);
    }
  }
  const app = new Application({ recorder: new CountingRecorder(), aggregates: [stockItem, LogBook], ...options });
  return { app, asked };
}

describe('before anything is read', () => {
  test.each(REFUSED)('%o is refused, by its name', async (given, option, isOfSubscriptions) => {
    const { app, asked } = open({ eventIndex: new MemoryEventIndex() });
    const options = given as ReadEventsOptions;
    const named = { code: 'PROGRAMMING_ERROR', message: expect.stringContaining(option) as string };
    await expect(app.readAll(options).next()).rejects.toMatchObject(named);
    if (isOfSubscriptions) expect(() => app.subscribe(options)).toThrow(option);
    expect(asked).toEqual([]);
  });

  test.each([{ from: new Date(0) }, { to: new Date(0) }, { stop: 1 }, { limit: 1 }])(
    '%o is refused by a subscription, which has no end',
    (given) => {
      const { app } = open({ eventIndex: new MemoryEventIndex() });
      expect(() => app.subscribe(given as object)).toThrow(`There is no option ${Object.keys(given)[0]}`);
    },
  );

  test.each([{ actorId: 'a' }, { correlationId: 'c' }, { tenantId: 't' }, { from: new Date(0) }, { to: new Date(0) }])(
    '%o is refused without an index, which it needs',
    async (given: ReadEventsOptions) => {
      const { app, asked } = open();
      const refused = { code: 'PROGRAMMING_ERROR', details: { option: Object.keys(given)[0] } };
      await expect(app.readAll(given).next()).rejects.toMatchObject(refused);
      await expect(app.readAll(given).next()).rejects.toThrow('"eventIndex"');
      expect(asked).toEqual([]);
    },
  );

  test.each([{ actorId: 1 }, { from: invalid }, { after: 0.5 }, { stop: 'x' }, { limit: -1 }])(
    '%o is refused by the indexes themselves',
    async (given) => {
      const query = given as object;
      const { recorder } = open().app;
      await expect(new MemoryEventIndex().notifications(query, recorder).next()).rejects.toMatchObject({
        code: 'PROGRAMMING_ERROR',
      });
      const database = await openSqlJs();
      onTestFinished(() => database.close());
      const index = new SqlEventIndex({ recorder: new SqliteProcessRecorder(database) });
      await expect(index.notifications(query).next()).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    },
  );
});

describe('an index of an application', () => {
  async function openSql(eventsTable: string, parametersMax?: number) {
    const database = await openSqlJs();
    onTestFinished(() => database.close());
    const limited = parametersMax === undefined ? database : Object.assign(database, { parametersMax });
    const recorder = new SqliteProcessRecorder(limited, { eventsTable });
    await recorder.createTable();
    const eventIndex = new SqlEventIndex({ recorder });
    await eventIndex.createTables();
    return { recorder, eventIndex };
  }

  async function count(app: Application, options: ReadEventsOptions): Promise<number> {
    let found = 0;
    for await (const event of app.readAll(options)) found += Math.sign(event.notificationId);
    return found;
  }

  test('takes part once, whether it is named among the participants as well or not', async () => {
    for (const isNamed of [true, false]) {
      const { recorder, eventIndex } = await openSql('stored_events');
      const inline = isNamed ? [eventIndex] : [];
      const app = new Application({ recorder, aggregates: [stockItem], eventIndex, inline });
      await app.execute(stockItem, newOriginatorId(), receive(1, 2), { metadata: { tenantId: 't' } });
      await app.transaction((tx) =>
        tx.execute(stockItem, newOriginatorId(), receive(1), { metadata: { tenantId: 't' } }),
      );
      expect(await count(app, { tenantId: 't' })).toBe(3);
    }
  });

  test('finds events by a type that was called otherwise when they were recorded', async () => {
    const { recorder, eventIndex } = await openSql('events, of "another name"');
    const counterOf = (type: 'Counted' | 'Changed') =>
      defineDecider({
        name: 'Counter',
        events: { [type]: event<{ by: number }>({ topic: 'counted' }) },
        commands: { Count: command<{ by: number }>() },
        initialState: () => 0,
        decide: { Count: ({ data }: { data: { by: number } }) => ({ type, data }) },
        evolve: { [type]: (state: number) => state + 1 },
      } as never);
    const before = counterOf('Counted') as typeof stockItem;
    const metadata = { actorId: 'anna' };
    const earlier = new Application({ recorder, aggregates: [before], eventIndex });
    await earlier.append(before, newOriginatorId(), [{ type: 'Counted', data: { by: 1 } } as never], 'any', {
      metadata,
    });
    const later = new Application({ recorder, aggregates: [counterOf('Changed')], eventIndex });
    expect(await count(later, { actorId: 'anna', types: ['Changed'] as never[] })).toBe(1);
  });

  test('reads a rare type of many events, also where statements take few parameters', async () => {
    for (const parametersMax of [11, 100]) {
      const { recorder, eventIndex } = await openSql('stored_events', parametersMax);
      const app = new Application({ recorder, aggregates: [stockItem, LogBook], eventIndex });
      const metadata = { tenantId: 't' };
      const id = newOriginatorId();
      await app.execute(stockItem, id, receive(1, 2_500), { metadata });
      await app.execute(stockItem, id, { type: 'Take', data: { quantity: 1 } }, { metadata });
      await app.execute(stockItem, id, { type: 'Name', data: { name: 'x' } }, { metadata });
      const rare = { tenantId: 't', aggregates: [stockItem], types: ['Taken', 'Named'] } as const;
      expect(await count(app, rare)).toBe(2);
      expect(await count(app, { ...rare, limit: 1 })).toBe(1);
      expect(await count(app, { tenantId: 't', types: ['Received'], limit: 1_001 })).toBe(1_001);
    }
  });
});
