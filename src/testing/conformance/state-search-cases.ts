/**
 * What every state store promises of words that are searched for, and of lists that have something.
 *
 * @module
 */
import { Application } from '../../application/application.js';
import { defineState, stateOf } from '../../states/state.js';
import type { State } from '../../states/state.js';
import type { FindOptions, StateStore } from '../../states/state-store.js';
import { stockItem } from './application-samples.js';
import { expectEqual, expectRejection } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId } from './event-samples.js';
import { newStateName, thingSchema } from './state-samples.js';
import type { Thing } from './state-samples.js';
import type { StateStoreContext } from './state-store-cases.js';

type Case = ConformanceCase<StateStoreContext>;

interface Searched {
  readonly store: StateStore;
  readonly things: State<Thing>;
  /** The ids that are found, in their order, as one text. */
  readonly ids: (options: FindOptions<Thing>) => Promise<string>;
}

async function withSearched(
  { openStates }: StateStoreContext,
  given: Readonly<Record<string, object>>,
): Promise<Searched> {
  const things = defineState({
    name: newStateName(),
    schema: thingSchema,
    indexes: ['quantity'],
    search: ['name', 'tags'],
    lists: ['tags'],
  });
  const store = openStates([things]);
  await store.setUp();
  for (const [id, data] of Object.entries(given)) await store.put(things, id, data);
  const ids = async (options: FindOptions<Thing>): Promise<string> =>
    (await store.find(things, options)).map(({ id }) => id).join('');
  return { store, things, ids };
}

const wordsAreFound: Case = {
  name: 'states are found by the beginnings of words, whatever their marks, their case and their order',
  async run(context) {
    const { store, things, ids } = await withSearched(context, {
      a: { name: 'Crème brûlée, 2 Stück', quantity: 3 },
      b: { name: 'Cremeschnitte', quantity: 1, tags: ['süß', 'STRASSE 7'] },
      c: { name: 'ΟΔΟΣ, Straße 2', quantity: 2 },
      d: { name: '東京都庁の展望台', quantity: 4 },
      e: { name: '', tags: [] },
    });
    const searches: readonly (readonly [search: string, found: string])[] = [
      ['creme', 'ab'],
      ['CRÈME', 'ab'],
      ['creme bru', 'a'],
      ['brûlée crème', 'a'],
      ['bru creme schnitte', ''],
      ['rulee', ''],
      ['2', 'ac'],
      ['strasse', 'bc'],
      ['Straße 7', 'b'],
      ['suss', 'b'],
      ['οδοσ', 'c'],
      ['οδος', 'c'],
      ['都庁', 'd'],
      ['東京都庁の展望台', 'd'],
      ['東都', ''],
      ["it's", ''],
      ['"creme" OR -brulee*', ''],
      ['creme: (brulee & stuck)', 'a'],
      ['cre cre creme', 'ab'],
    ];
    for (const [search, found] of searches) {
      expectEqual(await ids({ search }), found, search);
      expectEqual(await store.count(things, {}, { search }), found.length, `how many ${search}`);
    }
    for (const nothing of ['', ' ', '-- !']) expectEqual(await ids({ search: nothing }), 'abcde', 'no word');
    expectEqual(await ids({ search: 'creme', where: { quantity: { lt: 3 } } }), 'b', 'beside a where');
    expectEqual(await ids({ search: 'creme', orderBy: 'quantity' }), 'ba', 'in an order');
    const { states, next } = await store.page(things, { search: '2', orderBy: 'quantity', limit: 1 });
    expectEqual([states.map(({ id }) => id), next === undefined], [['c'], false], 'a page');
    const rest = await store.page(things, { search: '2', orderBy: 'quantity', limit: 1, after: next });
    expectEqual([rest.states.map(({ id }) => id), rest.next], [['a'], undefined], 'the next one');
  },
};

const wordsFollow: Case = {
  name: 'what is found follows each change, inside of its transaction too, and goes back with it',
  async run(context) {
    const { store, things, ids } = await withSearched(context, { a: { name: 'apple' }, b: { name: 'bread' } });
    await store.put(things, 'a', { name: 'apricot' });
    expectEqual([await ids({ search: 'apple' }), await ids({ search: 'apr' })], ['', 'a'], 'after a put');
    await store.update(things, 'b', { name: 'apple' }, { version: 1 });
    expectEqual([await ids({ search: 'bread' }), await ids({ search: 'apple' })], ['', 'b'], 'after a change');
    await store.put(things, 'b', { name: 'butter' }, { version: 2 });
    await store.put(things, 'c', { name: 'cheese' }, { version: 0 });
    expectEqual([await ids({ search: 'apple' }), await ids({ search: 'b' })], ['', 'b'], 'on a version');
    expectEqual(await ids({ search: 'cheese' }), 'c', 'a first one');
    await expectRejection(
      store.put(things, 'c', { name: 'bread' }, { version: 5 }),
      'STATE_CONFLICT',
      'another version',
    );
    expectEqual(await ids({ search: 'bread' }), '', 'after a conflict');
    const seen = await store
      .transaction(async (changes) => {
        await changes.put(things, 'd', { name: 'dates' });
        await changes.delete(things, 'c');
        const found = await changes.find(things, { search: 'dates' });
        throw new RangeError(`${found.length} ${(await changes.find(things, { search: 'cheese' })).length}`);
      })
      .catch((error: unknown) => (error as Error).message);
    expectEqual(seen, '1 0', 'inside of a transaction');
    expectEqual(
      [await ids({ search: 'dates' }), await ids({ search: 'cheese' })],
      ['', 'c'],
      'after it was taken back',
    );
    await store.delete(things, 'c');
    const restored = ['apple', 'cherry'].map((name, index) => ({
      ...{ id: `r${index}`, version: 7 },
      data: { name, quantity: 0, isActive: true },
    }));
    await store.restore(things, [...restored, { ...restored[0], id: 'b' } as (typeof restored)[0]]);
    expectEqual([await ids({ search: 'apple' }), await ids({ search: 'butter' })], ['br0', ''], 'what was put back');
    expectEqual(await ids({ search: 'che' }), 'r1', 'what was deleted');
  },
};

const keptIsFound: Case = {
  name: 'a state that is kept from events is found by its words',
  async run(context) {
    const stock = stateOf(stockItem, { name: newStateName(), search: ['name'] });
    const store = context.openStates([stock]);
    await store.setUp();
    const app: Application = new Application({
      recorder: context.recorder,
      aggregates: [stockItem],
      inline: [store.inline((notification) => app.decode(notification))],
    });
    const [nails, nuts] = [newOriginatorId(), newOriginatorId()];
    await app.execute(stockItem, nails, { type: 'Name', data: { name: 'Long nails' } });
    await app.execute(stockItem, nuts, { type: 'Name', data: { name: 'Nuts' } });
    const found = async (search: string): Promise<readonly string[]> =>
      (await store.find(stock, { search })).map(({ id }) => id);
    expectEqual(await found('nail'), [nails], 'by a word');
    await app.execute(stockItem, nails, { type: 'Name', data: { name: 'Tacks' } });
    expectEqual([await found('nail'), await found('tack')], [[], [nails]], 'after another event');
  },
};

const listsHave: Case = {
  name: 'states are found by what their lists have',
  async run(context) {
    const { ids } = await withSearched(context, {
      a: { name: 'a', tags: ['x', 'y'] },
      b: { name: 'b', tags: ['x', "it's", '1'] },
      c: { name: 'c', tags: [] },
      d: { name: 'd' },
      e: { name: 'e', tags: ['xy', '["x"]'] },
    });
    expectEqual(await ids({ where: { tags: { has: 'x' } } }), 'ab', 'a value');
    expectEqual(await ids({ where: { tags: { has: ['x', 'y'] } } }), 'a', 'each of several');
    expectEqual(await ids({ where: { tags: { has: "it's" } } }), 'b', 'a quote');
    expectEqual(await ids({ where: { tags: { has: '1' } } }), 'b', 'a digit');
    expectEqual(await ids({ where: { tags: { has: '["x"]' } } }), 'e', 'what looks like a list');
    expectEqual(await ids({ where: { tags: { has: [] } } }), 'abcde', 'nothing asked');
    expectEqual(await ids({ where: { not: { tags: { has: 'x' } } } }), 'cde', 'its opposite');
    expectEqual(await ids({ where: { or: [{ tags: { has: 'y' } }, { name: 'c' }] } }), 'ac', 'one of two');
    expectEqual(await ids({ where: { tags: { has: 1 as never } } }), '', 'a value of another kind');
    expectEqual(await ids({ where: { tags: { has: true as never } } }), '', 'a boolean');
    expectEqual(await ids({ where: { name: { has: 'a' } } as never }), '', 'what is no list');
  },
};

const isRefused: Case = {
  name: 'a search that makes no sense is refused',
  async run(context) {
    const { store, things } = await withSearched(context, {});
    const unsearched = defineState({ name: newStateName(), schema: thingSchema });
    const other = context.openStates([unsearched]);
    await other.setUp();
    await expectRejection(other.find(unsearched, { search: 'a' }), 'PROGRAMMING_ERROR', 'nothing is searched');
    const words = Array.from({ length: 33 }, (_, index) => `w${index}x`).join(' ');
    for (const search of [5, null, ['a'], 'a'.repeat(1_001), words]) {
      await expectRejection(
        store.find(things, { search: search as never }),
        'PROGRAMMING_ERROR',
        String(search).slice(0, 9),
      );
      await expectRejection(store.count(things, {}, { search: search as never }), 'PROGRAMMING_ERROR', 'count');
    }
    for (const has of [null, [null], {}, ['\u0000'], Number.NaN]) {
      await expectRejection(
        store.find(things, { where: { tags: { has } } as never }),
        'PROGRAMMING_ERROR',
        `a list with ${JSON.stringify(has)}`,
      );
    }
  },
};

/** For every {@link StateStore}. */
export const stateSearchCases: readonly Case[] = [wordsAreFound, wordsFollow, keptIsFound, listsHave, isRefused];
