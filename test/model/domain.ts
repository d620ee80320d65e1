/**
 * What the model is about: stock of a few articles in two warehouses.
 *
 * `Receive` and `Deliver` commute; `Sell` is refused when there is too little, and large ones take all that is there, so
 * that a decision depends on its state; `Move` and `Deliver` are of two aggregates, often of both scopes. `Count` has come
 * with the second release of the application, and so has its event, which says what the stock is, and not by how much it
 * has changed. It has nothing to do where the stock is that.
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
  | { readonly type: 'Receive' | 'Sell' | 'Count'; readonly at: string; readonly amount: number }
  | { readonly type: 'Move' | 'Deliver'; readonly at: string; readonly to: string; readonly amount: number };

/** An event without a place. */
export interface Draft {
  readonly aggregate: string;
  readonly payload: string;
}

export interface Decided {
  /** None, when there is nothing to do. */
  readonly drafts: readonly Draft[];
  readonly isCommutative: boolean;
}

/** The releases of the application. A device has one of them, and not always the newest. */
export type Release = 1 | 2;

/** Why nothing is decided: the domain says no, or the release of the device does not know the command, or an event. */
export type Undecided = 'DOMAIN' | 'UNKNOWN';

/** What is decided on: the payloads of an aggregate, in order. */
export type ReadAggregate = (aggregate: string) => readonly string[];

/** Whether an event is one that the first release does not know. */
export function isOfSecondRelease(payload: string): boolean {
  return payload.startsWith('=');
}

/** @returns why not, where nothing is decided */
export function decide(
  command: Command,
  intent: string,
  { read, release }: { readonly read: ReadAggregate; readonly release: Release },
): Decided | Undecided {
  const draft = (aggregate: string, delta: number): Draft => ({ aggregate, payload: payloadOf(delta, intent) });
  const { type, at, amount } = command;
  const aggregates = 'to' in command ? [at, command.to] : [at];
  const isKnown = type !== 'Count' && !aggregates.some((aggregate) => read(aggregate).some(isOfSecondRelease));
  if (release < 2 && !isKnown) return 'UNKNOWN';
  const opened = aggregates.filter((aggregate) => read(aggregate).length === 0).map((aggregate) => draft(aggregate, 0));
  const commutes = type === 'Receive' || type === 'Deliver';
  if (commutes) {
    const drafts = [...opened, ...aggregates.map((aggregate) => draft(aggregate, amount))];
    return { drafts, isCommutative: opened.length === 0 };
  }
  const stock = stockOf(read(at));
  if (type === 'Count') {
    if (stock === amount) return { drafts: [], isCommutative: false };
    return { drafts: [...opened, { aggregate: at, payload: `=${payloadOf(amount, intent)}` }], isCommutative: false };
  }
  if (stock < amount) return 'DOMAIN';
  const taken = amount > 3 ? stock : amount;
  const sold = draft(at, -taken);
  return { drafts: 'to' in command ? [...opened, sold, draft(command.to, taken)] : [sold], isCommutative: false };
}

export function payloadOf(delta: number, intent: string): string {
  return `${delta} ${intent}`;
}

/** By how much an event changes the stock; of one that says what it is, `undefined`. */
export function deltaOf(payload: string): number | undefined {
  return isOfSecondRelease(payload) ? undefined : amountOf(payload);
}

function amountOf(payload: string): number {
  return Number(payload.slice(isOfSecondRelease(payload) ? 1 : 0, payload.indexOf(' ')));
}

/** What the event was recorded for: stays the same when it is decided again, under whatever id. */
export function intentOf(payload: string): string {
  return payload.slice(payload.indexOf(' ') + 1);
}

export function stockOf(payloads: readonly string[]): number {
  return payloads.reduce((stock, payload) => stockAfter(stock, payload), 0);
}

export function stockAfter(stock: number, payload: string): number {
  const amount = amountOf(payload);
  return isOfSecondRelease(payload) ? amount : stock + amount;
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
    [2, 'Count'],
  ]);
  return type === 'Move' || type === 'Deliver' ? { type, at, to, amount } : { type, at, amount };
}

export function randomScopes(random: SeededRandom): readonly Scope[] {
  return random.weighted<readonly Scope[]>([
    [5, SCOPES],
    [2, ['north']],
    [2, ['south']],
    [1, []],
  ]);
}
