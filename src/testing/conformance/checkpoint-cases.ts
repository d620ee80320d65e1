/**
 * What checkpoints of subscriptions promise, in memory and on every engine that has SQL.
 *
 * @module
 */
import type { Checkpoints, ReachedPosition } from '../../persistence/checkpoints.js';
import type { TransactionalRecorder } from '../../persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvents } from './event-samples.js';

/** A recorder, and how to make checkpoints of what follows it. */
export interface CheckpointsContext {
  /** It may hold events already, but nobody else writes to it. */
  readonly recorder: TransactionalRecorder<SqlQueryable | undefined>;
  /** Makes checkpoints, of which there are none yet, by a clock that stands at this time. */
  readonly openCheckpoints: (nowMs: number) => Promise<Checkpoints>;
}

type Case = ConformanceCase<CheckpointsContext>;

const NOW_MS = Date.UTC(2026, 1, 3);

const savesAndFinds: Case = {
  name: 'a position is found as it was saved, and is 0 before',
  async run({ openCheckpoints }) {
    const checkpoints = await openCheckpoints(NOW_MS);
    expectEqual(await checkpoints.find('é "mailer"'), undefined, 'what is kept before');
    expectEqual(await checkpoints.position('é "mailer"'), 0, 'the position before');
    const reached = { position: 7, eventId: newOriginatorId(), eventType: 'Counted' };
    expectEqual(await checkpoints.save('é "mailer"', reached), true, 'whether it moved');
    expectEqual(await checkpoints.save('bare', { position: Number.MAX_SAFE_INTEGER }), true, 'one without an event');
    expectEqual(
      await checkpoints.find('é "mailer"'),
      { subscriptionId: 'é "mailer"', ...reached, savedAt: new Date(NOW_MS) },
      'what is kept',
    );
    expectEqual(
      (await checkpoints.list()).map(({ subscriptionId }) => subscriptionId),
      ['bare', 'é "mailer"'],
      'all',
    );
    expectEqual(await checkpoints.position('bare'), Number.MAX_SAFE_INTEGER, 'the largest position');
  },
};

const movesForwardOnly: Case = {
  name: 'a position moves forward only, and saving it again changes nothing',
  async run({ openCheckpoints }) {
    const checkpoints = await openCheckpoints(NOW_MS);
    await checkpoints.save('a', { position: 5, eventType: 'Fifth' });
    expectEqual(await checkpoints.save('a', { position: 5, eventType: 'Other' }), false, 'the same again');
    expectEqual(await checkpoints.save('a', { position: 4 }), false, 'an earlier one');
    expectEqual((await checkpoints.find('a'))?.eventType, 'Fifth', 'the event');
    expectEqual(await checkpoints.save('a', { position: 6 }), true, 'a later one');
    expectEqual((await checkpoints.find('a'))?.eventType, undefined, 'the event of the later one');
    const racing = await Promise.all([9, 7, 8, 9].map((position) => checkpoints.save('a', { position })));
    expectTrue(racing.includes(true), 'one of those at once has moved it');
    expectEqual(await checkpoints.position('a'), 9, 'the largest of those at once');
  },
};

const resets: Case = {
  name: 'a subscription that is reset begins again, and the others stay',
  async run({ openCheckpoints }) {
    const checkpoints = await openCheckpoints(NOW_MS);
    await checkpoints.save('a', { position: 5 });
    await checkpoints.save('b', { position: 6 });
    expectEqual([await checkpoints.reset('a'), await checkpoints.reset('a')], [true, false], 'whether there was one');
    expectEqual([await checkpoints.position('a'), await checkpoints.position('b')], [0, 6], 'the positions');
    expectEqual(await checkpoints.save('a', { position: 1 }), true, 'an earlier one after it');
  },
};

const saysItsLag: Case = {
  name: 'a subscription says how far it is behind the log',
  async run({ recorder, openCheckpoints }) {
    const checkpoints = await openCheckpoints(NOW_MS);
    await recorder.insertEvents(sampleEvents(newOriginatorId(), 1, 3));
    const head = await recorder.maxNotificationId();
    expectEqual(await checkpoints.lag('a'), head, 'of one that has taken nothing');
    await checkpoints.save('a', { position: head });
    expectEqual(await checkpoints.lag('a'), 0, 'of one that has taken all');
    await checkpoints.save('a', { position: head + 5 });
    expectEqual(await checkpoints.lag('a'), 0, 'of one that is ahead of a log that was restored');
  },
};

const isCommittedWithWork: Case = {
  name: 'a position that is saved in a transaction is committed with it, or taken back (where there is SQL)',
  async run({ recorder, openCheckpoints }) {
    const checkpoints = await openCheckpoints(NOW_MS);
    if (recorder.supports?.sql !== true) return;
    const reason = new RangeError('the work failed');
    const failed = recorder.transaction(async ({ connection }) => {
      expectEqual(await checkpoints.save('a', { position: 3 }, { connection }), true, 'whether it moved');
      throw reason;
    });
    expectEqual(await failed.catch((thrown: unknown) => thrown), reason, 'why it failed');
    expectEqual(await checkpoints.position('a'), 0, 'the position after a roll back');
    await recorder.transaction(async ({ connection }) => {
      await checkpoints.save('a', { position: 3 }, { connection });
    });
    expectEqual(await checkpoints.position('a'), 3, 'the position after a commit');
  },
};

const refusesWhatCannotBeKept: Case = {
  name: 'what cannot be kept is refused, and so is a call that is given up',
  async run({ openCheckpoints }) {
    const checkpoints = await openCheckpoints(NOW_MS);
    const wrong: readonly (readonly [string, ReachedPosition])[] = [
      ['', { position: 1 }],
      ['x'.repeat(201), { position: 1 }],
      ['a\0', { position: 1 }],
      ['a', { position: 0 }],
      ['a', { position: 1.5 }],
      ['a', { position: 1, eventId: '\ud800' }],
      ['a', { position: 1, eventType: 'x'.repeat(201) }],
    ];
    for (const [subscriptionId, reached] of wrong) {
      await expectRejection(checkpoints.save(subscriptionId, reached), 'PROGRAMMING_ERROR', JSON.stringify(reached));
    }
    const reason = new RangeError('nobody waits');
    const options = { signal: AbortSignal.abort(reason) };
    for (const call of [
      checkpoints.save('a', { position: 1 }, options),
      checkpoints.find('a', options),
      checkpoints.position('a', options),
      checkpoints.lag('a', options),
      checkpoints.list(options),
      checkpoints.reset('a', options),
    ]) {
      expectEqual(await call.catch((thrown: unknown) => thrown), reason, 'why it was rejected');
    }
    expectEqual(await checkpoints.list(), [], 'what is kept');
  },
};

/** The suite for {@link Checkpoints}. */
export const checkpointCases: readonly Case[] = [
  savesAndFinds,
  movesForwardOnly,
  resets,
  saysItsLag,
  isCommittedWithWork,
  refusesWhatCannotBeKept,
];
