/**
 * What transactions of an application promise on every engine.
 *
 * @module
 */
import type { SnapshotFailure } from '../../application/aggregates/snapshots.js';
import type { InlineParticipant } from '../../application/events/inline-participant.js';
import { MemorySnapshotStore } from '../../persistence/memory/memory-snapshot-store.js';
import type { SnapshotStore } from '../../persistence/snapshot-store.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import { SqlSnapshotStore } from '../../persistence/sql/sql-snapshot-store.js';
import { systemClock } from '../../util/clock.js';
import { receive, sampleApplication } from './application-context.js';
import type { ApplicationContext } from './application-context.js';
import { LogBook, stockItem } from './application-samples.js';
import { expectEqual, expectRejection } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId } from './event-samples.js';

type Case = ConformanceCase<ApplicationContext>;

class Stop extends Error {}

/** What a promise rejects with. */
async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** A recorder with SQL, if this is one; and a table of this case's own. */
async function ownTable({ recorder }: ApplicationContext): Promise<string | undefined> {
  if (recorder.supports?.sql !== true) return undefined;
  const table = `own_${newOriginatorId().slice(0, 8)}`;
  await (recorder as SqlRecorder).transaction(async ({ connection }) => {
    await connection.query(`CREATE TABLE ${table} (name TEXT PRIMARY KEY)`);
  });
  return table;
}

const togetherOrNotAtAll: Case = {
  name: 'commands, objects and SQL of a transaction are committed together, or not at all',
  async run(context) {
    const app = sampleApplication(context);
    const table = await ownTable(context);
    const [item, other] = [newOriginatorId(), newOriginatorId()];
    const book = LogBook.open(newOriginatorId(), 'log');
    const work = (fails: boolean) =>
      app.transaction(async (tx) => {
        const { version } = await tx.execute(stockItem, item, receive(5));
        await tx.execute(stockItem, other, receive(1));
        await tx.executeAll([
          [stockItem, item, receive(2)],
          [stockItem, other, { type: 'Take', data: { quantity: 1 } }],
        ]);
        if (!fails) await tx.save(book);
        if (table !== undefined) await tx.query(`INSERT INTO ${table} (name) VALUES ($1)`, [item]);
        // What was done in it is seen in it.
        const { state } = await tx.repository.load(stockItem, item);
        if (fails) throw new Stop('not this time');
        return [version, state.quantity];
      });
    expectEqual((await failureOf(work(true))) instanceof Stop, true, 'the error of the work');
    const rows = async (): Promise<unknown> =>
      table === undefined
        ? undefined
        : (await (context.recorder as SqlRecorder).query(`SELECT name FROM ${table}`)).rows.length;
    expectEqual(
      [await app.repository.versionOf(stockItem, item), await app.repository.versionOf(stockItem, other), await rows()],
      [0, 0, table && 0],
      'what is there of what was taken back',
    );
    expectEqual(await work(false), [1, 7], 'what the work gave');
    expectEqual(
      [
        await app.repository.versionOf(stockItem, item),
        await app.repository.versionOf(stockItem, other),
        (await app.repository.get(LogBook, book.id)).title,
        await rows(),
      ],
      [2, 2, 'log', table && 1],
      'what is there of what was committed',
    );
    if (table === undefined)
      await expectRejection(
        app.transaction((tx) => tx.query('SELECT 1')),
        'NOT_SUPPORTED',
        'SQL',
      );
  },
};

const toldAfterwards: Case = {
  name: 'whoever waits for a commit is told after that of the transaction, and never of one that is taken back',
  async run(context) {
    const told: string[] = [];
    const participant: InlineParticipant = {
      onRecorded: async () => void told.push('within'),
      onCommitted: () => void told.push('committed'),
      onRolledBack: () => void told.push('taken back'),
    };
    const app = sampleApplication(context, { inline: [participant] });
    app.onRecorded(() => void told.push('recorded'));
    const id = newOriginatorId();
    const work = (fails: boolean): Promise<void> =>
      app.transaction(async (tx) => {
        await tx.execute(stockItem, id, receive(5));
        told.push('done');
        if (fails) throw new Stop('not this time');
      });
    await failureOf(work(true));
    expectEqual(told.splice(0), ['within', 'done', 'taken back'], 'of one that is taken back');
    await work(false);
    // A store that is followed says by itself that something was recorded, before or after.
    const after = new Set(told.slice(2));
    expectEqual(
      [told.slice(0, 2), [...after].sort()],
      [
        ['within', 'done'],
        ['committed', 'recorded'],
      ],
      'of one that is committed',
    );
  },
};

const withinOneAnother: Case = {
  name: 'a transaction within one is taken back alone, and the rest is committed',
  async run(context) {
    const app = sampleApplication(context);
    const id = newOriginatorId();
    await app.transaction(async (tx) => {
      await tx.execute(stockItem, id, receive(5));
      await failureOf(
        tx.transaction(async (inner) => {
          await inner.execute(stockItem, id, receive(7));
          throw new Stop('not this one');
        }),
      );
      await tx.transaction(async (inner) => {
        await inner.execute(stockItem, id, receive(1));
      });
    });
    const { version, state } = await app.repository.load(stockItem, id);
    expectEqual([version, state.quantity], [2, 6], 'what is there');
  },
};

const runAgain: Case = {
  name: 'a transaction that somebody else was faster than is run again, where that is asked for',
  async run(context) {
    const [app, faster] = [sampleApplication(context), sampleApplication(context)];
    const book = LogBook.open(newOriginatorId(), 'log');
    await app.save(book);
    const item = newOriginatorId();
    const work = (retry: { readonly attemptsMax: number; readonly delayMsMax: number } | undefined) => {
      let attempts = 0;
      return app.repository.get(LogBook, book.id).then(async (stale) => {
        const there = await faster.repository.get(LogBook, book.id);
        there.write('of somebody else');
        await faster.save(there);
        return await app.transaction(
          async (tx) => {
            await tx.execute(stockItem, item, receive(1));
            const current = attempts++ === 0 ? stale : await tx.repository.get(LogBook, book.id);
            current.write('of the transaction');
            await tx.save(current);
            return attempts;
          },
          { retry },
        );
      });
    };
    await expectRejection(work(undefined), 'CONCURRENCY_ERROR', 'without a word');
    await expectRejection(work({ attemptsMax: 1, delayMsMax: 0 }), 'CONCURRENCY_ERROR', 'once');
    expectEqual(await app.repository.versionOf(stockItem, item), 0, 'what is there of what was overtaken');
    expectEqual(await work({ attemptsMax: 3, delayMsMax: 0 }), 2, 'how often it was run');
    expectEqual(await app.repository.versionOf(stockItem, item), 1, 'what is there in the end');
    await expectRejection(
      app.transaction(() => Promise.resolve(), { retry: { attemptsMax: 0 } }),
      'PROGRAMMING_ERROR',
      'a policy that is none',
    );
  },
};

const overWhenItIsOver: Case = {
  name: 'nothing can be done in a transaction that has ended',
  async run(context) {
    const app = sampleApplication(context);
    const id = newOriginatorId();
    const late = await app.transaction((tx) => Promise.resolve(() => tx.execute(stockItem, id, receive(5))));
    await expectRejection(late(), 'INTERFACE_ERROR', 'a command that comes too late');
    expectEqual(await app.repository.versionOf(stockItem, id), 0, 'what is there');
  },
};

const snapshotsInside: Case = {
  name: 'snapshots are used inside of a transaction, taken after it, and nobody waits for them',
  async run(context) {
    const { recorder } = context;
    const failures: SnapshotFailure[] = [];
    const store: SnapshotStore =
      recorder.supports?.sql === true
        ? new SqlSnapshotStore({ recorder: recorder as SqlRecorder, table: `s${newOriginatorId().slice(0, 8)}` })
        : new MemorySnapshotStore();
    if (store instanceof SqlSnapshotStore) await store.createTables();
    let used = 0;
    const counted: SnapshotStore = {
      select: (id) => store.select(id),
      upsert: (snapshot) => store.upsert(snapshot),
      remove: (id) => store.remove(id),
      within: (transaction) => {
        used++;
        return store.within?.(transaction) ?? store;
      },
    };
    const onFailed = (_error: unknown, failure: SnapshotFailure): void => void failures.push(failure);
    const app = sampleApplication(context, { snapshots: { store: counted, interval: 2, onFailed } });
    const id = newOriginatorId();
    await app.execute(stockItem, id, receive(1, 3));
    expectEqual((await store.select(id))?.originatorVersion, 3, 'the snapshot before');
    const startMs = systemClock.monotonicMs();
    await app.transaction(async (tx) => {
      await tx.execute(stockItem, id, receive(1));
      expectEqual((await tx.repository.load(stockItem, id)).state.quantity, 4, 'inside');
    });
    // Whoever waits for a lock waits for five seconds.
    expectEqual(
      [systemClock.monotonicMs() - startMs < 4_000, used > 0, failures],
      [true, true, []],
      'whether it was used',
    );
    expectEqual((await store.select(id))?.originatorVersion, 4, 'the snapshot after it');
    await failureOf(
      app.transaction(async (tx) => {
        await tx.execute(stockItem, id, receive(1, 2));
        throw new Stop('not this time');
      }),
    );
    expectEqual((await store.select(id))?.originatorVersion, 4, 'after one that was taken back');
  },
};

/** The suite, for every engine. */
export const applicationTransactionCases: readonly Case[] = [
  togetherOrNotAtAll,
  toldAfterwards,
  withinOneAnother,
  runAgain,
  overWhenItIsOver,
  snapshotsInside,
];
