/** What is asked of a state with an index for it is found by that index, on SQLite and on PostgreSQL, without a sort. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { SqlStateStore } from '../../src/states/sql-state-store.js';
import type { FindOptions, PageOptions } from '../../src/states/state-store.js';
import { thingState } from '../../src/testing/conformance/state-samples.js';
import type { Thing } from '../../src/testing/conformance/state-samples.js';
import { explainedRecorder } from '../support/explained-recorder.js';
import { openPostgres } from '../support/postgres-fixture.js';

const STATES = 2_000;

const things = thingState(['quantity', 'name', ['isActive', 'quantity']]);

interface Opened {
  readonly recorder: SqlRecorder;
  /** What the engine does for a statement, one step a line. */
  readonly explain: (text: string, values: unknown[]) => Promise<string>;
  readonly close: () => Promise<void> | void;
}

const ENGINES: Readonly<Record<string, () => Promise<Opened>>> = {
  async SQLite() {
    const database = await openSqlJs();
    const recorder = new SqliteProcessRecorder(database);
    await recorder.createTable();
    const explain = async (text: string, values: unknown[]): Promise<string> => {
      const { rows } = await recorder.query(`EXPLAIN QUERY PLAN ${text}`, values);
      return rows.map(({ detail }) => String(detail)).join('\n');
    };
    return { recorder, explain, close: () => database.close() };
  },
  async PostgreSQL() {
    const { recorder, close } = await openPostgres();
    const explain = async (text: string, values: unknown[]): Promise<string> => {
      const { rows } = await recorder.query(`EXPLAIN ${text}`, values);
      return rows.map((row) => String(row['QUERY PLAN'])).join('\n');
    };
    return { recorder, explain, close };
  },
};

describe.each(Object.entries(ENGINES))('states on %s', (_engine, open) => {
  let opened: Opened;
  let store: SqlStateStore;
  const plans: string[] = [];

  beforeAll(async () => {
    opened = await open();
    const { recorder, explain } = opened;
    const explained = explainedRecorder(recorder, async (text, values) => {
      plans.push(await explain(text, values));
    });
    store = new SqlStateStore({ recorder: explained, states: [things] });
    await new SqlStateStore({ recorder, states: [things] }).setUp();
    await store.transaction(async (changes) => {
      for (let index = 0; index < STATES; index++) {
        const quantity = index % 10 === 0 ? null : index;
        await changes.put(things, `id${index}`, { name: `n${index}`, quantity, isActive: index % 2 === 0 });
      }
    });
    await recorder.transaction(async ({ connection }) => connection.query(`ANALYZE state_${things.name}`));
  }, 120_000);
  afterAll(() => opened.close());

  const asked: readonly (readonly [string, FindOptions<Thing>])[] = [
    ['a number', { where: { quantity: 5 } }],
    ['a range, in its order', { where: { quantity: { gte: 5, lt: 9 } }, orderBy: 'quantity' }],
    ['a text', { where: { name: 'n7' } }],
    ['one of several', { where: { name: { in: ['n7', 'n8'] } } }],
    ['a beginning', { where: { name: { startsWith: 'n77' } } }],
    ['two fields', { where: { isActive: true, quantity: 8 } }],
    ['the last ones', { orderBy: { quantity: 'desc' }, limit: 5 }],
    ['the first ones', { orderBy: 'name', limit: 5 }],
  ];
  test.each(asked)('finds by an index: %s', async (_what, options) => {
    plans.length = 0;
    expect((await store.find(things, options)).length).toBeGreaterThan(0);
    expectIndexed(plans);
  });

  const pages: readonly (readonly [string, PageOptions<Thing>])[] = [
    ['by id', {}],
    ['by a field', { orderBy: 'name' }],
    ['by a field, descending', { orderBy: { quantity: 'desc' } }],
  ];
  test.each(pages)('a later page is found by an index: %s', async (_what, options) => {
    let after: string | undefined;
    for (let count = 0; count < 3; count++) {
      plans.length = 0;
      const { next } = await store.page(things, { ...options, limit: 20, after });
      after = next;
      expectIndexed(plans);
    }
  });

  function expectIndexed(found: readonly string[]): void {
    expect(found.length).toBeGreaterThan(0);
    for (const plan of found) {
      expect(plan).toMatch(/Index|USING (INDEX|INTEGER PRIMARY KEY)/);
      expect(plan).not.toMatch(/Seq Scan|^SCAN state_\w+$/m);
    }
  }
});
