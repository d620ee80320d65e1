/** Live queries against asking everything again after each commit, at random: on SQLite, and in two tabs that follow a log. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LiveQueries } from '../../src/live/live-queries.js';
import type { LiveRecorder } from '../../src/live/live-queries.js';
import type { LiveState } from '../../src/live/live-query.js';
import type { LiveReads } from '../../src/live/live-reads.js';
import type { DurableRecorder, DurableRecorderOptions } from '../../src/persistence/journal/durable-recorder.js';
import { changesOf } from '../../src/persistence/journal/commit-changes.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { tablesChanged } from '../../src/persistence/sqlite/own-tables/table-changes.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { ANY_CHANGES, ChangeNews } from '../../src/persistence/store-changes.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { openTab } from '../support/own-tables-tab.js';
import { SharedJournal } from '../support/shared-journal.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const RUNS = Number(process.env['RUNS'] ?? 25);
const AGGREGATES = ['a', 'b'].map((letter) => `00000000-0000-4000-8000-00000000000${letter}`) as [string, string];

const id = fc.nat({ max: 3 });
const site = fc.nat({ max: 1 });
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('put' as const), site, id, n: fc.nat({ max: 2 }), isBack: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), site, id }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('other' as const), site, id }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('event' as const), site, id, withRow: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('view' as const), site, n: fc.nat({ max: 2 }) }) },
); // prettier-ignore
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

type Ask = (read: Pick<LiveReads, 'query' | 'note'>, recorder: SqlRecorder) => Promise<unknown>;

const sql =
  (text: string): Ask =>
  async ({ query }) =>
    (await query(text, [])).rows;

const QUERIES: Readonly<Record<string, Ask>> = {
  rows: sql('SELECT id, n FROM things ORDER BY id'),
  indexed: sql('SELECT n FROM things WHERE n = 1 ORDER BY n'),
  view: sql('SELECT * FROM shown ORDER BY 1'),
  joined: sql('SELECT things.id FROM things JOIN others ON others.id = things.id ORDER BY 1'),
  cascaded: sql('SELECT count(*) AS n FROM parts'),
  events: sql('SELECT count(*) AS n, max(notification_id) AS last FROM stored_events'),
  units: sql("SELECT (SELECT count(*) FROM sqlite_schema WHERE name = 'daybook_units') AS n"),
  async aggregate({ note }, recorder) {
    note({ aggregates: [AGGREGATES[0]] });
    return (await recorder.selectEvents(AGGREGATES[0])).map(({ originatorVersion }) => originatorVersion);
  },
  async log({ note }, recorder) {
    note({ log: true });
    return (await recorder.selectNotifications({ start: 1, limit: 100 })).map((one) => [one.id, one.originatorId]);
  },
};

/** A store as one tab, or one process, has it open. */
class Site {
  readonly recorder: SqlRecorder;
  readonly live: LiveQueries;
  readonly #delivered = new Map<string, LiveState<unknown>[]>();

  constructor(recorder: SqlRecorder, tells: LiveRecorder) {
    this.recorder = recorder;
    this.live = new LiveQueries({ recorder: tells });
    for (const [name, ask] of Object.entries(QUERIES)) {
      const states: LiveState<unknown>[] = [];
      this.#delivered.set(name, states);
      this.live.query((read) => ask(read, recorder)).subscribe((state) => states.push(state));
    }
  }

  /** Waits until all is as a query that is asked now says, and checks that nothing was delivered twice. */
  async settle(after: unknown): Promise<void> {
    for (const [name, ask] of Object.entries(QUERIES)) {
      const states = this.#delivered.get(name) as LiveState<unknown>[];
      const expected = await ask({ query: (text) => this.recorder.query(text), note: () => undefined }, this.recorder);
      const isThere = (): boolean => JSON.stringify(states.at(-1)?.data) === JSON.stringify(expected);
      for (let looks = 0; looks < 200 && !isThere(); looks++) await new Promise((resolve) => setTimeout(resolve));
      expect(states.at(-1)?.data, `${name} after ${JSON.stringify(after)}`).toEqual(expected);
      const texts = states.map(({ data }) => JSON.stringify(data));
      expect(texts.filter((text, index) => index > 0 && text === texts[index - 1])).toEqual([]);
    }
  }
}

const SCHEMA = [
  'CREATE TABLE things (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)',
  'CREATE INDEX things_n ON things (n)',
  'CREATE TABLE parts (id INTEGER PRIMARY KEY REFERENCES things (id) ON DELETE CASCADE)',
  'CREATE TABLE others (id INTEGER PRIMARY KEY) WITHOUT ROWID',
  'CREATE VIEW shown AS SELECT id FROM things',
];

async function apply(step: Step, sites: readonly Site[]): Promise<void> {
  const { recorder } = sites[step.site % sites.length] as Site;
  const run = async (...texts: readonly string[]): Promise<void> => {
    await recorder.transaction(async ({ connection }) => {
      for (const text of texts) await connection.query(text);
      if (step.do === 'put' && step.isBack) throw new RangeError('taken back');
    });
  };
  switch (step.do) {
    case 'put':
      await run(
        `INSERT INTO things (id, n) VALUES (${step.id}, ${step.n}) ON CONFLICT (id) DO UPDATE SET n = excluded.n`,
        `INSERT OR IGNORE INTO parts (id) VALUES (${step.id})`,
      ).catch((error: unknown) => expect(error).toBeInstanceOf(RangeError));
      break;
    case 'delete':
      await run(`DELETE FROM things WHERE id = ${step.id}`);
      break;
    case 'other':
      await run(`INSERT INTO others (id) VALUES (${step.id}) ON CONFLICT DO NOTHING`);
      break;
    case 'view':
      await run(
        'DROP VIEW shown',
        `CREATE VIEW shown AS SELECT id FROM ${step.n === 0 ? 'others' : `things WHERE n < ${step.n}`}`,
      );
      break;
    case 'event':
      await recorder.transaction(async (transaction) => {
        await transaction.insertEvents([await nextEvent(transaction, step.id)]);
        if (step.withRow) await transaction.connection.query('UPDATE things SET n = n + 1 WHERE id = 0');
      });
      break;
  }
}

async function nextEvent(recorder: Pick<SqlRecorder, 'selectEvents'>, which: number): Promise<StoredEvent> {
  const originatorId = AGGREGATES[which % 2] as string;
  const events = await recorder.selectEvents(originatorId);
  const originatorVersion = (events.at(-1)?.originatorVersion ?? 0) + 1;
  return { originatorId, originatorVersion, topic: 'Counted', state: new TextEncoder().encode('{}') };
}

async function onSqlite(): Promise<{ readonly sites: Site[]; readonly close: () => Promise<unknown> }> {
  const database = await openSqlJs();
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  await recorder.query('PRAGMA foreign_keys = ON');
  await recorder.transaction(async ({ connection }) => {
    for (const text of SCHEMA) await connection.query(text);
  });
  return { sites: [new Site(recorder, recorder)], close: () => Promise.resolve().then(() => database.close()) };
}

/** Two tabs of a browser's store, each told of what is applied in it. */
async function inTabs(): Promise<{ readonly sites: Site[]; readonly close: () => Promise<unknown> }> {
  const journal = new SharedJournal();
  const news = [new ChangeNews(), new ChangeNews()];
  const recorders: DurableRecorder[] = [];
  for (const one of news) {
    const onApplied: DurableRecorderOptions['onApplied'] = (_position, own, commits) => {
      one.noteChanged(commits === undefined ? ANY_CHANGES : changesOf(commits, tablesChanged));
      if (own) for (const other of recorders) other.noteHead(journal.records.length);
    };
    recorders.push((await openTab(journal, undefined, { onApplied })).recorder);
  }
  await recorders[0]?.transaction(async ({ connection }) => {
    for (const text of SCHEMA) await connection.query(text);
  });
  const sites = recorders.map((recorder, index) => {
    const onChanged = (news[index] as ChangeNews).onChanged.bind(news[index]);
    const query: SqlRecorder['query'] = (text, values) => recorder.query(text, values);
    return new Site(recorder, { query, dialect: recorder.dialect, onChanged });
  });
  return { sites, close: async () => await Promise.all(recorders.map((recorder) => recorder.close())) };
}

describe.each(Object.entries({ 'one database': onSqlite, 'two tabs': inTabs }))('%s', (_name, open) => {
  test('what is delivered is what everything asked again after each commit would be, and nothing twice', async () => {
    console.log(`SEED=${SEED} RUNS=${RUNS}`);
    const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const { sites, close } = await open();
      try {
        for (const one of sites) await one.settle('the beginning');
        for (const taken of steps) {
          await apply(taken, sites);
          for (const one of sites) await one.settle(taken);
        }
      } finally {
        for (const { live } of sites) await live.close();
        await close();
      }
    });
    await fc.assert(property, { numRuns: RUNS, seed: SEED });
  }, 120_000);
});
