import { describe, expect, test } from 'vitest';
import { SYNC_STATES, nextState } from '../../../src/sync/exchange/exchange-state.js';
import type { ExchangeEvent } from '../../../src/sync/exchange/exchange-state.js';
import type { SyncState } from '../../../src/sync/sync-status.js';

const EVENTS: readonly ExchangeEvent[] = [
  ...(['try', 'push', 'pull', 'heal', 'settle', 'fail'] as const),
  ...(['loseNetwork', 'refuseToken', 'refuseVersion', 'refuse', 'pause', 'resume'] as const),
];

/** States that can be reached from one, whatever happens. */
function reachable(from: SyncState): ReadonlySet<SyncState> {
  const found = new Set([from]);
  for (const state of found) for (const event of EVENTS) found.add(nextState(state, event));
  return found;
}

describe('states of synchronisation', () => {
  test('are reached from the start, all of them', () => {
    expect([...reachable('starting')].sort()).toEqual([...SYNC_STATES].sort());
  });

  test.each(SYNC_STATES)('%s has a way to "live"', (state) => {
    expect(reachable(state)).toContain('live');
  });

  test.each(SYNC_STATES.filter((state) => state !== 'paused' && state !== 'live'))(
    '%s is left, or stays at work, by an attempt alone',
    (state) => {
      expect(['connecting', 'pushing', 'pulling', 'healing']).toContain(nextState(state, 'try'));
    },
  );

  test('"live" is entered by nothing but that there is nothing left to do', () => {
    const ways = SYNC_STATES.filter((state) => state !== 'live').flatMap((state) =>
      EVENTS.filter((event) => nextState(state, event) === 'live'),
    );
    expect(new Set(ways)).toEqual(new Set(['settle']));
  });

  test('what rests is not said to be anything else by what did not happen', () => {
    for (const state of ['waiting', 'offline', 'needs-auth', 'upgrade-required', 'stuck'] as const) {
      expect(nextState(state, 'settle')).toBe(state);
      expect(nextState(state, 'push')).toBe(state);
    }
  });

  test('"paused" is left by whoever paused, and by nothing else', () => {
    const left = EVENTS.filter((event) => nextState('paused', event) !== 'paused');
    expect(left).toEqual(['resume']);
  });
});
