/**
 * What every state store promises, of states that are written by hand.
 *
 * @module
 */
import type { TransactionalRecorder } from '../../persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { State } from '../../states/state.js';
import type { StateStore } from '../../states/state-store.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';
import { thingState } from './state-samples.js';
import type { Thing } from './state-samples.js';

/** Makes stores over one recorder. */
export interface StateStoreContext {
  readonly recorder: TransactionalRecorder<SqlQueryable | undefined>;
  /** One that has these states, and is not set up yet. */
  readonly openStates: (states: readonly State[]) => StateStore;
}

type Case = ConformanceCase<StateStoreContext>;

interface Things {
  readonly store: StateStore;
  readonly things: State<Thing>;
  readonly recorder: StateStoreContext['recorder'];
}

/** A store with things in it. @param given - by id */
async function withThings(
  { openStates, recorder }: StateStoreContext,
  given: Readonly<Record<string, object>> = {},
  things: State<Thing> = thingState(),
): Promise<Things> {
  const store = openStates([things]);
  await store.setUp();
  for (const [id, data] of Object.entries(given)) await store.put(things, id, data);
  return { store, things, recorder };
}

const isKept: Case = {
  name: 'a state is there as it was put, with what the schema adds, and counts its changes',
  async run(context) {
    const { store, things } = await withThings(context);
    expectEqual(await store.fetch(things, 'a'), undefined, 'before');
    const put = { id: 'a', version: 1, data: { name: 'é 🐈 "\\', quantity: 0, isActive: true } };
    expectEqual(await store.put(things, 'a', { name: 'é 🐈 "\\' }), put, 'what was put');
    expectEqual(await store.fetch(things, 'a'), put, 'what is read');
    const again = { id: 'a', version: 2, data: { name: 'b', quantity: 1.5, isActive: false, tags: ['x', 'y'] } };
    expectEqual(await store.put(things, 'a', again.data), again, 'what was put again');
    expectEqual(await store.fetch(things, 'a'), again, 'what is read then');
    expectEqual(
      await store.update(things, 'a', { quantity: null }),
      { ...again, version: 3, data: { ...again.data, quantity: null } },
      'a field was changed',
    );
    const changed = await store.update(things, 'a', (data) => ({ ...data, name: `${data.name}c` }));
    expectEqual([changed.version, changed.data.name], [4, 'bc'], 'a function changed it');
    expectEqual(await store.delete(things, 'a'), true, 'it was deleted');
    expectEqual(await store.delete(things, 'a'), false, 'there was none to be deleted');
    expectEqual(await store.fetch(things, 'a'), undefined, 'after');
    expectEqual((await store.put(things, 'a', { name: 'n' })).version, 1, 'the version of a new one');
  },
};

const isReadersOwn: Case = {
  name: 'what was read is the own of who reads it',
  async run(context) {
    const { store, things } = await withThings(context, { a: { name: 'a', tags: ['x'] } });
    const read = await store.fetch(things, 'a');
    (read?.data.tags as string[]).push('y');
    const [found] = await store.find(things);
    expectEqual([(await store.fetch(things, 'a'))?.data.tags, found?.data.tags], [['x'], ['x']], 'the tags');
  },
};

const isValidated: Case = {
  name: 'what the schema refuses is not stored, with every issue',
  async run(context) {
    const { store, things } = await withThings(context, { a: { name: 'a' } });
    const refused = await store.put(things, 'b', { quantity: 'x' }).catch((error: unknown) => error);
    expectEqual((refused as { readonly code?: unknown }).code, 'VALIDATION_ERROR', 'the code');
    const issues = (refused as { readonly issues: readonly { readonly path: string }[] }).issues;
    expectEqual(
      issues.map(({ path }) => path),
      ['name', 'quantity'],
      'where the issues are',
    );
    await expectRejection(store.update(things, 'a', { name: 5 as never }), 'VALIDATION_ERROR', 'a change');
    expectEqual(await store.fetch(things, 'b'), undefined, 'what was to be put');
    expectEqual((await store.fetch(things, 'a'))?.data.name, 'a', 'what was to be changed');
  },
};

const isWhatJsonHolds: Case = {
  name: 'what JSON does not hold is not stored',
  async run(context) {
    const { store, things } = await withThings(context);
    const circle: unknown[] = [];
    circle.push(circle);
    const values = {
      'a date': new Date(0),
      'no number': Number.NaN,
      'a bigint': 1n,
      nothing: undefined,
      'a map': new Map(),
      'a symbol': Symbol('s'),
      'U+0000': 'a\u0000',
      'half a character': '\ud800',
      'a function': (): number => 1,
      'a circle': circle,
    };
    for (const [what, value] of Object.entries(values)) {
      await expectRejection(store.put(things, 'a', { name: 'a', tags: [value] }), 'DATA_ERROR', what);
    }
    expectEqual(await store.count(things), 0, 'how many there are');
    await store.put(things, 'a', { name: '\\u0000', quantity: -0, tags: undefined });
    expectEqual(
      (await store.fetch(things, 'a'))?.data,
      { name: '\\u0000', quantity: 0, isActive: true },
      'what it holds',
    );
  },
};

const versionsAreChecked: Case = {
  name: 'a change of another version than was expected changes nothing, and its transaction goes on',
  async run(context) {
    const { store, things } = await withThings(context, { a: { name: 'a' } });
    const refusals: readonly (readonly [
      string,
      (of: Pick<StateStore, 'put' | 'update' | 'delete'>) => Promise<unknown>,
    ])[] = [
      ['put where none was expected', (of) => of.put(things, 'a', { name: 'b' }, { version: 0 })],
      ['put on another version', (of) => of.put(things, 'a', { name: 'b' }, { version: 2 })],
      ['put where there is none', (of) => of.put(things, 'none', { name: 'b' }, { version: 1 })],
      ['update', (of) => of.update(things, 'a', { name: 'b' }, { version: 2 })],
      ['delete', (of) => of.delete(things, 'a', { version: 2 })],
      ['delete where there is none', (of) => of.delete(things, 'none', { version: 1 })],
    ];
    for (const [what, change] of refusals) await expectRejection(change(store), 'STATE_CONFLICT', what);
    await store.transaction(async (changes) => {
      for (const [what, change] of refusals)
        await expectRejection(change(changes), 'STATE_CONFLICT', `${what}, within`);
      await changes.put(things, 'c', { name: 'c' });
    });
    const all = await store.find(things);
    expectEqual(
      all.map(({ id, version, data }) => [id, version, data.name]),
      [
        ['a', 1, 'a'],
        ['c', 1, 'c'],
      ],
      'what is there',
    );
    await expectRejection(store.update(things, 'none', { name: 'b' }), 'STATE_NOT_FOUND', 'a change of none');
    expectEqual((await store.put(things, 'a', { name: 'b' }, { version: 1 })).version, 2, 'a put on the right version');
    expectEqual(await store.delete(things, 'a', { version: 2 }), true, 'a delete of the right version');
    expectEqual((await store.put(things, 'd', { name: 'd' }, { version: 0 })).version, 1, 'a first one');
  },
};

const manyAtOnce: Case = {
  name: 'of many who change a state at once none is lost',
  async run(context) {
    const { store, things } = await withThings(context, { a: { name: 'a' } });
    const adds = Array.from({ length: 10 }, () =>
      store.update(things, 'a', (data) => ({ ...data, quantity: (data.quantity ?? 0) + 1 })),
    );
    await Promise.all(adds);
    const { version, data } = (await store.fetch(things, 'a')) ?? { version: 0, data: { quantity: 0 } };
    expectEqual([version, data.quantity], [11, 10], 'version and quantity');
    const firsts = await Promise.allSettled(
      Array.from({ length: 5 }, () => store.put(things, 'b', { name: 'b' }, { version: 0 })),
    );
    expectEqual(firsts.filter(({ status }) => status === 'fulfilled').length, 1, 'how many put the first one');
  },
};

const STOCK = {
  a: { name: 'nails', quantity: 5, tags: ['x'] },
  b: { name: 'nuts', quantity: 12, isActive: false },
  c: { name: 'bolts', quantity: null },
  d: { name: 'Bolts', quantity: -1.5, "odd 'key'": 'it' },
  e: { name: 'élan', quantity: 5 },
};

const isFound: Case = {
  name: 'states are found by what is in them',
  async run(context) {
    const { store, things } = await withThings(context, STOCK, thingState(['quantity', ['isActive', 'name']]));
    type Where = NonNullable<Parameters<typeof store.find<Thing>>[1]>['where'];
    const wanted: readonly (readonly [Where, string])[] = [
      [undefined, 'abcde'],
      [{}, 'abcde'],
      [{ quantity: 5 }, 'ae'],
      [{ quantity: null }, 'c'],
      [{ quantity: { eq: 5 }, name: { eq: 'nails' } }, 'a'],
      [{ quantity: { ne: 5 } }, 'bcd'],
      [{ quantity: { ne: null } }, 'abde'],
      [{ isActive: false }, 'b'],
      [{ isActive: { ne: false } }, 'acde'],
      [{ isActive: { in: [true] } }, 'acde'],
      [{ quantity: { in: [5, 12, null] } }, 'abce'],
      [{ quantity: { in: [] } }, ''],
      [{ name: { in: ['nuts', 'bolts'] }, quantity: { gt: 0 } }, 'b'],
      [{ quantity: { gt: 5 } }, 'b'],
      [{ quantity: { gte: 5, lt: 12 } }, 'ae'],
      [{ quantity: { lt: 5 } }, 'd'],
      [{ quantity: { lte: 5 } }, 'ade'],
      [{ name: { lt: 'a' } }, 'd'],
      [{ name: { gte: 'nails', lte: 'nuts' } }, 'ab'],
      [{ name: { startsWith: 'n' } }, 'ab'],
      [{ name: { startsWith: 'é' } }, 'e'],
      [{ name: { startsWith: '' } }, 'abcde'],
      [{ "odd 'key'": 'it' }, 'd'],
      [{ "odd 'key'": null }, 'abce'],
      [{ or: [{ quantity: 5 }, { quantity: null }] }, 'ace'],
      [{ or: [] }, ''],
      [{ and: [{ quantity: { gte: 5 } }, { name: { startsWith: 'n' } }] }, 'ab'],
      [{ and: [] }, 'abcde'],
      [{ not: { quantity: 5 } }, 'bcd'],
      [{ not: { quantity: { lt: 5 } } }, 'abce'],
      [{ not: { not: { quantity: { lt: 5 } } } }, 'd'],
      [{ not: {} }, ''],
      [{ name: 'nails', or: [{ isActive: true }], not: { quantity: 6 } }, 'a'],
    ];
    for (const [where, ids] of wanted) {
      const what = JSON.stringify(where);
      expectEqual((await store.find(things, { where })).map(({ id }) => id).join(''), ids, what);
      expectEqual(await store.count(things, where), ids.length, `how many of ${what}`);
    }
  },
};

const isInOrder: Case = {
  name: 'found states are in order: null first, texts by code points, and by id where they are alike',
  async run(context) {
    const { store, things } = await withThings(context, {
      ...STOCK,
      '\u{1f600}': { name: '\u{1f600}' },
      '\uffee': { name: '\uffee' },
    });
    const ids = async (options: Parameters<typeof store.find<Thing>>[1]): Promise<string> =>
      (await store.find(things, options)).map(({ id }) => id).join('');
    const where = { quantity: { ne: 0 } };
    expectEqual(await ids({ orderBy: 'quantity', where }), 'cdaeb', 'by quantity');
    expectEqual(await ids({ orderBy: { quantity: 'desc' }, where }), 'beadc', 'by quantity, descending');
    expectEqual(await ids({ orderBy: 'name' }), 'dcabe\uffee\u{1f600}', 'by name');
    expectEqual(await ids({}), 'abcde\uffee\u{1f600}', 'by id');
    expectEqual(await ids({ orderBy: ['isActive', { name: 'desc' }], where }), 'beacd', 'by two');
    expectEqual(await ids({ orderBy: { isActive: 'desc', quantity: 'desc' }, where, limit: 3 }), 'ead', 'by two, some');
    expectEqual(await ids({ orderBy: 'quantity', where, limit: 2, offset: 1 }), 'da', 'a limit and an offset');
    expectEqual(await ids({ orderBy: 'quantity', where, offset: 3 }), 'eb', 'an offset');
    expectEqual(await ids({ limit: 0 }), '', 'none');
    expectEqual(await ids({ offset: 100 }), '', 'none behind the end');
  },
};

const isSelected: Case = {
  name: 'only fields that are selected are read',
  async run(context) {
    const { store, things } = await withThings(context, STOCK);
    const found = await store.find(things, { select: ['quantity', 'tags'], where: { quantity: { lte: 5 } } });
    expectEqual(
      found,
      [
        { id: 'a', version: 1, data: { quantity: 5, tags: ['x'] } },
        { id: 'd', version: 1, data: { quantity: -1.5 } },
        { id: 'e', version: 1, data: { quantity: 5 } },
      ],
      'the fields',
    );
    const [none] = await store.find(things, { select: ['quantity'], where: { quantity: null } });
    expectEqual(none?.data, { quantity: null }, 'a field that is null');
    const { states } = await store.page(things, { select: ['name'], orderBy: 'quantity', limit: 2 });
    expectEqual(
      states.map(({ data }) => data),
      [{ name: 'bolts' }, { name: 'Bolts' }],
      'of a page',
    );
  },
};

const pagesAreStable: Case = {
  name: 'each page begins where the one before ended, whatever was put and deleted meanwhile',
  async run(context) {
    const given = Array.from({ length: 23 }, (_, index) => {
      const quantity = index % 3 === 0 ? null : index % 4;
      return [`id${String(index).padStart(2, '0')}`, { name: `n${index % 5}`, quantity, isActive: index % 2 === 0 }];
    });
    const { store, things } = await withThings(context, Object.fromEntries(given) as Record<string, object>);
    const orders = [
      undefined,
      'quantity',
      { quantity: 'desc' },
      ['isActive', { quantity: 'desc' }, 'name'],
      { name: 'desc', quantity: 'asc' },
    ] as const;
    for (const orderBy of orders) {
      const options = { where: { name: { ne: 'n4' } }, ...(orderBy === undefined ? {} : { orderBy }) };
      const all = (await store.find(things, options)).map(({ id }) => id);
      for (const limit of [1, 4, all.length, 100]) {
        const ids: string[] = [];
        let after: string | undefined;
        do {
          const page = await store.page(things, { ...options, limit, after });
          expectTrue(page.states.length > 0 && page.states.length <= limit, 'states in a page');
          ids.push(...page.states.map(({ id }) => id));
          after = page.next;
        } while (after !== undefined);
        expectEqual(ids, all, `all pages by ${JSON.stringify(orderBy)}, ${limit} each`);
      }
    }
    const first = await store.page(things, { orderBy: 'name', limit: 5 });
    await store.delete(things, first.states[4]?.id ?? '');
    await store.put(things, 'id', { name: 'a' });
    const second = await store.page(things, { orderBy: 'name', limit: 100, after: first.next });
    expectEqual(second.states.length, 18, 'the rest');
    await expectRejection(
      store.page(things, { orderBy: 'quantity', after: first.next }),
      'PROGRAMMING_ERROR',
      'another order',
    );
    await expectRejection(store.page(things, { after: 'x' }), 'PROGRAMMING_ERROR', 'no place');
    await expectRejection(store.page(things, { limit: 0 }), 'PROGRAMMING_ERROR', 'no limit');
  },
};

const withEvents: Case = {
  name: 'states and events are stored together, or not at all',
  async run(context) {
    const { store, things, recorder } = await withThings(context);
    const [id, other] = [newOriginatorId(), newOriginatorId()];
    await store.transaction(async (changes, transaction) => {
      await changes.put(things, 'a', { name: 'a' });
      await transaction.insertEvents([sampleEvent(id, 1)]);
      expectEqual((await changes.find(things)).length, 1, 'what the transaction sees');
    });
    const broken = store.transaction(async (changes, transaction) => {
      await changes.put(things, 'b', { name: 'b' });
      await changes.update(things, 'a', { name: 'c' });
      await changes.delete(things, 'a');
      await transaction.insertEvents([sampleEvent(other, 1)]);
      throw new RangeError('no');
    });
    expectTrue((await broken.catch((error: unknown) => error)) instanceof RangeError, 'what the work threw');
    await recorder.transaction(async (transaction) => {
      await store.within(transaction).put(things, 'd', { name: 'd' });
      // What is taken back inside takes back its part alone.
      await transaction
        .transaction(async (inner) => {
          await store.within(inner).put(things, 'e', { name: 'e' });
          throw new RangeError('no');
        })
        .catch(() => undefined);
      await store.within(transaction).put(things, 'f', { name: 'f' });
    });
    const names = (await store.find(things)).map(({ data }) => data.name);
    expectEqual(names, ['a', 'd', 'f'], 'states');
    expectEqual(
      [(await recorder.selectEvents(id)).length, (await recorder.selectEvents(other)).length],
      [1, 0],
      'events',
    );
  },
};

const isRefused: Case = {
  name: 'what makes no sense is refused before anything is stored',
  async run(context) {
    const { store, things } = await withThings(context, STOCK);
    const refused = async (what: string, asked: () => Promise<unknown>): Promise<void> => {
      // What is refused at once is refused as well.
      await expectRejection(Promise.resolve().then(asked), 'PROGRAMMING_ERROR', what);
    };
    const wheres: readonly unknown[] = [
      5,
      [],
      null,
      { quantity: { between: 5 } },
      { quantity: { gt: true } },
      { quantity: { gt: null } },
      { quantity: { in: 5 } },
      { quantity: { in: Array.from({ length: 10_001 }, (_, index) => index) } },
      { quantity: [5] },
      { quantity: Number.NaN },
      { quantity: new Date(0) },
      { name: { startsWith: 5 } },
      { name: 'a\u0000' },
      { name: '\ud800' },
      { '': 5 },
      { 'a"b': 5 },
      { 'a\\b': 5 },
      { or: {} },
      { and: [5] },
      { not: [] },
    ];
    for (const where of wheres)
      await refused(`where ${JSON.stringify(where)}`, () => store.find(things, { where: where as never }));
    const deep = Array.from({ length: 60 }).reduce((not: object) => ({ not }), {});
    await refused('a where that is too deep', () => store.count(things, deep));
    for (const orderBy of [5, [null], { name: 'up' }, ['name', 'name'], '']) {
      await refused(`orderBy ${JSON.stringify(orderBy)}`, () => store.find(things, { orderBy: orderBy as never }));
    }
    for (const options of [
      { limit: -1 },
      { limit: 1.5 },
      { offset: -1 },
      { offset: '1' },
      { select: 'name' },
      { select: [5] },
    ]) {
      await refused(JSON.stringify(options), () => store.find(things, options as never));
    }
    for (const id of ['', 'x'.repeat(256), 'a\u0000', '\ud800', 5]) {
      await refused(`the id ${String(id).slice(0, 5)}`, () => store.put(things, id as never, { name: 'a' }));
      await refused(`the id ${String(id).slice(0, 5)}`, () => store.fetch(things, id as never));
    }
    const other = thingState();
    await refused('a state of another store', () => store.fetch(other, 'a'));
    await refused('a state of another store', () => store.put(other, 'a', { name: 'a' }));
    await refused('an index without fields', () => store.createIndex(things, []));
    await refused('an index with one twice', () => store.createIndex(things, ['name', 'name']));
    expectEqual(await store.count(things), 5, 'how many there are');
  },
};

const indexesAreCreated: Case = {
  name: 'indexes are created where they are missing, and setting up is done as often as one likes, also at once',
  async run(context) {
    const things = thingState(['name', ['isActive', 'quantity']]);
    await Promise.all(Array.from({ length: 4 }, () => context.openStates([things]).setUp()));
    const { store } = await withThings(context, STOCK, things);
    for (let times = 0; times < 2; times++) {
      await store.createIndex(things, 'quantity');
      await store.createIndex(things, ['quantity', 'name']);
    }
    expectEqual((await store.find(things, { where: { quantity: 5 } })).length, 2, 'what is found');
  },
};

/** For every {@link StateStore}. */
export const stateStoreCases: readonly Case[] = [
  isKept,
  isReadersOwn,
  isValidated,
  isWhatJsonHolds,
  versionsAreChecked,
  manyAtOnce,
  isFound,
  isInOrder,
  isSelected,
  pagesAreStable,
  withEvents,
  isRefused,
  indexesAreCreated,
];
