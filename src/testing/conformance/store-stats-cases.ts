/**
 * What is counted of a store, on every engine with SQL. Each case asks for what has come since it began: a store may have
 * events already.
 *
 * @module
 */
import { SqlEventIndex } from '../../application/event-index/sql-event-index.js';
import { storeStats } from '../../operations/stats/store-stats.js';
import type { StoreStats } from '../../operations/stats/store-stats.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';
import { recordWith, sampleRecordedEvent } from './recorded-events.js';

/** A recorder with SQL, whose tables are there. */
export interface StoreStatsContext {
  readonly recorder: SqlRecorder;
}

type Case = ConformanceCase<StoreStatsContext>;

function ofTopic({ types }: StoreStats, topic: string): { readonly events: number; readonly stateBytes: number } {
  const { events = 0, stateBytes = 0 } = types.find((type) => type.topic === topic) ?? {};
  return { events, stateBytes };
}

const countsTypes: Case = {
  name: 'events are counted by type and by aggregate type, with the bytes of their states',
  async run({ recorder }) {
    const before = await storeStats(recorder, { largest: 0 });
    const name = `T${newOriginatorId()}`;
    const [one, other] = [newOriginatorId(), newOriginatorId()];
    const ids = await recorder.insertEvents([
      { ...sampleEvent(one, 1, `${name}:Opened`), state: new Uint8Array(10) },
      { ...sampleEvent(one, 2, `${name}:Closed`), state: new Uint8Array(100) },
      { ...sampleEvent(other, 1, `${name}:Opened`), state: new Uint8Array(0) },
    ]);
    const stats = await storeStats(recorder, { largest: 0 });
    expectEqual(ofTopic(stats, `${name}:Opened`), { events: 2, stateBytes: 10 }, 'those of one type');
    expectEqual(ofTopic(stats, `${name}:Closed`), { events: 1, stateBytes: 100 }, 'that of another');
    expectEqual(
      stats.aggregateTypes.filter(({ aggregateType }) => aggregateType === name),
      [{ aggregateType: name, events: 3, stateBytes: 110 }],
      'those of the aggregate type',
    );
    expectEqual(stats.events - before.events, 3, 'events in all');
    expectEqual(stats.stateBytes - before.stateBytes, 110, 'bytes in all');
    expectEqual(stats.aggregates - before.aggregates, 2, 'aggregates');
    expectEqual(stats.lastId, ids.at(-1), 'the last event');
    expectEqual(stats.largest, [], 'none was asked for');
    expectTrue(stats.sizes.totalBytes > 0, 'the size is known');
  },
};

const namesAggregateTypes: Case = {
  name: 'what a topic says of the type of its aggregate is asked for, or as the libraries write topics',
  async run({ recorder }) {
    const name = `t${newOriginatorId()}`;
    const topics = [`${name}:Item.Counted`, `${name}.shop:Basket`, `${name}-bare`];
    await recorder.insertEvents(topics.map((topic) => sampleEvent(newOriginatorId(), 1, topic)));
    const typesOf = ({ aggregateTypes }: StoreStats): readonly unknown[] =>
      aggregateTypes.map(({ aggregateType }) => aggregateType).filter((type) => type?.startsWith(name) ?? false);
    const found = typesOf(await storeStats(recorder, { largest: 0 }));
    expectEqual(new Set(found), new Set([`${name}:Item`, `${name}.shop`]), 'by themselves');
    const asked = await storeStats(recorder, { largest: 0, aggregateTypeOf: (topic) => topic.slice(0, 37) });
    expectEqual(typesOf(asked), [name], 'by the function');
  },
};

const findsLargest: Case = {
  name: 'the aggregates with the most events are found, the largest first',
  async run({ recorder }) {
    const before = await storeStats(recorder, { largest: 1 });
    const most = before.largest[0]?.events ?? 0;
    const [large, larger] = [newOriginatorId(), newOriginatorId()];
    for (const [id, count] of [
      [large, most + 1],
      [larger, most + 2],
    ] as const) {
      const versions = Array.from({ length: count }, (_, index) => index + 1);
      await recorder.insertEvents(versions.map((version) => sampleEvent(id, version, 'Large:Grown')));
    }
    const { largest } = await storeStats(recorder, { largest: 2 });
    expectEqual(
      largest,
      [
        { originatorId: larger, aggregateType: 'Large', events: most + 2, version: most + 2 },
        { originatorId: large, aggregateType: 'Large', events: most + 1, version: most + 1 },
      ],
      'the two largest',
    );
  },
};

const countsDays: Case = {
  name: 'days are counted by the event index, by UTC and half-open, and are unknown without one',
  async run({ recorder }) {
    const nowMs = Date.UTC(2031, 4, 3, 12);
    const clock = { nowMs: () => nowMs, monotonicMs: () => 0 };
    const none = await storeStats(recorder, { largest: 0, eventIndex: 'no_such_index' });
    expectEqual(none.days, undefined, 'without an index');
    const eventIndex = `stats_${newOriginatorId().slice(0, 8)}`;
    const index = new SqlEventIndex({ recorder, table: eventIndex });
    await index.createTables();
    const at = (...time: [number, number, number, number?, number?, number?, number?]): Date =>
      new Date(Date.UTC(...time));
    const times = [
      at(2031, 4, 3),
      at(2031, 4, 3, 23, 59, 59, 999),
      at(2031, 4, 2, 23, 59, 59, 999),
      at(2031, 3, 30, 23, 59, 59, 999),
      at(2031, 4, 4),
    ];
    const events = times.map((occurredAt) => sampleRecordedEvent(newOriginatorId(), 1, { occurredAt }));
    await recordWith(recorder, [index], events);
    const { days } = await storeStats(recorder, { largest: 0, days: 3, eventIndex, clock });
    expectEqual(
      days,
      [
        { day: '2031-05-03', events: 2 },
        { day: '2031-05-02', events: 1 },
        { day: '2031-05-01', events: 0 },
      ],
      'the last three days',
    );
    const recorded = await storeStats(recorder, { largest: 0, days: 1, eventIndex, daysBy: 'recordedAt' });
    expectEqual([recorded.daysBy, recorded.days?.length], ['recordedAt', 1], 'by when they were recorded');
  },
};

const isBounded: Case = {
  name: 'counting ends with the signal, and after its time',
  async run({ recorder }) {
    const stopped = new AbortController();
    stopped.abort(new RangeError('enough'));
    const reason = await storeStats(recorder, { signal: stopped.signal }).catch((error: unknown) => error);
    expectTrue(reason === stopped.signal.reason, 'it rejects with the reason of the signal');
    let nowMs = 0;
    const clock = { nowMs: () => 0, monotonicMs: () => (nowMs += 600) };
    const late = await storeStats(recorder, { timeoutMs: 1_000, clock }).catch((error: unknown) => error);
    expectEqual((late as { details?: unknown }).details, { reason: 'too-long', timeoutMs: 1_000 }, 'after its time');
  },
};

const refusesOptions: Case = {
  name: 'options that make no sense are refused',
  async run({ recorder }) {
    for (const options of [
      { largest: -1 },
      { largest: 1_001 },
      { days: 1.5 },
      { days: 367 },
      { daysBy: 'createdAt' as never },
      { timeoutMs: 0 },
      { timeoutMs: Number.NaN },
      { timeoutMs: Infinity },
      { eventIndex: 'no; table' },
      { aggregateTypeOf: 'Order' as never },
    ]) {
      await expectRejection(storeStats(recorder, options), 'PROGRAMMING_ERROR', JSON.stringify(options));
    }
  },
};

/** To be run with any recorder that has SQL. */
export const storeStatsCases: readonly Case[] = [
  countsTypes,
  namesAggregateTypes,
  findsLargest,
  countsDays,
  isBounded,
  refusesOptions,
];
