/**
 * A small domain to test applications with: items in stock as a decider, and a log book as a class.
 *
 * @module
 */
import { Aggregate } from '../../domain/aggregate.js';
import { defineDecider } from '../../domain/decider.js';
import type { DefinedDecider } from '../../domain/decider.js';
import { CommandError } from '../../domain/domain-errors.js';
import { command, event } from '../../domain/message-types.js';
import type { Message, MessageDefinition } from '../../domain/message-types.js';

/** What is known of a {@link stockItem}. */
export interface StockItem {
  readonly name: string;
  readonly quantity: number;
  readonly moves: number;
}

/** Its events. */
export type StockEvent =
  | Message<'Named', { readonly name: string }>
  | Message<'Received', { readonly quantity: number }>
  | Message<'Taken', { readonly quantity: number }>;

/** Its commands. */
export type StockCommand =
  | Message<'Name', { readonly name: string }>
  | Message<'Receive', { readonly quantity: number; readonly times?: number }>
  | Message<'Take', { readonly quantity: number }>;

/** An item in stock: `Receive` makes one event for each of its `times`, `Take` refuses more than there is. */
export const stockItem: DefinedDecider<StockItem, StockCommand, StockEvent> = defineDecider({
  name: 'StockItem',
  events: {
    Named: event<{ readonly name: string }>(),
    Received: event<{ readonly quantity: number }>(),
    Taken: event<{ readonly quantity: number }>(),
  },
  commands: {
    Name: command<{ readonly name: string }>(),
    Receive: command<{ readonly quantity: number; readonly times?: number }>(),
    Take: command<{ readonly quantity: number }>(),
  },
  initialState: (): StockItem => ({ name: '', quantity: 0, moves: 0 }),
  decide: {
    Name: ({ data }, state) =>
      data.name === state.name ? [] : ({ type: 'Named', data: { name: data.name } } as const),
    Receive: ({ data: { quantity, times = 1 } }) =>
      Array.from({ length: times }, () => ({ type: 'Received', data: { quantity } }) as const),
    Take: ({ data: { quantity } }, state) => {
      if (quantity > state.quantity) throw new CommandError(`There are only ${state.quantity}.`);
      return { type: 'Taken', data: { quantity } } as const;
    },
  },
  evolve: {
    Named: (state, { data }) => ({ ...state, name: data.name }),
    Received: (state, { data }) => moved(state, data.quantity),
    Taken: (state, { data }) => moved(state, -data.quantity),
  },
});

function moved(state: StockItem, quantity: number): StockItem {
  return { ...state, quantity: state.quantity + quantity, moves: state.moves + 1 };
}

const logBookEvents: {
  readonly Opened: MessageDefinition<{ readonly title: string }>;
  readonly Written: MessageDefinition<{ readonly line: string }>;
} = { Opened: event<{ readonly title: string }>(), Written: event<{ readonly line: string }>() };

const LogBookBase: ReturnType<typeof Aggregate.of<typeof logBookEvents>> = Aggregate.of('LogBook', logBookEvents);

/** A book with a title and lines. */
export class LogBook extends LogBookBase {
  title: string = '';
  readonly lines: string[] = [];

  /** Opens a new one. */
  static open(id: string, title: string): LogBook {
    const book = new LogBook(id);
    book.apply('Opened', { title });
    return book;
  }

  /** Writes a line at the end. */
  write(line: string): void {
    this.apply('Written', { line });
  }

  /** Handles an event. */
  onOpened({ title }: { readonly title: string }): void {
    this.title = title;
  }

  /** Handles an event. */
  onWritten({ line }: { readonly line: string }): void {
    this.lines.push(line);
  }
}
