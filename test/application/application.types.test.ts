/** What must not compile: proved by the compiler (`tsc`), which wants an error at every `@ts-expect-error`. */
import { expectTypeOf, test } from 'vitest';
import type { Application } from '../../src/application/application.js';
import type { NotifiedEvent } from '../../src/application/events/notified-event.js';
import type { Loaded } from '../../src/application/aggregates/repository.js';
import { defineDecider } from '../../src/domain/decider.js';
import { command, event } from '../../src/domain/message-types.js';
import { LogBook, stockItem } from '../../src/testing/conformance/application-samples.js';
import type { StockEvent, StockItem } from '../../src/testing/conformance/application-samples.js';

type Door = 'open' | 'closed';

const door = defineDecider({
  name: 'Door',
  events: { Opened: event<{ wide: boolean }>(), Closed: event() },
  commands: { Open: command<{ wide: boolean }>(), Close: command() },
  initialState: (): Door => 'closed',
  decide: { Open: ({ data }) => ({ type: 'Opened', data }), Close: () => ({ type: 'Closed', data: {} }) },
  evolve: { Opened: (): Door => 'open', Closed: (): Door => 'closed' },
});

// Never called: what is compiled is the test.
async function right(app: Application, id: string): Promise<void> {
  const opened = await app.execute(door, id, { type: 'Open', data: { wide: true } });
  expectTypeOf(opened.state).toEqualTypeOf<'open' | 'closed'>();
  expectTypeOf(opened.events[0]?.type).toEqualTypeOf<'Opened' | 'Closed' | undefined>();
  const [first, second] = await app.executeAll([
    [door, id, { type: 'Close', data: {} }],
    [stockItem, id, { type: 'Take', data: { quantity: 1 } }],
  ]);
  expectTypeOf(first.state).toEqualTypeOf<'open' | 'closed'>();
  expectTypeOf(second.state).toEqualTypeOf<StockItem>();
  expectTypeOf(await app.repository.load(stockItem, id)).toEqualTypeOf<Loaded<StockItem>>();
  expectTypeOf(await app.repository.load(LogBook, id)).toEqualTypeOf<LogBook>();
  expectTypeOf(await app.repository.loadOrCreate(door, id)).toEqualTypeOf<Loaded<'open' | 'closed'>>();
  const tried = await app.tryExecute(door, id, { type: 'Close', data: {} });
  if (tried.ok) expectTypeOf(tried.version).toEqualTypeOf<number>();
  else expectTypeOf(tried.conflict.actual).toEqualTypeOf<number>();
  for await (const happened of app.subscribe({ aggregates: [stockItem], types: ['Taken'] })) {
    expectTypeOf(happened).toEqualTypeOf<NotifiedEvent<StockEvent>>();
    if (happened.type === 'Taken') expectTypeOf(happened.data.quantity).toEqualTypeOf<number>();
  }
  for await (const happened of app.subscribe()) expectTypeOf(happened.data).toEqualTypeOf<object>();
}

async function wrong(app: Application, id: string): Promise<void> {
  // @ts-expect-error there is no such command
  await app.execute(door, id, { type: 'Burn', data: {} });
  // @ts-expect-error its data is another one
  await app.execute(door, id, { type: 'Open', data: { wide: 'very' } });
  // @ts-expect-error it is the command of another decider
  await app.executeAll([[door, id, { type: 'Take', data: { quantity: 1 } }]]);
  // @ts-expect-error it is a command and no event
  await app.append(door, id, [{ type: 'Open', data: { wide: true } }]);
  // @ts-expect-error its data is another one
  await app.append(door, id, [{ type: 'Opened', data: {} }]);
  // @ts-expect-error there is no such event among those that were asked for
  app.subscribe({ aggregates: [stockItem], types: ['Opened'] });
  // @ts-expect-error there is no such expectation
  await app.append(door, id, [], 'someStream');
  // @ts-expect-error classes are saved, and execute no commands
  await app.execute(LogBook, id, { type: 'Write', data: {} });
  // @ts-expect-error a decider's state is not saved
  await app.save(await app.repository.load(door, id));
}

test('what does not fit does not compile', () => {
  expectTypeOf(right).toBeFunction();
  expectTypeOf(wrong).toBeFunction();
});
