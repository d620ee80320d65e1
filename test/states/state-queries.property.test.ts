/** What is found, at random: every engine finds what a filter over all documents does, in the same order, whatever the indexes. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSqlJs } from '../../src/persistence/sqlite/sqljs-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { conditionOf, orderingsOf } from '../../src/states/state-filter.js';
import { compareBy, matches } from '../../src/states/state-match.js';
import { SqlStateStore } from '../../src/states/sql-state-store.js';
import { defineState } from '../../src/states/state.js';
import type { StandardSchema } from '../../src/domain/standard-schema.js';
import type { State } from '../../src/states/state.js';
import type { FindOptions, StateStore } from '../../src/states/state-store.js';
import { MongoStateStore } from '../../src/mongodb/index.js';
import { newStateName } from '../../src/testing/conformance/state-samples.js';
import { MONGODB_MISSING, openMongo } from '../support/mongo-fixture.js';
import { openMongoStandIn } from '../support/mongo-stand-in.js';
import { openPostgres } from '../support/postgres-fixture.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const RUNS = Number(process.env['RUNS'] ?? 40);

interface Document {
  readonly n?: number | null | undefined;
  readonly t?: string | null | undefined;
  readonly b?: boolean | null | undefined;
}

// What one would trip over: signs, fractions, texts that look like numbers, the locale's order, characters beyond 16 bits.
const number = fc.constantFrom(-1e21, -10, -2.5, 0, 0.1, 1, 2, 9, 10, 1e-7, 2 ** 53, 1.7e308);
const text = fc.constantFrom(
  '',
  ' ',
  '-',
  '10',
  '9',
  'A',
  'B',
  'a',
  'ab',
  'ä',
  'b',
  'null',
  'true',
  "it's",
  '%',
  '_',
  '\ud7ff',
  '\uffff',
  '\u{1f600}',
  '\u{10ffff}',
  '\u{10ffff}a',
);
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null | undefined> =>
  fc.oneof({ weight: 5, arbitrary: value }, fc.constant(null), fc.constant(undefined));
const document: fc.Arbitrary<Document> = fc.record({ n: maybe(number), t: maybe(text), b: maybe(fc.boolean()) });

const comparison = (value: fc.Arbitrary<unknown>, isOrdered: boolean): fc.Arbitrary<unknown> => {
  const orNull = fc.oneof({ weight: 4, arbitrary: value }, fc.constant(null));
  const ordered = Object.fromEntries(['gt', 'gte', 'lt', 'lte'].map((operator) => [operator, value]));
  return fc.oneof(
    orNull,
    fc.record(
      { eq: orNull, ne: orNull, in: fc.array(orNull, { maxLength: 3 }), ...(isOrdered ? ordered : {}) },
      { requiredKeys: [] },
    ),
  );
};
const LEAVES = {
  n: comparison(number, true),
  t: fc.oneof(comparison(text, true), fc.record({ startsWith: text })),
  b: comparison(fc.boolean(), false),
};
const { where } = fc.letrec<{ readonly where: unknown }>((tie) => ({
  where: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record(LEAVES, { requiredKeys: [] }),
    fc.record({ ...LEAVES, and: fc.array(tie('where'), { maxLength: 2 }) }, { requiredKeys: ['and'] }),
    fc.record({ ...LEAVES, or: fc.array(tie('where'), { maxLength: 2 }) }, { requiredKeys: ['or'] }),
    fc.record({ ...LEAVES, not: tie('where') }, { requiredKeys: ['not'] }),
  ),
}));
const orderBy = fc
  .uniqueArray(fc.constantFrom('n', 't', 'b'), { maxLength: 3 })
  .chain((fields) =>
    fc.tuple(...fields.map((field) => fc.constantFrom('asc', 'desc').map((direction) => ({ [field]: direction })))),
  );

const anything: StandardSchema<unknown, Document> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as Document }) },
};

interface Opened {
  readonly openStates: (states: readonly State[]) => StateStore;
  readonly close: () => Promise<void> | void;
}

async function onMongo(url?: string): Promise<Opened> {
  const { recorder, close } = await openMongo({}, url);
  return { openStates: (states) => new MongoStateStore({ recorder, states }), close };
}

const ENGINES: Readonly<Record<string, () => Promise<Opened>>> = {
  async 'SQLite on sql.js'() {
    const database = await openSqlJs();
    const recorder = new SqliteProcessRecorder(database);
    await recorder.createTable();
    return { openStates: (states) => new SqlStateStore({ recorder, states }), close: () => database.close() };
  },
  async PostgreSQL() {
    const { recorder, close } = await openPostgres();
    return { openStates: (states) => new SqlStateStore({ recorder, states }), close };
  },
  // What is asked in MongoDB's words, as `mingo` understands them.
  async 'a stand-in for MongoDB'() {
    const server = await openMongoStandIn();
    const { openStates, close } = await onMongo(server.url);
    const closeBoth = async (): Promise<void> => {
      await close();
      await server.close();
    };
    return { openStates, close: closeBoth };
  },
  ...(MONGODB_MISSING === undefined ? { MongoDB: () => onMongo() } : {}),
};

describe.each(Object.entries(ENGINES))(`states on %s, seed ${SEED}`, (_name, open) => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened.close());

  test.each([
    ['without indexes', []],
    ['with indexes', ['n', 't', ['b', 'n'], ['t', 'n', 'b']]],
  ] as const)('are found as a filter finds them, %s', { timeout: 120_000 }, async (_with, indexes) => {
    const state = defineState({ name: newStateName(), schema: anything, indexes });
    const store = opened.openStates([state]);
    await store.setUp();
    await fc.assert(
      fc.asyncProperty(
        fc.array(document, { maxLength: 12 }),
        fc.array(
          fc.record({
            where,
            orderBy,
            limit: fc.option(fc.nat({ max: 6 }), { nil: undefined }),
            offset: fc.nat({ max: 3 }),
          }),
          { minLength: 1, maxLength: 6 },
        ),
        async (documents, questions) => {
          const all = documents.map((data, index) => ({ id: `id${index}`, data: { ...data } }));
          await store.transaction(async (changes) => {
            for (const { id } of await changes.find(state, { select: [] })) await changes.delete(state, id);
            for (const { id, data } of all) await changes.put(state, id, data);
          });
          for (const question of questions) {
            const asked = question as FindOptions<Document>;
            const sorted = all
              .filter((one) => matches(one, conditionOf(question.where)))
              .sort(compareBy(orderingsOf(question.orderBy)))
              .map(({ id }) => id);
            const found = (await store.find(state, asked)).map(({ id }) => id);
            const { limit, offset } = question;
            expect(found).toEqual(sorted.slice(offset, limit === undefined ? undefined : offset + limit));
            expect(await store.count(state, asked.where)).toBe(sorted.length);
            const paged: string[] = [];
            let after: string | undefined;
            do {
              const page = await store.page(state, { where: asked.where, orderBy: asked.orderBy, limit: 2, after });
              paged.push(...page.states.map(({ id }) => id));
              after = page.next;
            } while (after !== undefined);
            expect(paged).toEqual(sorted);
          }
        },
      ),
      { seed: SEED, numRuns: RUNS },
    );
  });
});
