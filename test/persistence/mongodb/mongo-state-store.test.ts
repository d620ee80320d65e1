/** What `MongoStateStore` sends, and makes of faults: by way of the real driver, to a program that stands in for a server. */
import fc from 'fast-check';
import { MongoClient } from 'mongodb';
import { afterEach, describe, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import type { StandardSchema } from '../../../src/domain/standard-schema.js';
import { MongoProcessRecorder, MongoStateStore } from '../../../src/mongodb/index.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import type { RecorderTransaction } from '../../../src/persistence/recorder-transaction.js';
import type { Notification } from '../../../src/persistence/stored-event.js';
import { defineState, stateOf } from '../../../src/states/state.js';
import type { State } from '../../../src/states/state.js';
import { stockItem } from '../../../src/testing/conformance/application-samples.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { newStateName, thingSchema } from '../../../src/testing/conformance/state-samples.js';
import type { Thing } from '../../../src/testing/conformance/state-samples.js';
import { openMongo, uniqueName } from '../../support/mongo-fixture.js';
import { openMongoStandIn } from '../../support/mongo-stand-in.js';
import type { Fault, MongoStandIn } from '../../support/mongo-stand-in.js';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Opened {
  readonly server: MongoStandIn;
  readonly recorder: MongoProcessRecorder<MongoClient>;
}

async function open(): Promise<Opened> {
  const server = await openMongoStandIn();
  closing.push(() => server.close());
  const { recorder, close } = await openMongo({}, server.url);
  closing.push(close);
  return { recorder, server };
}

/** The same log, from another process. */
async function another(
  { server, recorder }: Opened,
  applicationName: string,
): Promise<MongoProcessRecorder<MongoClient>> {
  const client = await new MongoClient(server.url).connect();
  closing.push(() => client.close());
  expect(recorder.database.databaseName).toBe('test');
  return new MongoProcessRecorder({ client, applicationName });
}

const anything: StandardSchema<unknown, object> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as object }) },
};

function thingsOf(options: object = {}): State<Thing> {
  return defineState({ name: newStateName(), schema: thingSchema, ...options });
}

async function setUp<Data>(
  recorder: MongoProcessRecorder<MongoClient>,
  state: State<Data>,
): Promise<MongoStateStore<MongoClient>> {
  const store = new MongoStateStore({ recorder, states: [state] });
  await store.setUp();
  return store;
}

function applicationOn(store: MongoStateStore<MongoClient>, recorder: MongoProcessRecorder<MongoClient>): Application {
  const app: Application = new Application({
    recorder,
    aggregates: [stockItem],
    inline: [store.inline((notification) => app.decode(notification))],
  });
  return app;
}

const CONFLICT: Fault = {
  ...{ code: 112, codeName: 'WriteConflict', errmsg: 'Write conflict' },
  errorLabels: ['TransientTransactionError'],
};

describe('a document', () => {
  test('is one of the server, with names that it takes', async () => {
    const { server, recorder } = await open();
    const state = defineState({ name: newStateName(), schema: anything, search: ['$title' as never] });
    const store = await setUp(recorder, state);
    const data = { 'a.b': { $gt: 1, '': [{ '%': 2 }] }, _bsontype: 'ObjectId', $title: 'Blue Widget', n: 5.5 };
    await store.put(state, 'one', data);
    const sent = server.commands.findLast((command) => 'update' in command);
    expect(sent).toMatchObject({
      updates: [
        {
          q: { _id: 'one' },
          u: {
            version: 1n,
            data: {
              'a%2eb': { '%24gt': 1, '%': [{ '%25': 2 }] },
              '%_bsontype': 'ObjectId',
              '%24title': 'Blue Widget',
              n: 5.5,
            },
            words: ['blue', 'widget'],
            wordsOf: '["$title"]',
          },
        },
      ],
    });
    expect(await store.fetch(state, 'one')).toEqual({ id: 'one', version: 1, data });
    expect(await store.find(state, { where: { _bsontype: 'ObjectId' } as never, select: ['$title' as never] })).toEqual(
      [{ id: 'one', version: 1, data: { $title: 'Blue Widget' } }],
    );
  });

  test(`comes back as it was, whatever its fields are called, seed ${SEED}`, async () => {
    const { recorder } = await open();
    const state = defineState({ name: newStateName(), schema: anything });
    const store = await setUp(recorder, state);
    const name = fc.oneof(
      fc
        .array(fc.constantFrom('%', '2', '5', 'e', '4', '$', '.', 'a', '_bsontype', 'toBSON'), { maxLength: 4 })
        .map((parts) => parts.join('')),
      fc.constantFrom(
        '_bsontype',
        '%_bsontype',
        '__proto__',
        ...['constructor', '%constructor', 'toString', '__defineGetter__'],
        '$ref',
        '$id',
        '_id',
        '0',
        'length',
        'ä\u{1f600}',
      ),
    );
    const { value } = fc.letrec<{ readonly value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null)),
        fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', '')),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.array(fc.tuple(name, tie('value')), { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
      ),
    }));
    const document = fc.array(fc.tuple(name, value), { maxLength: 4 }).map((entries) => Object.fromEntries(entries));
    await fc.assert(
      fc.asyncProperty(document, async (data) => {
        await store.put(state, 'x', data);
        // As JSON has it: it knows no -0.
        expect((await store.fetch(state, 'x'))?.data).toEqual(JSON.parse(JSON.stringify(data)));
      }),
      { seed: SEED, numRuns: 150 },
    );
  });

  test('that is too large, or too deep, is refused before anything is sent', async () => {
    const { server, recorder } = await open();
    const state = defineState({ name: newStateName(), schema: anything });
    const store = await setUp(recorder, state);
    const sent = server.commands.length;
    const deep = Array.from({ length: 120 }).reduce<object>((inner) => ({ inner }), {});
    for (const data of [{ text: 'x'.repeat(17 * 1024 * 1024) }, deep]) {
      await expect(store.put(state, 'a', data)).rejects.toMatchObject({ code: 'DATA_ERROR', details: { id: 'a' } });
    }
    expect(server.commands).toHaveLength(sent);
    const level = Array.from({ length: 80 }).reduce<object>((inner) => ({ inner }), {});
    expect((await store.put(state, 'a', level)).version).toBe(1);
  });
});

describe('what is asked', () => {
  test('is asked of the server: what fits, its order, how much and which fields', async () => {
    const { server, recorder } = await open();
    const state = thingsOf();
    const store = await setUp(recorder, state);
    await store.find(state, {
      where: { quantity: { gte: 5, lt: 9 }, isActive: true, not: { name: null }, tags: { has: 'x' } },
      orderBy: [{ quantity: 'desc' }, 'name'],
      select: ['name'],
      limit: 10,
      offset: 20,
    });
    const NO_LIST = { $not: { $type: 'array' } };
    expect(server.commands.at(-1)).toMatchObject({
      find: `state_${state.name}`,
      filter: {
        'data.quantity': { $gte: 5, $lt: 9, ...NO_LIST },
        'data.isActive': { $eq: true, ...NO_LIST },
        $nor: [{ 'data.name': { $eq: null, ...NO_LIST } }],
        'data.tags': { $elemMatch: { $eq: 'x' } },
      },
      sort: { 'data.quantity': -1, 'data.name': 1, _id: 1 },
      projection: { version: 1, 'data.name': 1 },
      skip: 20,
      limit: 10,
    });
    await store.count(state, { or: [{ quantity: { in: [1, null] } }, { name: 'a' }] });
    expect(server.commands.at(-1)).toMatchObject({
      aggregate: `state_${state.name}`,
      pipeline: [
        {
          $match: {
            $or: [
              { $or: [{ 'data.quantity': { $in: [1], ...NO_LIST } }, { 'data.quantity': { $eq: null, ...NO_LIST } }] },
              { 'data.name': { $eq: 'a', ...NO_LIST } },
            ],
          },
        },
        {},
      ],
    });
  });

  test('does not look into lists, though the server does by itself', async () => {
    const { recorder } = await open();
    const state = defineState<{ readonly a?: number | null }>({ name: newStateName(), schema: anything });
    const store = await setUp(recorder, state as State);
    for (const [id, a] of [
      ['list', [1, null]],
      ['one', 1],
      ['null', null],
    ] as const)
      await store.put(state, id, { a });
    const ids = async (where: object): Promise<readonly string[]> =>
      (await store.find(state, { where })).map(({ id }) => id);
    expect(await ids({ a: 1 })).toEqual(['one']);
    expect(await ids({ a: null })).toEqual(['null']);
    expect(await ids({ a: { in: [1, null] } })).toEqual(['null', 'one']);
    expect(await ids({ a: { gte: 0 } })).toEqual(['one']);
    expect(await ids({ a: { ne: 1 } })).toEqual(['list', 'null']);
  });

  test('has the indexes that the definition names, and those that are wanted later', async () => {
    const { server, recorder } = await open();
    const state = thingsOf({ indexes: ['quantity', ['isActive', 'name']], search: ['name'], lists: ['tags'] });
    const store = await setUp(recorder, state);
    await store.createIndex(state, ["odd 'key'", 'name']);
    const keys = server.commands
      .filter(({ createIndexes }) => createIndexes === `state_${state.name}`)
      .flatMap(({ indexes }) => (indexes as readonly { readonly key: object }[]).map(({ key }) => key));
    expect(keys).toEqual([
      { 'data.quantity': 1, _id: 1 },
      { 'data.isActive': 1, 'data.name': 1, _id: 1 },
      { 'data.tags': 1, _id: 1 },
      { words: 1 },
      { "data.odd 'key'": 1, 'data.name': 1, _id: 1 },
    ]);
  });

  test('of words that another choice of fields has made is put right when the store is set up', async () => {
    const { recorder } = await open();
    const name = newStateName();
    const before = defineState({ name, schema: thingSchema });
    const old = await setUp(recorder, before);
    const given = Array.from({ length: 250 }, (_, index) => ({
      ...{ id: `n${index}`, version: 3 },
      data: { name: `number ${index}`, quantity: 0, isActive: true, tags: ['blue'] },
    }));
    await old.restore(before, given);
    const byName = defineState({ name, schema: thingSchema, search: ['name'] });
    const store = await setUp(recorder, byName);
    expect(await store.count(byName, {}, { search: 'numb' })).toBe(250);
    const byTags = defineState({ name, schema: thingSchema, search: ['tags'] });
    const other = await setUp(recorder, byTags);
    expect([
      await other.count(byTags, {}, { search: 'numb' }),
      await other.count(byTags, {}, { search: 'blu' }),
    ]).toEqual([0, 250]);
    expect((await other.fetch(byTags, 'n7'))?.version).toBe(3);
  });
});

describe('a fault that passes', () => {
  const faults: Record<string, Fault> = {
    'a write conflict': CONFLICT,
    'a connection cut before': 'cut before',
    'a connection cut after': 'cut after',
  };
  const commands = ['find', 'update', 'commitTransaction'];
  test.each(Object.keys(faults).flatMap((fault) => commands.map((command) => ({ fault, command }))))(
    '$fault, at $command: changed once',
    async ({ fault, command }) => {
      const { server, recorder } = await open();
      const state = thingsOf();
      const store = await setUp(recorder, state);
      await store.put(state, 'a', { name: 'a', quantity: 1 });
      let times = 0;
      server.onCommand = (name) => (name === command && ++times === 1 ? faults[fault] : undefined);
      const changed = await store.update(state, 'a', (data) => ({ ...data, quantity: (data.quantity ?? 0) + 1 }));
      expect(times).toBeGreaterThan(1);
      expect([changed.version, changed.data.quantity]).toEqual([2, 2]);
      expect(await store.fetch(state, 'a')).toEqual(changed);
    },
  );

  test('others change the same state, from several processes: none is lost, and one is the first', async () => {
    const opened = await open();
    const state = thingsOf();
    const stores = [await setUp(opened.recorder, state)];
    for (let index = 0; index < 3; index++) stores.push(await setUp(await another(opened, uniqueName()), state));
    const firsts = await Promise.allSettled(
      stores.map((store) => store.put(state, 'a', { name: 'a', quantity: 0 }, { version: 0 })),
    );
    expect(firsts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of firsts)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'STATE_CONFLICT' });
    await Promise.all(
      stores.flatMap((store) =>
        Array.from({ length: 5 }, () =>
          store.update(state, 'a', (data) => ({ ...data, quantity: (data.quantity ?? 0) + 1 })),
        ),
      ),
    );
    expect(await stores[0]?.fetch(state, 'a')).toMatchObject({ version: 21, data: { quantity: 20 } });
  });
});

describe('a transaction', () => {
  test('within another one that is taken back takes its states and events along, and nothing else', async () => {
    const { recorder } = await open();
    const state = thingsOf();
    const stock = stateOf(stockItem, {
      name: newStateName(),
      map: ({ quantity }) => (quantity > 5 ? { quantity } : undefined),
    });
    const store = new MongoStateStore({ recorder, states: [state, stock] });
    await store.setUp();
    const app = applicationOn(store, recorder);
    const id = newOriginatorId();
    await app.execute(stockItem, id, { type: 'Receive', data: { quantity: 3 } });
    await store.put(state, 'kept', { name: 'kept' });
    await store.put(state, 'gone', { name: 'gone' });
    const before = [await store.find(state), await recorder.maxNotificationId()];
    await recorder.transaction(async (transaction) => {
      const inner = transaction.transaction(async (within) => {
        const states = store.within(within);
        await states.put(state, 'kept', { name: 'changed' });
        await states.delete(state, 'gone');
        await states.put(state, 'new', { name: 'new' });
        await states.restore(state, [
          { id: 'kept', version: 9, data: { name: 'restored', quantity: 0, isActive: true } },
          { id: 'other', version: 9, data: { name: 'restored', quantity: 0, isActive: true } },
        ]);
        const own: Application = new Application({
          recorder: within,
          aggregates: [stockItem],
          inline: [store.inline((one) => own.decode(one))],
        });
        await own.execute(stockItem, id, { type: 'Receive', data: { quantity: 9 } });
        expect((await states.fetch(stock, id))?.data).toEqual({ quantity: 12 });
        throw new RangeError('no');
      });
      await inner.catch((error: unknown) => expect(error).toBeInstanceOf(RangeError));
      await store.within(transaction).put(state, 'outer', { name: 'outer' });
    });
    expect([
      (await store.find(state)).filter(({ id: one }) => one !== 'outer'),
      await recorder.maxNotificationId(),
    ]).toEqual(before);
    expect(await store.fetch(state, 'outer')).toBeDefined();
    expect(await store.fetch(stock, id)).toBeUndefined();
    await app.execute(stockItem, id, { type: 'Receive', data: { quantity: 4 } });
    expect(await store.fetch(stock, id)).toEqual({ id, version: 2, data: { quantity: 7 } });
  });

  test('that is none of MongoDB is refused', async () => {
    const { recorder } = await open();
    const store = await setUp(recorder, thingsOf());
    const other = new MemoryProcessRecorder();
    await other.transaction(async (transaction) => {
      await Promise.resolve();
      expect(() => store.within(transaction as RecorderTransaction<unknown>)).toThrow(
        expect.objectContaining({ code: 'INTERFACE_ERROR' }) as Error,
      );
    });
  });
});

describe('a state that follows from events', () => {
  test('catches up by itself, 500 events in a transaction, beside a release that knows it as it was', async () => {
    const { server, recorder } = await open();
    const name = newStateName();
    const first = stateOf(stockItem, { name });
    const before = await setUp(recorder, first);
    const old = applicationOn(before, recorder);
    const id = newOriginatorId();
    await old.execute(stockItem, id, { type: 'Receive', data: { quantity: 1, times: 1_100 } });
    expect((await before.fetch(first, id))?.version).toBe(1_100);

    const second = stateOf(stockItem, { name, version: 2, map: ({ quantity }) => ({ dozens: quantity / 12 }) });
    const store = await setUp(recorder, second);
    const app = applicationOn(store, recorder);
    const commits = (): number => server.commands.filter((command) => 'commitTransaction' in command).length;
    const already = commits();
    await store.catchUp((notification) => app.decode(notification));
    expect(commits() - already).toBe(3);
    expect(await store.fetch(second, id)).toEqual({ id, version: 1_100, data: { dozens: 1_100 / 12 } });
    await old.execute(stockItem, id, { type: 'Receive', data: { quantity: 100 } });
    await app.execute(stockItem, id, { type: 'Take', data: { quantity: 1_080 } });
    await store.catchUp((notification) => app.decode(notification));
    expect((await store.fetch(second, id))?.data).toEqual({ dozens: 10 });
    expect((await before.fetch(first, id))?.version).toBe(1_101);
    await old.execute(stockItem, id, { type: 'Receive', data: { quantity: 1 } });
    expect(await before.fetch(first, id)).toMatchObject({ version: 1_103, data: { quantity: 121 } });
  });

  test('that catches up while others record is taken to the same as theirs', async () => {
    const opened = await open();
    const { recorder } = opened;
    const stock = stateOf(stockItem, { name: newStateName() });
    const alone = new Application({ recorder, aggregates: [stockItem] });
    const id = newOriginatorId();
    await alone.execute(stockItem, id, { type: 'Receive', data: { quantity: 1, times: 600 } });
    const store = await setUp(recorder, stock);
    const app = applicationOn(store, recorder);
    const recording = async (): Promise<void> => {
      for (let times = 0; times < 5; times++)
        await app.execute(stockItem, id, { type: 'Receive', data: { quantity: 1 } });
    };
    const decode = (notification: Notification): ReturnType<Application['decode']> => app.decode(notification);
    await Promise.all([store.catchUp(decode), recording(), store.catchUp(decode)]);
    expect(await store.fetch(stock, id)).toMatchObject({ version: 605, data: { quantity: 605 } });
  });

  test('and has seen what the log does not have refuses what is recorded', async () => {
    const opened = await open();
    const stock = stateOf(stockItem, { name: newStateName() });
    const store = await setUp(opened.recorder, stock);
    const app = applicationOn(store, opened.recorder);
    const id = newOriginatorId();
    await app.execute(stockItem, id, { type: 'Receive', data: { quantity: 1, times: 5 } });
    const restored = await another(opened, uniqueName());
    await restored.createTable();
    const behind = await setUp(restored, stock);
    const other = applicationOn(behind, restored);
    await expect(
      other.execute(stockItem, newOriginatorId(), { type: 'Receive', data: { quantity: 1 } }),
    ).rejects.toMatchObject({
      code: 'LOG_BEHIND',
      details: { position: 5, head: 1 },
    });
    expect(await restored.maxNotificationId()).toBe(0);
    await restored.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    await expect(behind.catchUp((notification) => other.decode(notification))).rejects.toMatchObject({
      code: 'LOG_BEHIND',
    });
  });
});
