/**
 * The examples of docs/transactions.md, run on PostgreSQL; and that the document shows them as they are.
 *
 * @module
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { basket, orderBasket } from '../../examples/transactions/commands-and-sql.js';
import { moveItem } from '../../examples/transactions/own-sql.js';
import { openCommitIds, send } from '../../examples/transactions/sent-twice.js';
import { makeOrders } from '../../examples/transactions/request-sessions.js';
import { fillShelf } from '../../examples/transactions/with-drizzle.js';
import { emptyShelf } from '../../examples/transactions/with-kysely.js';
import { Application } from '../../src/application/index.js';
import type { PgPool, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import { createPgPool } from '../../src/persistence/postgres/index.js';
import { shownExamples } from '../support/shown-examples.js';
import { openPostgres, uniqueName } from '../support/postgres-fixture.js';
import type { PostgresFixture } from '../support/postgres-fixture.js';
import { makeEvents } from '../support/stored-events.js';

let fixture: PostgresFixture;
let pool: PgPool;
let recorder: PostgresProcessRecorder;

beforeAll(async () => {
  fixture = await openPostgres();
  // The examples name their tables plainly; a schema of the test's own keeps them apart from other tests.
  const schema = uniqueName();
  await fixture.pool.query(`CREATE SCHEMA ${schema}`);
  const url = new URL(fixture.url);
  url.searchParams.set('options', `-c search_path=${schema}`);
  pool = await createPgPool({ connectionString: url.href });
  await pool.query(`CREATE TABLE shelves (name text PRIMARY KEY, items integer NOT NULL CHECK (items < 100));
    CREATE TABLE stock (article text PRIMARY KEY, items integer NOT NULL)`);
  recorder = await fixture.make({ pool });
});
afterAll(async () => {
  await pool.end();
  await fixture.close();
});
beforeEach(async () => {
  await pool.query("TRUNCATE shelves; INSERT INTO shelves VALUES ('A1', 5), ('full', 99)");
});

const itemsOn = async (shelf: string): Promise<unknown> =>
  (await pool.query('SELECT items FROM shelves WHERE name = $1', [shelf])).rows[0]?.['items'];

test('a commit that is sent twice is recorded once', async () => {
  const commits = await openCommitIds(recorder);
  const events = makeEvents(2);
  const ids = await send(commits, 'count-1', events);
  expect(await send(commits, 'count-1', events)).toEqual(ids);
  expect(await recorder.selectEvents(events[0]!.originatorId)).toEqual(events);
});

test('a basket is ordered with what it takes out of the stock, or not at all', async () => {
  await pool.query("TRUNCATE stock; INSERT INTO stock VALUES ('nails', 2), ('nuts', 1)");
  const app = new Application({ recorder, aggregates: [basket] });
  const [one, two] = [crypto.randomUUID(), crypto.randomUUID()];
  for (const id of [one, two]) {
    for (const article of ['nails', 'nuts']) await app.execute(basket, id, { type: 'AddItem', data: { article } });
  }
  expect(await orderBasket(app, one, 'order-1')).toEqual(['nails', 'nuts']);
  await expect(orderBasket(app, two, 'order-2')).rejects.toThrow('nuts is sold out');
  expect((await app.repository.load(basket, one)).state.isOrdered).toBe(true);
  expect((await app.repository.load(basket, two)).state.isOrdered).toBe(false);
  const { rows } = await pool.query('SELECT article, items FROM stock ORDER BY article');
  expect(rows).toEqual([
    { article: 'nails', items: 1 },
    { article: 'nuts', items: 0 },
  ]);
});

describe('own SQL and events', () => {
  test.each([
    ['moveItem', moveItem, 6],
    ['emptyShelf', emptyShelf, 0],
    ['fillShelf', fillShelf, 10],
  ])('%s commits both, or neither', async (_name, change, items) => {
    const events = makeEvents(1);
    await change(recorder, 'A1', events);
    expect(await itemsOn('A1')).toBe(items);
    expect(await recorder.selectEvents(events[0]!.originatorId)).toEqual(events);
    await pool.query("UPDATE shelves SET items = 5 WHERE name = 'A1'");
    await expect(change(recorder, 'A1', events)).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
    expect(await itemsOn('A1')).toBe(5);
  });

  test('a statement that is refused takes the events back', async () => {
    const events = makeEvents(1);
    await expect(moveItem(recorder, 'full', events)).rejects.toThrow();
    expect(await recorder.selectEvents(events[0]!.originatorId)).toEqual([]);
  });
});

describe('requests as sessions', () => {
  test('place an order while stocks last', async () => {
    await pool.query("TRUNCATE stock; INSERT INTO stock VALUES ('hat', 1)");
    const app = makeOrders(recorder);
    const place = async (): Promise<{ status: number; events: number; stock: unknown }> => {
      const id = crypto.randomUUID();
      const { status } = await app.request(`/orders/${id}/hat`, { method: 'PUT' });
      const history = (await (await app.request(`/orders/${id}`)).json()) as unknown[];
      return {
        status,
        events: history.length,
        stock: (await pool.query('SELECT items FROM stock')).rows[0]?.['items'],
      };
    };
    expect(await place()).toEqual({ status: 201, events: 1, stock: 0 });
    expect(await place()).toEqual({ status: 409, events: 0, stock: 0 });
  });
});

test.each(shownExamples('docs/transactions.md'))('the document shows %s as it is', (_path, shown, actual) => {
  expect(shown).toBe(actual);
});
