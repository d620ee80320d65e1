/** Live queries in browsers: over the boundary to the worker, and of what other tabs and servers have written. */
import { openDaybook } from 'daybook';
import type { Daybook } from 'daybook';
import { Application, command, defineDecider, event, InlineProjection, sqlProjection } from 'daybook/application';
import { openStore as openHosted } from 'daybook/host';
import { LiveQueries } from 'daybook/live';
import type { LiveQuery, LiveRecorder, LiveState } from 'daybook/live';
import { SqlStateStore } from 'daybook/states';
import { liveQueryCases, newOriginatorId } from 'daybook/testing';
import { expect, onTestFinished, test } from 'vitest';
import { LogPages } from '../../src/testing/conformance/log-pages.js';
import { describeConformance } from '../support/run-conformance.js';
import { newStoreName, openStore, withWorkers } from './open-store.js';

describeConformance(
  'the durable store in its worker, through Comlink',
  async () => {
    const daybook = await openDaybook({ name: newStoreName() });
    const { recorder } = daybook;
    return {
      context: { recorder, openStates: (states) => new SqlStateStore({ recorder, states }), isExact: true },
      close: () => daybook.close(),
    };
  },
  { 'live queries': liveQueryCases },
);

describeConformance(
  'the store on its own thread, as a worker has it',
  async () => {
    const store = await openHosted({ name: newStoreName() });
    const { recorder } = store;
    return {
      context: { recorder, openStates: (states) => new SqlStateStore({ recorder, states }), isExact: true },
      close: () => store.close(),
    };
  },
  { 'live queries': liveQueryCases },
);

const shelf = defineDecider({
  name: 'Shelf',
  events: { Counted: event<{ quantity: number }>() },
  commands: { Count: command<{ quantity: number }>() },
  initialState: () => ({ quantity: 0 }),
  decide: { Count: ({ data }) => ({ type: 'Counted', data }) },
  evolve: { Counted: (_state, { data }) => data },
});

const counts = sqlProjection({
  name: 'counts',
  from: [shelf],
  tables: { counts: (table) => `CREATE TABLE ${table} (item TEXT PRIMARY KEY, quantities TEXT NOT NULL)` },
  on: {
    Counted: async ({ originatorId, data }, { query, tables }) => {
      await query(
        `INSERT INTO ${tables.counts} VALUES ($1, $2)
          ON CONFLICT (item) DO UPDATE SET quantities = quantities || ' ' || excluded.quantities`,
        [originatorId, String(data.quantity)],
      );
    },
  },
});

interface Tab {
  readonly store: Daybook;
  readonly app: Application;
  readonly live: LiveQueries;
}

async function open(name = newStoreName()): Promise<Tab> {
  const store = await openStore(name);
  const { recorder } = store;
  let app: Application | undefined = undefined;
  const view = new InlineProjection({
    ...{ projection: counts, recorder },
    decode: (notification) => (app as unknown as Application).decode(notification),
  });
  await view.setUp();
  app = new Application({ recorder, aggregates: [shelf], inline: [view], keepCommands: true });
  const live = new LiveQueries({ recorder });
  onTestFinished(() => live.close());
  return { store, app, live };
}

/** Watches until the end of the test. @returns all that was delivered */
function watched<T>(query: LiveQuery<T>): LiveState<T>[] {
  const states: LiveState<T>[] = [];
  onTestFinished(query.subscribe((state) => states.push(state)));
  return states;
}

const dataOf = <T>(states: readonly LiveState<T>[]): (T | undefined)[] => states.map(({ data }) => data);

test('what a page of a server takes back and brings is delivered in both tabs, in one step', async () => {
  const item = newOriginatorId();
  const theirs = await open();
  for (const quantity of [5, 7]) await theirs.app.execute(shelf, item, { type: 'Count', data: { quantity } });
  const [first, second] = await theirs.store.recorder.selectEvents(item);
  const name = newStoreName();
  const [mine, other] = [await open(name), await open(name)];
  const text = 'SELECT quantities FROM counts WHERE item = $1';
  const seen = [mine, other].map(({ live, app, store }) => ({
    view: watched(live.query(async (read) => (await read.query(text, [item])).rows[0]?.['quantities'])),
    state: watched(live.query(async (read) => (await read.load(app, shelf, item)).state.quantity)),
    pending: watched(
      live.query(async (read) => {
        read.note({ tables: ['daybook_units'] });
        return (await store.recorder.syncProgress()).pendingEvents;
      }),
    ),
    aside: watched(
      live.query(async ({ query }) => (await query('SELECT count(*) AS n FROM daybook_set_aside')).rows[0]?.['n']),
    ),
  }));
  const { app } = mine;
  const { recorder } = mine.store;
  const settled = async (view: string, state: number, pending: number): Promise<void> => {
    for (const one of seen) {
      await expect.poll(() => one.view.at(-1)?.data).toBe(view);
      await expect.poll(() => one.state.at(-1)?.data).toBe(state);
      await expect.poll(() => one.pending.at(-1)?.data).toBe(pending);
    }
  };
  const pages = await LogPages.after(recorder);
  await app.changeUnits(recorder, (units) => units.insertPage(pages.next({ events: [first!] })));
  await settled('5', 5, 0);
  await app.execute(shelf, item, { type: 'Count', data: { quantity: 9 } });
  await settled('5 9', 9, 1);
  const page = pages.next({ events: [second!] });
  const { superseded } = await app.changeUnits(recorder, (units) => units.insertPage(page, { superseding: 'decide' }));
  const { decided } = await app.decideAgain(superseded!);
  await app.changeUnits(recorder, (units) => units.insertPage(page, { superseding: 'decide', decided }));
  await settled('5 7 9', 9, 1);
  // While loading, with nothing there, and then each once: nobody sees what is in between.
  for (const one of seen) expect(dataOf(one.view)).toEqual([undefined, undefined, '5', '5 9', '5 7 9']);
  const third = pages.next({ events: [{ ...second!, originatorVersion: 3 }] });
  await app.changeUnits(recorder, (units) => units.insertPage(third));
  await settled('5 7 7', 7, 0);
  for (const one of seen) await expect.poll(() => one.aside.at(-1)?.data).toBe(1);
  const [aside] = await recorder.selectSetAside(0, { eventsMax: 10, bytesMax: 1e6 });
  await recorder.discardSetAside([aside!.id]);
  for (const one of seen) await expect.poll(() => one.aside.at(-1)?.data).toBe(0);
});

test('a burst of commits, and several queries at once, cross to the worker a few times, and not for each', async () => {
  await withWorkers(async (workers) => {
    const { store, app, live } = await open();
    const { recorder } = store;
    const items = Array.from({ length: 10 }, () => newOriginatorId());
    const runs: number[] = [];
    const queries = items.map((item, index) =>
      live.query(async ({ query }) => {
        runs[index] = (runs[index] ?? 0) + 1;
        return (await query('SELECT quantities FROM counts WHERE item >= $1', [item])).rows.length;
      }),
    );
    let crossings = 0;
    for (const worker of workers) {
      const post: Worker['postMessage'] = worker.postMessage.bind(worker);
      worker.postMessage = ((...parameters: Parameters<Worker['postMessage']>) => {
        crossings += 1;
        post(...parameters);
      }) as Worker['postMessage'];
    }
    const seen = queries.map((query) => watched(query));
    await expect.poll(() => seen.every((states) => states.at(-1)?.status === 'current')).toBe(true);
    // All ten, the plan of their one text, and the schema.
    expect(crossings).toBe(1);
    crossings = 0;
    await recorder.transaction(async ({ connection }) => {
      await connection.query("INSERT INTO counts SELECT 'z' || value, '1' FROM json_each('[1, 2, 3]')");
    });
    const ofTransaction = crossings;
    await expect.poll(() => seen.every((states) => states.at(-1)?.data === 3)).toBe(true);
    // A beginning, a statement, an end; and one for ten queries.
    expect([ofTransaction <= 4, crossings]).toEqual([true, 4]);
    crossings = 0;
    runs.length = 0;
    // Issued at once, they are few records of the journal; and each has a view in line, so each is a transaction of its own.
    const events = items.map((originatorId) => ({
      ...{ originatorId, originatorVersion: 1, topic: 'Shelf:Counted', state: new TextEncoder().encode('{}') },
    }));
    const log = live.query(async (read) => {
      read.note({ log: true });
      return await recorder.maxNotificationId();
    });
    const logSeen = watched(log);
    await expect.poll(() => logSeen.at(-1)?.status).toBe('current');
    crossings = 0;
    await Promise.all(events.map((one) => recorder.insertEvents([one])));
    await expect.poll(() => logSeen.at(-1)?.data).toBe(10);
    expect(crossings - events.length).toBeLessThanOrEqual(3);
    // Nothing was written that these have read.
    expect(runs).toEqual([]);
    expect(app).toBeDefined();
  });
});

/** A store under a live query, and each way in which it ends. */
interface Ending {
  readonly recorder: LiveRecorder;
  readonly end: () => Promise<void> | void;
}

const ENDS: Readonly<Record<string, readonly [open: () => Promise<Ending>, code: string]>> = {
  'a store that is closed': [
    async () => {
      const store = await openStore(newStoreName());
      return { recorder: store.recorder, end: () => store.close() };
    },
    'STORE_CLOSED',
  ],
  'a store whose worker dies': [
    async () =>
      await withWorkers(async (workers) => {
        const { recorder } = await openStore(newStoreName());
        return {
          recorder,
          end: () => {
            workers.at(-1)?.terminate();
            // The death is found out by its lock, or by a call.
            recorder.maxNotificationId().catch(() => undefined);
          },
        };
      }),
    'WORKER_DIED',
  ],
  'a store on its own thread that is closed': [
    async () => {
      const store = await openHosted({ name: newStoreName() });
      onTestFinished(() => store.close());
      return { recorder: store.recorder, end: () => store.close() };
    },
    'INTERFACE_ERROR',
  ],
};

test.each(Object.entries(ENDS))(
  '%s ends its queries with why, also those that come later',
  async (_name, [open, code]) => {
    const { recorder, end } = await open();
    const live = new LiveQueries({ recorder });
    onTestFinished(() => live.close());
    const query = live.query(async ({ query: ask }) => (await ask('SELECT count(*) AS n FROM stored_events')).rows[0]);
    const seen = watched(query);
    await expect.poll(() => seen.at(-1)?.status).toBe('current');
    const iteration = (async () => {
      for await (const { data } of query) expect(data).toEqual({ n: 0 });
    })();
    const outcome = iteration.catch((error: unknown) => error);
    await end();
    expect(await outcome).toMatchObject({ code });
    expect(seen.at(-1)).toMatchObject({ status: 'ended', data: { n: 0 }, error: { code } });
    expect(seen.filter(({ status }) => status === 'ended')).toHaveLength(1);
    const late = new LiveQueries({ recorder });
    const lateSeen = watched(late.query(({ query: ask }) => ask('SELECT 1')));
    await expect.poll(() => lateSeen.at(-1)).toMatchObject({ status: 'ended', error: { code } });
  },
);

test.each(['a page', 'a worker'])('queries of %s end by their signal and by close, without an error', async (where) => {
  const open = where === 'a page' ? openStore(newStoreName()) : openHosted({ name: newStoreName() });
  const store = await open;
  onTestFinished(() => store.close());
  const live = new LiveQueries({ recorder: store.recorder });
  const controller = new AbortController();
  const [first, second] = [{ signal: controller.signal }, {}].map((options) =>
    live.query(async ({ query: ask }) => (await ask('SELECT count(*) AS n FROM stored_events')).rows[0], options),
  );
  const seen = [watched(first!), watched(second!)];
  for (const states of seen) await expect.poll(() => states.at(-1)?.status).toBe('current');
  controller.abort();
  expect(seen.map((states) => states.at(-1)?.status)).toEqual(['ended', 'current']);
  await live.close();
  for (const states of seen) expect(states.at(-1)).toMatchObject({ status: 'ended', data: { n: 0 } });
  for (const { value } of [first!, second!]) expect(value.error).toBeUndefined();
});
