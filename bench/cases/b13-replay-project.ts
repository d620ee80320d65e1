/**
 * B13: how fast an application makes an aggregate of its 10,000 events, and how fast a projection takes 100,000
 * notifications, in Node. Recorders in memory, so that what is measured is reading, checking and handling, not storing.
 *
 * @module
 */
import {
  Application,
  command,
  defineDecider,
  event,
  memoryProjection,
  MemoryProjectionStore,
  ProjectionRunner,
  sqlProjection,
  SqlProjectionStore,
} from '../../src/application/index.js';
import type { EventsOf, ProjectionStore, Projection } from '../../src/application/index.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { ProcessRecorder } from '../../src/persistence/recorder.js';
import { openSqlJs, SqliteProcessRecorder } from '../../src/persistence/sqlite/index.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { againstFigure } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import { Random } from '../runner/random.js';
import { runRounds } from '../runner/rounds.js';
import type { Side } from '../runner/rounds.js';

const REPLAYED_EVENTS = 10_000;
// One load is over in some milliseconds: too short for a figure.
const LOADS = 20;
const PROJECTED_EVENTS = 100_000;
const EVENTS_PER_AGGREGATE = 100;
// An SQL projection takes 100 events in a transaction unless told otherwise; a backlog is taken in larger bites.
const BATCH_EVENTS = 1_000;

interface Item {
  readonly quantity: number;
  readonly shelf: string;
}

const item = defineDecider({
  name: 'Item',
  events: { Counted: event<{ quantity: number; by: string }>(), Moved: event<{ shelf: string }>() },
  commands: { Count: command<{ quantity: number; by: string }>() },
  initialState: (): Item => ({ quantity: 0, shelf: '' }),
  decide: { Count: ({ data }) => ({ type: 'Counted', data }) },
  evolve: {
    Counted: (state, { data }) => ({ ...state, quantity: data.quantity }),
    Moved: (state, { data }) => ({ ...state, shelf: data.shelf }),
  },
});

type ItemEvent = EventsOf<typeof item>;

export const REPLAY_AND_PROJECT: BenchCase = {
  id: 'B13',
  title: 'replaying an aggregate, and projecting',
  async run(context: BenchContext): Promise<readonly Row[]> {
    const figures = await runRounds(
      {
        replay: await replays(context),
        parse: await parses(context),
        memory: await memoryProjections(context),
        sql: await sqlProjections(context),
      },
      context.rounds,
    );
    const row = (what: string, ours: readonly number[], atLeast?: number): Row =>
      againstFigure({ id: 'B13', what, unit: 'events/s', ours, ...(atLeast === undefined ? {} : { atLeast }) });
    return [
      row('loading an aggregate of 10,000 events through its decider', figures.replay, 500_000),
      row('of this, decoding and parsing its JSON', figures.parse),
      row('projecting 100,000 notifications into memory', figures.memory, 200_000),
      row('projecting 100,000 notifications into a table, sql.js', figures.sql),
    ];
  },
};

async function replays({ seed }: BenchContext): Promise<Side> {
  const { app, ids } = await filled(new MemoryProcessRecorder(), seed, REPLAYED_EVENTS, REPLAYED_EVENTS);
  const id = ids[0] as string;
  return () =>
    eventsPerSecond(REPLAYED_EVENTS, LOADS, async () => {
      const { version } = await app.repository.load(item, id);
      if (version !== REPLAYED_EVENTS) throw new Error(`Loaded ${version} events.`);
    });
}

/** What nobody who reads JSON is spared. */
async function parses({ seed }: BenchContext): Promise<Side> {
  const { app, ids } = await filled(new MemoryProcessRecorder(), seed, REPLAYED_EVENTS, REPLAYED_EVENTS);
  const id = ids[0] as string;
  const decoder = new TextDecoder();
  return () =>
    eventsPerSecond(REPLAYED_EVENTS, LOADS, async () => {
      let keys = 0;
      for (const { state } of await app.recorder.selectEvents(id)) {
        const data = JSON.parse(decoder.decode(state)) as object;
        if ('metadata_' in data) keys += 1;
      }
      if (keys !== REPLAYED_EVENTS) throw new Error(`Parsed ${keys} events.`);
    });
}

async function memoryProjections({ seed }: BenchContext): Promise<Side> {
  const { app } = await filled(new MemoryProcessRecorder(), seed, PROJECTED_EVENTS, EVENTS_PER_AGGREGATE);
  return async () => {
    const projection = memoryProjection({
      name: 'total',
      from: [item],
      initialState: () => ({ counted: 0, moved: 0 }),
      on: {
        Counted: (totals) => ({ ...totals, counted: totals.counted + 1 }),
        Moved: (totals) => ({ ...totals, moved: totals.moved + 1 }),
      },
    });
    const store = new MemoryProjectionStore(projection);
    const figure = await projected(app, projection, store);
    const { counted, moved } = store.state;
    if (counted + moved !== PROJECTED_EVENTS) throw new Error(`Projected ${counted + moved} events.`);
    return figure;
  };
}

async function sqlProjections({ seed }: BenchContext): Promise<Side> {
  const { app } = await filled(new MemoryProcessRecorder(), seed, PROJECTED_EVENTS, EVENTS_PER_AGGREGATE);
  return async () => {
    const database = await openSqlJs();
    const recorder = new SqliteProcessRecorder(database);
    const projection = sqlProjection({
      name: 'levels',
      from: [item],
      tables: { levels: (table) => `CREATE TABLE ${table} (id TEXT PRIMARY KEY, quantity INTEGER NOT NULL) STRICT` },
      on: {
        Counted: async ({ originatorId, data }, view) => {
          await view.query(
            `INSERT INTO ${view.tables.levels} VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET quantity = excluded.quantity`,
            [originatorId, data.quantity],
          );
        },
        Moved: () => undefined,
      },
    });
    const figure = await projected(app, projection, new SqlProjectionStore(recorder, projection));
    database.close();
    return figure;
  };
}

async function projected<View>(
  log: Application,
  projection: Projection<View>,
  store: ProjectionStore<View>,
): Promise<number> {
  const runner = new ProjectionRunner({ projection, store, log, batchEventsMax: BATCH_EVENTS });
  return await eventsPerSecond(PROJECTED_EVENTS, 1, () => runner.catchUp());
}

/** An application with so many events, so many to an aggregate. */
async function filled(
  recorder: ProcessRecorder,
  seed: number,
  events: number,
  perAggregate: number,
): Promise<{ readonly app: Application; readonly ids: readonly string[] }> {
  const random = new Random(seed);
  const app = new Application({ recorder, aggregates: [item] });
  const ids = Array.from({ length: events / perAggregate }, () => random.uuid());
  for (const id of ids) {
    const happened = Array.from({ length: perAggregate }, (): ItemEvent =>
      random.below(4) === 0
        ? { type: 'Moved', data: { shelf: `aisle-${random.below(40)}` } }
        : { type: 'Counted', data: { quantity: random.below(10_000), by: random.uuid() } },
    );
    await app.append(item, id, happened, 'noStream');
  }
  return { app, ids };
}

async function eventsPerSecond(events: number, times: number, work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  for (let time = 0; time < times; time++) await work();
  return (events * times * 1_000) / (performance.now() - startMs);
}
