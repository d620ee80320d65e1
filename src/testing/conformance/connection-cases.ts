/**
 * What holds between several connections to one store: writers exclude one another, readers see what was committed.
 *
 * @module
 */
import type { ProcessRecorder } from '../../persistence/recorder.js';
import { expectEqual, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';
import { expectSeparateRanges, tail } from './log-reading.js';

/** A recorder on a connection of its own. */
export interface RecorderConnection {
  readonly recorder: ProcessRecorder;
  close(): Promise<void>;
}

/** The store under test. It may hold events already, but nobody else writes to it. */
export interface ConnectionContext {
  /** Opens another connection to the same store. */
  connect(): Promise<RecorderConnection>;
}

type Case = ConformanceCase<ConnectionContext>;

const WRITERS = 10;
const BATCHES = 10;
const EVENTS_PER_BATCH = 20;

const othersReadWhatWasCommitted: Case = {
  name: 'what one connection has committed, another reads at once, and goes on from there',
  run: (context) =>
    withConnections(context, 2, async ([first, second]) => {
      const [id, name] = [newOriginatorId(), `upstream-${newOriginatorId()}`];
      const ids = await first.insertEvents(sampleEvents(id, 1, 2), {
        tracking: { applicationName: name, notificationId: 3 },
      });
      expectEqual((await second.selectEvents(id)).length, 2, 'events');
      expectEqual(await second.maxNotificationId(), ids[1], 'the largest id');
      expectEqual(await second.maxTrackingId(name), 3, 'the tracking id');
      const [next] = await second.insertEvents([sampleEvent(id, 3)]);
      expectTrue((next as number) > (ids[1] as number), 'the next id is greater');
      expectEqual((await first.selectEvents(id)).length, 3, 'events, seen by the first');
    }),
};

const writersDoNotInterleave: Case = {
  name: 'ten writers on connections of their own: ids are given once, and each call has a block of its own',
  run: (context) =>
    withConnections(context, WRITERS, async (recorders) => {
      const ranges = (await Promise.all(recorders.map(writeBatches))).flat();
      expectEqual(new Set(ranges.flat()).size, WRITERS * BATCHES * EVENTS_PER_BATCH, 'distinct ids');
      expectSeparateRanges(ranges);
    }),
};

const readersMissNothing: Case = {
  name: 'two readers that tail ten writers, all on connections of their own, see every id once, in order',
  run: (context) =>
    withConnections(context, WRITERS + 2, async ([reader, otherReader, ...writers]) => {
      const start = (await reader.maxNotificationId()) + 1;
      const writing = Promise.all(writers.map(writeBatches));
      const seen = await Promise.all([tail(reader, start, writing, 50), tail(otherReader, start, writing, 7)]);
      const written = (await writing).flat(2).sort((a, b) => a - b);
      expectEqual(seen[0], written, 'what the first reader saw');
      expectEqual(seen[1], written, 'what the second reader saw');
    }),
};

const conflictsHaveOneWinner: Case = {
  name: 'of ten connections that want one position, or one tracking record, one gets it',
  run: (context) =>
    withConnections(context, WRITERS, async (recorders) => {
      const [id, name] = [newOriginatorId(), `upstream-${newOriginatorId()}`];
      const positions = recorders.map((recorder, index) =>
        recorder.insertEvents([sampleEvent(id, 1, `topic${index}`)]),
      );
      await expectOneWinner(positions, 'the position');
      const tracking = { applicationName: name, notificationId: 1 };
      const records = recorders.map((recorder) =>
        recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], { tracking }),
      );
      await expectOneWinner(records, 'the tracking record');
      expectEqual((await recorders[0].selectEvents(id)).length, 1, 'events');
    }),
};

/** The suite for stores that several connections share; run `processRecorderCases` and those before it as well. */
export const connectionCases: readonly Case[] = [
  othersReadWhatWasCommitted,
  writersDoNotInterleave,
  readersMissNothing,
  conflictsHaveOneWinner,
];

type Recorders = readonly [ProcessRecorder, ProcessRecorder, ...ProcessRecorder[]];

async function withConnections(
  context: ConnectionContext,
  count: number,
  work: (recorders: Recorders) => Promise<void>,
): Promise<void> {
  const connections: RecorderConnection[] = [];
  try {
    while (connections.length < count) connections.push(await context.connect());
    await work(connections.map(({ recorder }) => recorder) as unknown as Recorders);
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
  }
}

/** Writes one batch after another, each of an aggregate of its own. Gives the ids of each. */
async function writeBatches(recorder: ProcessRecorder): Promise<(readonly number[])[]> {
  const batches: (readonly number[])[] = [];
  while (batches.length < BATCHES) {
    batches.push(await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, EVENTS_PER_BATCH)));
  }
  return batches;
}

async function expectOneWinner(inserts: readonly Promise<unknown>[], what: string): Promise<void> {
  const outcomes = await Promise.allSettled(inserts);
  const refusals = outcomes.filter((outcome) => outcome.status === 'rejected');
  expectEqual(outcomes.length - refusals.length, 1, `${what}: successes`);
  for (const { reason } of refusals) {
    expectEqual((reason as { code?: string }).code, 'INTEGRITY_ERROR', `${what}: the code of a refusal`);
  }
}
