import { afterEach, describe, expect, test, vi } from 'vitest';
import { callListener, guarded, Listeners } from '../../src/util/listeners.js';
import { uncaughtErrors } from '../support/uncaught-errors.js';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

function fail(): never {
  throw new RangeError('a listener');
}

describe('listeners', () => {
  test('are all called, in their order, with what is told', () => {
    const told: string[] = [];
    const listeners = new Listeners<[what: string, many: number]>();
    listeners.add((what, many) => told.push(`first ${what} ${many}`));
    listeners.add((what, many) => told.push(`second ${what} ${many}`));
    listeners.tell('nails', 3);
    expect(told).toEqual(['first nails 3', 'second nails 3']);
    expect(listeners.size).toBe(2);
  });

  test('that throw neither stop the others nor are silent, and are called the next time as well', () => {
    const errors = uncaughtErrors();
    let calls = 0;
    const listeners = new Listeners();
    listeners.add(fail);
    listeners.add(() => calls++);
    listeners.tell();
    listeners.tell();
    expect(calls).toBe(2);
    expect(errors.map(String)).toEqual(['RangeError: a listener', 'RangeError: a listener']);
  });

  test('are reported by the platform where it has a word for it', () => {
    const report = vi.fn();
    vi.stubGlobal('reportError', report);
    const errors = uncaughtErrors();
    callListener(fail);
    expect(report).toHaveBeenCalledExactlyOnceWith(expect.any(RangeError));
    expect(errors).toEqual([]);
  });

  test('that are guarded may be handed to anyone', () => {
    const errors = uncaughtErrors();
    const told: unknown[] = [];
    guarded((what: string) => told.push(what))('nails');
    guarded(fail)();
    expect(told).toEqual(['nails']);
    expect(errors.map(String)).toEqual(['RangeError: a listener']);
  });

  test('may be one function twice, which goes once for each time it came', () => {
    let calls = 0;
    const count = (): number => calls++;
    const listeners = new Listeners();
    const stops = [listeners.add(count), listeners.add(count)];
    listeners.tell();
    expect(calls).toBe(2);
    stops[0]?.();
    stops[0]?.();
    listeners.tell();
    expect(calls).toBe(3);
    stops[1]?.();
    listeners.tell();
    expect(calls).toBe(3);
    expect(listeners.size).toBe(0);
  });

  test('are not called any more when they go while the others are told', () => {
    const told: string[] = [];
    const listeners = new Listeners();
    const stops: (() => void)[] = [];
    listeners.add(() => {
      told.push('first');
      for (const stop of stops) stop();
    });
    stops.push(
      listeners.add(() => told.push('second')),
      listeners.add(() => told.push('third')),
    );
    listeners.add(() => told.push('fourth'));
    listeners.tell();
    expect(told).toEqual(['first', 'fourth']);
  });

  test('that add themselves again are told once', () => {
    let calls = 0;
    const listeners = new Listeners();
    let stop: () => void = () => undefined;
    const again = (): void => {
      calls++;
      stop();
      stop = listeners.add(again);
    };
    stop = listeners.add(again);
    listeners.tell();
    expect(calls).toBe(1);
    listeners.tell();
    expect(calls).toBe(2);
  });

  test('are all gone after clearing, also for whoever is being told', () => {
    const told: string[] = [];
    const listeners = new Listeners();
    listeners.add(() => {
      told.push('first');
      listeners.clear();
    });
    listeners.add(() => told.push('second'));
    listeners.tell();
    listeners.tell();
    expect(told).toEqual(['first']);
  });
});
