/** Words of states in SQL tables: how they come to tables that had none, and by which index they are found. */
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import { ProjectionRunner } from '../../src/application/projections/projection-runner.js';
import { SqlProjectionStore } from '../../src/application/projections/sql-projection-store.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { matches } from '../../src/states/state-match.js';
import { searchedConditionOf } from '../../src/states/state-query.js';
import { SqlStateStore } from '../../src/states/sql-state-store.js';
import { defineState, stateOf } from '../../src/states/state.js';
import type { State } from '../../src/states/state.js';
import { stockItem } from '../../src/testing/conformance/application-samples.js';
import { newStateName, thingSchema } from '../../src/testing/conformance/state-samples.js';
import type { Thing } from '../../src/testing/conformance/state-samples.js';
import { explainedRecorder } from '../support/explained-recorder.js';
import { openPostgres } from '../support/postgres-fixture.js';
import { SQLITE_ENGINES } from '../support/sqlite-engines.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const RUNS = Number(process.env['RUNS'] ?? 30);
const FTS5 = ['node:sqlite, file (WAL)'];

async function onSqlite(name: string): Promise<SqlRecorder> {
  const engine = await SQLITE_ENGINES[name]?.();
  if (engine === undefined) throw new Error(`No engine is called ${name}.`);
  const database = await engine.connect();
  onTestFinished(async () => {
    database.close();
    await engine.remove();
  });
  const recorder = new SqliteProcessRecorder(database);
  await recorder.createTable();
  return recorder;
}

async function onPostgres(): Promise<SqlRecorder> {
  const { recorder, close } = await openPostgres();
  onTestFinished(close);
  return recorder;
}

const ENGINES: Readonly<Record<string, () => Promise<SqlRecorder>>> = {
  'SQLite on sql.js': () => onSqlite('SQLite on sql.js'),
  'node:sqlite, file (WAL)': () => onSqlite('node:sqlite, file (WAL)'),
  PostgreSQL: onPostgres,
};

/** Things that are searched by some fields, in the table of a name. */
function thingsOf(name: string, search: readonly ('name' | 'tags' | "odd 'key'")[]): State<Thing> {
  return defineState({ name, schema: thingSchema, search });
}

async function found(store: SqlStateStore, state: State<Thing>, search: string): Promise<string> {
  return (await store.find(state, { search })).map(({ id }) => id).join('');
}

/** How a search is done. */
async function planOf(recorder: SqlRecorder, work: (on: SqlRecorder) => Promise<unknown>): Promise<string> {
  const explain = recorder.dialect.name === 'postgres' ? 'EXPLAIN' : 'EXPLAIN QUERY PLAN';
  const plans: string[] = [];
  const explained = explainedRecorder(recorder, async (text, values) => {
    const { rows } = await recorder.query(`${explain} ${text}`, values);
    plans.push(rows.map((row) => Object.values(row).join(' ')).join('\n'));
  });
  await work(explained);
  return plans.at(-1) ?? '';
}

describe.each(Object.entries(ENGINES))('words of states on %s', (engine, open) => {
  test('a table that was there gets them, also of what a release has written that does not know them', async () => {
    const recorder = await open();
    const name = newStateName();
    const before = defineState({ name, schema: thingSchema });
    const old = new SqlStateStore({ recorder, states: [before] });
    await old.setUp();
    await old.transaction(async (changes) => {
      // More than are filled at once.
      for (let index = 0; index < 250; index++) await changes.put(before, `n${index}`, { name: `number ${index}` });
    });
    await old.put(before, 'a', { name: 'Äpfel' });

    const things = thingsOf(name, ['name']);
    const store = new SqlStateStore({ recorder, states: [things] });
    await Promise.all([store.setUp(), new SqlStateStore({ recorder, states: [things] }).setUp()]);
    expect(await found(store, things, 'apfel')).toBe('a');
    expect(await store.count(things, {}, { search: 'number' })).toBe(250);

    await old.put(before, 'a', { name: 'Birnen' });
    await old.put(before, 'b', { name: 'Äpfel' });
    await old.delete(before, 'n7');
    await store.setUp();
    expect(await found(store, things, 'apfel')).toBe('b');
    expect(await found(store, things, 'birne')).toBe('a');
    expect(await store.count(things, {}, { search: 'number' })).toBe(249);
  });

  test('another choice of fields is taken over', async () => {
    const recorder = await open();
    const name = newStateName();
    const byName = thingsOf(name, ['name']);
    const store = new SqlStateStore({ recorder, states: [byName] });
    await store.setUp();
    await store.put(byName, 'a', { name: 'nails', tags: ['steel'], "odd 'key'": 'rusty' });
    const byTags = thingsOf(name, ['tags', "odd 'key'"]);
    const other = new SqlStateStore({ recorder, states: [byTags] });
    await other.setUp();
    expect([await found(other, byTags, 'nails'), await found(other, byTags, 'rust steel')]).toEqual(['', 'a']);
  });

  test('a state that is kept from events is to be built anew, and finds by words when it is', async () => {
    const recorder = await open();
    const name = newStateName();
    const opened = (state: State): { readonly store: SqlStateStore; readonly app: Application } => {
      const store = new SqlStateStore({ recorder, states: [state] });
      const app: Application = new Application({
        recorder,
        aggregates: [stockItem],
        inline: [store.inline((notification) => app.decode(notification))],
      });
      return { store, app };
    };
    const first = stateOf(stockItem, { name });
    const { store: before, app } = opened(first);
    await before.setUp();
    const id = crypto.randomUUID();
    await app.execute(stockItem, id, { type: 'Name', data: { name: 'Nägel' } });

    const second = stateOf(stockItem, { name, search: ['name'] });
    const { store, app: then } = opened(second);
    await store.setUp();
    const projection = store.projectionOf(second);
    const views = new SqlProjectionStore(recorder, projection);
    expect(await views.isOutdated()).toBe(true);
    const runner = new ProjectionRunner({ projection, store: views, log: then });
    await runner.rebuild();
    // Not set up since: without its index beside the table, where the engine has such a one.
    expect((await store.find(second, { search: 'nagel' })).map((one) => one.id)).toEqual([id]);
    await store.setUp();
    expect((await store.find(second, { search: 'nagel' })).map((one) => one.id)).toEqual([id]);
    await then.execute(stockItem, id, { type: 'Name', data: { name: 'Stifte' } });
    expect(await store.find(second, { search: 'nagel' })).toEqual([]);
    expect((await store.find(second, { search: 'stift' })).map((one) => one.id)).toEqual([id]);
  });

  test(`finds what a look at each document finds, seed ${SEED}`, { timeout: 120_000 }, async () => {
    const recorder = await open();
    const things = thingsOf(newStateName(), ['name', 'tags']);
    const store = new SqlStateStore({ recorder, states: [things] });
    await store.setUp();
    const piece = fc.constantFrom(
      ...['a', 'ab', 'Ä', 'ß', 'İ', 'ı', 'ﬁ', 'Σ', 'ς', '京', '都', 'カ', 'ไท', 'é', 'e\u0301', '½', '٣', '𝒜'],
      ...[
        '’',
        "'",
        '"',
        '*',
        '-',
        ':',
        '\\',
        '%',
        '_',
        ' ',
        '\n',
        '(',
        '&',
        '|',
        '!',
        '<->',
        'NOT',
        'AND',
        '\u{1f600}',
      ],
    );
    const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
    const document = fc.record({ name: text, tags: fc.array(text, { maxLength: 3 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(document, { maxLength: 8 }),
        fc.array(fc.tuple(fc.nat({ max: 9 }), fc.option(document)), { maxLength: 6 }),
        fc.array(text, { minLength: 1, maxLength: 6 }),
        async (documents, changes, searches) => {
          const rows = new Map<string, { readonly name: string; readonly tags: readonly string[] }>();
          await store.transaction(async (writer) => {
            for (const { id } of await writer.find(things)) await writer.delete(things, id);
            for (const [index, data] of [...documents.entries(), ...changes]) {
              if (data === null) rows.delete(`${index}`);
              else rows.set(`${index}`, data);
              await (data === null ? writer.delete(things, `${index}`) : writer.put(things, `${index}`, data));
            }
          });
          for (const search of searches) {
            const condition = searchedConditionOf(things, undefined, search);
            const expected = [...rows].flatMap(([id, data]) => (matches({ id, data }, condition) ? [id] : []));
            expect((await found(store, things, search)).split('').sort()).toEqual(expected.sort());
          }
        },
      ),
      { seed: SEED, numRuns: RUNS },
    );
  });

  test('finds by an index, where the engine has one', async () => {
    const recorder = await open();
    const things = defineState({ name: newStateName(), schema: thingSchema, search: ['name'], lists: ['tags'] });
    const store = new SqlStateStore({ recorder, states: [things] });
    await store.setUp();
    const given = Array.from({ length: 10_000 }, (_, index) => ({
      ...{ id: `${index}`, version: 1 },
      data: { name: `word${index} other`, quantity: 0, isActive: true, tags: [`tag${index}`] },
    }));
    await store.restore(things, given);
    await recorder.transaction(async ({ connection }) => connection.query(`ANALYZE state_${things.name}`));
    const on = (recorderOf: SqlRecorder): SqlStateStore =>
      new SqlStateStore({ recorder: recorderOf, states: [things] });
    const search = await planOf(recorder, (explained) => on(explained).find(things, { search: 'word77' }));
    const has = await planOf(recorder, (explained) => on(explained).find(things, { where: { tags: { has: 'tag7' } } }));
    if (engine === 'PostgreSQL') {
      expect(search).toMatch(/Bitmap Index Scan on state_\w+_words/);
      expect(has).toMatch(/Bitmap Index Scan on state_\w+_has_/);
    } else {
      expect(search).toMatch(
        FTS5.includes(engine) ? /SCAN state_\w+_words VIRTUAL TABLE INDEX/ : /^\w* ?.*SCAN state_/m,
      );
    }
  });
});

test('an index beside a table survives a vacuum, which gives its rows other numbers', async () => {
  const recorder = await onSqlite('node:sqlite, file (WAL)');
  const things = thingsOf(newStateName(), ['name']);
  const store = new SqlStateStore({ recorder, states: [things] });
  await store.setUp();
  for (const id of ['a', 'b', 'c']) await store.put(things, id, { name: `of ${id}` });
  await store.delete(things, 'a');
  await recorder.query('VACUUM');
  await store.put(things, 'b', { name: 'changed' });
  expect([await found(store, things, 'of'), await found(store, things, 'changed')]).toEqual(['c', 'b']);
});

test("PostgreSQL's own search for a language stands beside it", async () => {
  const recorder = await onPostgres();
  const things = thingsOf(newStateName(), ['name']);
  const store = new SqlStateStore({ recorder, states: [things] });
  await store.setUp();
  await store.put(things, 'a', { name: 'Die Häuser am See' });
  await store.put(things, 'b', { name: 'Hausboote' });
  const vector = "to_tsvector('german', data ->> 'name')";
  await recorder.query(`CREATE INDEX ON state_${things.name} USING gin (${vector})`);
  const { rows } = await recorder.query(
    `SELECT id FROM state_${things.name} WHERE ${vector} @@ websearch_to_tsquery('german', $1)`,
    ['haus'],
  );
  expect(rows).toEqual([{ id: 'a' }]);
});
