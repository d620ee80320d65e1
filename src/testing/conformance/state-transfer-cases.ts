/**
 * What every state store promises of files of its states.
 *
 * @module
 */
import { defineDecider } from '../../domain/decider.js';
import { event } from '../../domain/message-types.js';
import { exportStates, importStates } from '../../states/state-transfer.js';
import { stateOf } from '../../states/state.js';
import type { State } from '../../states/state.js';
import type { StateStore } from '../../states/state-store.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newStateName, thingState } from './state-samples.js';
import type { Thing } from './state-samples.js';
import type { StateStoreContext } from './state-store-cases.js';

type Case = ConformanceCase<StateStoreContext>;

const GIVEN: readonly (readonly [id: string, data: object])[] = [
  ['b', { name: 'é 🐈 "\\\n', quantity: 1.5, tags: ['x', 'y'] }],
  ['a', { name: '', quantity: null, isActive: false }],
  ['🐈', { name: 'cat', quantity: -1e21 }],
  ['\uFF5E', { quantity: 3, name: 'wide' }],
];

async function withThings({ openStates }: StateStoreContext, things: State<Thing> = thingState()): Promise<StateStore> {
  const store = openStates([things]);
  await store.setUp();
  for (const [id, data] of GIVEN) await store.put(things, id, data);
  await store.update(things, 'a', { name: 'changed' });
  return store;
}

async function fileOf(store: StateStore, things: State<Thing>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(exportStates(store, things)).arrayBuffer());
}

async function emptied(store: StateStore, things: State<Thing>): Promise<void> {
  await store.transaction(async (changes) => {
    for (const { id } of await changes.find(things)) await changes.delete(things, id);
  });
}

const comesBack: Case = {
  name: 'what was exported comes back by an import as it was, with its versions; to import it again changes nothing',
  async run(context) {
    const things = thingState(['name']);
    const store = await withThings(context, things);
    const before = await store.find(things);
    const file = await fileOf(store, things);
    const lines = new TextDecoder().decode(file).trimEnd().split('\n');
    expectEqual(
      JSON.parse(lines[0] ?? ''),
      { daybook: 'states', format: 1, state: things.name, version: 1, count: 4 },
      'the header',
    );
    expectEqual(
      lines[1],
      '{"id":"a","version":2,"data":{"isActive":false,"name":"changed","quantity":null}}',
      'a line',
    );
    expectEqual(await importStates(store, things, new Blob([file])), { total: 4, changed: 0 }, 'where all is there');
    await emptied(store, things);
    const progress: unknown[] = [];
    const imported = await importStates(store, things, new Blob([file]), { onProgress: (one) => progress.push(one) });
    expectEqual(imported, { total: 4, changed: 4 }, 'where nothing is there');
    expectEqual(progress, [{ done: 4, total: 4 }], 'how far it was');
    expectEqual(await store.find(things), before, 'what is there');
    expectEqual(await fileOf(store, things), file, 'the file of that');
    // Byte by byte, as a slow network brings it.
    const slowly = async function* (): AsyncGenerator<Uint8Array> {
      for (const byte of file) {
        await Promise.resolve();
        yield Uint8Array.of(byte);
      }
    };
    expectEqual(await importStates(store, things, slowly), { total: 4, changed: 0 }, 'slowly');
    expectEqual(
      await store.find(things, { where: { name: 'cat' }, select: ['quantity'] }),
      [{ id: '🐈', version: 1, data: { quantity: -1e21 } }],
      'what is found by a field',
    );
  },
};

const existingOnes: Case = {
  name: 'an import replaces what is there, or keeps it, and no version is given twice',
  async run(context) {
    const things = thingState();
    const store = await withThings(context, things);
    const file = new Blob([await fileOf(store, things)]);
    for (let times = 0; times < 3; times++) await store.update(things, 'a', { quantity: times });
    await store.update(things, 'b', { name: 'other' });
    await store.put(things, 'new', { name: 'new' });
    await store.delete(things, '🐈');
    expectEqual(await importStates(store, things, file, { existing: 'keep' }), { total: 4, changed: 1 }, 'kept');
    expectEqual((await store.fetch(things, 'a'))?.version, 5, 'one that was kept');
    expectEqual(await importStates(store, things, file), { total: 4, changed: 2 }, 'replaced');
    const [a, b] = [await store.fetch(things, 'a'), await store.fetch(things, 'b')];
    expectEqual([a?.version, a?.data.name, b?.version, b?.data.quantity], [6, 'changed', 3, 1.5], 'what was replaced');
    expectEqual(await store.count(things), 5, 'what the file does not have stays');
    await expectRejection(
      importStates(store, things, file, { existing: 'merge' as never }),
      'PROGRAMMING_ERROR',
      'another word',
    );
  },
};

const isRefusedWhole: Case = {
  name: 'a file that is cut off or damaged anywhere is refused, and nothing of it is stored',
  async run(context) {
    const things = thingState();
    const store = await withThings(context, things);
    const file = await fileOf(store, things);
    await emptied(store, things);
    const refused = async (bytes: Uint8Array<ArrayBuffer>, what: string): Promise<void> => {
      const imported = await importStates(store, things, new Blob([bytes])).then(
        () => undefined,
        (error: unknown) => (error as { readonly code?: unknown }).code,
      );
      const isTyped = imported === 'STATE_FILE' || imported === 'NOT_SUPPORTED';
      expectTrue(isTyped, `${what} is refused as a file, not with ${String(imported)}`);
    };
    for (let length = 0; length < file.length; length++) await refused(file.slice(0, length), `cut at ${length}`);
    for (let at = 0; at < file.length; at++) {
      const damaged = file.slice();
      damaged[at] = (damaged[at] as number) ^ 1;
      await refused(damaged, `a bit that is another one at ${at}`);
    }
    const text = new TextDecoder().decode(file);
    const [header = '', first = '', second = '', ...rest] = text.split('\n');
    const joined = (lines: readonly string[]): Uint8Array<ArrayBuffer> => new TextEncoder().encode(lines.join('\n'));
    await refused(joined([header, second, first, ...rest]), 'another order');
    await refused(joined([header, first, first, second, ...rest]), 'one twice');
    await refused(joined([header, second, ...rest]), 'one less');
    await refused(joined([text, first, '']), 'more behind its end');
    await refused(joined(['{}', first, second, ...rest]), 'no header');
    expectEqual(await store.count(things), 0, 'how many were stored');
  },
};

const isCheckedFirst: Case = {
  name: 'an import checks who the file is of, its version and every state by the schema before it stores one',
  async run(context) {
    const things = thingState();
    const store = await withThings(context, things);
    const file = new Blob([await fileOf(store, things)]);
    await emptied(store, things);
    const other: State<Thing> = { ...things, name: newStateName() };
    const [elsewhere, strict] = [context.openStates([other]), { ...things, schema: strictly(things) }];
    const stricter = context.openStates([strict]);
    await elsewhere.setUp();
    await expectRejection(importStates(elsewhere, other, file), 'STATE_FILE', 'of another state');
    await stricter.setUp();
    await expectRejection(importStates(stricter, strict, file), 'VALIDATION_ERROR', 'by the schema');
    const later = { ...things, version: 2 };
    const fileOfLater = new Blob([await fileOf(await laterWithOne(context, later), later)]);
    await emptied(store, things);
    await expectRejection(importStates(store, things, fileOfLater), 'NOT_SUPPORTED', 'of a later one');
    expectEqual(await store.count(things), 0, 'how many were stored');
    await expectRejection(importStates(store, things, 'file' as never), 'PROGRAMMING_ERROR', 'what is no file');
  },
};

function strictly({ schema }: State<Thing>): State<Thing>['schema'] {
  const validate = schema?.['~standard'].validate;
  return {
    '~standard': {
      ...{ version: 1, vendor: 'daybook' },
      validate: async (value) =>
        (value as Thing).name === 'cat'
          ? { issues: [{ message: 'No cats.' }] }
          : ((await validate?.(value)) ?? { issues: [] }),
    },
  };
}

async function laterWithOne({ openStates }: StateStoreContext, later: State<Thing>): Promise<StateStore> {
  const store = openStates([later]);
  await store.setUp();
  await store.put(later, 'a', { name: 'later' });
  return store;
}

const goesOn: Case = {
  name: 'an import that was broken off says how much is stored, and goes on when it is done again',
  async run(context) {
    const things = thingState();
    const store = context.openStates([things]);
    await store.setUp();
    const many = Array.from({ length: 1_200 }, (_, index) => ({
      id: String(index).padStart(5, '0'),
      version: 1 + (index % 3),
      data: { name: `n${index}` },
    }));
    expectEqual(await store.restore(things, many), 1_200, 'those that were put back');
    const file = new Blob([await fileOf(store, things)]);
    await emptied(store, things);
    const controller = new AbortController();
    const { signal } = controller;
    const outcome = await importStates(store, things, file, {
      signal,
      onProgress: () => controller.abort(new Error('enough')),
    }).catch((error: unknown) => error as { readonly code?: string; readonly details?: unknown });
    expectEqual('code' in outcome && outcome.code, 'STATE_IMPORT', 'what it rejects with');
    expectEqual(
      'details' in outcome && outcome.details,
      { state: things.name, stored: 500, total: 1_200 },
      'what it says of what is stored',
    );
    expectEqual(await store.count(things), 500, 'how many are there');
    expectEqual(await importStates(store, things, file), { total: 1_200, changed: 700 }, 'the rest');
    const aborted = AbortSignal.abort(new Error('never'));
    const never = await importStates(store, things, file, { signal: aborted }).catch((error: unknown) => error);
    expectEqual((never as Error).message, 'never', 'one that was broken off before it began');
  },
};

const keptOnes: Case = {
  name: 'states that are kept from events are not imported',
  async run({ openStates }) {
    const counted = defineDecider({
      name: 'Counted',
      events: { Counted: event<{ quantity: number }>() },
      commands: {},
      initialState: () => ({ quantity: 0 }),
      decide: {},
      evolve: { Counted: (_state, { data }) => data },
    });
    const kept = stateOf(counted, { name: newStateName(), version: 3 });
    const store = openStates([kept]);
    await store.setUp();
    const file = await new Response(exportStates(store, kept)).blob();
    const [header = ''] = (await file.text()).split('\n');
    expectEqual((JSON.parse(header) as { readonly version: unknown }).version, 3, 'the version in the file');
    await expectRejection(importStates(store, kept, file), 'PROGRAMMING_ERROR', 'an import');
    await expectRejection(store.restore(kept, []), 'PROGRAMMING_ERROR', 'what is put back');
  },
};

/** For every {@link StateStore}: files of states. */
export const stateTransferCases: readonly Case[] = [
  comesBack,
  existingOnes,
  isRefusedWhole,
  isCheckedFirst,
  goesOn,
  keptOnes,
];
