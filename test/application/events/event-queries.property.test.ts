/** What is read by an event index, against all events and a filter written down here, at random, on every engine of Node. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { MemoryEventIndex } from '../../../src/application/event-index/memory-event-index.js';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import type { NotifiedEvent } from '../../../src/application/events/notified-event.js';
import type { ReadEventsOptions } from '../../../src/application/selection.js';
import { AESCipher } from '../../../src/persistence/mapping/aes-cipher.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { LogBook, stockItem } from '../../../src/testing/conformance/application-samples.js';
import { withoutUndefined } from '../../../src/util/without-undefined.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const RUNS = Number(process.env['RUNS'] ?? 150);
const EVENTS = 160;

/** Mostly nothing: what has to be so in many ways is seldom. */
function seldom<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
}

const ids = Array.from({ length: 6 }, (_, index) => `00000000-0000-4000-8000-00000000000${index}`);
const who = fc.constantFrom('anna', 'ben', '', "é🐈' OR 1 = 1 --");
const cause = fc.constantFrom('c1', 'c2', 'c3', 'c4', 'c5');
const time = fc.integer({ min: -3, max: 12 }).map((ms) => new Date(ms));
const position = fc.integer({ min: -2, max: EVENTS + 10 });
const known = { actorId: who, tenantId: who, correlationId: cause };

const recorded = fc.record({
  ...{ id: fc.constantFrom(...ids), isBook: fc.boolean(), occurredAt: time },
  metadata: fc.record(known, { requiredKeys: [] }),
});

const query = fc.record({
  ...{ actorId: seldom(who), tenantId: seldom(who), correlationId: seldom(cause) },
  ...{ gt: seldom(position), stop: seldom(position), from: seldom(time), to: seldom(time) },
  limit: seldom(fc.nat({ max: 30 })),
  aggregates: seldom(fc.constantFrom([stockItem], [LogBook], [stockItem, LogBook])),
  type: seldom(fc.constantFrom('Received', 'Taken', 'Written')),
});
type Query = typeof query extends fc.Arbitrary<infer Q> ? Q : never;

/** As an application takes it. A type that none of the aggregates has is another test's. */
function optionsOf({ type, ...rest }: Query): ReadEventsOptions {
  const isThere = rest.aggregates?.some((one) => (type === 'Written') === (one === LogBook)) ?? true;
  return withoutUndefined({ ...rest, types: type !== undefined && isThere ? [type] : undefined }) as ReadEventsOptions;
}

function naive(all: readonly NotifiedEvent[], options: ReadEventsOptions): readonly NotifiedEvent[] {
  const { actorId, tenantId, correlationId, gt = 0, stop = Infinity, from, to, limit, aggregates, types } = options;
  const names: readonly string[] | undefined = aggregates?.map((one) => (one === stockItem ? 'StockItem' : 'LogBook'));
  return all
    .filter(({ type, aggregateType, notificationId, metadata }) => {
      const atMs = metadata.occurredAt?.getTime() ?? Number.NaN;
      return (
        (actorId === undefined || metadata.actorId === actorId) &&
        (tenantId === undefined || metadata.tenantId === tenantId) &&
        (correlationId === undefined || metadata.correlationId === correlationId) &&
        (names === undefined || names.includes(aggregateType)) &&
        (types === undefined || types.includes(type)) &&
        (from === undefined || atMs >= from.getTime()) &&
        (to === undefined || atMs < to.getTime()) &&
        notificationId > gt &&
        notificationId <= stop
      );
    })
    .slice(0, limit);
}

interface Opened {
  readonly app: Application;
  close(): Promise<void>;
}

const means = { aggregates: [stockItem, LogBook], cipher: await AESCipher.fromKey(AESCipher.createKey(32)) };

const ENGINES: Readonly<Record<string, () => Promise<Opened>>> = {
  memory: async () => ({
    app: new Application({ ...means, recorder: new MemoryProcessRecorder(), eventIndex: new MemoryEventIndex() }),
    close: () => Promise.resolve(),
  }),
  ...Object.fromEntries(
    Object.entries(SQL_RECORDERS).map(([name, open]) => [
      name,
      async (): Promise<Opened> => {
        const { recorder, close } = await open();
        const eventIndex = new SqlEventIndex({ recorder, table: uniqueName() });
        await eventIndex.createTables();
        return { app: new Application({ ...means, recorder, eventIndex }), close };
      },
    ]),
  ),
};

describe.each(Object.entries(ENGINES))(`events of a log that is encrypted, on %s, seed ${SEED}`, (_name, open) => {
  let opened: Opened;
  const all: NotifiedEvent[] = [];

  beforeAll(async () => {
    opened = await open();
    const { app } = opened;
    for (const { id, isBook, occurredAt, metadata } of fc.sample(recorded, { seed: SEED, numRuns: EVENTS })) {
      const options = { occurredAt, metadata };
      if (isBook) await app.append(LogBook, id, [{ type: 'Written', data: { line: 'x' } }], 'any', options);
      else await app.append(stockItem, idOfItem(id), [received(occurredAt)], 'any', options);
    }
    for await (const event of app.readAll()) all.push(event);
  }, 60_000);
  afterAll(() => opened.close());

  test('are those that fit, in their order', async () => {
    expect(all).toHaveLength(EVENTS);
    let found = 0;
    await fc.assert(
      fc.asyncProperty(query, async (asked) => {
        const options = optionsOf(asked);
        const events: NotifiedEvent[] = [];
        for await (const event of opened.app.readAll(options)) events.push(event);
        expect(events).toEqual(naive(all, options));
        found += events.length;
      }),
      { seed: SEED, numRuns: RUNS },
    );
    expect(found).toBeGreaterThan(RUNS);
  });

  test('are the same by way of a subscription, as far as there are some', async () => {
    await fc.assert(
      fc.asyncProperty(query, async (asked) => {
        const { from: _from, to: _to, stop: _stop, limit: _limit, ...options } = optionsOf(asked);
        const expected = naive(all, options);
        await using subscription = opened.app.subscribe(options);
        const events: NotifiedEvent[] = [];
        while (events.length < expected.length) events.push((await subscription.next()).value as NotifiedEvent);
        expect(events).toEqual(expected);
      }),
      { seed: SEED, numRuns: Math.ceil(RUNS / 5) },
    );
  });
});

/** The two kinds of aggregates have other ids. */
function idOfItem(id: string): string {
  return id.replace(/^0/, '1');
}

function received(at: Date) {
  return at.getTime() % 3 === 0
    ? ({ type: 'Taken', data: { quantity: 1 } } as const)
    : ({ type: 'Received', data: { quantity: 1 } } as const);
}
