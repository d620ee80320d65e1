/** What must not compile: proved by the compiler (`tsc`), which wants an error at every `@ts-expect-error`. */
import { type } from 'arktype';
import * as v from 'valibot';
import { expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { defineDecider } from '../../src/domain/decider.js';
import type { CommandOf, EventOf, StateOf } from '../../src/domain/decider.js';
import type { RecordedEvent } from '../../src/domain/event-metadata.js';
import { command, event } from '../../src/domain/message-types.js';
import type { DataOf, Message, MessageOf } from '../../src/domain/message-types.js';

interface Stock {
  readonly quantity: number;
}

const events = {
  Counted: event<{ quantity: number }>(),
  Moved: event(z.object({ shelf: z.string(), at: z.iso.datetime() })),
  Named: event(v.object({ name: v.string() })),
  Priced: event(type({ cents: 'number.integer' })),
  Retired: event(),
};
const commands = {
  Count: command<{ quantity: number }>(),
  Move: command(z.object({ shelf: z.string().default('A') })),
  Retire: command(),
};
type StockEvent = MessageOf<typeof events>;
type StockCommand = MessageOf<typeof commands>;

const definition = { name: 'Stock', events, commands, initialState: (): Stock => ({ quantity: 0 }) };

const evolve = {
  Counted: (_state: Stock, { data }: Message<'Counted', { quantity: number }>): Stock => ({ quantity: data.quantity }),
  Moved: (state: Stock): Stock => state,
  Named: (state: Stock): Stock => state,
  Priced: (state: Stock): Stock => state,
  Retired: (state: Stock): Stock => state,
};
const decide = {
  Count: ({ data }: Message<'Count', { quantity: number }>): StockEvent => ({ type: 'Counted', data }),
  Move: (): StockEvent[] => [],
  Retire: (): StockEvent[] => [],
};

const stock = defineDecider({ ...definition, decide, evolve });

test('types come from the definitions, schemas among them', () => {
  expectTypeOf<DataOf<typeof events.Moved>>().toEqualTypeOf<{ shelf: string; at: string }>();
  expectTypeOf<DataOf<typeof events.Named>>().toEqualTypeOf<{ name: string }>();
  expectTypeOf<DataOf<typeof events.Priced>>().toEqualTypeOf<{ cents: number }>();
  // What the schema makes of a command is what is decided about: defaults are there.
  expectTypeOf<DataOf<typeof commands.Move>>().toEqualTypeOf<{ shelf: string }>();
  expectTypeOf<EventOf<typeof stock>['type']>().toEqualTypeOf<'Counted' | 'Moved' | 'Named' | 'Priced' | 'Retired'>();
  expectTypeOf<CommandOf<typeof stock>>().toEqualTypeOf<StockCommand>();
  expectTypeOf<StateOf<typeof stock>>().toEqualTypeOf<Stock>();
  expect(stock.name).toBe('Stock');
});

test('a recorded event is still told apart by its type', () => {
  expectTypeOf<Extract<RecordedEvent<StockEvent>, { type: 'Counted' }>['data']>().toEqualTypeOf<{ quantity: number }>();
});

// Never called: what stands in it is for the compiler.
export function wrongMessages(state: Stock, happened: StockEvent): void {
  stock.decide({ type: 'Count', data: { quantity: 1 } }, state);
  // @ts-expect-error a command that the decider does not have
  stock.decide({ type: 'Sell', data: {} }, state);
  // @ts-expect-error data of another command
  stock.decide({ type: 'Count', data: { shelf: 'A' } }, state);
  // @ts-expect-error data that is not there
  stock.decide({ type: 'Count' }, state);
  // @ts-expect-error an event is not a command
  stock.decide({ type: 'Counted', data: { quantity: 1 } }, state);
  // @ts-expect-error data where there is none
  stock.decide({ type: 'Retire', data: { why: 'old' } }, state);
  // @ts-expect-error an event that the decider does not have
  stock.evolve(state, { type: 'Sold', data: {} });
  // @ts-expect-error data of the wrong type
  stock.evolve(state, { type: 'Counted', data: { quantity: '1' } });
  // @ts-expect-error a state of another shape
  stock.evolve({ count: 1 }, happened);
  // @ts-expect-error what happened is not changed
  happened.type = 'Retired';
}

export const wrongDeciders = [
  defineDecider({
    ...definition,
    // @ts-expect-error a command is not handled
    decide: { Count: decide.Count, Move: decide.Move },
    evolve,
  }),
  defineDecider({
    ...definition,
    decide,
    // @ts-expect-error an event is not handled
    evolve: { Counted: evolve.Counted, Moved: evolve.Moved, Named: evolve.Named, Priced: evolve.Priced },
  }),
  defineDecider({
    ...definition,
    decide: {
      ...decide,
      // @ts-expect-error an event that the decider does not have
      Retire: () => ({ type: 'Sold', data: {} }),
    },
    evolve,
  }),
  defineDecider({
    ...definition,
    decide: {
      ...decide,
      // @ts-expect-error data of another event
      Retire: () => [{ type: 'Counted', data: { shelf: 'A' } }],
    },
    evolve,
  }),
  defineDecider({
    ...definition,
    decide: {
      ...decide,
      // @ts-expect-error a handler of another command
      Retire: (retire: Message<'Count', { quantity: number }>) => ({ type: 'Counted', data: retire.data }),
    },
    evolve,
  }),
  defineDecider({
    ...definition,
    decide,
    evolve: {
      ...evolve,
      // @ts-expect-error a state of another shape
      Retired: () => ({ count: 0 }),
    },
  }),
  defineDecider({
    ...definition,
    // @ts-expect-error deciding does not wait for anything
    decide: async () => Promise.resolve([]),
    evolve,
  }),
];

// @ts-expect-error data is an object
event<number>();
// @ts-expect-error a schema of something that is no object
event(z.string());
// Commands that are kept may be decided by a later release.
command<{ quantity: number }>({ version: 2, upcasts: { 1: (data) => data } });
// @ts-expect-error commands have no topics
command<{ quantity: number }>({ topic: 'x' });
