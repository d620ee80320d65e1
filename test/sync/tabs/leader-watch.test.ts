import { beforeEach, describe, expect, test, vi } from 'vitest';
import { LeaderWatch } from '../../../src/sync/tabs/leader-watch.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';

let clock: ManualClock;
let random: number;
const [ask, onSilence] = [vi.fn(), vi.fn()];
let watch: LeaderWatch;

beforeEach(() => {
  clock = new ManualClock();
  random = 0.999_999;
  ask.mockReset();
  onSilence.mockReset();
  watch = new LeaderWatch({ clock, random: () => random, ask, onSilence });
});

/** In small steps, as time passes. */
function pass(ms: number): void {
  for (let passed = 0; passed < ms; passed += 10) clock.advance(10);
}

describe('the watch over the tab that has the turn', () => {
  test.each([0, 0.5, 0.999_999])('is over two seconds after it began at the latest (%d)', (value) => {
    random = value;
    watch.set(true);
    pass(490);
    expect(ask).not.toHaveBeenCalled();
    pass(20);
    expect(ask).toHaveBeenCalledTimes(1);
    pass(980);
    expect(onSilence).not.toHaveBeenCalled();
    pass(500);
    expect(onSilence).toHaveBeenCalledTimes(1);
    pass(60_000);
    expect(onSilence).toHaveBeenCalledTimes(1);
  });

  test('goes on for ever, and seldom asks, while an answer comes and nothing is to be done', () => {
    ask.mockImplementation(() => watch.heard(false));
    watch.set(true);
    pass(300_000);
    expect(onSilence).not.toHaveBeenCalled();
    expect(ask.mock.calls.length).toBeLessThan(25);
  });

  test('asks again soon while something is to be done, and takes nothing from whoever answers', () => {
    ask.mockImplementation(() => watch.heard(true));
    watch.set(true);
    pass(10_000);
    expect(onSilence).not.toHaveBeenCalled();
    expect(ask).toHaveBeenCalledTimes(20);
    ask.mockImplementation(() => undefined);
    pass(2_000);
    expect(onSilence).toHaveBeenCalledTimes(1);
  });

  test('is shortened by a reason to hurry, which does not put off what is due', () => {
    watch.set(true);
    watch.heard(false);
    pass(5_000);
    watch.hurry();
    for (let part = 0; part < 4; part++) {
      pass(100);
      watch.hurry();
    }
    expect(ask).not.toHaveBeenCalled();
    pass(110);
    expect(ask).toHaveBeenCalledTimes(1);
    // Being asked already is hurry enough.
    watch.hurry();
    pass(1_500);
    expect(ask).toHaveBeenCalledTimes(1);
    expect(onSilence).toHaveBeenCalledTimes(1);
  });

  test('reads what lies there first, where this tab itself stood still; but not for ever', () => {
    watch.set(true);
    pass(510);
    clock.advance(30_000);
    expect(onSilence).not.toHaveBeenCalled();
    watch.heard(false);
    pass(10_000);
    expect(onSilence).not.toHaveBeenCalled();
    watch.hurry();
    pass(510);
    clock.advance(30_000);
    clock.advance(30_000);
    expect(onSilence).toHaveBeenCalledTimes(1);
  });

  test('is off when nobody is to be watched: nothing begins it but being set', () => {
    watch.set(true);
    pass(600);
    watch.set(false);
    watch.heard(true);
    watch.hurry();
    pass(60_000);
    expect(onSilence).not.toHaveBeenCalled();
    expect(ask).toHaveBeenCalledTimes(1);
    watch.set(true);
    pass(2_000);
    expect(onSilence).toHaveBeenCalledTimes(1);
  });
});
