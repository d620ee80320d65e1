/**
 * What every recorder promises whose transactions can be used from outside: the caller's own SQL and events commit
 * together, or not at all.
 *
 * @module
 */
import type { RecorderTransaction, TransactionalRecorder } from '../../persistence/recorder-transaction.js';
import { systemClock } from '../../util/clock.js';
import { pause as pauseFor } from '../../util/pause.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent, sampleEvents } from './event-samples.js';

/**
 * The recorder under test, and a table of the caller's own beside its tables: one column of texts.
 *
 * @typeParam Connection - the engine's own; only `insertOwnRow` needs to know it
 */
export interface TransactionContext<Connection = unknown> {
  /** It may hold events already, but nobody else writes to it. */
  readonly recorder: TransactionalRecorder<Connection>;
  /** Creates the own table if it is missing. Called before each case that uses it, with no transaction open. */
  setUpOwnTable(): Promise<void>;
  /** Inserts one row with the connection of a transaction, hence in that transaction. */
  insertOwnRow(connection: Connection, value: string): Promise<void>;
  /** Reads the committed rows in the order of insertion. Called only while no transaction is open. */
  ownRows(): Promise<readonly string[]>;
}

type Case = ConformanceCase<TransactionContext>;
type Transaction = RecorderTransaction<unknown>;

// Long enough for another transaction to get its turn, where engines let it.
const PAUSE_MS = 5;

const commitsTogether: Case = ownSqlCase('own rows and events commit together', async ({ recorder, ...own }) => {
  const id = newOriginatorId();
  const value = newValue();
  const result = await recorder.transaction(async (transaction) => {
    await own.insertOwnRow(transaction.connection, value);
    const ids = await transaction.insertEvents([sampleEvent(id, 1)]);
    await transaction.insertEvents([sampleEvent(id, 2)]);
    return ids;
  });
  expectEqual(result.length, 1, 'what the work resolved with');
  expectEqual(await versions(recorder, id), [1, 2], 'events');
  expectTrue((await own.ownRows()).includes(value), 'the own row is there');
});

const rollsBackTogether: Case = ownSqlCase(
  'own rows and events are taken back together when the work rejects',
  async ({ recorder, ...own }) => {
    const id = newOriginatorId();
    const value = newValue();
    const reason = new RangeError('the work failed');
    const outcome = await rejection(
      recorder.transaction(async (transaction) => {
        await transaction.insertEvents([sampleEvent(id, 1)]);
        await own.insertOwnRow(transaction.connection, value);
        throw reason;
      }),
    );
    expectTrue(outcome === reason, 'the rejection is what the work threw');
    expectEqual(await versions(recorder, id), [], 'events');
    expectTrue(!(await own.ownRows()).includes(value), 'the own row is gone');
  },
);

const conflictTakesOwnRowsBack: Case = ownSqlCase(
  'a conflict that the work lets through takes the own rows back',
  async ({ recorder, ...own }) => {
    const id = newOriginatorId();
    const value = newValue();
    await recorder.insertEvents([sampleEvent(id, 1)]);
    const work = recorder.transaction(async (transaction) => {
      await own.insertOwnRow(transaction.connection, value);
      await transaction.insertEvents([sampleEvent(id, 1)]);
    });
    await expectRejection(work, 'INTEGRITY_ERROR', 'a taken position');
    expectTrue(!(await own.ownRows()).includes(value), 'the own row is gone');
  },
);

const refusedInsertLeavesItUsable: Case = ownSqlCase(
  'a refused insert takes back itself only, and the transaction stays usable',
  async ({ recorder, ...own }) => {
    const [taken, id] = [newOriginatorId(), newOriginatorId()];
    const value = newValue();
    await recorder.insertEvents([sampleEvent(taken, 1)]);
    await recorder.transaction(async (transaction) => {
      await own.insertOwnRow(transaction.connection, value);
      await transaction.insertEvents([sampleEvent(id, 1)]);
      const refused = transaction.insertEvents([sampleEvent(id, 2), sampleEvent(taken, 1)]);
      await expectRejection(refused, 'INTEGRITY_ERROR', 'a taken position');
      await transaction.insertEvents([sampleEvent(id, 3)]);
    });
    expectEqual(await versions(recorder, id), [1, 3], 'events');
    expectTrue((await own.ownRows()).includes(value), 'the own row is there');
  },
);

const readsItsOwnWrites: Case = {
  name: 'a transaction reads its own writes; they can be selected by others only after the commit',
  async run({ recorder }) {
    const id = newOriginatorId();
    const name = `upstream-${newOriginatorId()}`;
    const before = await recorder.maxNotificationId();
    // Begun inside and awaited outside: on engines with one connection they wait for the transaction.
    const seenByOthers = { committed: undefined as Promise<number[]> | undefined };
    const inside = await recorder.transaction(async (transaction) => {
      const ids = await transaction.insertEvents(sampleEvents(id, 1, 2), {
        tracking: { applicationName: name, notificationId: 7 },
      });
      expectEqual(await versions(transaction, id), [1, 2], 'events inside');
      expectEqual(await transaction.maxTrackingId(name), 7, 'the tracking id inside');
      expectEqual(await transaction.hasTrackingId(name, 8), false, 'a later tracking id inside');
      expectEqual(await transaction.maxNotificationId(), ids[1], 'the largest id inside');
      const notifications = await transaction.selectNotifications({ start: before + 1, limit: 10 });
      expectEqual(
        notifications.map((notification) => notification.id),
        ids,
        'notifications inside',
      );
      seenByOthers.committed = versions(recorder, id);
      await pause();
      return ids;
    });
    const seen = await seenByOthers.committed;
    expectTrue(seen?.length === 0 || seen?.length === 2, `others see all or nothing, not ${String(seen)}`);
    expectEqual(await versions(recorder, id), [1, 2], 'events after the commit');
    expectEqual(await recorder.maxNotificationId(), inside[1], 'the largest id after the commit');
  },
};

const nobodySeesWhatIsTakenBack: Case = {
  name: 'nobody ever sees what is taken back, and ids go on upwards',
  async run({ recorder }) {
    const [id, name] = [newOriginatorId(), `upstream-${newOriginatorId()}`];
    const before = await recorder.maxNotificationId();
    const started: Promise<unknown>[] = [];
    await rejection(
      recorder.transaction(async (transaction) => {
        await transaction.insertEvents(sampleEvents(id, 1, 3), {
          tracking: { applicationName: name, notificationId: 1 },
        });
        started.push(versions(recorder, id), recorder.maxTrackingId(name), recorder.maxNotificationId());
        await pause();
        throw new RangeError('the work failed');
      }),
    );
    expectEqual(await Promise.all(started), [[], 0, before], 'what was read meanwhile');
    const [next] = await recorder.insertEvents([sampleEvent(id, 1)], {
      tracking: { applicationName: name, notificationId: 1 },
    });
    expectTrue((next as number) > before, 'the next id is greater');
    const tail = await recorder.selectNotifications({ start: before + 1, limit: 10 });
    expectEqual(
      tail.map((notification) => notification.id),
      [next],
      'the notifications since',
    );
  },
};

const nestedJoins: Case = ownSqlCase(
  'a nested transaction joins: what it did is committed or taken back with the outer one',
  async ({ recorder, ...own }) => {
    const [kept, lost] = [newOriginatorId(), newOriginatorId()];
    const [keptValue, lostValue] = [newValue(), newValue()];
    const both = async (outer: Transaction, id: string, value: string): Promise<void> => {
      await outer.insertEvents([sampleEvent(id, 1)]);
      await outer.transaction(async (inner) => {
        expectEqual(await versions(inner, id), [1], 'what the outer one recorded, inside');
        await own.insertOwnRow(inner.connection, value);
        await inner.transaction(async (innermost) => {
          await innermost.insertEvents([sampleEvent(id, 2)]);
        });
      });
      expectEqual(await versions(outer, id), [1, 2], 'what the inner ones recorded');
    };
    await recorder.transaction((outer) => both(outer, kept, keptValue));
    await rejection(
      recorder.transaction(async (outer) => {
        await both(outer, lost, lostValue);
        throw new RangeError('the outer work failed');
      }),
    );
    expectEqual(await versions(recorder, kept), [1, 2], 'committed');
    expectEqual(await versions(recorder, lost), [], 'taken back');
    const rows = await own.ownRows();
    expectTrue(rows.includes(keptValue) && !rows.includes(lostValue), 'own rows go the same way');
  },
);

const nestedRollsBackAlone: Case = ownSqlCase(
  'a nested transaction that rejects takes back its own part only',
  async ({ recorder, ...own }) => {
    const id = newOriginatorId();
    const [outerValue, innerValue] = [newValue(), newValue()];
    await recorder.transaction(async (outer) => {
      await outer.insertEvents([sampleEvent(id, 1)]);
      await own.insertOwnRow(outer.connection, outerValue);
      const inner = outer.transaction(async (transaction) => {
        await transaction.insertEvents([sampleEvent(id, 2)]);
        await own.insertOwnRow(transaction.connection, innerValue);
        throw new RangeError('the inner work failed');
      });
      expectTrue((await rejection(inner)) instanceof RangeError, 'the inner rejection arrives');
      expectEqual(await versions(outer, id), [1], 'events after the inner one');
      await outer.insertEvents([sampleEvent(id, 2, 'topic2')]);
    });
    expectEqual(await versions(recorder, id), [1, 2], 'events');
    const rows = await own.ownRows();
    expectTrue(rows.includes(outerValue), 'the row of the outer one is there');
    expectTrue(!rows.includes(innerValue), 'the row of the inner one is gone');
  },
);

const nestedTakeTurns: Case = {
  name: 'nested transactions that are started together take turns, and their outcomes stay apart',
  async run({ recorder }) {
    const ids = Array.from({ length: 4 }, () => newOriginatorId());
    await recorder.transaction(async (outer) => {
      await Promise.allSettled(
        ids.map((id, index) =>
          outer.transaction(async (inner) => {
            await inner.insertEvents([sampleEvent(id, 1)]);
            await pause();
            await inner.insertEvents([sampleEvent(id, 2)]);
            if (index % 2 === 1) throw new RangeError('every second one fails');
          }),
        ),
      );
    });
    const recorded = await Promise.all(ids.map((id) => versions(recorder, id)));
    expectEqual(recorded, [[1, 2], [], [1, 2], []], 'events of the four');
  },
};

const concurrentDoNotSeeEachOther: Case = {
  name: 'concurrent transactions do not see each other, and their ids do not interleave',
  async run({ recorder }) {
    const writers = Array.from({ length: 4 }, () => newOriginatorId());
    const seen: number[] = [];
    const ranges = await Promise.all(
      writers.map((id) =>
        recorder.transaction(async (transaction) => {
          const ids: number[] = [];
          for (let version = 1; version <= 3; version++) {
            ids.push(...(await transaction.insertEvents([sampleEvent(id, version)])));
            await pause();
            for (const other of writers.filter((writer) => writer !== id)) {
              seen.push((await versions(transaction, other)).length);
            }
          }
          return ids;
        }),
      ),
    );
    expectTrue(
      seen.every((count) => count === 0 || count === 3),
      `a transaction saw a part of another: ${seen.join(', ')}`,
    );
    const sorted = ranges.map((ids) => [ids[0], ids[2]] as [number, number]).sort(([a], [b]) => a - b);
    sorted.forEach(([first], index) => {
      const before = sorted[index - 1];
      if (before !== undefined) expectTrue(before[1] < first, `ranges overlap at ${first}`);
    });
  },
};

const plainCallsDoNotJoin: Case = {
  name: 'calls on the recorder do not join an open transaction: they stand when it is taken back',
  async run({ recorder }) {
    const [inside, outside] = [newOriginatorId(), newOriginatorId()];
    const plain: Promise<unknown>[] = [];
    await rejection(
      recorder.transaction(async (transaction) => {
        await transaction.insertEvents([sampleEvent(inside, 1)]);
        plain.push(recorder.insertEvents([sampleEvent(outside, 1)]));
        await pause();
        throw new RangeError('the work failed');
      }),
    );
    await Promise.all(plain);
    expectEqual(await versions(recorder, inside), [], 'events of the transaction');
    expectEqual(await versions(recorder, outside), [1], 'events of the call');
  },
};

const positionIsFreeAgain: Case = {
  name: 'of two transactions that want one position, one is refused; after a roll back the position is free',
  async run({ recorder }) {
    const id = newOriginatorId();
    const outcomes = await Promise.allSettled(
      ['topic1', 'topic2'].map((topic) =>
        recorder.transaction(async (transaction) => {
          expectTrue((await versions(transaction, id)).length <= 1, 'one event at most');
          await pause();
          await transaction.insertEvents([sampleEvent(id, 1, topic)]);
        }),
      ),
    );
    const refusals = outcomes.filter((outcome) => outcome.status === 'rejected');
    expectEqual(refusals.length, 1, 'refusals');
    expectEqual((refusals[0]?.reason as { code?: string }).code, 'INTEGRITY_ERROR', 'the code of the refusal');
    await rejection(
      recorder.transaction(async (transaction) => {
        await transaction.insertEvents([sampleEvent(id, 2)]);
        throw new RangeError('the work failed');
      }),
    );
    await recorder.insertEvents([sampleEvent(id, 2)]);
    expectEqual(await versions(recorder, id), [1, 2], 'events');
  },
};

const endedIsRefused: Case = {
  name: 'a transaction that has ended refuses every call',
  async run({ recorder }) {
    const id = newOriginatorId();
    const ended: Transaction[] = [];
    await recorder.transaction(async (transaction) => {
      ended.push(transaction);
      await transaction.transaction(async (inner) => {
        ended.push(inner);
      });
      await expectRejection(
        (ended[1] as Transaction).insertEvents([sampleEvent(id, 1)]),
        'INTERFACE_ERROR',
        'an inner one, after its end',
      );
    });
    await rejection(
      recorder.transaction(async (transaction) => {
        ended.push(transaction);
        throw new RangeError('the work failed');
      }),
    );
    for (const transaction of ended) {
      await expectRejection(transaction.insertEvents([sampleEvent(id, 1)]), 'INTERFACE_ERROR', 'insertEvents');
      await expectRejection(transaction.selectEvents(id), 'INTERFACE_ERROR', 'selectEvents');
      await expectRejection(
        transaction.selectNotifications({ start: 1, limit: 1 }),
        'INTERFACE_ERROR',
        'notifications',
      );
      await expectRejection(transaction.maxNotificationId(), 'INTERFACE_ERROR', 'maxNotificationId');
      await expectRejection(transaction.maxTrackingId('upstream'), 'INTERFACE_ERROR', 'maxTrackingId');
      const nested = transaction.transaction(async () => undefined);
      await expectRejection(nested, 'INTERFACE_ERROR', 'transaction');
    }
    expectEqual(await versions(recorder, id), [], 'events');
  },
};

const failureLeavesRecorderUsable: Case = {
  name: 'an empty transaction commits, and work that throws at once is taken back',
  async run({ recorder }) {
    expectEqual(await recorder.transaction(async () => 'done'), 'done', 'the result');
    const thrown = await rejection(
      recorder.transaction((): Promise<never> => {
        throw new RangeError('before the first await');
      }),
    );
    expectTrue(thrown instanceof RangeError, 'what was thrown arrives as a rejection');
    const id = newOriginatorId();
    await recorder.insertEvents([sampleEvent(id, 1)]);
    expectEqual(await versions(recorder, id), [1], 'the recorder goes on');
  },
};

const transactionsAreDeclared: Case = {
  name: 'it declares that it has transactions, and so do they',
  async run({ recorder }) {
    const within = await recorder.transaction(async ({ supports }) => supports?.transactions);
    expectEqual([recorder.supports?.transactions, within], [true, true], 'supports.transactions');
  },
};

const endIsHeard: Case = {
  name: 'who records in a transaction hears of its end, once and in order, after the commit or the roll back',
  async run({ recorder }) {
    expectEqual(recorder.onEnded, undefined, 'outside of any transaction there is no end to wait for');
    const id = newOriginatorId();
    const heard: { readonly told: string; events?: readonly number[] }[] = [];
    const hear = (transaction: Transaction, name: string): void => {
      transaction.onEnded?.(async (outcome) => {
        const entry: (typeof heard)[number] = { told: `${name}: ${outcome}` };
        heard.push(entry);
        // The transaction is over: the recorder itself can be asked, and does not wait for it.
        entry.events = await versions(recorder, id);
      });
    };
    await recorder.transaction(async (transaction) => {
      hear(transaction, 'first');
      await transaction.insertEvents([sampleEvent(id, 1)]);
      await transaction.transaction(async (inner) => {
        hear(inner, 'within');
        await inner.insertEvents([sampleEvent(id, 2)]);
      });
      expectEqual(heard, [], 'what was heard before the commit');
      hear(transaction, 'last');
    });
    const committed = ['first', 'within', 'last'].map((name) => ({ told: `${name}: committed`, events: [1, 2] }));
    expectEqual(heard.splice(0), committed, 'what was heard of the commit, when the transaction resolved');
    const taken = recorder.transaction(async (transaction) => {
      hear(transaction, 'outer');
      await transaction.insertEvents([sampleEvent(id, 3)]);
      await transaction.transaction(async (inner) => hear(inner, 'joined'));
      throw new RangeError('the work failed');
    });
    expectTrue((await rejection(taken)) instanceof RangeError, 'the rejection is what the work threw');
    const rolledBack = ['outer', 'joined'].map((name) => ({ told: `${name}: rolledBack`, events: [1, 2] }));
    expectEqual(heard.splice(0), rolledBack, 'what was heard of the roll back');
    const outcomes: string[] = [];
    await recorder.transaction(async (transaction) => {
      transaction.onEnded?.((outcome) => void outcomes.push(`outer ${outcome}`));
      await rejection(
        transaction.transaction(async (inner) => {
          inner.onEnded?.((outcome) => void outcomes.push(`inner ${outcome}`));
          throw new RangeError('not this');
        }),
      );
    });
    expectEqual(outcomes, ['inner rolledBack', 'outer committed'], 'one within that was taken back alone');
  },
};

/** The suite for `TransactionalRecorder`; run `processRecorderCases` and those before it as well. */
export const transactionCases: readonly Case[] = [
  commitsTogether,
  rollsBackTogether,
  conflictTakesOwnRowsBack,
  refusedInsertLeavesItUsable,
  readsItsOwnWrites,
  nobodySeesWhatIsTakenBack,
  nestedJoins,
  nestedRollsBackAlone,
  nestedTakeTurns,
  concurrentDoNotSeeEachOther,
  plainCallsDoNotJoin,
  positionIsFreeAgain,
  endedIsRefused,
  failureLeavesRecorderUsable,
  transactionsAreDeclared,
  endIsHeard,
];

/** Names of the cases that need SQL of the caller's own, for an engine that has none to declare as skips. */
export const ownSqlCaseNames: readonly string[] = [
  commitsTogether,
  rollsBackTogether,
  conflictTakesOwnRowsBack,
  refusedInsertLeavesItUsable,
  nestedJoins,
  nestedRollsBackAlone,
].map(({ name }) => name);

/** What of the context belongs to the caller's own table, beside the recorder. Methods stay bound to their context. */
function ownSqlCase(name: string, check: (context: TransactionContext) => Promise<void>): Case {
  return {
    name,
    async run(context) {
      await context.setUpOwnTable();
      await check({
        recorder: context.recorder,
        setUpOwnTable: () => context.setUpOwnTable(),
        insertOwnRow: (connection, value) => context.insertOwnRow(connection, value),
        ownRows: () => context.ownRows(),
      });
    },
  };
}

async function versions(recorder: Transaction | TransactionalRecorder<unknown>, id: string): Promise<number[]> {
  return (await recorder.selectEvents(id)).map((event) => event.originatorVersion);
}

function newValue(): string {
  return `own-${newOriginatorId()}`;
}

/** What a promise rejects with; undefined when it resolves. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
}

function pause(): Promise<void> {
  return pauseFor(systemClock, PAUSE_MS);
}
