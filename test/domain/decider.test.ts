import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defineDecider } from '../../src/domain/decider.js';
import type { CommandOf, EventOf, StateOf } from '../../src/domain/decider.js';
import { CommandError, EventHandlerError } from '../../src/domain/domain-errors.js';
import { command, event } from '../../src/domain/message-types.js';
import { deepFreeze } from '../../src/testing/specifications/deep-freeze.js';

interface Account {
  readonly isOpen: boolean;
  readonly balance: number;
}

const definition = {
  name: 'Account',
  events: { Opened: event(), Deposited: event<{ amount: number }>(), Withdrawn: event<{ amount: number }>() },
  commands: { Open: command(), Deposit: command<{ amount: number }>(), Withdraw: command<{ amount: number }>() },
  initialState: (): Account => ({ isOpen: false, balance: 0 }),
};

const byHandlers = defineDecider({
  ...definition,
  decide: {
    Open: (_command, state) => (state.isOpen ? [] : { type: 'Opened', data: {} }),
    Deposit: ({ data }) => ({ type: 'Deposited', data }),
    Withdraw({ data: { amount } }, { balance }) {
      if (amount > balance) throw new CommandError('Not enough money.', { details: { balance } });
      return [{ type: 'Withdrawn', data: { amount } }];
    },
  },
  evolve: {
    Opened: (state) => ({ ...state, isOpen: true }),
    Deposited: (state, { data }) => ({ ...state, balance: state.balance + data.amount }),
    Withdrawn: (state, { data }) => ({ ...state, balance: state.balance - data.amount }),
  },
});

type AccountEvent = EventOf<typeof byHandlers>;
type AccountCommand = CommandOf<typeof byHandlers>;

const byFunctions: typeof byHandlers = defineDecider({
  ...definition,
  decide(given, state) {
    switch (given.type) {
      case 'Open':
        return state.isOpen ? [] : { type: 'Opened', data: {} };
      case 'Deposit':
        return { type: 'Deposited', data: given.data };
      case 'Withdraw':
        if (given.data.amount > state.balance)
          throw new CommandError('Not enough money.', { details: { balance: state.balance } });
        return [{ type: 'Withdrawn', data: given.data }];
    }
  },
  evolve(state, happened) {
    switch (happened.type) {
      case 'Opened':
        return { ...state, isOpen: true };
      case 'Deposited':
        return { ...state, balance: state.balance + happened.data.amount };
      case 'Withdrawn':
        return { ...state, balance: state.balance - happened.data.amount };
    }
  },
});

describe.each([
  { form: 'a handler for each type', account: byHandlers },
  { form: 'one function', account: byFunctions },
])('a decider with $form', ({ account }) => {
  const open: Account = { isOpen: true, balance: 10 };

  test('decides: one event, several, or none', () => {
    expect(account.decide({ type: 'Deposit', data: { amount: 5 } }, open)).toEqual([
      { type: 'Deposited', data: { amount: 5 } },
    ]);
    expect(account.decide({ type: 'Withdraw', data: { amount: 5 } }, open)).toEqual([
      { type: 'Withdrawn', data: { amount: 5 } },
    ]);
    expect(account.decide({ type: 'Open', data: {} }, open)).toEqual([]);
  });

  test('says no in the words of the domain', () => {
    expect(() => account.decide({ type: 'Withdraw', data: { amount: 11 } }, open)).toThrow(
      expect.objectContaining({ code: 'COMMAND_ERROR', details: { balance: 10 } }),
    );
  });

  test.each(['Close', 'constructor', 'toString', '__proto__'])('knows no command %s', (type) => {
    expect(() => account.decide({ type: type as 'Open', data: {} }, open)).toThrow(EventHandlerError);
  });

  test.each(['Closed', 'constructor', 'toString', '__proto__'])('knows no event %s', (type) => {
    expect(() => account.evolve(open, { type: type as 'Opened', data: {} })).toThrow(
      expect.objectContaining({ code: 'EVENT_HANDLER_ERROR', details: { type } }),
    );
  });

  test('never changes the state, the command or the event that it is given', () => {
    const amounts = fc.record({ amount: fc.integer({ min: 1, max: 100 }) });
    const commands = fc.array(
      fc.oneof(
        fc.record({ type: fc.constant('Open' as const), data: fc.constant({}) }),
        fc.record({ type: fc.constantFrom('Deposit' as const, 'Withdraw' as const), data: amounts }),
      ),
    );
    fc.assert(
      fc.property(commands, (given) => {
        const history: AccountEvent[] = [];
        let state: StateOf<typeof account> = deepFreeze(account.initialState());
        for (const each of given as AccountCommand[]) {
          const events = decideOrNot(account, deepFreeze(each), state);
          for (const happened of events) state = deepFreeze(account.evolve(state, deepFreeze(happened)));
          history.push(...events);
        }
        expect(history.reduce(account.evolve, account.initialState())).toEqual(state);
        expect(state.balance).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

function decideOrNot(account: typeof byHandlers, given: AccountCommand, state: Account): readonly AccountEvent[] {
  try {
    return account.decide(given, state);
  } catch (thrown) {
    if (thrown instanceof CommandError) return [];
    throw thrown;
  }
}

test('a decider keeps what storing its events takes', () => {
  expect(byHandlers).toMatchObject({ name: 'Account', stateVersion: 1, events: definition.events });
  const { decide, evolve } = byFunctions;
  expect(defineDecider({ ...definition, decide, evolve, stateVersion: 4 }).stateVersion).toBe(4);
});
