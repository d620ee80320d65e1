/**
 * What every process recorder promises beside what an application recorder does.
 *
 * @module
 */
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { Tracking } from '../../persistence/stored-event.js';
import { expectEqual, expectRejection } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';

/** The recorder under test. It may hold events and tracking records already. */
export interface ProcessRecorderContext {
  readonly recorder: ProcessRecorder;
}

type Case = ConformanceCase<ProcessRecorderContext>;

const nothingIsTrackedAtFirst: Case = {
  name: 'nothing is tracked of an unknown application',
  async run({ recorder }) {
    const name = newApplicationName();
    expectEqual(await recorder.maxTrackingId(name), 0, 'the largest id');
    expectEqual(await recorder.hasTrackingId(name, 1), false, 'has 1');
  },
};

const trackingIsRecordedWithEvents: Case = {
  name: 'a tracking record is recorded with its events',
  async run({ recorder }) {
    const name = newApplicationName();
    const id = newOriginatorId();
    const ids = await recorder.insertEvents([sampleEvent(id, 1), sampleEvent(id, 2)], tracking(name, 1));
    expectEqual(ids.length, 2, 'count of ids');
    expectEqual(await recorder.maxTrackingId(name), 1, 'the largest id');
    await recorder.insertEvents([sampleEvent(id, 3)], tracking(name, 2));
    await recorder.insertEvents([sampleEvent(id, 4)]);
    expectEqual(await recorder.maxTrackingId(name), 2, 'the largest id after one without tracking');
  },
};

const trackingNeedsNoEvents: Case = {
  name: 'a tracking record needs no events',
  async run({ recorder }) {
    const name = newApplicationName();
    expectEqual(await recorder.insertEvents([], tracking(name, 5)), [], 'ids');
    expectEqual(await recorder.maxTrackingId(name), 5, 'the largest id');
    expectEqual(await recorder.hasTrackingId(name, 4), true, 'has 4: tracking only moves forward');
    expectEqual(await recorder.hasTrackingId(name, 5), true, 'has 5');
    expectEqual(await recorder.hasTrackingId(name, 6), false, 'has 6');
  },
};

const repeatedTrackingIsRefused: Case = {
  name: 'a tracking record that does not move forward is refused, and its events with it',
  async run({ recorder }) {
    const name = newApplicationName();
    const id = newOriginatorId();
    await recorder.insertEvents([], tracking(name, 5));
    for (const notificationId of [5, 4, 1]) {
      const insert = recorder.insertEvents([sampleEvent(id, 1)], tracking(name, notificationId));
      await expectRejection(insert, 'INTEGRITY_ERROR', `tracking ${notificationId} after 5`);
    }
    const error = (await recorder.insertEvents([], tracking(name, 5)).catch((thrown: unknown) => thrown)) as {
      details: Record<string, unknown>;
    };
    expectEqual(error.details['constraint'], 'tracking', 'the constraint in the details');
    expectEqual(error.details['applicationName'], name, 'the application in the details');
    expectEqual(await recorder.selectEvents(id), [], 'events');
    expectEqual(await recorder.maxTrackingId(name), 5, 'the largest id');
  },
};

const conflictRollsTrackingBack: Case = {
  name: 'an event whose position is taken takes its tracking record with it',
  async run({ recorder }) {
    const name = newApplicationName();
    const id = newOriginatorId();
    await recorder.insertEvents([sampleEvent(id, 1)]);
    const insert = recorder.insertEvents([sampleEvent(id, 2), sampleEvent(id, 1)], tracking(name, 1));
    await expectRejection(insert, 'INTEGRITY_ERROR', 'a taken position');
    expectEqual(await recorder.maxTrackingId(name), 0, 'the largest id');
  },
};

const conflictKeepsEarlierTracking: Case = {
  name: 'what was tracked before an event whose position is taken stays as it was, and goes on',
  async run({ recorder }) {
    const name = newApplicationName();
    const id = newOriginatorId();
    await recorder.insertEvents([sampleEvent(id, 1)], tracking(name, 1));
    const insert = recorder.insertEvents([sampleEvent(id, 1)], tracking(name, 2));
    await expectRejection(insert, 'INTEGRITY_ERROR', 'a taken position');
    expectEqual(await recorder.maxTrackingId(name), 1, 'the largest id');
    expectEqual(await recorder.hasTrackingId(name, 1), true, 'has 1');
    expectEqual(await recorder.hasTrackingId(name, 2), false, 'has 2');
    await recorder.insertEvents([sampleEvent(id, 2)], tracking(name, 2));
    expectEqual(await recorder.maxTrackingId(name), 2, 'the largest id after a good insert');
    expectEqual((await recorder.selectEvents(id)).length, 2, 'events');
  },
};

const applicationsAreIndependent: Case = {
  name: 'applications are tracked independently',
  async run({ recorder }) {
    const [first, second] = [newApplicationName(), newApplicationName()];
    await recorder.insertEvents([], tracking(first, 9));
    await recorder.insertEvents([], tracking(second, 3));
    expectEqual(await recorder.maxTrackingId(first), 9, 'the first');
    expectEqual(await recorder.maxTrackingId(second), 3, 'the second');
  },
};

const racingTrackingHasOneWinner: Case = {
  name: 'of concurrent inserts with the same tracking record, one succeeds',
  async run({ recorder }) {
    const name = newApplicationName();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, () => recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], tracking(name, 1))),
    );
    expectEqual(outcomes.filter(({ status }) => status === 'fulfilled').length, 1, 'successes');
    expectEqual(await recorder.maxTrackingId(name), 1, 'the largest id');
  },
};

const malformedTrackingIsRefused: Case = {
  name: 'malformed tracking records are refused, and nothing is stored',
  async run({ recorder }) {
    const id = newOriginatorId();
    const name = newApplicationName();
    const malformed: readonly Tracking[] = [
      { applicationName: '', notificationId: 1 },
      { applicationName: name, notificationId: 0 },
      { applicationName: name, notificationId: 1.5 },
    ];
    for (const record of malformed) {
      const insert = recorder.insertEvents([sampleEvent(id, 1)], { tracking: record });
      await expectRejection(insert, 'PROGRAMMING_ERROR', JSON.stringify(record));
    }
    expectEqual(await recorder.selectEvents(id), [], 'events');
  },
};

const trackingIsDeclared: Case = {
  name: 'it declares that it keeps tracking records',
  async run({ recorder }) {
    expectEqual(recorder.supports?.tracking, true, 'supports.tracking');
  },
};

const unitsAreRefused: Case = {
  name: 'a unit is refused where there are no units, and its events with it',
  async run({ recorder }) {
    if (recorder.supports?.units === true) return;
    const id = newOriginatorId();
    const refused = recorder.insertEvents([sampleEvent(id, 1)], { unit: { isCommutative: true } });
    await expectRejection(refused, 'NOT_SUPPORTED', 'a unit');
    expectEqual(await recorder.selectEvents(id), [], 'events');
  },
};

/** The suite for {@link ProcessRecorder}; run `aggregateRecorderCases` and `applicationRecorderCases` as well. */
export const processRecorderCases: readonly Case[] = [
  nothingIsTrackedAtFirst,
  trackingIsRecordedWithEvents,
  trackingNeedsNoEvents,
  repeatedTrackingIsRefused,
  conflictRollsTrackingBack,
  conflictKeepsEarlierTracking,
  applicationsAreIndependent,
  racingTrackingHasOneWinner,
  malformedTrackingIsRefused,
  trackingIsDeclared,
  unitsAreRefused,
];

function newApplicationName(): string {
  return `upstream-${newOriginatorId()}`;
}

function tracking(applicationName: string, notificationId: number): { tracking: Tracking } {
  return { tracking: { applicationName, notificationId } };
}
