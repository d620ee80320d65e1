/**
 * What the simulation is about: stock of articles in two warehouses, by five releases of one application.
 *
 * Every event carries the intent of whoever wanted it, so that it is known wherever it comes.
 *
 * @module
 */
import type { AnyDecider } from '../../../src/application/aggregates/aggregate-kind.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { CommandError } from '../../../src/domain/domain-errors.js';
import { command, event } from '../../../src/domain/message-types.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import type { Visibility } from '../../../src/server/log/unit-log.js';

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

/** What is shown to who sees those warehouses. @param shown - what is shown in fact: of a server with a fault something else */
export function visibilityOf(scopes: readonly Scope[], shown: readonly Scope[] = scopes): Visibility {
  return {
    id: visibilityId(scopes),
    isVisible: ({ events }, at) => shown.includes(scopeOf(events[at]?.originatorId ?? '')),
  };
}

/** As it is in a cursor. */
export function visibilityId(scopes: readonly Scope[]): string {
  return scopes.join('-');
}

/** The other way. */
export function scopesIn(visibility: string): readonly Scope[] {
  return visibility === '' ? [] : (visibility.split('-') as Scope[]);
}

/** An article as the application has it. */
export interface Stock {
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

const source2 = {
  Received: event<Amount & { readonly source: string }>({
    isCommutative: true,
    version: 2,
    upcasts: { 1: (data) => ({ ...data, source: 'unknown' }) },
  }),
};
const damaged2 = { Damaged: event<Amount>() };
const commands2 = { ...commands, Damage: command<Amount>() };
const receive2 = ({ data }: { readonly data: Amount }) => ({
  type: 'Received' as const,
  data: { ...data, source: 'supplier' },
});
const decide2 = {
  ...decide,
  Damage: ({ data }: { readonly data: Amount }, { free }: Stock) => {
    if (data.quantity > free) throw new CommandError(`Only ${free} are there.`);
    return { type: 'Damaged' as const, data };
  },
};
const evolve2 = {
  ...evolve,
  Damaged: (state: Stock, { data }: { readonly data: Amount }) => ({ ...state, free: state.free - data.quantity }),
};

/** The second one says where something comes from, and knows of what is lost. */
export const stock2 = defineDecider({
  name: 'Stock',
  events: { Named: event<Naming>(), ...source2, Reserved: event<Amount>(), ...damaged2 },
  commands: commands2,
  initialState,
  decide: { ...decide2, Receive: receive2 },
  evolve: evolve2,
});

const counted3 = {
  Named: event<Naming & { readonly language: string }>({
    version: 2,
    upcasts: { 1: (data) => ({ ...data, language: 'en' }) },
  }),
  Corrected: event<Amount>(),
};
const commands3 = { ...commands2, Correct: command<Amount>() };
const decide3 = {
  ...decide2,
  Name: ({ data }: { readonly data: Naming }, { name }: Stock) =>
    data.name === name ? [] : [{ type: 'Named' as const, data: { ...data, language: 'de' } }],
  Correct: ({ data: { quantity, intent } }: { readonly data: Amount }, { free }: Stock) =>
    quantity === free ? [] : [{ type: 'Corrected' as const, data: { quantity: quantity - free, intent } }],
};
const evolve3 = {
  ...evolve2,
  Corrected: (state: Stock, { data }: { readonly data: Amount }) => ({ ...state, free: state.free + data.quantity }),
};

/** The third one says in which language a name is, and knows of what was counted. */
export const stock3 = defineDecider({
  name: 'Stock',
  events: { ...source2, Reserved: event<Amount>(), ...damaged2, ...counted3 },
  commands: commands3,
  initialState,
  decide: { ...decide3, Receive: receive2 },
  evolve: evolve3,
});

/** The fourth one says for whom something is reserved; and its state has another shape. */
interface StockInUnits {
  readonly name: string;
  readonly units: { readonly free: number };
}

const reserved4 = {
  Reserved: event<Amount & { readonly customer: string }>({
    version: 2,
    upcasts: { 1: (data) => ({ ...data, customer: 'nobody' }) },
  }),
};
const flat = ({ name, units: { free } }: StockInUnits): Stock => ({ name, free });
const inUnits = ({ name, free }: Stock): StockInUnits => ({ name, units: { free } });
const decide4 = {
  Name: (given: { readonly data: Naming }, state: StockInUnits) => decide3.Name(given, flat(state)),
  Damage: (given: { readonly data: Amount }, state: StockInUnits) => decide3.Damage(given, flat(state)),
  Correct: (given: { readonly data: Amount }, state: StockInUnits) => decide3.Correct(given, flat(state)),
  Reserve: ({ data }: { readonly data: Amount }, { units: { free } }: StockInUnits) => {
    if (data.quantity > free) throw new CommandError(`Only ${free} are there.`);
    return { type: 'Reserved' as const, data: { ...data, customer: 'somebody' } };
  },
  ReserveRest: ({ data: { intent } }: { readonly data: Wish }, { units: { free } }: StockInUnits) =>
    free <= 0 ? [] : [{ type: 'Reserved' as const, data: { quantity: free, intent, customer: 'somebody' } }],
};
const evolve4 = {
  Named: (state: StockInUnits, given: { readonly data: Naming }) => inUnits(evolve3.Named(flat(state), given)),
  Received: (state: StockInUnits, given: { readonly data: Amount }) => inUnits(evolve3.Received(flat(state), given)),
  Reserved: (state: StockInUnits, given: { readonly data: Amount }) => inUnits(evolve3.Reserved(flat(state), given)),
  Damaged: (state: StockInUnits, given: { readonly data: Amount }) => inUnits(evolve3.Damaged(flat(state), given)),
  Corrected: (state: StockInUnits, given: { readonly data: Amount }) => inUnits(evolve3.Corrected(flat(state), given)),
};

export const stock4 = defineDecider({
  name: 'Stock',
  stateVersion: 2,
  events: { ...source2, ...reserved4, ...damaged2, ...counted3 },
  commands: commands3,
  initialState: () => inUnits(initialState()),
  decide: { ...decide4, Receive: receive2 },
  evolve: evolve4,
});

/** The fifth one says in which lot something comes, and takes back what was sold. */
export const stock5 = defineDecider({
  name: 'Stock',
  stateVersion: 2,
  events: {
    ...{ ...reserved4, ...damaged2, ...counted3 },
    Received: event<Amount & { readonly source: string; readonly lot: string }>({
      isCommutative: true,
      version: 3,
      upcasts: { 1: (data) => ({ ...data, source: 'unknown' }), 2: (data) => ({ ...data, lot: 'none' }) },
    }),
    Returned: event<Amount>({ isCommutative: true }),
  },
  commands: { ...commands3, Return: command<Amount>() },
  initialState: () => inUnits(initialState()),
  decide: {
    ...decide4,
    Receive: ({ data }) => ({ type: 'Received', data: { ...data, source: 'supplier', lot: 'new' } }),
    Return: ({ data }) => ({ type: 'Returned', data }),
  },
  evolve: {
    ...evolve4,
    Returned: (state, { data }) => inUnits({ ...flat(state), free: state.units.free + data.quantity }),
  },
});

/** What an article is, whatever release says so. */
export function stockOf(state: unknown): Stock {
  return 'units' in (state as object) ? flat(state as StockInUnits) : (state as Stock);
}

export type Release = 1 | 2 | 3 | 4 | 5;
export const RELEASE_LAST: Release = 5;

/** By releases: each has all that the one before has. */
export const STOCKS: Readonly<Record<Release, AnyDecider>> = {
  1: stock1,
  2: stock2,
  3: stock3,
  4: stock4,
  5: stock5,
};

/** What may come of a command when there is nothing to do any more: nothing. */
export const IDLE_COMMANDS: ReadonlySet<string> = new Set(['Name', 'ReserveRest', 'Correct']);

/** An event as whoever checks a log reads it: by itself, whatever the code makes of it. */
export interface ReadEvent {
  readonly intent: string;
  /** What it changes of the stock. */
  readonly delta: number;
  /** What it calls it. */
  readonly name?: string | undefined;
}

const SIGNS: Readonly<Record<string, number>> = {
  ...{ 'Stock:Received': 1, 'Stock:Returned': 1, 'Stock:Corrected': 1, 'Stock:Named': 0 },
  ...{ 'Stock:Reserved': -1, 'Stock:Damaged': -1 },
};

const decoder = new TextDecoder();

// Whoever looks at a run again and again reads the same few hundred each time, from other bytes.
const READ_MAX = 10_000;
const readBefore = new Map<string, ReadEvent>();

export function readEvent({ topic, state }: Pick<StoredEvent, 'topic' | 'state'>): ReadEvent {
  const text = decoder.decode(state);
  const key = `${topic} ${text}`;
  const known = readBefore.get(key);
  if (known !== undefined) return known;
  const { intent, quantity = 0, name } = JSON.parse(text) as { intent: string; quantity?: number; name?: string };
  const read = { intent, name, delta: (SIGNS[topic] as number) * quantity };
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
