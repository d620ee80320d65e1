/** Small applications as a newcomer writes them, by the public entry alone: types come from the definitions, unasked. */
import { z } from 'zod';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import {
  Application,
  Aggregate,
  command,
  CommandError,
  defineDecider,
  defineProcess,
  event,
  send,
  memoryProjection,
  MemoryProjectionStore,
  ProjectionRunner,
} from '../../src/application/index.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';

// No type is written but those of the data.
const todo = defineDecider({
  name: 'Todo',
  events: { Opened: event<{ title: string }>(), Done: event() },
  commands: { Open: command<{ title: string }>(), Finish: command() },
  initialState: () => ({ title: '', isDone: false }),
  decide: {
    Open: ({ data }) => ({ type: 'Opened', data }),
    Finish: (_command, { isDone }) => (isDone ? [] : { type: 'Done', data: {} }),
  },
  evolve: {
    Opened: (state, { data }) => ({ ...state, title: data.title }),
    Done: (state) => ({ ...state, isDone: true }),
  },
});
// Schemas, a state of several shapes, and one function for all.
type Account = { status: 'none' } | { status: 'open'; balance: number } | { status: 'closed' };
const account = defineDecider({
  name: 'Account',
  events: {
    Opened: event(z.object({ owner: z.string().min(1) })),
    Deposited: event(z.object({ amount: z.number().positive() })),
    Closed: event(),
  },
  commands: {
    Open: command(z.object({ owner: z.string().trim().min(1) })),
    Deposit: command(v.object({ amount: v.number() })),
    Close: command(),
  },
  initialState: (): Account => ({ status: 'none' }),
  decide: (cmd, state) => {
    switch (cmd.type) {
      case 'Open':
        return state.status === 'none' ? [{ type: 'Opened', data: cmd.data }] : [];
      case 'Deposit': {
        if (state.status !== 'open') throw new CommandError('not open');
        return { type: 'Deposited', data: cmd.data };
      }
      case 'Close':
        return [{ type: 'Closed', data: {} }];
    }
  },
  evolve: (state, e): Account => {
    switch (e.type) {
      case 'Opened':
        return { status: 'open', balance: 0 };
      case 'Deposited':
        return state.status === 'open' ? { ...state, balance: state.balance + e.data.amount } : state;
      case 'Closed':
        return { status: 'closed' };
    }
  },
});
// A class.
class Cart extends Aggregate.of('Cart', {
  ItemAdded: event<{ sku: string; quantity?: number }>(),
  CheckedOut: event(),
}) {
  items: string[] = [];
  open = true;
  add(sku: string): void {
    this.apply('ItemAdded', { sku });
  }
  checkOut(): void {
    if (!this.open) throw new CommandError('done');
    this.apply('CheckedOut');
  }
  onItemAdded({ sku }: { sku: string }): void {
    this.items.push(sku);
  }
  onCheckedOut(): void {
    this.open = false;
  }
}
const counts = memoryProjection({
  name: 'counts',
  from: [todo, Cart],
  initialState: () => 0,
  on: { Opened: (n) => n + 1, ItemAdded: (n, { data }) => n + (data.quantity ?? 1) },
});
const proc = defineProcess({
  name: 'p',
  from: [todo],
  on: { Done: ({ originatorId }) => [send(account, originatorId, { type: 'Close', data: {} })] },
});
test('three small applications do what they say', async () => {
  const app = new Application({ recorder: new MemoryProcessRecorder(), aggregates: [todo, account, Cart] });
  const [id, id2] = [crypto.randomUUID(), crypto.randomUUID()];
  const { state } = await app.execute(todo, id, { type: 'Open', data: { title: 'x' } });
  expect(state.title).toBe('x');
  await app.execute(account, id2, { type: 'Open', data: { owner: ' anna ' } });
  await app.executeAll([
    [todo, id, { type: 'Finish', data: {} }],
    [account, id2, { type: 'Deposit', data: { amount: 3 } }],
  ]);
  const a = await app.repository.load(account, id2);
  expect(a.state).toEqual({ status: 'open', balance: 3 });
  const cart = new Cart(crypto.randomUUID());
  cart.add('s');
  cart.checkOut();
  await app.save(cart);
  const store = new MemoryProjectionStore(counts);
  await new ProjectionRunner({ projection: counts, store, log: app }).catchUp();
  expect(store.state).toBe(2);
  expect(proc.topics).toEqual(['Todo:Done']);
  for await (const e of app.readAll({ aggregates: [todo], types: ['Done'] })) expect(e.type).toBe('Done');
  await expect(app.execute(todo, 'not-a-uuid', { type: 'Finish', data: {} })).rejects.toThrow(/UUID|uuid/);
  await expect(app.execute(todo, id, { type: 'Finsh' } as never)).rejects.toThrow('no command Finsh');
  await expect(app.execute(account, id2, { type: 'Deposit', data: { amount: -3 } })).rejects.toThrow('Not valid');
});
