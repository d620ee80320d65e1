/** What states refuse: alike on every engine. */
import {
  defineState,
  exportStates,
  importStates,
  MemoryStateStore,
  SqlStateStore,
  stateFrom,
  stateOf,
} from '../../src/states/index.js';
import type { State, StateStore } from '../../src/states/index.js';
import { MongoProcessRecorder, MongoStateStore } from '../../src/mongodb/index.js';
import { testStock } from '../../src/testing/conformance/order-world.js';
import { count, fn, given, refuses, signal, text, whole, word } from './table.js';
import type { Row } from './table.js';
import type { World } from './world.js';

interface Note {
  readonly title: string;
  readonly size: number;
}

const note: State<Note> = defineState<Note>({ name: 'notes', schema: anything(), search: ['title'] });
const other = defineState<Note>({ name: 'others', schema: anything() });
const NOTE = { title: 'one', size: 1 };

const STORES: Readonly<Record<string, (world: World) => StateStore | Promise<StateStore>>> = {
  MemoryStateStore: ({ memory }) => new MemoryStateStore({ recorder: memory, states: [note] }),
  SqlStateStore: async ({ sqlite }) => {
    const store = new SqlStateStore({ recorder: sqlite, states: [note] });
    await store.setUp();
    return store;
  },
  MongoStateStore: ({ mongo }) =>
    new MongoStateStore({ recorder: new MongoProcessRecorder({ client: mongo }), states: [note] }),
};

const STATE = given(note, other);
const WHERE = given(
  { size: { lt: 5 } },
  5,
  'text',
  [],
  { size: { near: 5 } },
  { size: Number.NaN },
  { size: { in: 5 } },
  { 'a"b': 5 },
  { or: 5 },
  { title: 'a\0b' },
);
const FIND = {
  ...{
    where: WHERE,
    search: given('one', 5, 'x'.repeat(1_001)),
    orderBy: given('size', 5, { size: 'up' }, ['size', 'size']),
  },
  ...{ select: given(['size'], 'size', [5]), limit: count() },
};
const DATA = given(NOTE, 5, 'text', null, [], { at: new Date(0) }, { size: Number.NaN }, { title: 'a\0b' });
const VERSION = { version: given(undefined, -1, 1.5, Number.NaN, '5') };
const OF_DATA = { codes: ['PROGRAMMING_ERROR', 'DATA_ERROR'] };
const FOUND = { id: 'a', version: 1, data: NOTE };

type Call = (store: StateStore, ...values: never[]) => unknown;

function onEach(
  method: string,
  values: Row['given'],
  call: Call,
  options: Parameters<typeof refuses>[3] = {},
): readonly Row[] {
  return Object.entries(STORES).map(([kind, make]) =>
    refuses(
      `${kind}.${method}`,
      values,
      async (world, ...each: never[]) => await call(await world.made(make), ...each),
      options,
    ),
  );
}

export const STATE_ROWS: readonly Row[] = [
  ...onEach('fetch', [STATE, text('a')], (store, state, id) => store.fetch(state, id)),
  ...onEach('find', [STATE, { ...FIND, limit: whole(), offset: whole() }], (store, state, options) =>
    store.find(state, options),
  ),
  ...onEach(
    'page',
    [STATE, { ...FIND, after: given(undefined, 5, '', '[]', '["asc other",[1],"a"]') }],
    (store, state, options) => store.page(state, options),
  ),
  ...onEach('count', [STATE, WHERE, { search: given('one', 5) }], (store, state, where, options) =>
    store.count(state, where, options),
  ),
  ...onEach(
    'put',
    [STATE, text('a'), DATA, VERSION],
    (store, state, id, data, options) => store.put(state, id, data, options),
    OF_DATA,
  ),
  ...onEach(
    'update',
    [STATE, given('a', 5, ''), given({}), VERSION],
    (store, state, id, change, options) => store.update(state, id, change, options),
    { codes: ['PROGRAMMING_ERROR', 'STATE_CONFLICT'], onlyRefused: true },
  ),
  ...onEach('delete', [STATE, text('a'), VERSION], (store, state, id, options) => store.delete(state, id, options)),
  ...onEach(
    'restore',
    [
      STATE,
      given([], [{ ...FOUND, version: 0 }], [{ ...FOUND, id: '' }], [{ ...FOUND, data: 5 }]),
      { existing: word('keep') },
    ],
    (store, state, states, options) => store.restore(state, states, options),
    OF_DATA,
  ),
  ...onEach('transaction', [fn()], (store, work) => store.transaction(work)),
  ...onEach('createIndex', [STATE, given('size', [], 5, ['size', 'size'], 'a"b')], (store, state, fields) =>
    store.createIndex(state, fields),
  ),
  ...onEach('inline', [fn()], (store, decode) => store.inline(decode)),
  ...onEach('within', [given(undefined, {}, { connection: 5 })], (store, transaction) => store.within(transaction), {
    codes: ['INTERFACE_ERROR'],
    onlyRefused: true,
  }),
  refuses(
    'SqlStateStore.projectionOf',
    [given(undefined, note, other)],
    async (world, state: never) =>
      (await world.made<SqlStateStore>(STORES['SqlStateStore'] as never)).projectionOf(state),
    { onlyRefused: true },
  ),
  refuses(
    'new MemoryStateStore',
    [{ states: given([note], 5, 'text', [note, note]) }],
    ({ memory }, options: never) => new MemoryStateStore({ recorder: memory, ...(options as { states: [] }) }),
  ),
  refuses('MongoStateStore.catchUp', [fn(), { signal: signal() }], async (world, decode: never, options: never) =>
    (await world.made<MongoStateStore>(STORES['MongoStateStore'] as never)).catchUp(decode, options),
  ),
  refuses(
    'new MongoStateStore',
    [{ states: given([note], 5, 'text', [note, note]) }],
    ({ mongo }, options: never) =>
      new MongoStateStore({
        recorder: new MongoProcessRecorder({ client: mongo }),
        ...(options as { states: [] }),
      }),
  ),
  refuses(
    'new SqlStateStore',
    [{ states: given([note], 5, 'text', [note, note]) }],
    ({ sqlite }, options: never) => new SqlStateStore({ recorder: sqlite, ...(options as { states: [] }) }),
  ),
  refuses(
    'defineState',
    [
      {
        name: given('notes', 5, '', 'a b', 'x'.repeat(80)),
        indexes: given(['size'], 5, [[]], ['a"b']),
        search: given(['title'], 5, ['a"b']),
        lists: given(['tags'], 5),
        version: count(1),
      },
    ],
    (_world, definition: never) => defineState({ schema: anything(), ...(definition as { name: string }) }),
  ),
  refuses(
    'stateOf',
    [
      {
        name: given('stock', 5, '', 'a b'),
        map: fn((state: unknown) => state),
        version: count(1),
        indexes: given(['free'], 5),
      },
    ],
    (_world, options: never) => stateOf(testStock, options),
  ),
  refuses(
    'stateFrom',
    [
      {
        name: given('stock', 5, '', 'a b'),
        on: given({}, 5, { Other: () => ({}) }),
        idOf: fn(() => 'a'),
        version: count(1),
      },
    ],
    (_world, definition: never) =>
      stateFrom({ from: [testStock], schema: anything(), ...(definition as { name: string; on: object }) }),
  ),
  refuses(
    'exportStates',
    [STATE, { signal: signal(), onProgress: fn(() => undefined) }],
    async (world, state: never, options: never) => {
      const reader = exportStates(await world.made(STORES['MemoryStateStore'] as never), state, options).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read());
    },
  ),
  refuses(
    'importStates',
    [given(new Blob(['']), new Blob(['{']), new Blob(['5\n'])), { existing: word('keep') }],
    async (world, file: never, options: never) =>
      importStates(await world.made(STORES['MemoryStateStore'] as never), note, file, options),
    { codes: ['STATE_FILE', 'PROGRAMMING_ERROR'], onlyRefused: true },
  ),
];

function anything(): never {
  const standard = { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) };
  return { '~standard': standard } as never;
}
