/**
 * What every state store promises, of states that are kept from events.
 *
 * @module
 */
import { Application } from '../../application/application.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import { stateFrom, stateOf } from '../../states/state.js';
import type { State } from '../../states/state.js';
import type { StateStore } from '../../states/state-store.js';
import { LogBook, stockItem } from './application-samples.js';
import type { StockItem } from './application-samples.js';
import { expectEqual, expectRejection } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId } from './event-samples.js';
import { newStateName, thingSchema, thingState } from './state-samples.js';
import type { Thing } from './state-samples.js';
import type { StateStoreContext } from './state-store-cases.js';

type Case = ConformanceCase<StateStoreContext>;

async function withApplication(
  { recorder, openStates }: StateStoreContext,
  states: readonly State[],
): Promise<{
  readonly app: Application;
  readonly store: StateStore;
  readonly appOn: (on: ProcessRecorder) => Application;
}> {
  const store = openStates(states);
  await store.setUp();
  const appOn = (on: ProcessRecorder): Application => {
    const app: Application = new Application({
      recorder: on,
      aggregates: [stockItem, LogBook],
      inline: [store.inline((notification) => app.decode(notification))],
    });
    return app;
  };
  return { app: appOn(recorder), store, appOn };
}

/** How many of one id are found. */
async function countOf(store: StateStore, state: State<Thing>, id: string): Promise<number> {
  return (await store.find(state)).filter((found) => found.id === id).length;
}

const ofDecider: Case = {
  name: 'the state of a decider is kept by itself, at its version, in the transaction of the events',
  async run(context) {
    const stock = stateOf(stockItem, { name: newStateName(), indexes: ['quantity', ['name', 'moves']] });
    const { app, store, appOn } = await withApplication(context, [stock]);
    const [nails, nuts] = [newOriginatorId(), newOriginatorId()];
    await app.execute(stockItem, nails, { type: 'Name', data: { name: 'nails' } });
    await app.execute(stockItem, nails, { type: 'Receive', data: { quantity: 5, times: 3 } });
    await app.execute(stockItem, nuts, { type: 'Receive', data: { quantity: 2 } });
    const state: StockItem = { name: 'nails', quantity: 15, moves: 3 };
    expectEqual(await store.fetch(stock, nails), { id: nails, version: 4, data: state }, 'after two commands');
    await expectRejection(
      app.execute(stockItem, nails, { type: 'Take', data: { quantity: 99 } }),
      'COMMAND_ERROR',
      'a command that says no',
    );
    expectEqual((await store.fetch(stock, nails))?.version, 4, 'after what was refused');
    await context.recorder.transaction(async (transaction) => {
      // What is recorded in a transaction of somebody else's is read there.
      await appOn(transaction).execute(stockItem, nails, { type: 'Take', data: { quantity: 5 } });
      expectEqual((await store.within(transaction).fetch(stock, nails))?.data.quantity, 10, 'within');
    });
    const found = await store.find(stock, {
      where: { quantity: { gte: 10 } },
      orderBy: { quantity: 'desc' },
      select: ['name'],
    });
    expectEqual(
      found.filter(({ id }) => [nails, nuts].includes(id)),
      [{ id: nails, version: 5, data: { name: 'nails' } }],
      'what is found',
    );
  },
};

const rolledBack: Case = {
  name: 'a transaction that is rolled back takes its states along',
  async run(context) {
    const stock = stateOf(stockItem, { name: newStateName() });
    const { app, store, appOn } = await withApplication(context, [stock]);
    const id = newOriginatorId();
    await app.execute(stockItem, id, { type: 'Receive', data: { quantity: 1 } });
    await context.recorder
      .transaction(async (transaction) => {
        await appOn(transaction).execute(stockItem, id, { type: 'Receive', data: { quantity: 10 } });
        throw new RangeError('no');
      })
      .catch(() => undefined);
    expectEqual((await store.fetch(stock, id))?.data.quantity, 1, 'after the roll back');
    await app.execute(stockItem, id, { type: 'Receive', data: { quantity: 2 } });
    expectEqual(await store.fetch(stock, id), { id, version: 2, data: { name: '', quantity: 3, moves: 2 } }, 'then');
  },
};

const mapped: Case = {
  name: 'a state is what map makes of an aggregate, of a class too, and is not there where it makes nothing',
  async run(context) {
    const big = stateOf(stockItem, {
      name: newStateName(),
      schema: thingSchema,
      map: ({ name, quantity }, { version }) =>
        (quantity < 5 ? undefined : { name: `${name} ${version}`, quantity }) as Thing | undefined,
    });
    const pages = stateOf(LogBook, {
      name: newStateName(),
      map: ({ title, lines }) => ({ title, lines: lines.length }),
    });
    const { app, store } = await withApplication(context, [big, pages]);
    const id = newOriginatorId();
    await app.execute(stockItem, id, { type: 'Receive', data: { quantity: 4 } });
    expectEqual([await store.fetch(big, id), await countOf(store, big, id)], [undefined, 0], 'what is too small');
    await app.execute(stockItem, id, { type: 'Receive', data: { quantity: 3 } });
    expectEqual(
      await store.fetch(big, id),
      { id, version: 2, data: { name: ' 2', quantity: 7, isActive: true } },
      'what is not',
    );
    await app.execute(stockItem, id, { type: 'Take', data: { quantity: 6 } });
    expectEqual([await store.fetch(big, id), await countOf(store, big, id)], [undefined, 0], 'what is too small again');
    await app.execute(stockItem, id, { type: 'Receive', data: { quantity: 9 } });
    expectEqual((await store.fetch(big, id))?.data.quantity, 10, 'nothing is forgotten meanwhile');
    const book = LogBook.open(newOriginatorId(), 'log');
    for (const text of ['a', 'b']) book.write(text);
    await app.save(book);
    book.write('c');
    await app.save(book);
    expectEqual(
      await store.fetch(pages, book.id),
      { id: book.id, version: 4, data: { title: 'log', lines: 3 } },
      'of a class',
    );
  },
};

const fromEvents: Case = {
  name: 'a state follows from events of several aggregates, and goes where a handler gives none',
  async run(context) {
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const total = stateFrom({
      name: newStateName(),
      from: [stockItem, LogBook],
      schema: thingSchema,
      // Other cases have recorded as well.
      idOf: ({ originatorId }) => (originatorId === a || originatorId === b ? 'all' : 'others'),
      on: {
        Received: (data, { data: { quantity } }): Thing => ({
          name: 'all',
          isActive: true,
          quantity: (data?.quantity ?? 0) + quantity,
        }),
        Taken: (data, { data: { quantity } }) =>
          data === undefined || data.quantity === quantity
            ? undefined
            : { ...data, quantity: (data.quantity ?? 0) - quantity },
      },
    });
    const { app, store } = await withApplication(context, [total]);
    await app.execute(stockItem, a, { type: 'Receive', data: { quantity: 2, times: 2 } });
    await app.execute(stockItem, b, { type: 'Receive', data: { quantity: 3 } });
    await app.execute(stockItem, b, { type: 'Name', data: { name: 'b' } });
    expectEqual(
      await store.fetch(total, 'all'),
      { id: 'all', version: 3, data: { name: 'all', quantity: 7, isActive: true } },
      'the sum',
    );
    await app.execute(stockItem, a, { type: 'Take', data: { quantity: 4 } });
    await app.execute(stockItem, b, { type: 'Take', data: { quantity: 3 } });
    expectEqual(await store.fetch(total, 'all'), undefined, 'what is gone');
  },
};

const refusesCommits: Case = {
  name: 'a commit whose state cannot be kept is refused, with its events',
  async run(context) {
    const strict = stateOf(stockItem, {
      name: newStateName(),
      schema: thingSchema,
      map: ({ quantity }) => ({ quantity }) as never,
    });
    const odd = stateOf(stockItem, { name: newStateName(), map: () => ({ at: new Date(0) }) as never });
    for (const [state, code] of [
      [strict, 'VALIDATION_ERROR'],
      [odd, 'DATA_ERROR'],
    ] as const) {
      const { app, store } = await withApplication(context, [state]);
      const id = newOriginatorId();
      await expectRejection(app.execute(stockItem, id, { type: 'Receive', data: { quantity: 1 } }), code, 'the commit');
      expectEqual(
        [await store.count(state), (await context.recorder.selectEvents(id)).length],
        [0, 0],
        'states and events',
      );
    }
  },
};

const inApplicationTransaction: Case = {
  name: 'a transaction of an application has its states, those that follow from its events too, and takes them back',
  async run(context) {
    const stock = stateOf(stockItem, { name: newStateName() });
    const notes = thingState();
    const { app, store } = await withApplication(context, [stock, notes]);
    const id = newOriginatorId();
    const work = (fails: boolean): Promise<number | undefined> =>
      app.transaction(async (tx) => {
        const { version } = await tx.execute(stockItem, id, { type: 'Receive', data: { quantity: 2, times: 2 } });
        const states = store.within(tx.recorder);
        await states.put(notes, id, { name: `version ${version}` });
        if (fails) throw new RangeError('no');
        return (await states.fetch(stock, id))?.data.quantity;
      });
    expectEqual(await work(true).catch(() => 'taken back'), 'taken back', 'what fails');
    expectEqual([await store.fetch(stock, id), await store.fetch(notes, id)], [undefined, undefined], 'after that');
    expectEqual(await work(false), 4, 'within');
    expectEqual(
      [(await store.fetch(stock, id))?.version, (await store.fetch(notes, id))?.data.name],
      [2, 'version 2'],
      'after the commit',
    );
  },
};

const nameless: Case = {
  name: 'a state whose id is none is refused, with the events',
  async run(context) {
    const id = newOriginatorId();
    const nowhere = stateFrom({
      name: newStateName(),
      from: [stockItem],
      schema: thingSchema,
      // Other cases have recorded as well.
      idOf: ({ originatorId }) => (originatorId === id ? '' : 'others'),
      on: { Received: (): Thing => ({ name: 'x', quantity: 1, isActive: true }) },
    });
    const { app, store } = await withApplication(context, [nowhere]);
    await expectRejection(
      app.execute(stockItem, id, { type: 'Receive', data: { quantity: 1 } }),
      'PROGRAMMING_ERROR',
      'a command whose state would have no id',
    );
    expectEqual(
      [await countOf(store, nowhere, ''), (await context.recorder.selectEvents(id)).length],
      [0, 0],
      'what is stored',
    );
  },
};

const missed: Case = {
  name: 'events that were recorded without it are taken with the next commit',
  async run(context) {
    const stock = stateOf(stockItem, { name: newStateName() });
    const alone = new Application({ recorder: context.recorder, aggregates: [stockItem] });
    const [before, between] = [newOriginatorId(), newOriginatorId()];
    await alone.execute(stockItem, before, { type: 'Receive', data: { quantity: 1 } });
    const { app, store } = await withApplication(context, [stock]);
    await app.execute(stockItem, before, { type: 'Receive', data: { quantity: 2 } });
    expectEqual((await store.fetch(stock, before))?.data.quantity, 3, 'what was there before');
    await alone.execute(stockItem, between, { type: 'Receive', data: { quantity: 4 } });
    await app.execute(stockItem, before, { type: 'Receive', data: { quantity: 1 } });
    expectEqual((await store.fetch(stock, between))?.data.quantity, 4, 'what came in between');
  },
};

const notByHand: Case = {
  name: 'what is kept from events is not written by hand, and lies beside what is',
  async run(context) {
    const stock = stateOf(stockItem, { name: newStateName() });
    const things = thingState();
    const { app, store, appOn } = await withApplication(context, [stock, things]);
    const id = newOriginatorId();
    await app.execute(stockItem, id, { type: 'Receive', data: { quantity: 1 } });
    await expectRejection(store.put(stock, id, { name: 'x' }), 'PROGRAMMING_ERROR', 'put');
    await expectRejection(store.update(stock, id, { quantity: 5 }), 'PROGRAMMING_ERROR', 'update');
    await expectRejection(store.delete(stock, id), 'PROGRAMMING_ERROR', 'delete');
    await store.transaction(async (changes, transaction) => {
      await changes.put(things, id, { name: 'of it' });
      await appOn(transaction).execute(stockItem, id, { type: 'Receive', data: { quantity: 2 } });
    });
    expectEqual(
      [(await store.fetch(stock, id))?.data.quantity, (await store.fetch(things, id))?.data.name],
      [3, 'of it'],
      'both',
    );
  },
};

/** For every `StateStore`. */
export const keptStateCases: readonly Case[] = [
  ofDecider,
  rolledBack,
  mapped,
  fromEvents,
  refusesCommits,
  inApplicationTransaction,
  nameless,
  missed,
  notByHand,
];
