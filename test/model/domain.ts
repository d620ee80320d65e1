/**
 * What the model is about: stock of a few articles in two warehouses.
 *
 * `Receive` and `Deliver` commute; `Sell` is refused when there is too little, and large ones take all that is there, so
 * that a decision depends on its state; `Move` and `Deliver` are of two aggregates, often of both scopes.
 *
 * @module
 */
import type { SeededRandom } from '../soak/seeded-random.js';

export type Scope = 'north' | 'south';

export const SCOPES: readonly Scope[] = ['north', 'south'];

/** Each aggregate is in one scope as a whole; the first letter says which. */
export const AGGREGATES: readonly string[] = ['n1', 'n2', 's1', 's2'];

/** Recorded by the release before units; nobody writes to it afterwards. */
export const OLD_AGGREGATE = 'n0';

export function scopeOf(aggregate: string): Scope {
  return aggregate.startsWith('n') ? 'north' : 'south';
}

export type Command =
  | { readonly type: 'Receive' | 'Sell'; readonly at: string; readonly amount: number }
  | { readonly type: 'Move' | 'Deliver'; readonly at: string; readonly to: string; readonly amount: number };

/** An event without a place. */
export interface Draft {
  readonly aggregate: string;
  readonly payload: string;
}

export interface Decided {
  readonly drafts: readonly Draft[];
  readonly isCommutative: boolean;
}

/** What is decided on: the payloads of an aggregate, in order. */
export type ReadAggregate = (aggregate: string) => readonly string[];

/** @returns `undefined` for a domain error */
export function decide(command: Command, intent: string, read: ReadAggregate): Decided | undefined {
  const draft = (aggregate: string, delta: number): Draft => ({ aggregate, payload: payloadOf(delta, intent) });
  const { type, at, amount } = command;
  const aggregates = 'to' in command ? [at, command.to] : [at];
  const opened = aggregates.filter((aggregate) => read(aggregate).length === 0).map((aggregate) => draft(aggregate, 0));
  const commutes = type === 'Receive' || type === 'Deliver';
  if (commutes) {
    const drafts = [...opened, ...aggregates.map((aggregate) => draft(aggregate, amount))];
    return { drafts, isCommutative: opened.length === 0 };
  }
  const stock = stockOf(read(at));
  if (stock < amount) return undefined;
  const taken = amount > 3 ? stock : amount;
  const sold = draft(at, -taken);
  return { drafts: 'to' in command ? [...opened, sold, draft(command.to, taken)] : [sold], isCommutative: false };
}

export function payloadOf(delta: number, intent: string): string {
  return `${delta} ${intent}`;
}

export function deltaOf(payload: string): number {
  return Number(payload.slice(0, payload.indexOf(' ')));
}

/** What the event was recorded for: stays the same when it is decided again, under whatever id. */
export function intentOf(payload: string): string {
  return payload.slice(payload.indexOf(' ') + 1);
}

export function stockOf(payloads: readonly string[]): number {
  return payloads.reduce((stock, payload) => stock + deltaOf(payload), 0);
}

/** How intents look that the server's application does not like. */
export const REFUSED_INTENT: RegExp = /[1357]$/;

/** What the server's application refuses for good. */
export function isForbidden(payloads: readonly string[]): boolean {
  return payloads.some((payload) => deltaOf(payload) === -3 && REFUSED_INTENT.test(payload));
}

/** The command, so that it is not refused once more. */
export function edited(command: Command): Command {
  return command.amount === 3 ? { ...command, amount: 2 } : command;
}

export function randomCommand(random: SeededRandom, aggregates: readonly string[]): Command {
  const at = random.pick(aggregates);
  const to = random.pick(AGGREGATES.filter((aggregate) => aggregate !== at));
  const amount = random.between(1, 4);
  const type = random.weighted<Command['type']>([
    [5, 'Receive'],
    [5, 'Sell'],
    [4, 'Move'],
    [2, 'Deliver'],
  ]);
  return type === 'Move' || type === 'Deliver' ? { type, at, to, amount } : { type, at, amount };
}
