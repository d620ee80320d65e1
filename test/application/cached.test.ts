import { describe, expect, test } from 'vitest';
import { cached, invalidation } from '../../src/application/cached.js';
import type { NotifiedEvent } from '../../src/application/events/notified-event.js';
import { ManualClock } from '../../src/testing/manual-clock.js';

/** A question whose answers are counted, and given when the test says so. */
function slowQuestion(): { ask: (id: string) => Promise<string>; answer: () => void; calls: () => number } {
  const waiting: (() => void)[] = [];
  let calls = 0;
  return {
    ask: (id) => {
      const text = `${id} ${++calls}`;
      return new Promise((resolve) => waiting.push(() => resolve(text)));
    },
    answer: () => waiting.splice(0).forEach((give) => give()),
    calls: () => calls,
  };
}

describe('cached', () => {
  test('questions that are alike share one call, until its time is over', async () => {
    const clock = new ManualClock();
    let calls = 0;
    const ask = cached(async (id: string) => `${id} ${++calls}`, { ttlMs: 1_000, clock });
    expect(await Promise.all([ask('a'), ask('a'), ask('b')])).toEqual(['a 1', 'a 1', 'b 2']);
    clock.advance(999);
    expect(await ask('a')).toBe('a 1');
    clock.advance(1);
    expect(await ask('a')).toBe('a 3');
  });

  test('a rejection is not kept', async () => {
    let calls = 0;
    const ask = cached(async () => {
      if (++calls === 1) throw new RangeError('not now');
      return calls;
    });
    await expect(ask()).rejects.toThrow('not now');
    expect(await ask()).toBe(2);
  });

  test('an answer that is being made when it becomes old is not given to those who ask afterwards', async () => {
    const { ask, answer } = slowQuestion();
    const level = cached(ask, { tags: (id) => [id] });
    const before = level('a');
    level.invalidate(['a']);
    const after = level('a');
    answer();
    expect(await before).toBe('a 1');
    expect(await after).toBe('a 2');
    expect(await level('a')).toBe('a 2');
  });

  test('invalidation drops by tag, clear drops all', async () => {
    let calls = 0;
    const ask = cached(async (id: string) => `${id} ${++calls}`, { tags: (id) => [id, 'all'] });
    await Promise.all([ask('a'), ask('b')]);
    ask.invalidate(['a']);
    expect(await Promise.all([ask('a'), ask('b')])).toEqual(['a 3', 'b 2']);
    ask.invalidate(['all']);
    expect(await ask('b')).toBe('b 4');
    ask.clear();
    expect(await ask('b')).toBe('b 5');
  });

  test('the answer that was asked for longest ago goes first', async () => {
    let calls = 0;
    const ask = cached(async (id: string) => `${id} ${++calls}`, { entriesMax: 2 });
    for (const id of ['a', 'b', 'c']) await ask(id);
    expect(await Promise.all([ask('c'), ask('b')])).toEqual(['c 3', 'b 2']);
    expect(await ask('a')).toBe('a 4');
  });

  test('events make answers old as soon as they are committed', async () => {
    let calls = 0;
    const ask = cached(async (id: string) => `${id} ${++calls}`, { tags: (id) => [id] });
    await Promise.all([ask('a'), ask('b')]);
    const participant = invalidation([ask], (event) => [event.originatorId]);
    participant.onCommitted?.([{ originatorId: 'a' } as NotifiedEvent]);
    expect(await Promise.all([ask('a'), ask('b')])).toEqual(['a 3', 'b 2']);
  });
});
