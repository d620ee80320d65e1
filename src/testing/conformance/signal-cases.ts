/**
 * What every recorder promises whose calls are given up by a signal: either nothing is stored, or the outcome is told.
 *
 * @module
 */
import type { CallOptions } from '../../persistence/heed-signal.js';
import type { TransactionalRecorder } from '../../persistence/recorder-transaction.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';

/** The recorder under test. It may hold events already, but nobody else writes to it. */
export interface SignalContext {
  readonly recorder: TransactionalRecorder<unknown>;
}

type Case = ConformanceCase<SignalContext>;
type Recorder = SignalContext['recorder'];

const REASON = new RangeError('nobody waits for it any more');

/** Every call that reads. */
function readsOf(recorder: Recorder, id: string, options: CallOptions): Record<string, () => Promise<unknown>> {
  return {
    selectEvents: () => recorder.selectEvents(id, options),
    selectNotifications: () => recorder.selectNotifications({ start: 1, limit: 1, ...options }),
    maxNotificationId: () => recorder.maxNotificationId(options),
    maxTrackingId: () => recorder.maxTrackingId('upstream', options),
    hasTrackingId: () => recorder.hasTrackingId('upstream', 1, options),
  };
}

const abortedBefore: Case = {
  name: 'a call whose signal was aborted before rejects with its reason, and stores nothing',
  async run({ recorder }) {
    const id = newOriginatorId();
    const options = { signal: AbortSignal.abort(REASON) };
    for (const [name, read] of Object.entries(readsOf(recorder, id, options))) {
      expectEqual(await rejectionOf(read()), REASON, name);
    }
    const tracking = { applicationName: `upstream-${id}`, notificationId: 1 };
    expectEqual(
      await rejectionOf(recorder.insertEvents([sampleEvent(id, 1)], { ...options, tracking })),
      REASON,
      'insert',
    );
    expectEqual(await recorder.maxTrackingId(tracking.applicationName), 0, 'the tracking record');
    let hasRun = false;
    const work = async (): Promise<void> => {
      hasRun = true;
    };
    expectEqual(await rejectionOf(recorder.transaction(work, options)), REASON, 'a transaction');
    expectEqual(hasRun, false, 'whether the work of the transaction ran');
    expectEqual(await recorder.selectEvents(id), [], 'events');
  },
};

const notAborted: Case = {
  name: 'a signal that is not aborted changes nothing, and neither does one that is aborted afterwards',
  async run({ recorder }) {
    const id = newOriginatorId();
    const giveUp = new AbortController();
    const { signal } = giveUp;
    const [position] = await recorder.insertEvents([sampleEvent(id, 1)], { signal });
    await recorder.transaction(async (transaction) => transaction.insertEvents([sampleEvent(id, 2)], { signal }), {
      signal,
    });
    expectTrue((await recorder.maxNotificationId({ signal })) > Number(position), 'the largest id');
    for (const read of Object.values(readsOf(recorder, id, { signal }))) await read();
    giveUp.abort(REASON);
    expectEqual((await recorder.selectEvents(id)).length, 2, 'events');
  },
};

const abortedMeanwhile: Case = {
  name: 'of inserts whose signal is aborted meanwhile, those that reject with its reason are not there, and the others are',
  async run({ recorder }) {
    const giveUp = new AbortController();
    const ids = Array.from({ length: 20 }, () => newOriginatorId());
    const inserts = ids.map((id) => recorder.insertEvents([sampleEvent(id, 1)], { signal: giveUp.signal }));
    await inserts[0];
    giveUp.abort(REASON);
    const outcomes = await Promise.allSettled(inserts);
    // What was waiting for its turn has had it by then.
    await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    for (const [index, outcome] of outcomes.entries()) {
      const { length } = await recorder.selectEvents(ids[index] as string);
      expectEqual(length, outcome.status === 'fulfilled' ? 1 : 0, `events of insert ${index}, ${outcome.status}`);
      if (outcome.status === 'rejected') expectEqual(outcome.reason, REASON, `why insert ${index} was rejected`);
    }
  },
};

const readsEndWhileTheyWait: Case = {
  name: 'what waits beside a transaction ends when its signal is aborted, or tells its outcome after it',
  async run({ recorder }) {
    const [held, given] = [newOriginatorId(), newOriginatorId()];
    const giveUp = new AbortController();
    const waiting: Promise<unknown>[] = [];
    await recorder.transaction(async (transaction) => {
      await transaction.insertEvents([sampleEvent(held, 1)]);
      const options = { signal: giveUp.signal };
      waiting.push(rejectionOf(recorder.selectEvents(given, options)));
      waiting.push(rejectionOf(recorder.insertEvents([sampleEvent(given, 1)], options)));
      giveUp.abort(REASON);
    });
    const [, inserted] = await Promise.all(waiting);
    await recorder.insertEvents([sampleEvent(held, 2)]);
    const { length } = await recorder.selectEvents(given);
    expectEqual(
      [length, inserted],
      inserted === undefined ? [1, undefined] : [0, REASON],
      'events, and why there are none',
    );
  },
};

const abortedTransaction: Case = {
  name: 'a transaction whose signal is aborted before its work has resolved is taken back',
  async run({ recorder }) {
    const id = newOriginatorId();
    const giveUp = new AbortController();
    const transaction = recorder.transaction(
      async (lent) => {
        await lent.insertEvents([sampleEvent(id, 1)]);
        giveUp.abort(REASON);
        return 'done';
      },
      { signal: giveUp.signal },
    );
    expectEqual(await rejectionOf(transaction), REASON, 'the transaction');
    expectEqual(await recorder.selectEvents(id), [], 'events');
    await recorder.insertEvents([sampleEvent(id, 1)]);
    expectEqual((await recorder.selectEvents(id)).length, 1, 'events after a good insert');
  },
};

const noSignal: Case = {
  name: 'what is no signal is refused',
  async run({ recorder }) {
    const options = { signal: new AbortController() } as unknown as CallOptions;
    await expectRejection(recorder.maxNotificationId(options), 'PROGRAMMING_ERROR', 'a controller');
    const id = newOriginatorId();
    await expectRejection(recorder.insertEvents([sampleEvent(id, 1)], options), 'PROGRAMMING_ERROR', 'of an insert');
    expectEqual(await recorder.selectEvents(id), [], 'events');
  },
};

/** The suite of signals, for {@link TransactionalRecorder}; run `transactionCases` and those before it as well. */
export const signalCases: readonly Case[] = [
  abortedBefore,
  notAborted,
  abortedMeanwhile,
  readsEndWhileTheyWait,
  abortedTransaction,
  noSignal,
];

/** What a promise rejects with, or `undefined`. */
async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}
