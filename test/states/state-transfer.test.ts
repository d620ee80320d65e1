/** Files of states between engines: the same states make the same file, and each engine takes in that of any other. */
import { afterEach, expect, test, vi } from 'vitest';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { exportStates, importStates, MemoryStateStore, SqlStateStore } from '../../src/states/index.js';
import type { StateStore } from '../../src/states/index.js';
import { thingState } from '../../src/testing/conformance/state-samples.js';
import { openPostgres } from '../support/postgres-fixture.js';
import { SQLITE_ENGINES } from '../support/sqlite-engines.js';
import { uncaughtErrors } from '../support/uncaught-errors.js';

const COUNT = 1_003;

afterEach(() => {
  vi.restoreAllMocks();
});

test('states come from each engine to each other one, and make the same file everywhere', async () => {
  const things = thingState(['name']);
  const closers: (() => Promise<void>)[] = [];
  const stores: [string, StateStore][] = [];
  for (const [name, make] of Object.entries(SQLITE_ENGINES)) {
    const engine = await make();
    const database = await engine.connect();
    const recorder = new SqliteProcessRecorder(database);
    await recorder.createTable();
    stores.push([name, new SqlStateStore({ recorder, states: [things] })]);
    closers.push(async () => {
      database.close();
      await engine.remove();
    });
  }
  const { recorder, close } = await openPostgres();
  closers.push(close);
  stores.push(['PostgreSQL', new SqlStateStore({ recorder, states: [things] })]);
  stores.push(['memory', new MemoryStateStore({ recorder: new MemoryProcessRecorder(), states: [things] })]);
  try {
    for (const [, store] of stores) await store.setUp();
    const [[, first], ...others] = stores as [[string, StateStore], ...[string, StateStore][]];
    const given = Array.from({ length: COUNT }, (_, index) => ({
      id: `${index % 7}/${index}`,
      version: 1 + (index % 5),
      // Fields in another order than that of their names, and of the one that PostgreSQL gives them.
      data: {
        tags: ['é', '🐈'],
        name: `name ${index % 11}`,
        quantity: index / 8,
        "odd 'key'": String(index),
        isActive: true,
      },
    }));
    await first.restore(things, given);
    let file = await new Response(exportStates(first, things)).blob();
    const bytes = await file.text();
    for (const [name, store] of [...others, ...stores]) {
      const expected = store === first ? 0 : undefined;
      const { total, changed } = await importStates(store, things, file);
      expect([total, expected ?? COUNT], name).toEqual([COUNT, expected ?? (changed === 0 ? COUNT : changed)]);
      file = await new Response(exportStates(store, things)).blob();
      expect(await file.text(), name).toBe(bytes);
    }
  } finally {
    for (const one of closers) await one();
  }
});

test('an export in a transaction is of one moment, and one that nobody reads on holds nothing up', async () => {
  const things = thingState();
  const states = new MemoryStateStore({ recorder: new MemoryProcessRecorder(), states: [things] });
  await states.put(things, 'a', { name: 'a' });
  const within = await states.transaction(async (changes, transaction) => {
    const file = await new Response(exportStates(states.within(transaction), things)).text();
    await changes.put(things, 'b', { name: 'b' });
    return file;
  });
  expect(within.trimEnd().split('\n')).toHaveLength(3);
  const stream = exportStates(states, things);
  const reader = stream.getReader();
  await reader.read();
  await reader.cancel();
  await states.put(things, 'c', { name: 'c' });
  expect((await new Response(exportStates(states, things)).text()).trimEnd().split('\n')).toHaveLength(5);
  const fail = (): never => {
    throw new RangeError('of a user');
  };
  const errors = uncaughtErrors();
  const file = await new Response(exportStates(states, things, { onProgress: fail })).blob();
  await importStates(states, things, file, { onProgress: fail });
  expect(errors.map(String)).toEqual(['RangeError: of a user', 'RangeError: of a user']);
  const stopped = exportStates(states, things, { signal: AbortSignal.abort(new Error('stopped')) });
  await expect(new Response(stopped).text()).rejects.toThrow('stopped');
});
