/**
 * What live queries promise over every engine that tells what is written.
 *
 * @module
 */
import { LiveQueries } from '../../live/live-queries.js';
import type { LiveRecorder } from '../../live/live-queries.js';
import type { LiveQuery, LiveState } from '../../live/live-query.js';
import type { RecorderTransaction, TransactionalRecorder } from '../../persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { State } from '../../states/state.js';
import type { StateStore } from '../../states/state-store.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';
import { testStock, testWarehouse } from './order-world.js';
import { newStateName, thingState } from './state-samples.js';
import type { Thing } from './state-samples.js';

/** A store, and how exactly it tells what is written. */
export interface LiveContext {
  readonly recorder: LiveRecorder & TransactionalRecorder<SqlQueryable | undefined>;
  readonly openStates: (states: readonly State[]) => StateStore;
  /**
   * Whether a query never runs for what it has not read. False where others' news come without saying what they wrote: then runs
   * are more, and deliveries are the same.
   */
  readonly isExact: boolean;
}

type Case = ConformanceCase<LiveContext>;

/** Whoever watches, and what was delivered. */
class Watcher<T> {
  readonly states: LiveState<T>[] = [];
  readonly #stop: () => void;
  #wake: () => void = () => undefined;

  constructor(query: LiveQuery<T>) {
    this.#stop = query.subscribe((state) => {
      this.states.push(state);
      this.#wake();
    });
  }

  /** The data of the first delivery, or of one to come, of which something is so. */
  async until(isIt: (state: LiveState<T>) => boolean): Promise<LiveState<T>> {
    for (;;) {
      const last = this.states.at(-1);
      if (last !== undefined && isIt(last)) return last;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  stop(): void {
    this.#stop();
  }
}

async function withLive({ recorder }: LiveContext, work: (live: LiveQueries) => Promise<void>): Promise<void> {
  const live = new LiveQueries({ recorder });
  try {
    await work(live);
  } finally {
    await live.close();
  }
}

async function withThings({
  openStates,
}: LiveContext): Promise<{ store: StateStore; things: State<Thing>; other: State<Thing> }> {
  const [things, other] = [thingState(['quantity']), thingState()];
  const store = openStates([things, other]);
  await store.setUp();
  for (const id of ['a', 'b', 'c']) await store.put(things, id, { name: id, quantity: 1 });
  return { store, things, other };
}

const quantities = (found: LiveState<readonly { readonly data: Pick<Thing, 'quantity'> }[]>): string =>
  (found.data ?? []).map(({ data }) => String(data.quantity)).join();

const ofStates: Case = {
  name: 'a query of states is delivered again when one of them was written, rows that are as they were being the same objects',
  async run(context) {
    const { store, things, other } = await withThings(context);
    await withLive(context, async (live) => {
      let runs = 0;
      const query = live.query(async (read) => {
        runs += 1;
        return await read.find(store, things, { where: { quantity: { lt: 10 } }, orderBy: 'name' });
      });
      expectEqual(query.value, { status: 'loading', data: undefined, error: undefined }, 'before somebody watches');
      const watcher = new Watcher(query);
      const first = await watcher.until(({ status }) => status === 'current');
      await store.update(things, 'b', { quantity: 2 });
      const second = await watcher.until((state) => quantities(state) === '1,2,1');
      expectTrue(first.data?.[0] === second.data?.[0], 'the first row is the same object');
      expectTrue(first.data?.[1]?.data !== second.data?.[1]?.data, 'the second one is not');
      expectTrue(query.value === second && query.value === query.value, 'the value is what was delivered');
      const [runsBefore, statesBefore] = [runs, watcher.states.length];
      for (let times = 0; times < 5; times++) await store.put(other, 'x', { name: 'x', quantity: times });
      // It is read, and gives what it gave.
      await store.put(things, 'z', { name: 'z', quantity: 20 });
      await store.put(things, 'b', { name: 'b', quantity: 3 });
      await watcher.until((state) => quantities(state) === '1,3,1');
      expectEqual(watcher.states.length, statesBefore + 1, 'how often something was delivered');
      if (context.isExact) expectTrue(runs - runsBefore <= 2, `${runs - runsBefore} runs for two writes`);
      watcher.stop();
    });
  },
};

const isNotRun: Case = {
  name: 'what a transaction has taken back is not delivered, and what a query has not read does not run it',
  async run(context) {
    const { store, things, other } = await withThings(context);
    const app = testWarehouse(context.recorder);
    const [mine, others] = [newOriginatorId(), newOriginatorId()];
    await withLive(context, async (live) => {
      const runs = { states: 0, aggregate: 0 };
      const ofStatesOnly = live.query(async (read) => {
        runs.states += 1;
        return await read.count(store, things);
      });
      const ofAggregate = live.query(async (read) => {
        runs.aggregate += 1;
        return (await read.load(app, testStock, mine)).version;
      });
      const watchers = [new Watcher(ofStatesOnly), new Watcher(ofAggregate)] as const;
      await watchers[0].until(({ data }) => data === 3);
      await watchers[1].until(({ data }) => data === 0);
      await app.execute(testStock, mine, { type: 'Add', data: { quantity: 1 } });
      await watchers[1].until(({ data }) => data === 1);
      const before = { ...runs };
      await app.execute(testStock, others, { type: 'Add', data: { quantity: 1 } });
      await store.put(other, 'x', { name: 'x' });
      const failed = context.recorder.transaction(async (transaction) => {
        await store.within(transaction).put(things, 'd', { name: 'd' });
        await transaction.insertEvents([sampleEvent(mine, 2)]);
        throw new RangeError('taken back');
      });
      const failure = await failed.catch((error: unknown) => error);
      expectTrue(failure instanceof RangeError, 'the transaction fails as it should');
      if (context.isExact) expectEqual(runs, before, 'runs for what they have not read, and what is not there');
      await app.execute(testStock, mine, { type: 'Add', data: { quantity: 1 } });
      await store.put(things, 'd', { name: 'd' });
      await watchers[0].until(({ data }) => data === 4);
      await watchers[1].until(({ data }) => data === 2);
      const counts = watchers.map(({ states }) => states.map(({ data }) => data));
      expectEqual(
        counts,
        [
          [undefined, 3, 4],
          [undefined, 0, 1, 2],
        ],
        'all that was delivered',
      );
      for (const watcher of watchers) watcher.stop();
    });
  },
};

const ofEvents: Case = {
  name: 'a query of events has those that were recorded, and those that were there are the same objects',
  async run(context) {
    const app = testWarehouse(context.recorder);
    const id = newOriginatorId();
    const after = await context.recorder.maxNotificationId();
    await withLive(context, async (live) => {
      const query = live.query((read) => read.events(app, { gt: after, limit: 3 }), { key: 'notificationId' });
      const watcher = new Watcher(query);
      await watcher.until(({ status }) => status === 'current');
      await app.execute(testStock, id, { type: 'Add', data: { quantity: 5 } });
      const one = await watcher.until(({ data }) => data?.length === 1);
      for (let times = 0; times < 3; times++)
        await app.execute(testStock, id, { type: 'Add', data: { quantity: times } });
      const three = await watcher.until(({ data }) => data?.length === 3);
      expectTrue(one.data?.[0] === three.data?.[0], 'the first event is the same object');
      expectEqual(
        three.data?.map(({ originatorVersion }) => originatorVersion),
        [1, 2, 3],
        'their versions',
      );
      watcher.stop();
    });
  },
};

const ofSql: Case = {
  name: 'a query by SQL runs again for the tables that its plan reads, through views, indexes and subqueries, and for no others',
  async run(context) {
    const { recorder } = context;
    const sql = async (...texts: readonly string[]): Promise<void> => {
      await recorder.transaction(async ({ connection }: RecorderTransaction<SqlQueryable | undefined>) => {
        for (const text of texts) await connection?.query(text);
      });
    };
    if (recorder.query === undefined) {
      await hasNoSql(context);
      return;
    }
    const name = newStateName();
    await sql(
      `CREATE TABLE ${name} (id INTEGER PRIMARY KEY, place TEXT NOT NULL, many INTEGER NOT NULL)`,
      `CREATE INDEX ${name}_place ON ${name} (place)`,
      `CREATE TABLE ${name}_places (place TEXT PRIMARY KEY, shown INTEGER NOT NULL)`,
      `CREATE TABLE ${name}_other (id INTEGER PRIMARY KEY)`,
      `CREATE VIEW ${name}_shown AS SELECT place FROM ${name}_places WHERE shown = 1`,
      `INSERT INTO ${name}_places (place, shown) VALUES ('a', 1), ('b', 0)`,
      `INSERT INTO ${name} (id, place, many) VALUES (1, 'a', 1), (2, 'b', 1)`,
    );
    await withLive(context, async (live) => {
      let runs = 0;
      const query = live.query(async ({ query: ask }) => {
        runs += 1;
        const text = `SELECT id, many FROM ${name} WHERE place IN (SELECT place FROM ${name}_shown) AND many > $1 ORDER BY id`;
        return (await ask(text, [0])).rows;
      });
      const watcher = new Watcher(query);
      const shown = (state: LiveState<readonly object[]>): string => JSON.stringify(state.data);
      const first = await watcher.until(({ data }) => data?.length === 1);
      await sql(`UPDATE ${name}_places SET shown = 1`);
      const second = await watcher.until(({ data }) => data?.length === 2);
      expectTrue(first.data?.[0] === second.data?.[0], 'the first row is the same object');
      const before = runs;
      await sql(`INSERT INTO ${name}_other (id) VALUES (1)`);
      await sql(`INSERT INTO ${name}_other (id) SELECT 2`, `DELETE FROM ${name}_other WHERE id = 1`);
      if (context.isExact) expectEqual(runs, before, 'runs for another table');
      await sql(`UPDATE ${name} SET many = 7 WHERE id = 2`);
      await watcher.until((state) => shown(state).includes('7'));
      // A view that is another one reads other tables.
      await sql(`DROP VIEW ${name}_shown`, `CREATE VIEW ${name}_shown AS SELECT 'b' AS place FROM ${name}_other`);
      await watcher.until(({ data }) => data?.length === 1);
      await sql(`DELETE FROM ${name}_other`);
      await watcher.until(({ data }) => data?.length === 0);
      watcher.stop();
    });
  },
};

async function hasNoSql(context: LiveContext): Promise<void> {
  await withLive(context, async (live) => {
    const watcher = new Watcher(live.query(({ query }) => query('SELECT 1')));
    const { error } = await watcher.until(({ status }) => status === 'failed');
    expectTrue(error?.message.includes('no SQL') === true, 'it says that there is no SQL');
    watcher.stop();
  });
}

const goesOn: Case = {
  name: 'a query that fails says so, keeps what it had, and goes on with what is written next',
  async run(context) {
    const { store, things } = await withThings(context);
    await withLive(context, async (live) => {
      const query = live.query(async (read) => {
        const found = await read.find(store, things, { orderBy: 'name' });
        if (found.some(({ data }) => data.quantity === null)) throw new RangeError('null');
        return found;
      });
      const watcher = new Watcher(query);
      const first = await watcher.until(({ status }) => status === 'current');
      await store.update(things, 'a', { quantity: null });
      const failed = await watcher.until(({ status }) => status === 'failed');
      expectEqual([failed.error?.message, failed.data === first.data], ['null', true], 'what it says');
      await store.update(things, 'a', { quantity: 1 });
      const again = await watcher.until(({ status }) => status === 'current');
      expectTrue(again.data?.[1] === first.data?.[1], 'a row is the same object as before');
      const outcome = watcher.states.map(({ status }) => status);
      expectEqual(outcome, ['loading', 'current', 'failed', 'current'], 'what was delivered');
      watcher.stop();
    });
  },
};

const isEnded: Case = {
  name: 'nothing runs while nobody watches; a signal, close and an iteration end what they are for',
  async run(context) {
    const { store, things } = await withThings(context);
    const live = new LiveQueries({ recorder: context.recorder });
    let runs = 0;
    const controller = new AbortController();
    const count = (): LiveQuery<number> =>
      live.query(
        async (read) => {
          runs += 1;
          return await read.count(store, things);
        },
        { signal: controller.signal },
      );
    const query = count();
    await store.put(things, 'd', { name: 'd' });
    expectEqual(runs, 0, 'runs before somebody watches');
    // As in React's strict mode: twice, and the first one gone at once.
    const once = new Watcher(query);
    once.stop();
    const watcher = new Watcher(query);
    await watcher.until(({ data }) => data === 4);
    watcher.stop();
    const seen = query.value;
    await store.put(things, 'e', { name: 'e' });
    expectTrue(query.value === seen, 'the value stays while nobody watches');
    const counts: (number | undefined)[] = [];
    for await (const { data } of query) {
      counts.push(data);
      if (data === 5) await store.put(things, 'f', { name: 'f' });
      if (data === 6) break;
    }
    expectEqual([counts.at(-2), counts.at(-1)], [5, 6], 'what an iteration gives');
    const [other, iteration] = [new Watcher(query), collected(query)];
    await other.until(({ data }) => data === 6);
    controller.abort();
    expectEqual(
      (await other.until(({ status }) => status === 'ended')).error,
      undefined,
      'by a signal without an error',
    );
    await iteration;
    expectEqual(count().value.status, 'ended', 'one whose signal was aborted before');
    const last = live.query((read) => read.count(store, things));
    const lastWatcher = new Watcher(last);
    await lastWatcher.until(({ data }) => data === 6);
    await live.close();
    await lastWatcher.until(({ status }) => status === 'ended');
    expectEqual(
      [last.value.data, live.query((read) => read.count(store, things)).value.status],
      [6, 'ended'],
      'closed',
    );
    await expectRejection(
      Promise.resolve().then(() => live.query('SELECT 1' as never)),
      'PROGRAMMING_ERROR',
      'what is no function',
    );
  },
};

async function collected<T>(query: LiveQuery<T>): Promise<readonly LiveState<T>[]> {
  const states: LiveState<T>[] = [];
  for await (const state of query) states.push(state);
  return states;
}

const ofBursts: Case = {
  name: 'of many commits at once a query runs few times, and has all of them at the end',
  async run(context) {
    const { store, things } = await withThings(context);
    await withLive(context, async (live) => {
      let runs = 0;
      const query = live.query(async (read) => {
        runs += 1;
        return await read.count(store, things);
      });
      const watcher = new Watcher(query);
      await watcher.until(({ data }) => data === 3);
      const before = runs;
      await store.transaction(async (changes) => {
        for (let at = 0; at < 50; at++) await changes.put(things, `t${at}`, { name: 't' });
      });
      await watcher.until(({ data }) => data === 53);
      expectTrue(runs - before <= 3, `${runs - before} runs for one transaction`);
      await Promise.all(Array.from({ length: 50 }, (_, at) => store.put(things, `p${at}`, { name: 'p' })));
      await watcher.until(({ data }) => data === 103);
      watcher.stop();
    });
  },
};

/** For every recorder that tells what is written. */
export const liveQueryCases: readonly Case[] = [ofStates, isNotRun, ofEvents, ofSql, goesOn, isEnded, ofBursts];
