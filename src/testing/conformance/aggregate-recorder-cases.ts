/**
 * What every aggregate recorder promises.
 *
 * @module
 */
import type { AggregateRecorder } from '../../persistence/recorder.js';
import type { StoredEvent } from '../../persistence/stored-event.js';
import { storedEventEquals } from '../../persistence/stored-event-equality.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';

/** The recorder under test. It may hold events of other aggregates. */
export interface AggregateRecorderContext {
  readonly recorder: AggregateRecorder;
}

type Case = ConformanceCase<AggregateRecorderContext>;

const emptyInsertSucceeds: Case = {
  name: 'inserting no events succeeds',
  async run({ recorder }) {
    await recorder.insertEvents([]);
  },
};

const unknownAggregateIsEmpty: Case = {
  name: 'an unknown aggregate has no events',
  async run({ recorder }) {
    expectEqual(await recorder.selectEvents(newOriginatorId()), [], 'all');
    expectEqual(await recorder.selectEvents(newOriginatorId(), { desc: true, limit: 1 }), [], 'the last one');
  },
};

const eventsComeBackAsWritten: Case = {
  name: 'events come back as they were written, their states as Uint8Array',
  async run({ recorder }) {
    const id = newOriginatorId();
    const written: StoredEvent[] = [
      sampleEvent(id, 1, 'a topic: "ünï" 🐈'),
      { ...sampleEvent(id, 2), state: new Uint8Array(0) },
      { ...sampleEvent(id, 3), state: Uint8Array.from({ length: 100_000 }, (_, index) => index % 256) },
    ];
    await recorder.insertEvents(written);
    const read = await recorder.selectEvents(id);
    expectTrue(
      read.every((event) => event.state instanceof Uint8Array),
      'every state is a Uint8Array',
    );
    expectEqual(read.map(bare), written, 'the events');
  },
};

const takenPositionIsRefused: Case = {
  name: 'a taken position is refused, and says which',
  async run({ recorder }) {
    const id = newOriginatorId();
    await recorder.insertEvents([sampleEvent(id, 1)]);
    await expectRejection(recorder.insertEvents([sampleEvent(id, 1, 'other')]), 'INTEGRITY_ERROR', 'the same version');
    const error = (await recorder.insertEvents([sampleEvent(id, 1)]).catch((thrown: unknown) => thrown)) as {
      details: object;
    };
    const { constraint, originatorId, originatorVersion } = error.details as Record<string, unknown>;
    expectEqual(
      { constraint, originatorId, originatorVersion },
      { constraint: 'event', originatorId: id, originatorVersion: 1 },
      'the details',
    );
    expectEqual((await recorder.selectEvents(id)).map(bare), [sampleEvent(id, 1)], 'the first event, unchanged');
  },
};

const insertIsAtomic: Case = {
  name: 'all events of a call are recorded, or none, also across aggregates',
  async run({ recorder }) {
    const [first, second] = [newOriginatorId(), newOriginatorId()];
    await recorder.insertEvents([sampleEvent(first, 1)]);
    const batch = [sampleEvent(second, 1), sampleEvent(first, 1), sampleEvent(first, 2)];
    await expectRejection(recorder.insertEvents(batch), 'INTEGRITY_ERROR', 'a batch with a taken position');
    expectEqual(await recorder.selectEvents(second), [], 'the event before the conflict');
    expectEqual((await recorder.selectEvents(first)).length, 1, 'events of the first aggregate');
    await recorder.insertEvents(sampleEvents(first, 2, 3));
    expectEqual(versions(await recorder.selectEvents(first)), [1, 2, 3], 'versions after a good insert');
  },
};

const duplicateWithinCallIsRefused: Case = {
  name: 'the same position twice in one call is refused, and nothing is stored',
  async run({ recorder }) {
    const id = newOriginatorId();
    await expectRejection(
      recorder.insertEvents([sampleEvent(id, 2), sampleEvent(id, 2)]),
      'INTEGRITY_ERROR',
      'a duplicate within the call',
    );
    expectEqual(await recorder.selectEvents(id), [], 'events');
  },
};

const selectsByVersion: Case = {
  name: 'selects by version: gt exclusive, lte inclusive, desc, limit',
  async run({ recorder }) {
    const id = newOriginatorId();
    await recorder.insertEvents(sampleEvents(id, 1, 5));
    const select = async (options: Parameters<AggregateRecorder['selectEvents']>[1]): Promise<number[]> =>
      versions(await recorder.selectEvents(id, options));
    expectEqual(await select({}), [1, 2, 3, 4, 5], 'no options');
    expectEqual(await select({ gt: 2 }), [3, 4, 5], 'gt');
    expectEqual(await select({ lte: 2 }), [1, 2], 'lte');
    expectEqual(await select({ gt: 1, lte: 3 }), [2, 3], 'gt and lte');
    expectEqual(await select({ gt: 3, lte: 3 }), [], 'an empty range');
    expectEqual(await select({ gt: 4, lte: 2 }), [], 'a range that ends before it starts');
    expectEqual(await select({ desc: true }), [5, 4, 3, 2, 1], 'desc');
    expectEqual(await select({ desc: true, limit: 1 }), [5], 'the last one');
    expectEqual(await select({ desc: true, lte: 3, limit: 2 }), [3, 2], 'desc, lte and limit');
    expectEqual(await select({ limit: 0 }), [], 'limit 0');
    expectEqual(await select({ limit: 100 }), [1, 2, 3, 4, 5], 'a limit above the count');
    expectEqual(await select({ gt: -1 }), [1, 2, 3, 4, 5], 'a negative gt');
  },
};

const ordersByVersion: Case = {
  name: 'orders by version whatever the order of insertion; gaps and version 0 are accepted',
  async run({ recorder }) {
    const id = newOriginatorId();
    await recorder.insertEvents([sampleEvent(id, 10), sampleEvent(id, 0)]);
    await recorder.insertEvents([sampleEvent(id, 5)]);
    await recorder.insertEvents([sampleEvent(id, Number.MAX_SAFE_INTEGER)]);
    expectEqual(versions(await recorder.selectEvents(id)), [0, 5, 10, Number.MAX_SAFE_INTEGER], 'versions');
    await expectRejection(recorder.insertEvents([sampleEvent(id, 5)]), 'INTEGRITY_ERROR', 'a taken position in a gap');
  },
};

const versionZeroAlone: Case = {
  name: 'version 0 can be all that an aggregate has, and is taken then',
  async run({ recorder }) {
    const id = newOriginatorId();
    await recorder.insertEvents([sampleEvent(id, 0)]);
    const select = async (options: Parameters<AggregateRecorder['selectEvents']>[1]): Promise<number[]> =>
      versions(await recorder.selectEvents(id, options));
    expectEqual(await select({}), [0], 'all');
    expectEqual(await select({ desc: true, limit: 1 }), [0], 'the last one');
    expectEqual(await select({ lte: 0 }), [0], 'up to 0');
    expectEqual(await select({ gt: 0 }), [], 'after 0');
    await expectRejection(recorder.insertEvents([sampleEvent(id, 0)]), 'INTEGRITY_ERROR', 'version 0 again');
    expectEqual((await recorder.selectEvents(id)).map(bare), [sampleEvent(id, 0)], 'the event, unchanged');
  },
};

const readingIsUnchangedAfterRefusals: Case = {
  name: 'after refusals everything is read as before them, and the next insert succeeds',
  async run({ recorder }) {
    const id = newOriginatorId();
    const written = sampleEvents(id, 1, 3);
    await recorder.insertEvents(written);
    const taken = [sampleEvent(id, 4, 'new'), sampleEvent(id, 3, 'other')];
    await expectRejection(recorder.insertEvents(taken), 'INTEGRITY_ERROR', 'a taken position behind a free one');
    const twice = [sampleEvent(id, 4), sampleEvent(id, 4)];
    await expectRejection(recorder.insertEvents(twice), 'INTEGRITY_ERROR', 'a free position twice');
    const malformed = [sampleEvent(id, 4), { ...sampleEvent(id, 5), topic: '' }];
    await expectRejection(recorder.insertEvents(malformed), 'PROGRAMMING_ERROR', 'a malformed event behind a good one');
    expectEqual((await recorder.selectEvents(id)).map(bare), written, 'the events');
    expectEqual(versions(await recorder.selectEvents(id, { desc: true, limit: 1 })), [3], 'the last one');
    expectEqual(versions(await recorder.selectEvents(id, { gt: 1, lte: 2 })), [2], 'one in the middle');
    await recorder.insertEvents(sampleEvents(id, 4, 5));
    expectEqual((await recorder.selectEvents(id)).map(bare), sampleEvents(id, 1, 5), 'the events after a good insert');
  },
};

const storedStaysAsItIs: Case = {
  name: 'what is done to events that were given, or read, changes nothing that is stored',
  async run({ recorder }) {
    const id = newOriginatorId();
    const given = [sampleEvent(id, 1)];
    await recorder.insertEvents(given);
    (given[0] as { topic: string }).topic = 'changed';
    for (const read of await recorder.selectEvents(id)) changeWhatCanBe(read);
    const [stored] = await recorder.selectEvents(id);
    expectTrue(stored !== undefined && storedEventEquals(bare(stored), sampleEvent(id, 1)), 'the event is as it was');
  },
};

const aggregatesAreDistinguished: Case = {
  name: 'aggregates are distinguished',
  async run({ recorder }) {
    const [first, second] = [newOriginatorId(), newOriginatorId()];
    await recorder.insertEvents([sampleEvent(first, 1), sampleEvent(second, 1), sampleEvent(first, 2)]);
    expectEqual(versions(await recorder.selectEvents(first)), [1, 2], 'the first');
    expectEqual(versions(await recorder.selectEvents(second)), [1], 'the second');
  },
};

const malformedEventsAreRefused: Case = {
  name: 'malformed events are refused before anything is stored',
  async run({ recorder }) {
    const id = newOriginatorId();
    const good = sampleEvent(id, 1);
    const malformed: Record<string, object> = {
      'an id that is no UUID': { originatorId: 'dog-1' },
      'an id in upper case': { originatorId: 'B2723FE2-C01A-40D2-875E-A3AAC6A09FF5' },
      'a negative version': { originatorVersion: -1 },
      'a fractional version': { originatorVersion: 1.5 },
      'a version beyond 2^53': { originatorVersion: 2 ** 53 },
      'a version that is a text': { originatorVersion: '1' },
      'an empty topic': { topic: '' },
      'a topic with a zero': { topic: 'a\0b' },
      'a topic with half a surrogate pair': { topic: 'a\ud800' },
      'a topic of 1,001 characters': { topic: 'x'.repeat(1_001) },
      'a state that is a text': { state: '{}' },
    };
    for (const [what, change] of Object.entries(malformed)) {
      const bad = { ...good, originatorVersion: 2, ...change } as StoredEvent;
      await expectRejection(recorder.insertEvents([good, bad]), 'PROGRAMMING_ERROR', what);
    }
    expectEqual(await recorder.selectEvents(id), [], 'events');
  },
};

const malformedSelectionsAreRefused: Case = {
  name: 'malformed selections are refused',
  async run({ recorder }) {
    const id = newOriginatorId();
    await expectRejection(recorder.selectEvents(id, { limit: -1 }), 'PROGRAMMING_ERROR', 'a negative limit');
    await expectRejection(recorder.selectEvents(id, { limit: 1.5 }), 'PROGRAMMING_ERROR', 'a fractional limit');
    await expectRejection(recorder.selectEvents(id, { gt: Number.NaN }), 'PROGRAMMING_ERROR', 'gt that is no number');
    await expectRejection(recorder.selectEvents('dog-1'), 'PROGRAMMING_ERROR', 'an id that is no UUID');
  },
};

/** The suite for {@link AggregateRecorder}. */
export const aggregateRecorderCases: readonly Case[] = [
  emptyInsertSucceeds,
  unknownAggregateIsEmpty,
  eventsComeBackAsWritten,
  takenPositionIsRefused,
  insertIsAtomic,
  duplicateWithinCallIsRefused,
  selectsByVersion,
  ordersByVersion,
  versionZeroAlone,
  readingIsUnchangedAfterRefusals,
  storedStaysAsItIs,
  aggregatesAreDistinguished,
  malformedEventsAreRefused,
  malformedSelectionsAreRefused,
];

/** Some engines give events that are frozen. */
function changeWhatCanBe(event: StoredEvent): void {
  try {
    (event as { topic: string }).topic = 'changed';
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

/** A stored event without whatever else an engine returned with it. */
function bare({ originatorId, originatorVersion, topic, state }: StoredEvent): StoredEvent {
  return { originatorId, originatorVersion, topic, state: new Uint8Array(state) };
}

function versions(events: readonly StoredEvent[]): number[] {
  return events.map((event) => event.originatorVersion);
}
