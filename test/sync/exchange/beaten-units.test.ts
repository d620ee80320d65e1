/** Units that were sent and lost: how often, and how long to wait for the next push. */
import { describe, expect, test } from 'vitest';
import { BeatenUnits, DEFEATS_MAX } from '../../../src/sync/exchange/beaten-units.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';

const [ONE, OTHER] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];

function beaten(random = 0.5): { readonly clock: ManualClock; readonly units: BeatenUnits } {
  const clock = new ManualClock();
  return { clock, units: new BeatenUnits(clock, () => random) };
}

describe('the wait', () => {
  test('begins when all was decided on, and its bound is two pushes at first, and doubles', () => {
    const { clock, units } = beaten();
    expect(units.waitMs).toBe(0);
    const waits = Array.from({ length: 5 }, () => {
      units.noteDefeat(ONE, 100);
      units.noteDecided();
      const { waitMs } = units;
      clock.advance(waitMs);
      expect(units.waitMs).toBe(0);
      return waitMs;
    });
    expect(waits).toEqual([100, 200, 400, 800, 1_600]);
  });

  test('is by chance, from nothing to that', () => {
    for (const [random, waitMs] of [[0, 0], [0.999_999, 199]] as const) {
      const { units } = beaten(random);
      units.noteDefeat(ONE, 100);
      units.noteDecided();
      expect(units.waitMs).toBe(waitMs);
    }
  }); // prettier-ignore

  test('is 20 seconds at the most, however slow the line is', () => {
    const { units } = beaten(0.999_999);
    units.noteDefeat(ONE, 60_000);
    units.noteDecided();
    expect(units.waitMs).toBe(19_999);
  });

  test('goes on while pages come, and does not begin anew', () => {
    const { clock, units } = beaten();
    units.noteDefeat(ONE, 100);
    units.noteDecided();
    clock.advance(60);
    units.noteDecided();
    expect(units.waitMs).toBe(40);
  });

  test('ends with a reason to hope, and when none is left that has lost', () => {
    const { units } = beaten();
    units.noteDefeat(ONE, 100);
    units.noteDefeat(OTHER, 100);
    units.noteDecided();
    units.forget([ONE]);
    expect(units.waitMs).toBeGreaterThan(0);
    units.hope();
    expect(units.waitMs).toBe(0);
    units.noteDefeat(OTHER, 100);
    units.noteDecided();
    units.forget([OTHER]);
    expect([units.waitMs, units.isEmpty]).toEqual([0, true]);
    units.noteDefeat(ONE, 100);
    units.noteDefeat(OTHER, 100);
    units.noteDecided();
    units.forget();
    expect([units.waitMs, units.isEmpty]).toEqual([0, true]);
  });
});

test('whoever has lost eight times is given up, alone, and has as many tries again when somebody tries it again', () => {
  const { units } = beaten();
  for (let round = 0; round < 2; round++) {
    for (let count = 1; count <= DEFEATS_MAX; count++) {
      expect(units.givenUp.size).toBe(0);
      units.noteDecided();
      units.noteDefeat(ONE, 10);
    }
    units.noteDefeat(OTHER, 10);
    expect([...units.givenUp]).toEqual([[ONE, expect.objectContaining({ code: 'DECISIONS_EXHAUSTED' })]]);
    units.noteDecided();
    expect([units.givenUp.size, units.isEmpty]).toEqual([0, false]);
    units.forget([OTHER]);
  }
});
