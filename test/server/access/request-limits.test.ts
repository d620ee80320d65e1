import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { limitKey, RequestLimits } from '../../../src/server/access/request-limits.js';
import { TokenBucket } from '../../../src/server/access/token-bucket.js';
import { createSyncServer, MemoryUnitLog } from '../../../src/server/index.js';
import type { RequestLimitOptions, SyncServerOptions } from '../../../src/server/index.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { postUnits } from '../../support/unit-wire.js';

const beyond = (reason: string, retryAfterSeconds: unknown = expect.any(Number)): unknown =>
  expect.objectContaining({ code: 'UNAVAILABLE', details: { reason, retryAfterSeconds } });

/** What is thrown, as the answer would say it; `undefined` when it is let in. */
function refusal(call: () => unknown): Record<string, unknown> | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return (error as { details: Record<string, unknown> }).details;
  }
}

describe('a bucket', () => {
  const rates = fc.record({
    capacity: fc.integer({ min: 1, max: 1_000 }),
    perSecond: fc.integer({ min: 1, max: 500 }),
  });
  const steps = fc.array(
    fc.record({ afterMs: fc.integer({ min: 0, max: 5_000 }), amount: fc.integer({ min: 0, max: 1_500 }) }),
    { maxLength: 60 },
  );

  it('gives over any time no more than it holds and what drips into it meanwhile', () => {
    fc.assert(
      fc.property(rates, steps, (rate, wishes) => {
        const bucket = new TokenBucket(rate, 0);
        const taken: { atMs: number; amount: number }[] = [];
        let nowMs = 0;
        for (const { afterMs, amount } of wishes) {
          nowMs += afterMs;
          if (bucket.waitMs(amount, nowMs) > 0) continue;
          bucket.take(amount, nowMs);
          taken.push({ atMs: nowMs, amount });
        }
        for (const [first, from] of taken.entries()) {
          let sum = 0;
          for (const { atMs, amount } of taken.slice(first)) {
            // What is larger than the bucket goes when it is full, and is owed: so the last one may go beyond.
            const dripped = ((atMs - from.atMs) / 1_000) * rate.perSecond;
            expect(sum + Math.min(amount, rate.capacity)).toBeLessThanOrEqual(rate.capacity + dripped + 1e-3);
            sum += amount;
          }
        }
      }),
    );
  });

  it('lets in whoever waits for as long as it says, and not a moment before', () => {
    fc.assert(
      fc.property(rates, steps, (rate, wishes) => {
        const bucket = new TokenBucket(rate, 0);
        let nowMs = 0;
        for (const { afterMs, amount } of wishes) {
          nowMs += afterMs;
          const waitMs = bucket.waitMs(amount, nowMs);
          if (waitMs > 1) {
            nowMs += waitMs - 0.5;
            expect(bucket.waitMs(amount, nowMs)).toBeGreaterThan(0);
            nowMs += 0.5;
          } else nowMs += waitMs;
          expect(bucket.waitMs(amount, nowMs)).toBe(0);
          bucket.take(amount, nowMs);
        }
      }),
    );
  });

  it('is not filled by a clock that goes back', () => {
    const bucket = new TokenBucket({ capacity: 1, perSecond: 1 }, 1_000);
    bucket.take(1, 1_000);
    expect(bucket.waitMs(1, 0)).toBe(1_000);
    expect(bucket.waitMs(1, 1_500)).toBe(500);
  });

  it('takes back what was taken too much, and no more than it holds', () => {
    const bucket = new TokenBucket({ capacity: 10, perSecond: 1 }, 0);
    bucket.take(8, 0);
    bucket.take(-20, 0);
    expect(bucket.waitMs(10, 0)).toBe(0);
    bucket.take(10, 0);
    expect(bucket.waitMs(1, 0)).toBe(1_000);
  });
});

describe('limits of a subject', () => {
  const make = (options: RequestLimitOptions): { limits: RequestLimits; clock: ManualClock } => {
    const clock = new ManualClock();
    return { limits: new RequestLimits(options, clock), clock };
  };

  it('let in ten seconds’ worth at once, then as many as drip in, and say when to come again', () => {
    const { limits, clock } = make({ requestsPerSecond: 2 });
    for (let count = 0; count < 20; count++) limits.admit('anna', 0);
    expect(() => limits.admit('anna', 0)).toThrow(beyond('requests', 1));
    clock.advance(500);
    limits.admit('anna', 0);
    expect(() => limits.admit('anna', 0)).toThrow(beyond('requests'));
  });

  it('are fair: what one takes, it takes from nobody else', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ who: fc.constantFrom('greedy', 'modest'), afterMs: fc.integer({ min: 0, max: 300 }) })),
        (wishes) => {
          const together = make({ requestsPerSecond: 1, bytesPerMinute: 6_000 });
          const alone = make({ requestsPerSecond: 1, bytesPerMinute: 6_000 });
          for (const { who, afterMs } of wishes) {
            together.clock.advance(afterMs);
            alone.clock.advance(afterMs);
            if (who === 'greedy') for (let n = 0; n < 20; n++) refusal(() => together.limits.admit('greedy', 900));
            else {
              expect(refusal(() => together.limits.admit('modest', 100))).toEqual(
                refusal(() => alone.limits.admit('modest', 100)),
              );
            }
          }
        },
      ),
    );
  });

  it('count bytes, those of answers afterwards, and what was claimed too much not', () => {
    const { limits, clock } = make({ bytesPerMinute: 60_000, requestsPerSecond: false });
    limits.admit('anna', 50_000);
    limits.takeBytes('anna', -40_000);
    limits.admit('anna', 50_000);
    expect(() => limits.admit('anna', 1_000)).toThrow(beyond('bytes', 1));
    limits.takeBytes('anna', 9_000);
    // 10,000 bytes a second are not: a thousand is.
    expect(() => limits.admit('anna', 1_000)).toThrow(beyond('bytes', 10));
    clock.advance(10_000);
    limits.admit('anna', 1_000);
  });

  it('let in a request that is larger than all of a minute, when nothing is owed', () => {
    const { limits, clock } = make({ bytesPerMinute: 60_000 });
    limits.admit('anna', 90_000);
    expect(() => limits.admit('anna', 1)).toThrow(beyond('bytes', 31));
    clock.advance(90_000);
    limits.admit('anna', 90_000);
  });

  it('count streams that are open, and closing one twice frees one', () => {
    const { limits } = make({ liveConnections: 2 });
    const [first] = [limits.openLive('anna'), limits.openLive('anna')];
    expect(() => limits.openLive('anna')).toThrow(beyond('live', 1));
    limits.openLive('bert');
    first();
    first();
    limits.openLive('anna');
    expect(() => limits.openLive('anna')).toThrow(beyond('live'));
  });

  it('can be switched off, each by itself', () => {
    const { limits } = make({ requestsPerSecond: false, bytesPerMinute: false, liveConnections: false });
    for (let count = 0; count < 10_000; count++) limits.admit('anna', 2 ** 30);
    for (let count = 0; count < 1_000; count++) limits.openLive('anna');
  });

  it('remember no more subjects than they are told, and those with open streams first', () => {
    const { limits } = make({ subjectsMax: 100, requestsPerSecond: 1, liveConnections: 1 });
    for (let count = 0; count < 10; count++) limits.admit('anna', 0);
    limits.openLive('anna');
    for (let count = 0; count < 10_000; count++) limits.admit(`subject ${count}`, 0);
    expect(limits.size).toBe(100);
    expect(() => limits.admit('anna', 0)).toThrow(beyond('requests'));
    expect(() => limits.openLive('anna')).toThrow(beyond('live'));
  });

  it.each([{ requestsPerSecond: 0 }, { bytesPerMinute: -1 }, { liveConnections: 1.5 }, { subjectsMax: 0 }, null])(
    'that make no sense are refused: %o',
    (limits) => {
      const options = { unitLog: new MemoryUnitLog(), allowAnonymous: true, limits } as SyncServerOptions;
      expect(() => createSyncServer(options)).toThrow(expect.objectContaining({ code: 'PROGRAMMING_ERROR' }));
    },
  );
});

describe('for whom something is counted', () => {
  it('is the subject, wherever it comes from', () => {
    expect(limitKey({ subject: 'anna' }, '10.0.0.7')).toBe(limitKey({ subject: 'anna' }, undefined));
  });

  it('is the address where nobody says who it is, and nobody where that is not known either', () => {
    const keyOf = (address: string | undefined): string | undefined => limitKey({ subject: '' }, address);
    expect(keyOf(undefined)).toBeUndefined();
    expect(keyOf('10.0.0.7')).not.toBe(keyOf('10.0.0.8'));
    expect(keyOf('::ffff:10.0.0.7')).toBe(keyOf('10.0.0.7'));
    // Somebody has all of these.
    expect(keyOf('2001:db8:0:1::7')).toBe(keyOf('2001:0DB8::1:ffff:ffff:ffff:1'));
    expect(keyOf('2001:db8:0:1::7')).toBe(keyOf('[2001:db8:0:1:2:3:4:5]'));
    expect(keyOf('2001:db8:0:1::7')).not.toBe(keyOf('2001:db8:0:2::7'));
    expect(keyOf('fe80::1%eth0')).toBe(keyOf('fe80::2'));
    // A subject cannot be called like somebody else's address.
    expect(limitKey({ subject: 'address 10.0.0.7' }, undefined)).not.toBe(keyOf('10.0.0.7'));
  });
});

describe('a server', () => {
  const push = (
    server: ReturnType<typeof createSyncServer>,
    headers: Record<string, string> = {},
  ): ReturnType<typeof postUnits> => postUnits(server.fetch, undefined, headers);
  const serve = (options: Partial<SyncServerOptions>): ReturnType<typeof createSyncServer> =>
    createSyncServer({ unitLog: new MemoryUnitLog(), log, ...options });
  const log = vi.fn();
  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
  const statuses = async (count: number, ask: () => ReturnType<typeof postUnits>): Promise<number[]> => {
    const found: number[] = [];
    for (let n = 0; n < count; n++) found.push((await ask()).status);
    return found;
  };
  const tokens = [
    { token: 'a', subject: 'anna' },
    { token: 'b', subject: 'bert' },
  ];

  it('answers 429, with when to come again, and goes on with the others', async () => {
    const server = serve({ tokens, limits: { requestsPerSecond: 1 } });
    expect(new Set(await statuses(10, () => push(server, bearer('a'))))).toEqual(new Set([200]));
    const answer = await push(server, bearer('a'));
    expect([answer.status, answer.body.error?.code, answer.headers.get('retry-after')]).toEqual([
      429,
      'UNAVAILABLE',
      '1',
    ]);
    expect(answer.headers.get('daybook-protocol')).toBe('2');
    expect(answer.body.error?.details).toEqual({ reason: 'requests', retryAfterSeconds: 1 });
    expect((await push(server, bearer('b'))).status).toBe(200);
    // It is nobody's fault here.
    expect(log).not.toHaveBeenCalled();
  });

  it('counts what it sends and gets, by what there was and not by what was said', async () => {
    const server = serve({ tokens, limits: { requestsPerSecond: false, bytesPerMinute: 3_000 } });
    const first = await push(server, bearer('a'));
    expect(first.status).toBe(200);
    const found = await statuses(30, () => push(server, bearer('a')));
    expect(found.indexOf(429)).toBeGreaterThan(0);
    expect(new Set(found.slice(found.indexOf(429)))).toEqual(new Set([429]));
    // What was claimed and did not come is given back.
    expect((await push(server, { ...bearer('b'), 'content-length': '1000000' })).status).toBe(200);
    expect((await push(server, bearer('b'))).status).toBe(200);
  });

  it('counts for nobody where a token is everybody’s, but for an address where the host says it', async () => {
    const limits = { requestsPerSecond: 1 };
    const anybody = serve({ tokens: ['shared'], limits });
    expect(new Set(await statuses(30, () => push(anybody, bearer('shared'))))).toEqual(new Set([200]));
    const known = serve({
      allowAnonymous: true,
      limits,
      clientAddress: (request) => request.headers.get('test-address') ?? undefined,
    });
    const from = (address: string): (() => ReturnType<typeof postUnits>) => {
      return () => push(known, { 'test-address': address });
    };
    expect((await statuses(11, from('10.0.0.7'))).at(-1)).toBe(429);
    expect((await statuses(1, from('10.0.0.8'))).at(-1)).toBe(200);
  });

  it('looks at no more tokens of an address that sends bad ones, and at those of all others', async () => {
    const verifyToken = vi.fn((token: string) => token === 'good');
    const server = serve({
      verifyToken,
      limits: { requestsPerSecond: 1 },
      clientAddress: (request) => request.headers.get('test-address') ?? undefined,
    });
    const from = (address: string, token: string): ReturnType<typeof postUnits> =>
      push(server, { ...bearer(token), 'test-address': address });
    const found = await statuses(20, () => from('10.0.0.7', 'bad'));
    expect(found.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401));
    expect(found.at(-1)).toBe(429);
    expect(verifyToken.mock.calls.length).toBeLessThan(13);
    expect((await from('10.0.0.7', 'good')).body.error?.details).toMatchObject({ reason: 'refused' });
    expect((await from('10.0.0.8', 'good')).status).toBe(200);
  });

  it('has none when they are switched off', async () => {
    const server = serve({ tokens, limits: false });
    expect(new Set(await statuses(600, () => push(server, bearer('a'))))).toEqual(new Set([200]));
  });

  it('has generous ones by itself', async () => {
    const server = serve({ tokens });
    const found = await statuses(500, () => push(server, bearer('a')));
    expect(new Set(found)).toEqual(new Set([200]));
  });
});
