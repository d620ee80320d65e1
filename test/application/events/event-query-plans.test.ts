/** What is read by an event index is read by the index that leaves the fewest events, in the order of the log, without a sort. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { SqlEventIndex } from '../../../src/application/event-index/sql-event-index.js';
import type { ReadEventsOptions } from '../../../src/application/selection.js';
import { SqliteProcessRecorder } from '../../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { receive } from '../../../src/testing/conformance/application-context.js';
import { stockItem } from '../../../src/testing/conformance/application-samples.js';
import { explainedRecorder } from '../../support/explained-recorder.js';
import { openPostgres } from '../../support/postgres-fixture.js';

const COMMITS = 60;
const EVENTS_OF_COMMIT = 200;
const EVENTS = COMMITS * EVENTS_OF_COMMIT;
const START_MS = 1_700_000_000_000;
const HOUR_MS = 3_600_000;

const hours = (count: number): Date => new Date(START_MS + count * HOUR_MS);

interface Opened {
  readonly recorder: SqlRecorder;
  /** What the engine does for a statement, one step a line. */
  readonly explain: (text: string, values: unknown[]) => Promise<string>;
  /** After the tables were filled. */
  readonly analyze?: () => Promise<void>;
  readonly close: () => Promise<void> | void;
}

const ENGINES: Readonly<Record<string, () => Promise<Opened>>> = {
  // Without statistics, as a browser's store is.
  async SQLite() {
    const database = await openSqlJs();
    const recorder = new SqliteProcessRecorder(database, { eventsTable: 'events of "a shop"' });
    await recorder.createTable();
    const explain = async (text: string, values: unknown[]): Promise<string> => {
      const { rows } = await recorder.query(`EXPLAIN QUERY PLAN ${text}`, values);
      return rows.map(({ detail }) => String(detail)).join('\n');
    };
    return { recorder, explain, close: () => database.close() };
  },
  async PostgreSQL() {
    const { recorder, pool, close } = await openPostgres();
    const explain = async (text: string, values: unknown[]): Promise<string> => {
      const client = await pool.connect();
      try {
        // Of so few rows it is cheaper to read and sort all: whether there is another way is what is asked.
        const off = ['seqscan', 'sort', 'incremental_sort', 'bitmapscan', 'hashjoin'];
        await client.query(`BEGIN; ${off.map((one) => `SET LOCAL enable_${one} = off`).join('; ')}`);
        const { rows } = await client.query(`EXPLAIN ${text}`, values);
        return rows.map((row) => String(row['QUERY PLAN'])).join('\n');
      } finally {
        await client.query('ROLLBACK');
        client.release();
      }
    };
    const analyze = async (): Promise<void> => {
      await pool.query('VACUUM ANALYZE event_index');
    };
    return { recorder, explain, analyze, close };
  },
};

describe.each(Object.entries(ENGINES))(`${EVENTS} events on %s`, (engine, open) => {
  let opened: Opened;
  let app: Application;
  const plans: string[] = [];

  beforeAll(async () => {
    opened = await open();
    const { recorder, explain } = opened;
    const explained = explainedRecorder(recorder, async (text, values) => {
      plans.push(await explain(text, values));
    });
    await new SqlEventIndex({ recorder }).createTables();
    app = new Application({
      ...{ recorder, aggregates: [stockItem] },
      eventIndex: new SqlEventIndex({ recorder: explained }),
    });
    for (let commit = 0; commit < COMMITS; commit++) {
      const metadata = {
        tenantId: `tenant ${commit % 10}`,
        actorId: `actor ${commit % 20}`,
        correlationId: `c${commit}`,
      };
      const options = { occurredAt: hours(commit), metadata };
      await app.execute(stockItem, crypto.randomUUID(), receive(1, EVENTS_OF_COMMIT), options);
    }
    await opened.analyze?.();
  }, 120_000);
  afterAll(() => opened.close());

  const day = { from: hours(30), to: hours(33) };
  const asked: readonly (readonly [string, ReadEventsOptions, RegExp, number])[] = [
    ['a tenant', { tenantId: 'tenant 1' }, /tenant_id/, EVENTS / 10],
    ['an actor', { actorId: 'actor 7' }, /actor_id/, EVENTS / 20],
    ['a cause', { correlationId: 'c5' }, /correlation_id/, 200],
    ['a tenant, after a position', { tenantId: 'tenant 1', gt: EVENTS / 2, limit: 7 }, /tenant_id/, 7],
    ['an actor of a tenant', { tenantId: 'tenant 7', actorId: 'actor 7' }, /actor_id/, EVENTS / 20],
    [
      'a cause, whosever it is',
      { tenantId: 'tenant 5', actorId: 'actor 5', correlationId: 'c5' },
      /correlation_id/,
      200,
    ],
    ['a tenant, of one type', { tenantId: 'tenant 1', types: ['Received'] }, /tenant_id/, EVENTS / 10],
    ['a tenant, in a time', { tenantId: 'tenant 1', ...day }, /tenant_id/, 200],
    ['a time', day, /1/, 600],
  ];

  test.each(asked)('%s', async (_what, options, index, count) => {
    plans.length = 0;
    let found = 0;
    for await (const event of app.readAll(options)) found += Math.sign(event.notificationId);
    expect(found).toBe(count);
    const isOfTime = options.from !== undefined;
    expect(plans.length).toBeGreaterThan(isOfTime ? 1 : 0);
    const [bounds, ...rest] = isOfTime ? plans : ['', ...plans];
    if (isOfTime) expect(bounds).toMatch(/(?:COVERING INDEX|Index (?:Only )?Scan).*event_index_occurred_at_ms/);
    // PostgreSQL knows how many there are of each, and walks the log where that is most of it.
    const used = new RegExp(`event_index_(?:${index.source}${engine === 'PostgreSQL' ? '|pkey' : ''})`);
    for (const plan of rest) {
      expect(plan).toMatch(used);
      // The page itself is looked through, which has as many entries as its limit.
      expect(plan).not.toMatch(/Seq Scan|Sort|TEMP B-TREE|^SCAN (?!page$)/m);
    }
  });

  test('as much as the time has is read for it, and nothing before it', async () => {
    plans.length = 0;
    for await (const event of app.readAll({ from: hours(COMMITS - 1) }))
      expect(event.originatorVersion).toBeGreaterThan(0);
    // The last commit has fewer events than a page.
    expect(plans).toHaveLength(2);
  });

  test('a tenant’s time with very many events is not looked through for its bounds', async () => {
    plans.length = 0;
    let found = 0;
    for await (const event of app.readAll({ tenantId: 'tenant 1', from: hours(1) }))
      found += event.originatorVersion > 0 ? 1 : 0;
    expect(found).toBe(EVENTS / 10);
    for (const plan of plans.slice(1)) expect(plan).not.toMatch(/notification_id ?</);
  });
});
