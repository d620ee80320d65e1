import { ObservableValue } from 'daybook';
import type { Observable } from 'daybook';
import type { Observable as OfApplications } from 'daybook/application';
import type { Observable as OfSync } from 'daybook/sync';
import { afterEach, describe, expect, expectTypeOf, test, vi } from 'vitest';
import { uncaughtErrors } from '../support/uncaught-errors.js';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('an observable value', () => {
  test('tells at once, then of every change, until it is stopped', () => {
    const count = new ObservableValue(1);
    const seen: number[] = [];
    const stop = count.subscribe((value) => seen.push(value));
    count.set(2);
    count.set(2);
    expect(count.value).toBe(2);
    stop();
    stop();
    count.set(3);
    expect(seen).toEqual([1, 2, 2]);
  });

  test('can be subscribed to without its object', () => {
    const count = new ObservableValue(1);
    const { subscribe } = count;
    const seen: number[] = [];
    const stop = subscribe((value) => seen.push(value));
    count.set(2);
    stop();
    count.set(3);
    expect(seen).toEqual([1, 2]);
  });

  test('tells the same function twice when it listens twice', () => {
    const count = new ObservableValue(1);
    const seen: number[] = [];
    const listener = (value: number): void => void seen.push(value);
    const stop = count.subscribe(listener);
    count.subscribe(listener);
    count.set(2);
    stop();
    count.set(3);
    expect(seen).toEqual([1, 1, 2, 2, 3]);
  });

  test('tells the others when a listener throws, at once or later, and reports it', () => {
    const errors = uncaughtErrors();
    const count = new ObservableValue(1);
    const seen: number[] = [];
    const stop = count.subscribe((value) => {
      throw new RangeError(`a listener at ${value}`);
    });
    count.subscribe((value) => seen.push(value));
    count.set(2);
    stop();
    count.set(3);
    expect(seen).toEqual([1, 2, 3]);
    expect(errors.map(String)).toEqual(['RangeError: a listener at 1', 'RangeError: a listener at 2']);
  });

  test('never tells of an older value after a newer one, when a listener sets it', () => {
    const count = new ObservableValue(0);
    const [before, after]: [number[], number[]] = [[], []];
    count.subscribe((value) => before.push(value));
    count.subscribe((value) => {
      if (value % 2 === 1) count.set(value + 1);
    });
    count.subscribe((value) => after.push(value));
    count.set(1);
    count.set(3);
    expect(before).toEqual([0, 1, 2, 3, 4]);
    expect(after).toEqual([0, 2, 4]);
  });

  test('tells a listener that comes while others are told once of each value', () => {
    const count = new ObservableValue(0);
    const seen: number[] = [];
    const stop = count.subscribe((value) => {
      if (value !== 1) return;
      count.subscribe((late) => seen.push(late));
    });
    count.set(1);
    stop();
    count.set(2);
    expect(seen).toEqual([1, 2]);
  });

  test('is public, and does what its example says', () => {
    const printed: string[] = [];
    const pending = new ObservableValue(0);
    const stop = pending.subscribe((count) => printed.push(`${count} pending`));
    pending.set(3);
    stop();
    expect(printed).toEqual(['0 pending', '3 pending']);
    expectTypeOf(pending).toExtend<Observable<number>>();
    expectTypeOf<OfApplications<number>>().toEqualTypeOf<Observable<number>>();
    expectTypeOf<OfSync<number>>().toEqualTypeOf<Observable<number>>();
    // Whoever may only watch what is more, may watch it as less.
    expectTypeOf<Observable<1 | 2>>().toExtend<Observable<number>>();
  });
});
