import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { packLostUnits, packPendingUnits } from '../../src/persistence/unit-batch.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import { createSyncServer } from '../../src/server/sync-server.js';
import { LIMITS_DEFAULT } from '../../src/sync/protocol/index.js';
import { gunzipped } from '../../src/util/gzip.js';
import { SeededRandom } from '../soak/seeded-random.js';
import { codeOf, deviceRequest, NaiveUnitLog, pendingUnit, pendingUnits, pushRequest } from '../support/unit-wire.js';

const serve = (unitLog = new NaiveUnitLog()): ((request: Request) => Promise<Response>) =>
  createSyncServer({ unitLog, allowAnonymous: true, log: vi.fn() }).fetch;
const gzip = { 'content-encoding': 'gzip' };
const packed = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(gzipSync(bytes, { level: 9 }));
const heap = (): number => {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

describe('what is compressed costs what was sent', () => {
  it.each([
    ['zeros', new Uint8Array(64_000_000)],
    ['zeros that would be within the limits', new Uint8Array(8_000_000)],
    [
      'a unit whose state is zeros',
      packPendingUnits([pendingUnit({ events: [{ ...pendingUnit().events[0]!, state: new Uint8Array(700_000) }] })]),
    ],
  ])('%s are unpacked to a hundred times of it, and refused', async (_case, bytes) => {
    const body = packed(bytes);
    const before = performance.now();
    const answer = await serve()(deviceRequest('/v2/push', body, gzip));
    expect([answer.status, await codeOf(answer)]).toEqual([400, 'INVALID_REQUEST']);
    // 64 MB take ten times as long.
    expect(performance.now() - before).toBeLessThan(2_000);
  });

  it('no more is unpacked than is asked for, whatever there is', async () => {
    const bomb = packed(new Uint8Array(200_000_000));
    const before = heap();
    const { bytes, isWhole } = await gunzipped(bomb, 500_000);
    expect([bytes.length, isWhole]).toEqual([500_000, false]);
    expect(heap() - before).toBeLessThan(5_000_000);
  });

  it('more than the limit is too large, packed or not, and said to be so', async () => {
    const large = new Uint8Array(randomBytes(4_500_000).toString('hex').length);
    large.set(Buffer.from(randomBytes(4_500_000).toString('hex')));
    for (const [body, headers] of [
      [large, {}],
      [packed(large), gzip],
    ] as const) {
      const answer = await serve()(deviceRequest('/v2/push', body, headers));
      expect([answer.status, await codeOf(answer)]).toEqual([413, 'TOO_LARGE']);
    }
  });

  it.each([
    ['cut short', (body: Uint8Array) => body.slice(0, -9)],
    ['with a wrong sum', (body: Uint8Array) => Uint8Array.of(...body.slice(0, -8), 1, 2, 3, 4, ...body.slice(-4))],
    ['of nothing', () => new Uint8Array(0)],
  ])('gzip %s is refused', async (_case, change) => {
    const body = change(packed(packPendingUnits(pendingUnits(20))));
    const answer = await serve()(deviceRequest('/v2/push', body, gzip));
    expect([answer.status, await codeOf(answer)]).toEqual([400, 'INVALID_REQUEST']);
  });

  it('a question is read up to its own limit', async () => {
    const body = packed(new TextEncoder().encode(`{"marks":[${'"x",'.repeat(50_000)}"x"]}`));
    const answer = await serve()(deviceRequest('/v2/common', body, { ...gzip, 'content-type': 'application/json' }));
    expect([413, 400]).toContain(answer.status);
    expect((await serve()(deviceRequest('/v2/common', { marks: ['x'.repeat(70_000)] }))).status).toBe(413);
  });
});

describe('what is sent costs in proportion', () => {
  it.each([
    ['brackets', '['.repeat(60_000)],
    ['many empty objects', `{"marks":[${'{},'.repeat(20_000)}{}]}`],
    ['many numbers', `{"marks":[${'1,'.repeat(30_000)}1]}`],
  ])('%s are refused before they are parsed', async (_case, text) => {
    const parse = vi.spyOn(JSON, 'parse');
    const body = new TextEncoder().encode(text);
    const answer = await serve()(deviceRequest('/v2/common', body, { 'content-type': 'application/json' }));
    expect([answer.status, parse.mock.calls.length]).toEqual([400, 0]);
    parse.mockRestore();
  });

  it('a body in single bytes takes no more memory than in one piece', async () => {
    const bytes = packPendingUnits(pendingUnits(200, 800));
    let [at, before, after] = [0, 0, 0];
    const body = new ReadableStream({
      pull(controller): void {
        if (at === 0) before = heap();
        if (at === bytes.length) {
          after = heap();
          controller.close();
          return;
        }
        controller.enqueue(bytes.slice(at, ++at));
      },
    });
    expect((await serve()(deviceRequest('/v2/push', body))).status).toBe(200);
    expect(after - before).toBeLessThan(5 * bytes.length + 2_000_000);
  });

  it('counts of more than there can be cost nothing', async () => {
    const bytes = new Uint8Array(LIMITS_DEFAULT.unitBytes);
    bytes.set([1, ...randomBytes(16), 2, 1, 0, 1, 1, 0, 0, 0xff, 0xff, 0xff, 0x03]);
    const before = performance.now();
    for (let round = 0; round < 5; round++) {
      expect((await serve()(deviceRequest('/v2/push', bytes))).status).toBe(400);
    }
    expect(performance.now() - before).toBeLessThan(2_000);
  });
});

it('a request that was changed is answered, and never by a fault of the server', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  const random = new SeededRandom(seed);
  const log = new MemoryUnitLog({ seals: { keys: [new Uint8Array(randomBytes(32))] } });
  const faults = vi.fn();
  const { fetch } = createSyncServer({ unitLog: log, allowAnonymous: true, limits: false, log: faults });
  const units = pendingUnits(3, 30);
  const offered = units.map((unit, index) => ({
    ...unit,
    position: index + 1,
    total: 1,
    origin: { author: '', recordedAtMs: 1, seal: new Uint8Array(33) },
  }));
  const json = (value: object): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));
  const bodies: readonly (readonly [string, Uint8Array<ArrayBuffer>, string])[] = [
    ['/v2/push', packPendingUnits(units), 'application/vnd.daybook.units'],
    [
      '/v2/push',
      packPendingUnits([pendingUnit({ isCommutative: true, scopes: ['a'] })]),
      'application/vnd.daybook.units',
    ],
    ['/v2/heal', packLostUnits(offered), 'application/vnd.daybook.units'],
    ['/v2/units', json({ after: '0', events: 10, bytes: 1_000 }), 'application/json'],
    ['/v2/common', json({ marks: ['7.abc', '3.ff', '0'] }), 'application/json'],
  ];
  const statuses = new Map<number, number>();
  for (let round = 0; round < 10_000; round++) {
    const [path, original, mediaType] = bodies[round % bodies.length]!;
    let body = Uint8Array.from(original);
    for (let left = random.between(1, 3); left > 0 && body.length > 0; left--) {
      const at = random.between(0, body.length - 1);
      if (random.chance(0.1)) body = body.slice(0, at);
      else if (random.chance(0.1)) body = Uint8Array.of(...body.subarray(0, at), 0xff, ...body.subarray(at));
      else body[at] = random.between(0, 255);
    }
    const isGzip = random.chance(0.05);
    const answer = await fetch(
      deviceRequest(path, body, {
        'content-type': random.chance(0.02) ? 'text/plain' : mediaType,
        ...(isGzip ? gzip : {}),
        ...(random.chance(0.02) ? { 'daybook-replica': 'x' } : {}),
      }),
    );
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    expect(answer.status, `seed ${seed}, round ${round}: ${path} ${Buffer.from(body).toString('hex')}`).toBeLessThan(
      500,
    );
  }
  expect(faults).not.toHaveBeenCalled();
  // Both happen, or the changes would be good for nothing.
  expect([(statuses.get(200) ?? 0) > 100, (statuses.get(400) ?? 0) > 100], JSON.stringify([...statuses])).toEqual([
    true,
    true,
  ]);
}, 60_000);

it('a push is let go of when its sender goes away', async () => {
  const body = new ReadableStream({
    pull(controller): void {
      controller.error(new Error('gone'));
    },
  });
  const answer = await serve()(deviceRequest('/v2/push', body));
  expect([answer.status, await codeOf(answer)]).toEqual([400, 'INVALID_REQUEST']);
  expect((await serve()(pushRequest(pendingUnits(1)))).status).toBe(200);
});
