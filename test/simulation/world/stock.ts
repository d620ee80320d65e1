/**
 * What the simulation is about: stock of articles in two warehouses, by two releases of one application.
 *
 * Every event carries the intent of whoever wanted it, so that it is known wherever it comes.
 *
 * @module
 */
import { defineDecider } from '../../../src/domain/decider.js';
import { CommandError } from '../../../src/domain/domain-errors.js';
import { command, event } from '../../../src/domain/message-types.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';

export type Scope = 'north' | 'south';
export const SCOPES: readonly Scope[] = ['north', 'south'];

/** Articles that everybody works on, by turns in one and in the other warehouse. */
export const ITEMS: readonly string[] = Array.from(
  { length: 6 },
  (_, index) => `00000000-0000-4000-8000-00000000000${index}`,
);

/** Each article is in one warehouse as a whole. */
export function scopeOf(originatorId: string): Scope {
  return Number.parseInt(originatorId.at(-1) ?? '0', 16) % 2 === 0 ? 'north' : 'south';
}

interface Stock {
  readonly name: string;
  readonly free: number;
}

interface Amount {
  readonly quantity: number;
  readonly intent: string;
}

interface Naming {
  readonly name: string;
  readonly intent: string;
}

interface Wish {
  readonly intent: string;
}

const commands = {
  Name: command<Naming>(),
  Receive: command<Amount>(),
  Reserve: command<Amount>(),
  ReserveRest: command<Wish>(),
};

const initialState = (): Stock => ({ name: '', free: 0 });

const decide = {
  Name: ({ data }: { readonly data: Naming }, { name }: Stock) =>
    data.name === name ? [] : [{ type: 'Named' as const, data }],
  Reserve: ({ data }: { readonly data: Amount }, { free }: Stock) => {
    if (data.quantity > free) throw new CommandError(`Only ${free} are there.`);
    return { type: 'Reserved' as const, data };
  },
  ReserveRest: ({ data: { intent } }: { readonly data: Wish }, { free }: Stock) =>
    free <= 0 ? [] : [{ type: 'Reserved' as const, data: { quantity: free, intent } }],
};

const evolve = {
  Named: (state: Stock, { data }: { readonly data: Naming }) => ({ ...state, name: data.name }),
  Received: (state: Stock, { data }: { readonly data: Amount }) => ({ ...state, free: state.free + data.quantity }),
  Reserved: (state: Stock, { data }: { readonly data: Amount }) => ({ ...state, free: state.free - data.quantity }),
};

/** The first release. */
export const stock1 = defineDecider({
  name: 'Stock',
  events: {
    Named: event<Naming>(),
    Received: event<Amount>({ isCommutative: true }),
    Reserved: event<Amount>(),
  },
  commands,
  initialState,
  decide: { ...decide, Receive: ({ data }) => ({ type: 'Received', data }) },
  evolve,
});

/** The second one says where something comes from, and knows of what is lost. */
export const stock2 = defineDecider({
  name: 'Stock',
  events: {
    Named: event<Naming>(),
    Received: event<Amount & { readonly source: string }>({
      isCommutative: true,
      version: 2,
      upcasts: { 1: (data) => ({ ...data, source: 'unknown' }) },
    }),
    Reserved: event<Amount>(),
    Damaged: event<Amount>(),
  },
  commands: { ...commands, Damage: command<Amount>() },
  initialState,
  decide: {
    ...decide,
    Receive: ({ data }) => ({ type: 'Received', data: { ...data, source: 'supplier' } }),
    Damage: ({ data }, { free }) => {
      if (data.quantity > free) throw new CommandError(`Only ${free} are there.`);
      return { type: 'Damaged', data };
    },
  },
  evolve: {
    ...evolve,
    Damaged: (state, { data }) => ({ ...state, free: state.free - data.quantity }),
  },
});

export type Release = 1 | 2;

/** What may come of a command when there is nothing to do any more: nothing. */
export const IDLE_COMMANDS: ReadonlySet<string> = new Set(['Name', 'ReserveRest']);

/** An event as whoever checks a log reads it: by itself, whatever the code makes of it. */
export interface ReadEvent {
  readonly intent: string;
  /** What it changes of the stock. */
  readonly delta: number;
}

// Whoever looks at a run again and again reads the same few hundred each time, from other bytes.
const READ_MAX = 10_000;
const readBefore = new Map<string, ReadEvent>();

export function readEvent({ topic, state }: Pick<StoredEvent, 'topic' | 'state'>): ReadEvent {
  const text = Buffer.from(state.buffer, state.byteOffset, state.byteLength).toString();
  const key = `${topic} ${text}`;
  const known = readBefore.get(key);
  if (known !== undefined) return known;
  const { intent, quantity = 0 } = JSON.parse(text) as { intent: string; quantity?: number };
  const sign = topic === 'Stock:Received' ? 1 : topic === 'Stock:Named' ? 0 : -1;
  const read = { intent, delta: sign * quantity };
  if (readBefore.size >= READ_MAX) readBefore.clear();
  readBefore.set(key, read);
  return read;
}

/** As a program writes it that knows nothing of units. */
export function besideEvent(originatorId: string, originatorVersion: number, intent: string): StoredEvent {
  const state = new TextEncoder().encode(JSON.stringify({ quantity: 2, intent, metadata_: {} }));
  return { originatorId, originatorVersion, topic: 'Stock:Received', state };
}

/** What the server's application does not take. */
export function isRefused(events: readonly StoredEvent[]): boolean {
  return events.some((one) => one.topic === 'Stock:Named' && readEvent(one).intent.endsWith('7'));
}
