/**
 * What every event index promises.
 *
 * @module
 */
import type { EventIndex, TextOf } from '../../application/event-index/event-index.js';
import type { TransactionalRecorder } from '../../persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import { expectEqual, expectRejection } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId } from './event-samples.js';
import { recordWith, sampleRecordedEvent } from './recorded-events.js';

/** The recorder whose events are indexed, and how to make indexes on it. */
export interface EventIndexContext {
  /** It may hold events already, but nobody else writes to it. */
  readonly recorder: TransactionalRecorder<SqlQueryable | undefined>;
  /** Makes one that is empty, in the database of the recorder. */
  readonly openIndex: (options?: { readonly textOf?: TextOf }) => Promise<EventIndex>;
}

type Case = ConformanceCase<EventIndexContext>;

// More than some engines take parameters in a statement.
const MANY = 120;

const at = (ms: number): Date => new Date(1_700_000_000_000 + ms);

const findsById: Case = {
  name: 'an event is found by its id, with what is known of it',
  async run({ recorder, openIndex }) {
    const index = await openIndex();
    const id = newOriginatorId();
    const metadata = { actorId: 'a', correlationId: 'c', tenantId: 't', occurredAt: at(1), recordedAt: undefined };
    const [event] = await recordWith(recorder, [index], [sampleRecordedEvent(id, 7, metadata)]);
    const eventId = event?.metadata.eventId ?? '';
    expectEqual(
      await index.findEvent(eventId),
      {
        notificationId: event?.notificationId,
        eventId,
        aggregateId: id,
        aggregateVersion: 7,
        aggregateType: 'Item',
        eventType: 'Counted',
        occurredAt: at(1),
        recordedAt: undefined,
        actorId: 'a',
        correlationId: 'c',
        tenantId: 't',
      },
      'the event',
    );
    expectEqual([await index.hasEvent(eventId), await index.hasEvent(id)], [true, false], 'whether they are there');
    expectEqual(await index.findEvent(id), undefined, 'no event of this id');
  },
};

const duplicateIsRefused: Case = {
  name: 'an event id that was recorded before refuses the whole commit',
  async run({ recorder, openIndex }) {
    const index = await openIndex();
    const [first, second] = [newOriginatorId(), newOriginatorId()];
    const [event] = await recordWith(recorder, [index], [sampleRecordedEvent(first, 1)]);
    const eventId = event?.metadata.eventId ?? '';
    const repeated = [sampleRecordedEvent(second, 1), sampleRecordedEvent(second, 2, { eventId })];
    await expectRejection(recordWith(recorder, [index], repeated), 'DUPLICATE_EVENT', 'a repeated id');
    expectEqual(await recorder.selectEvents(second), [], 'nothing of the commit was stored');
    expectEqual(await index.hasEvent(repeated[0]?.metadata.eventId ?? ''), false, 'nothing of it is in the index');
    const twice = newOriginatorId();
    const within = [1, 2].map((version) => sampleRecordedEvent(second, version, { eventId: twice }));
    await expectRejection(recordWith(recorder, [index], within), 'DUPLICATE_EVENT', 'the same id twice in one commit');
    expectEqual(await index.hasEvent(twice), false, 'neither is in the index');
  },
};

const rangesAreHalfOpen: Case = {
  name: 'a range of times is half-open, and events without a time are in none',
  async run({ recorder, openIndex }) {
    const index = await openIndex();
    const id = newOriginatorId();
    const times = [at(0), at(10), at(10), at(20), undefined];
    const events = times.map((occurredAt, version) => sampleRecordedEvent(id, version + 1, { occurredAt }));
    await recordWith(recorder, [index], events);
    const versions = async (fromMs: number, toMs: number): Promise<readonly number[]> =>
      (await index.between({ from: at(fromMs), to: at(toMs) })).map(({ aggregateVersion }) => aggregateVersion);
    expectEqual(await versions(0, 10), [1], 'up to the second, exclusive');
    expectEqual(await versions(10, 20), [2, 3], 'from the second on');
    expectEqual(await versions(-5, 100), [1, 2, 3, 4], 'all that have a time');
    expectEqual(await versions(10, 10), [], 'an empty range');
    await expectRejection(index.find({ from: new Date(Number.NaN) }), 'PROGRAMMING_ERROR', 'a time that is none');
    await expectRejection(
      index.between({ from: at(0), to: new Date('x') }),
      'PROGRAMMING_ERROR',
      'an end that is none',
    );
  },
};

const filters: Case = {
  name: 'events are found by who caused them, page by page',
  async run({ recorder, openIndex }) {
    const index = await openIndex();
    const id = newOriginatorId();
    const events = [
      sampleRecordedEvent(id, 1, { actorId: 'anna', correlationId: 'scan 1', tenantId: 'x' }),
      sampleRecordedEvent(id, 2, { actorId: 'ben', correlationId: 'scan 1' }),
      sampleRecordedEvent(id, 3, { actorId: 'anna', correlationId: 'scan 2' }),
    ];
    const recorded = await recordWith(recorder, [index], events);
    const versions = async (filter: Parameters<EventIndex['find']>[0]): Promise<readonly number[]> =>
      (await index.find(filter)).map(({ aggregateVersion }) => aggregateVersion);
    expectEqual(await versions({ actorId: 'anna' }), [1, 3], 'by actor');
    expectEqual(await versions({ correlationId: 'scan 1' }), [1, 2], 'by correlation');
    expectEqual(await versions({ correlationId: 'scan 1', actorId: 'anna' }), [1], 'by both');
    expectEqual(await versions({ tenantId: 'x' }), [1], 'by tenant');
    expectEqual(await versions({ aggregateId: id, eventType: 'Counted', aggregateType: 'Item' }), [1, 2, 3], 'by type');
    expectEqual(await versions({ eventType: 'Moved' }), [], 'by another type');
    expectEqual(await versions({ limit: 2 }), [1, 2], 'a first page');
    expectEqual(await versions({ limit: 2, after: recorded[1]?.notificationId ?? 0 }), [3], 'the next one');
  },
};

const backfill: Case = {
  name: 'events that were recorded before can be added, once',
  async run({ recorder, openIndex }) {
    const index = await openIndex();
    const id = newOriginatorId();
    const before = await recordWith(recorder, [], [sampleRecordedEvent(id, 1), sampleRecordedEvent(id, 2)]);
    await index.add(before.slice(0, 1));
    await index.add(before);
    expectEqual((await index.find({ aggregateId: id })).length, 2, 'both, once');
    const clash = before.map((event) => ({ ...event, notificationId: event.notificationId + 1_000 }));
    await expectRejection(index.add(clash), 'DUPLICATE_EVENT', 'the same ids at other positions');
  },
};

const positionsAreTakenOnce: Case = {
  name: 'a log that gives a position anew, because it was cut off or restored, is refused',
  async run({ recorder, openIndex }) {
    const index = await openIndex({ textOf: () => 'red' });
    const id = newOriginatorId();
    const [first] = await recordWith(recorder, [index], [sampleRecordedEvent(id, 1)]);
    const lostAt = (first?.notificationId ?? 0) + 1;
    const lost = { ...sampleRecordedEvent(newOriginatorId(), 1), notificationId: lostAt };
    await index.add([lost]);
    const commit = [sampleRecordedEvent(id, 2), sampleRecordedEvent(id, 3)];
    await expectRejection(recordWith(recorder, [index], commit), 'LOG_BEHIND', 'another event where one was lost');
    expectEqual((await recorder.selectEvents(id)).length, 1, 'nothing of the commit was stored');
    const other = { ...sampleRecordedEvent(id, 2), notificationId: lostAt };
    await expectRejection(index.add([other]), 'LOG_BEHIND', 'another event that is added');
    expectEqual(await index.hasEvent(other.metadata.eventId), false, 'it is not in the index');
    expectEqual((await index.findEvent(lost.metadata.eventId))?.notificationId, lostAt, 'what was there');
  },
};

const searchesTexts: Case = {
  name: 'events are found by the beginnings of words, whatever the case and the accents',
  async run({ recorder, openIndex }) {
    const index = await openIndex({ textOf: ({ data }) => (data as { text?: string }).text ?? '' });
    const id = newOriginatorId();
    const texts = ['Zoë counted 12 red shoes', 'red hats, REDUCED', 'Ωμέγα 倉庫 ÉCLAIR', `${'x'.repeat(50)}y`, ''];
    const events = texts.map((text, version) => ({ ...sampleRecordedEvent(id, version + 1), data: { text } }));
    await index.add(await recordWith(recorder, [], events.slice(0, 1)));
    await recordWith(recorder, [index], events.slice(1));
    const versions = async (text: string, more: Parameters<EventIndex['find']>[0] = {}): Promise<readonly number[]> =>
      (await index.find({ ...more, text })).map(({ aggregateVersion }) => aggregateVersion);
    expectEqual(await versions('red'), [1, 2], 'a word');
    expectEqual(await versions('RED sho'), [1], 'all words, the beginning of one');
    expectEqual(await versions('ed'), [], 'no middles of words');
    expectEqual(await versions('zoe'), [1], 'without its accent');
    expectEqual(await versions('ωμεγα 倉'), [3], 'other scripts');
    expectEqual(await versions('eclair!'), [3], 'punctuation is none of it');
    expectEqual(await versions('x'.repeat(60)), [4], 'very long words by their beginnings');
    expectEqual(await versions('red', { after: 0, limit: 1 }), [1], 'with other conditions');
    expectEqual(await versions("'; DROP TABLE x; -- %_"), [], 'whatever is typed');
    expectEqual(await versions(''), [1, 2, 3, 4, 5], 'no words: no condition');
    const without = await openIndex();
    await recordWith(recorder, [without], [{ ...sampleRecordedEvent(id, 6), data: { text: 'red' } }]);
    expectEqual(await without.find({ text: 'red' }), [], 'an index without texts');
  },
};

const manyAtOnce: Case = {
  name: 'a commit of many events with many words is taken whole',
  async run({ recorder, openIndex }) {
    const index = await openIndex({ textOf: ({ data }) => (data as { text: string }).text });
    const id = newOriginatorId();
    const words = Array.from({ length: MANY }, (_, number) => `word${number}`).join(' ');
    const events = Array.from({ length: MANY }, (_, number) => ({
      ...sampleRecordedEvent(id, number + 1),
      data: { text: number % 60 === 0 ? words : '' },
    }));
    await recordWith(recorder, [index], events);
    expectEqual((await index.find({ aggregateId: id, limit: 2 * MANY })).length, MANY, 'events');
    const found = await index.find({ text: `word0 word${MANY - 1}` });
    expectEqual(
      found.map(({ aggregateVersion }) => aggregateVersion),
      [1, 61],
      'those with the first word and the last',
    );
  },
};

/** Cases for every {@link EventIndex}. */
export const eventIndexCases: readonly ConformanceCase<EventIndexContext>[] = [
  findsById,
  duplicateIsRefused,
  rangesAreHalfOpen,
  filters,
  backfill,
  positionsAreTakenOnce,
  searchesTexts,
  manyAtOnce,
];
