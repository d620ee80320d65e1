/**
 * How a row of the tables of refusals is written: a call with arguments that are right, of which one is wrong at a time.
 *
 * ```text
 * refuses('EventStore.get', [id(), { limit: whole(), signal: signal() }], (world, ...given) => world.store.get(...given))
 *          ▲ as public-functions.ts calls it   ▲ each kind knows what it is not
 * ```
 *
 * Tried is what a caller fills in: texts, numbers, times, words, lists, functions, signals. What is lent, as recorders, clients,
 * clocks and schemas are, is taken by its shape, and a property that is true or false as JavaScript takes it.
 *
 * @module
 */
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import type { World } from './world.js';

/** What an argument, or an option, may be, and what it may not. */
export class Kind {
  readonly good: unknown;
  readonly bad: readonly unknown[];
  /** Whether the call is to end when it is aborted. */
  readonly isSignal: boolean;

  constructor(good: unknown, bad: readonly unknown[], isSignal: boolean = false) {
    this.good = good;
    this.bad = bad;
    this.isSignal = isSignal;
  }

  /** With other values that are wrong, instead. */
  butNot(...bad: readonly unknown[]): Kind {
    return new Kind(this.good, bad, this.isSignal);
  }
}

/** An argument: of one kind, or an object whose properties are. */
export type Given = Kind | { readonly [name: string]: Given };

/** One public function, and what it is given. */
export interface Row {
  readonly name: string;
  readonly given: readonly Given[];
  readonly call: (world: World, given: readonly never[]) => unknown;
  /** What it is refused with. */
  readonly codes: readonly string[];
  /** Why the call is not made with what is right: it would not end here, or nothing is there to answer. */
  readonly onlyRefused: boolean;
}

interface RowOptions {
  readonly codes?: readonly string[];
  readonly onlyRefused?: boolean;
}

/** A row. */
export function refuses(
  name: string,
  given: readonly Given[],
  call: (world: World, ...given: never[]) => unknown,
  { codes = ['PROGRAMMING_ERROR'], onlyRefused = false }: RowOptions = {},
): Row {
  return { name, given, call: (world, values) => call(world, ...values), codes, onlyRefused };
}

/** What can only be one thing. */
export const given = (good: unknown, ...bad: readonly unknown[]): Kind => new Kind(good, bad);
/** The id of an aggregate. */
export const id = (good: string = newOriginatorId()): Kind =>
  new Kind(good, [5, null, '', 'nails', good.toUpperCase()]);
export const text = (good: string = 'text'): Kind => new Kind(good, [5, null, '', 'a\0b', '\ud800']);
/** From 1 up. */
export const count = (good: number = 5): Kind => new Kind(good, [0, -1, 1.5, Number.NaN, '5']);
/** From 0 up. */
export const whole = (good: number = 5): Kind => new Kind(good, [-1, 1.5, Number.NaN, '5']);
export const integer = (good: number = 0): Kind => new Kind(good, [1.5, Number.NaN, '5']);
export const ms = (good: number = 1_000): Kind => new Kind(good, [-1, Number.NaN, '5']);
export const fn = (good: unknown = async () => Promise.resolve()): Kind => new Kind(good, [5, 'text', {}]);
export const list = (good: readonly unknown[] = []): Kind => new Kind(good, [5, 'text', {}]);
export const word = (good: string): Kind => new Kind(good, ['other', 5]);
export const date = (good: Date = new Date(0)): Kind => new Kind(good, ['2026-11-30', 5, new Date(Number.NaN)]);
export const bytes = (good: Uint8Array = new Uint8Array([1])): Kind => new Kind(good, ['text', 5, null, [1]]);
export const signal = (): Kind => new Kind(new AbortController().signal, ['text', {}], true);

/** A call of a row that is to be refused. */
export interface Case {
  readonly what: string;
  readonly values: readonly unknown[];
  /** It is to be refused with this, which is none of ours. */
  readonly reason?: Error;
}

const ABORTED = new Error('aborted by the test');

/** What is right. */
export function valuesOf(given: readonly Given[]): readonly unknown[] {
  return given.map(goodOf);
}

/** Each call of a row with one thing that is wrong. */
export function casesOf(given: readonly Given[]): readonly Case[] {
  const values = valuesOf(given);
  return given.flatMap((one, index) =>
    wrongsOf(one).map(({ path, value, reason }) => ({
      what: `${index}${path} = ${shown(reason ?? wrongAt(value, path))}`,
      values: values.with(index, value),
      ...(reason === undefined ? {} : { reason }),
    })),
  );
}

interface Wrong {
  readonly path: string;
  readonly value: unknown;
  readonly reason?: Error;
}

function wrongsOf(given: Given): readonly Wrong[] {
  if (given instanceof Kind) {
    const wrongs: Wrong[] = given.bad.map((value) => ({ path: '', value }));
    return given.isSignal ? [...wrongs, { path: '', value: AbortSignal.abort(ABORTED), reason: ABORTED }] : wrongs;
  }
  const good = goodOf(given) as Readonly<Record<string, unknown>>;
  return Object.entries(given).flatMap(([key, kind]) =>
    wrongsOf(kind).map(({ path, value, ...rest }) => ({
      path: `.${key}${path}`,
      value: { ...good, [key]: value },
      ...rest,
    })),
  );
}

function goodOf(given: Given): unknown {
  if (given instanceof Kind) return given.good;
  return Object.fromEntries(Object.entries(given).map(([key, kind]) => [key, goodOf(kind)]));
}

function wrongAt(value: unknown, path: string): unknown {
  return path
    .split('.')
    .slice(1)
    .reduce((within, key) => (within as Readonly<Record<string, unknown>>)[key], value);
}

function shown(value: unknown): string {
  if (value instanceof Error) return 'an aborted signal';
  if (value instanceof Date) return `Date ${value.getTime()}`;
  if (typeof value === 'number' || value === undefined) return String(value);
  if (typeof value === 'function') return 'a function';
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? `${one}n` : one)).slice(0, 60);
}
