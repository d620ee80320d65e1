import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { OperationalError } from '../../src/persistence/errors.js';
import { packConfirmedUnits, packLostUnits, packPendingUnits, unpackPage } from '../../src/persistence/unit-batch.js';
import type { ConfirmedUnit, PendingUnit } from '../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import { MemoryReplicaStore, ReplicaRegistry } from '../../src/server/index.js';
import { takesGzip } from '../../src/server/answer-coding.js';
import type { SyncServer } from '../../src/server/sync-server.js';
import { createSyncServer } from '../../src/server/sync-server.js';
import type { RecordedPush, SyncServerOptions } from '../../src/server/sync-server.js';
import { TenantLogs } from '../../src/server/tenants/tenant-logs.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { ForbiddenError, LIMITS_DEFAULT, LIMITS_LEAST } from '../../src/sync/protocol/index.js';
import { systemClock } from '../../src/util/clock.js';
import {
  codeOf,
  deviceRequest,
  jsonOf,
  NaiveUnitLog,
  pendingUnit,
  pendingUnits,
  pushRequest,
  REPLICA,
} from '../support/unit-wire.js';

function serve(options: Partial<SyncServerOptions> = {}): SyncServer & { readonly log: NaiveUnitLog } {
  const log = new NaiveUnitLog();
  const auth = options.tokens === undefined && options.verifyToken === undefined ? { allowAnonymous: true } : {};
  return { ...createSyncServer({ unitLog: log, log: vi.fn(), ...auth, ...options }), log };
}

const question = { after: '0', events: 100, bytes: 100_000 };
const lost = (): Uint8Array<ArrayBuffer> =>
  packLostUnits([
    {
      ...pendingUnit(),
      position: 1,
      total: 1,
      origin: { author: '', recordedAtMs: 1, seal: Uint8Array.of(1) },
    },
  ]);

describe('the four requests', () => {
  it('a push is decided, and a page has what was accepted', async () => {
    const { fetch, log } = serve({ tokens: [{ token: 'anns', subject: 'ann' }] });
    const units = pendingUnits(3);
    const pushed = await fetch(pushRequest(units, { authorization: 'Bearer anns' }));
    expect([pushed.status, await jsonOf(pushed)]).toEqual([
      200,
      { head: 3, decisions: units.map(({ id }, index) => [id, 'accepted', index + 1]) },
    ]);
    expect(log.senders).toEqual([{ subject: 'ann', replicaId: REPLICA }]);
    const page = await fetch(deviceRequest('/v2/units', question, { authorization: 'Bearer anns' }));
    expect(page.headers.get('content-type')).toBe('application/vnd.daybook.units');
    const read = unpackPage(new Uint8Array(await page.arrayBuffer()));
    expect(read.units.map(({ id }) => id)).toEqual(units.map(({ id }) => id));
    expect(read).toMatchObject({ from: '0', position: 3, head: 3 });
  });

  it('a push that ends at a conflict says where', async () => {
    const { fetch } = serve();
    const [first, second] = pendingUnits(2) as [ReturnType<typeof pendingUnit>, ReturnType<typeof pendingUnit>];
    await fetch(pushRequest([first]));
    const clashing = pendingUnit({ events: first.events });
    const answer = await fetch(pushRequest([second, clashing]));
    expect(await jsonOf(answer)).toEqual({ head: 2, decisions: [[second.id, 'accepted', 2]], conflict: clashing.id });
  });

  it('a cursor that the log does not have is told apart, and the common place found', async () => {
    const { fetch } = serve();
    await fetch(pushRequest(pendingUnits(1)));
    const { to } = unpackPage(new Uint8Array(await (await fetch(deviceRequest('/v2/units', question))).arrayBuffer()));
    const unknown = await fetch(deviceRequest('/v2/units', { ...question, after: '7.other' }));
    expect([unknown.status, await codeOf(unknown)]).toEqual([409, 'CURSOR_UNKNOWN']);
    const common = await fetch(deviceRequest('/v2/common', { marks: ['7.other', to, '0'] }));
    expect(await jsonOf(common)).toEqual({ common: to });
  });

  it('what was lost is taken back', async () => {
    const { fetch, log } = serve();
    const units = pendingUnits(1);
    await fetch(pushRequest(units));
    const kept = log.naive.units as readonly ConfirmedUnit[];
    log.naive.restore(0);
    const body = packLostUnits(kept.map((unit) => ({ ...unit, after: [undefined] })));
    const healed = await fetch(deviceRequest('/v2/heal', body));
    expect([healed.status, await jsonOf(healed)]).toEqual([
      200,
      {
        decisions: [[units[0]?.id, 'restored']],
        head: (log.naive.units as readonly { cursor: string }[]).at(-1)?.cursor,
      },
    ]);
  });

  it('a page is no larger than is asked for, nor than the server states', async () => {
    const { fetch, log } = serve({ syncLimits: { events: 300, bytes: 600_000 } });
    await fetch(deviceRequest('/v2/units', { after: '0', events: 5, bytes: 10 }));
    await fetch(deviceRequest('/v2/units', { after: '0', events: 1e9, bytes: 1e9, later: ['a', 'field'] }));
    expect(log.pageOptions).toMatchObject([
      { eventsMax: 5, bytesMax: 10 },
      { eventsMax: 300, bytesMax: 600_000 },
    ]);
  });

  it('who recorded is told, of what is new alone', async () => {
    const onRecorded = vi.fn(() => {
      throw new Error('no matter');
    });
    const { fetch } = serve({ onRecorded });
    const units = pendingUnits(2);
    await fetch(pushRequest(units));
    await fetch(pushRequest(units));
    expect(onRecorded.mock.calls).toEqual([[{ tenant: '', replicaId: REPLICA, units: 2, events: 2, head: 2 }]]);
  });
});

describe('every answer', () => {
  const paths = ['/v2/push', '/v2/units', '/v2/common', '/v2/heal'];

  it.each<[string, Request, number]>([
    ['an answer', pushRequest(pendingUnits(1)), 200],
    ['a refusal', deviceRequest('/v2/units', {}), 400],
    ['nothing there', deviceRequest('/v2/elsewhere', {}), 404],
    ['health', new Request('http://server.test/health'), 200],
  ])('says whose it is, what is taken, and that nobody may keep it: %s', async (_case, request, status) => {
    const { headers, status: answered } = await serve().fetch(request);
    expect(answered).toBe(status);
    expect(Object.fromEntries(headers)).toMatchObject({
      'daybook-protocol': '2',
      'daybook-limits': 'events=500, bytes=1048576, unit-events=10000, unit-bytes=8388608, pushes=2',
      'cache-control': 'no-store',
    });
  });

  it.each(paths)('to another method at %s says which is understood', async (path) => {
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH']) {
      const { status, headers } = await serve().fetch(
        new Request(`http://server.test${path}`, { method, headers: { 'daybook-protocol': '2' } }),
      );
      expect([method, status, headers.get('allow')]).toEqual([method, 405, 'POST']);
    }
  });

  it.each(paths)('to another version at %s is that it is another one', async (path) => {
    for (const version of ['1', '3', '', undefined]) {
      const answer = await serve().fetch(deviceRequest(path, {}, { 'daybook-protocol': version }));
      expect([answer.status, answer.headers.get('daybook-protocol'), await codeOf(answer)]).toEqual([
        426,
        '2',
        'UPGRADE_REQUIRED',
      ]);
    }
  });

  it('to a device of the first protocol is in its words, whatever it is about', async () => {
    const { fetch, log } = serve({ tokens: ['good'] });
    for (const method of ['POST', 'GET']) {
      const answer = await fetch(
        new Request('http://server.test/v1/push', {
          method,
          headers: { 'daybook-protocol': '1', 'content-type': 'application/json' },
          ...(method === 'POST' ? { body: '{}' } : {}),
        }),
      );
      expect([answer.status, answer.headers.get('daybook-protocol')]).toEqual([426, '1']);
      expect(await jsonOf(answer)).toMatchObject({
        error: { code: 'UPGRADE_REQUIRED', details: { supported: '2' } },
      });
    }
    expect(log.senders).toEqual([]);
  });

  it('a push that follows another one waits for it', async () => {
    const { fetch, log } = serve();
    const [first, second] = [pendingUnit(), pendingUnit()];
    const push = async (unit: PendingUnit, follows?: string): Promise<unknown> =>
      await jsonOf(await fetch(pushRequest([unit], follows === undefined ? {} : { 'daybook-follows': follows })));
    expect(await push(second, first.id)).toEqual({ head: 0, decisions: [], conflict: second.id });
    expect(await push(first)).toMatchObject({ head: 1 });
    expect(await push(second, first.id)).toEqual({ head: 2, decisions: [[second.id, 'accepted', 2]] });
    const none = await fetch(pushRequest([pendingUnit()], { 'daybook-follows': 'the one before' }));
    expect([none.status, await codeOf(none)]).toEqual([400, 'INVALID_REQUEST']);
    expect(log.naive.units.map(({ id }) => id)).toEqual([first.id, second.id]);
  });

  it('may be had by pages of other origins, with all that they have to send and see', async () => {
    const { fetch } = serve({ corsOrigins: ['https://stock.example'] });
    const { headers } = await fetch(
      new Request('http://server.test/v2/push', {
        method: 'OPTIONS',
        headers: { origin: 'https://stock.example', 'access-control-request-method': 'POST' },
      }),
    );
    const allowed = headers.get('access-control-allow-headers') ?? '';
    for (const name of [
      'authorization',
      'content-type',
      'content-encoding',
      'daybook-protocol',
      'daybook-replica',
      'daybook-follows',
    ]) {
      expect(allowed.split(',')).toContain(name);
    }
    const answer = await fetch(pushRequest(pendingUnits(1), { origin: 'https://stock.example' }));
    expect(answer.headers.get('access-control-expose-headers')?.split(',')).toEqual(
      expect.arrayContaining(['daybook-protocol', 'daybook-limits', 'retry-after']),
    );
  });
});

describe('what is sent is read within its limits', () => {
  it.each<[string, Request, number, string, string]>([
    ['nothing', deviceRequest('/v2/push', new Uint8Array(0)), 400, 'INVALID_REQUEST', 'not packed units'],
    ['no units', deviceRequest('/v2/push', packPendingUnits([])), 400, 'INVALID_REQUEST', 'no units'],
    [
      'units of another kind',
      deviceRequest('/v2/push', lost()),
      400,
      'INVALID_REQUEST',
      'units.0: is no packed unit of this kind',
    ],
    [
      'pending ones, offered',
      deviceRequest('/v2/heal', packPendingUnits(pendingUnits(1))),
      400,
      'INVALID_REQUEST',
      'units.0: is no packed unit of this kind',
    ],
    ['confirmed ones, offered', deviceRequest('/v2/heal', packConfirmedUnits([])), 400, 'INVALID_REQUEST', 'no units'],
    ['JSON', deviceRequest('/v2/push', { units: [] }), 400, 'INVALID_REQUEST', 'Content-Type'],
    [
      'units as JSON',
      deviceRequest('/v2/push', packPendingUnits(pendingUnits(1)), { 'content-type': 'application/json' }),
      400,
      'INVALID_REQUEST',
      'Content-Type',
    ],
    [
      'packed by brotli',
      deviceRequest('/v2/push', new Uint8Array(3), { 'content-encoding': 'br' }),
      400,
      'INVALID_REQUEST',
      'Content-Encoding',
    ],
    [
      'no gzip',
      deviceRequest('/v2/push', new Uint8Array(30), { 'content-encoding': 'gzip' }),
      400,
      'INVALID_REQUEST',
      'not gzip',
    ],
    [
      'no store',
      pushRequest(pendingUnits(1), { 'daybook-replica': undefined }),
      400,
      'INVALID_REQUEST',
      'daybook-replica',
    ],
    [
      'a store that is none',
      pushRequest(pendingUnits(1), { 'daybook-replica': 'x' }),
      400,
      'INVALID_REQUEST',
      'daybook-replica',
    ],
    ['no cursor', deviceRequest('/v2/units', { events: 1, bytes: 1 }), 400, 'INVALID_REQUEST', 'after'],
    [
      'a long cursor',
      deviceRequest('/v2/units', { ...question, after: 'x'.repeat(201) }),
      400,
      'INVALID_REQUEST',
      'after',
    ],
    ['no events', deviceRequest('/v2/units', { ...question, events: 0 }), 400, 'INVALID_REQUEST', 'events'],
    ['half an event', deviceRequest('/v2/units', { ...question, events: 0.5 }), 400, 'INVALID_REQUEST', 'events'],
    [
      '201 marks',
      deviceRequest('/v2/common', { marks: Array.from({ length: 201 }, () => 'x') }),
      400,
      'INVALID_REQUEST',
      'marks',
    ],
    [
      'too much that is held',
      deviceRequest('/v2/units', { ...question, held: Array(9).fill('0') }),
      400,
      'INVALID_REQUEST',
      'held',
    ],
    ['a long mark', deviceRequest('/v2/common', { marks: ['x'.repeat(201)] }), 400, 'INVALID_REQUEST', 'marks'],
  ])('%s', async (_case, request, status, code, problem) => {
    const { fetch, log } = serve();
    const answer = await fetch(request);
    const { error } = (await jsonOf(answer)) as { error: { code: string; message: string } };
    expect([answer.status, error.code]).toEqual([status, code]);
    expect(error.message).toContain(problem);
    expect([log.senders, log.pageOptions, log.marks]).toEqual([[], [], []]);
  });

  it.each<[string, Partial<ReturnType<typeof pendingUnit>>, string]>([
    ['an empty topic', { events: [{ ...pendingUnit().events[0]!, topic: '' }] }, 'units.0.events.0.topic'],
    ['a topic with a zero', { events: [{ ...pendingUnit().events[0]!, topic: 'a\0' }] }, 'units.0.events.0.topic'],
    ['a long topic', { events: [{ ...pendingUnit().events[0]!, topic: 'a'.repeat(1_001) }] }, 'units.0.events.0.topic'],
    ['an empty scope', { scopes: ['ok', ''] }, 'units.0.scopes.1'],
    ['a scope with a zero', { scopes: ['\0'] }, 'units.0.scopes.0'],
    ['a long scope', { scopes: ['a'.repeat(201)] }, 'units.0.scopes.0'],
  ])('texts that no database can store: %s', async (_case, wrong, path) => {
    const answer = await serve().fetch(pushRequest([pendingUnit(wrong)]));
    expect(await jsonOf(answer)).toMatchObject({ error: { code: 'INVALID_REQUEST', details: { path } } });
  });

  it('a unit that is there twice', async () => {
    const unit = pendingUnit();
    const answer = await serve().fetch(pushRequest([unit, pendingUnit(), unit]));
    expect(await jsonOf(answer)).toMatchObject({
      error: { details: { path: 'units.2.id', problem: 'is there twice' } },
    });
  });

  it('as much as the server states is taken, and one more is not; a unit that is alone has limits of its own', async () => {
    const syncLimits = LIMITS_LEAST;
    const status = async (units: ReturnType<typeof pendingUnit>[]): Promise<[number, unknown]> => {
      const answer = await serve({ syncLimits }).fetch(pushRequest(units));
      return [answer.status, answer.status === 200 ? undefined : await codeOf(answer)];
    };
    const many = (count: number): ReturnType<typeof pendingUnit> => {
      const events = pendingUnits(count).flatMap((unit) => unit.events);
      return pendingUnit({ events, after: events.map(() => undefined) });
    };
    expect(await status(pendingUnits(200))).toEqual([200, undefined]);
    expect(await status(pendingUnits(201))).toEqual([413, 'TOO_LARGE']);
    expect(await status([many(2_000)])).toEqual([200, undefined]);
    expect(await status([many(2_001)])).toEqual([413, 'TOO_LARGE']);
    expect(await status([many(150), many(51)])).toEqual([413, 'TOO_LARGE']);
    expect(await status(pendingUnits(2, 300_000))).toEqual([413, 'TOO_LARGE']);
    expect(await status(pendingUnits(1, 600_000))).toEqual([200, undefined]);
    expect(await status(pendingUnits(1, 2_097_152))).toEqual([413, 'TOO_LARGE']);
  });
});

describe('bodies are compressed', () => {
  it('of requests, of every kind', async () => {
    const { fetch } = serve();
    const gzip = { 'content-encoding': 'gzip' };
    const pushed = await fetch(
      deviceRequest('/v2/push', new Uint8Array(gzipSync(packPendingUnits(pendingUnits(20)))), gzip),
    );
    expect([pushed.status, (await jsonOf(pushed))['head']]).toEqual([200, 20]);
    const packed = new Uint8Array(gzipSync(JSON.stringify(question)));
    const page = await fetch(deviceRequest('/v2/units', packed, { ...gzip, 'content-type': 'application/json' }));
    expect(page.status).toBe(200);
  });

  it('of answers, where that is asked for and they are more than a packet', async () => {
    const { fetch } = serve();
    const ask = (encoding: string | undefined): Promise<Response> =>
      fetch(deviceRequest('/v2/units', question, { 'accept-encoding': encoding }));
    await fetch(pushRequest([pendingUnit()]));
    expect((await ask('gzip')).headers.get('content-encoding')).toBeNull();
    await fetch(pushRequest(pendingUnits(20, 200)));
    const plain = await ask(undefined);
    const packed = await ask('br, gzip;q=0.5');
    expect([plain.headers.get('content-encoding'), packed.headers.get('content-encoding')]).toEqual([null, 'gzip']);
    expect(packed.headers.get('vary')).toContain('accept-encoding');
    const bytes = new Uint8Array(await plain.arrayBuffer());
    const small = new Uint8Array(await packed.arrayBuffer());
    expect(new Uint8Array(gunzipSync(small))).toEqual(bytes);
    expect(small.length).toBeLessThan(bytes.length * 0.8);
    expect((await ask('gzip;q=0')).headers.get('content-encoding')).toBeNull();
  });

  it.each([
    [undefined, false],
    ['', false],
    ['gzip', true],
    ['br, gzip, deflate', true],
    ['GZIP;Q=0.1', true],
    ['gzip;q=0', false],
    ['gzip; q=0.000, br', false],
    ['*', true],
    ['identity', false],
    ['xgzip', false],
    ['gzipx', false],
  ])('Accept-Encoding %s', (header, taken) => {
    expect(takesGzip(header)).toBe(taken);
  });
});

describe('who sends', () => {
  it('needs a token, before anything is read', async () => {
    const { fetch, log } = serve({ tokens: ['good'] });
    for (const path of ['/v2/push', '/v2/units', '/v2/common', '/v2/heal']) {
      const answer = await fetch(deviceRequest(path, lost(), { authorization: 'Bearer bad' }));
      expect([path, answer.status, await codeOf(answer)]).toEqual([path, 401, 'UNAUTHORIZED']);
    }
    expect(log.senders).toEqual([]);
  });

  it('note up to where a replica has the log, when it has all of it', async () => {
    const clock = new ManualClock();
    const replicas = new ReplicaRegistry({ store: new MemoryReplicaStore(), clock, log: vi.fn() });
    const { fetch } = serve({ replicas });
    await fetch(pushRequest(pendingUnits(3)));
    const ask = async (after: string): Promise<string> => {
      const answer = await fetch(deviceRequest('/v2/units', { ...question, after }));
      return unpackPage(new Uint8Array(await answer.arrayBuffer())).to;
    };
    const noted = async (): Promise<number | undefined> => {
      clock.advance(60_000);
      await ask('0');
      await new Promise((resolve) => setImmediate(resolve));
      return (await replicas.list())[0]?.ackedPosition;
    };
    const end = await ask('0');
    expect(await noted()).toBeUndefined();
    expect(await ask(end)).toBe(end);
    expect(await noted()).toBe(3);
  });

  it('is refused where the replica is another subject’s', async () => {
    const replicas = new ReplicaRegistry({ store: new MemoryReplicaStore(), log: vi.fn() });
    const { fetch } = serve({
      replicas,
      tokens: [
        { token: 'anns', subject: 'ann' },
        { token: 'bobs', subject: 'bob' },
      ],
    });
    expect((await fetch(pushRequest(pendingUnits(1), { authorization: 'Bearer anns' }))).status).toBe(200);
    const answer = await fetch(pushRequest(pendingUnits(1), { authorization: 'Bearer bobs' }));
    expect([answer.status, await codeOf(answer)]).toEqual([403, 'FORBIDDEN']);
  });
});

describe('authorizePush', () => {
  const decisionsOf = async (answer: Response): Promise<unknown> => (await jsonOf(answer))['decisions'];

  it('takes what it says true to, and refuses the rest for good, with its reason', async () => {
    const [good, bad, worse] = pendingUnits(3) as [
      ReturnType<typeof pendingUnit>,
      ReturnType<typeof pendingUnit>,
      ReturnType<typeof pendingUnit>,
    ];
    const authorizePush = vi.fn((unit: { id: string }) => {
      if (unit.id === bad.id) return { code: 'QUOTA', message: 'You have counted enough.' };
      return unit.id !== worse.id;
    });
    const { fetch } = serve({ authorizePush });
    expect(await decisionsOf(await fetch(pushRequest([good, bad, worse])))).toEqual([
      [good.id, 'accepted', 1],
      [bad.id, 'rejected', 'QUOTA', 'You have counted enough.'],
      [worse.id, 'rejected', 'FORBIDDEN', 'The server does not take this unit.'],
    ]);
    expect(authorizePush.mock.calls[0]).toEqual([good, { subject: '', replicaId: REPLICA }]);
  });

  it.each<[string, () => unknown, number, string]>([
    ['nothing', () => undefined, 500, 'SYNC_ERROR'],
    ['a refusal without a code', () => ({ message: 'no' }), 500, 'SYNC_ERROR'],
    ['a refusal with a code that is none', () => ({ code: 'no way', message: 'no' }), 500, 'SYNC_ERROR'],
    ['a promise that is rejected', () => Promise.reject(new Error('secret')), 500, 'SYNC_ERROR'],
    ['an error of a database', () => Promise.reject(new OperationalError('down')), 503, 'UNAVAILABLE'],
    ['a ForbiddenError', () => Promise.reject(new ForbiddenError('not you')), 403, 'FORBIDDEN'],
    ['no answer', () => new Promise(() => undefined), 503, 'UNAVAILABLE'],
  ])('that gives %s decides nothing', async (_case, authorizePush, status, code) => {
    const faults = vi.fn();
    const { fetch, log } = serve({ authorizePush: authorizePush as () => boolean, authorizeLimitMs: 20, log: faults });
    const answer = await fetch(pushRequest(pendingUnits(1)));
    const text = await answer.text();
    expect([answer.status, (JSON.parse(text) as { error: { code: string } }).error.code]).toEqual([status, code]);
    expect(text).not.toContain('secret');
    expect(log.naive.units).toEqual([]);
    expect(faults.mock.calls.length).toBe(status === 403 ? 0 : 1);
  });
});

describe('authorizePull', () => {
  const north = { id: 'north', isVisible: ({ scopes }: ConfirmedUnit) => scopes.includes('north') };

  it('says what is seen', async () => {
    const { fetch, log } = serve({ authorizePull: () => north });
    await fetch(deviceRequest('/v2/units', question));
    expect(log.pageOptions[0]?.visibility).toEqual(north);
    const all = serve({ authorizePull: () => Promise.resolve(true) });
    await all.fetch(deviceRequest('/v2/units', question));
    expect(all.log.pageOptions[0]?.visibility).toBeUndefined();
  });

  it('that gives something else than before is told apart from a log that was set back', async () => {
    let seen: typeof north | boolean = north;
    const unitLog = new MemoryUnitLog();
    const { fetch } = serve({ unitLog, authorizePull: () => seen });
    const restore = unitLog.backup();
    await fetch(pushRequest([pendingUnit({ scopes: ['north'] })]));
    const ask = async (asked: object): Promise<Response> =>
      await fetch(deviceRequest('/v2/units', { ...question, ...asked }));
    const { to } = unpackPage(new Uint8Array(await (await ask({})).arrayBuffer()));
    seen = true;
    const rescoped = await ask({ after: to });
    expect([rescoped.status, await codeOf(rescoped)]).toEqual([409, 'SCOPES_CHANGED']);
    expect((await ask({ held: [to] })).status).toBe(200);
    expect(await jsonOf(await fetch(deviceRequest('/v2/common', { marks: [to] })))).toEqual({ common: to });
    restore();
    for (const asked of [{ after: to }, { held: [to] }]) {
      const answer = await ask(asked);
      expect([answer.status, await codeOf(answer)]).toEqual([409, 'CURSOR_UNKNOWN']);
    }
  });

  it('lets a sender push into the part that it sees, and into no other, whatever stands there', async () => {
    const authorizePush = vi.fn(() => true);
    const unitLog = new MemoryUnitLog();
    const { fetch } = serve({ unitLog, authorizePull: () => north, authorizePush });
    const taken = pendingUnit();
    await unitLog.push([taken], { subject: '', replicaId: REPLICA });
    const inside = pendingUnit({ scopes: ['north'] });
    // Of an aggregate that is there, and of one that is not.
    const outside = [pendingUnit({ events: taken.events }), pendingUnit(), taken];
    const answer = await jsonOf(await fetch(pushRequest([inside, ...outside])));
    expect(answer['decisions']).toEqual([
      [inside.id, 'accepted', 2],
      ...outside.map(({ id }) => [id, 'rejected', 'OUT_OF_SCOPE', expect.stringContaining('may not see') as unknown]),
    ]);
    expect(authorizePush).toHaveBeenCalledOnce();
  });

  it.each<[string, unknown, number]>([
    ['false', false, 0],
    ['nothing', undefined, 1],
    ['a text', 'all', 1],
    ['half a visibility', { id: 'x' }, 1],
  ])('that gives %s refuses all that is asked', async (_case, given, lines) => {
    const faults = vi.fn();
    const { fetch, log } = serve({ authorizePull: () => given as boolean, log: faults });
    for (const request of [
      pushRequest(pendingUnits(1)),
      deviceRequest('/v2/units', question),
      deviceRequest('/v2/common', { marks: [] }),
    ]) {
      const answer = await fetch(request);
      expect([answer.status, await codeOf(answer)]).toEqual([403, 'FORBIDDEN']);
    }
    expect([log.senders, log.pageOptions, log.marks, faults.mock.calls.length]).toEqual([[], [], [], 3 * lines]);
  });
});

describe('tenants', () => {
  const tokens = [
    { token: 'anns', subject: 'ann', tenants: ['north'] },
    { token: 'root', subject: 'root', tenants: '*' as const },
  ];

  it('each have a log of their own, and nobody learns which there are', async () => {
    const logs = new Map([
      ['north', new NaiveUnitLog()],
      ['south', new NaiveUnitLog()],
    ]);
    const unitLog = new TenantLogs({
      clock: systemClock,
      onFailure: vi.fn(),
      open: async (tenant) => {
        const log = logs.get(tenant);
        if (log === undefined)
          throw new ForbiddenError('The token is not good for this tenant.', { details: { reason: 'tenant' } });
        return { log, close: async () => undefined };
      },
    });
    const onRecorded = vi.fn<(push: RecordedPush) => void>();
    const { fetch } = serve({ unitLog, tokens, onRecorded });
    const push = async (token: string, tenant: string): Promise<[number, unknown]> => {
      const answer = await fetch(pushRequest(pendingUnits(1), { authorization: `Bearer ${token}` }, `/v2/t/${tenant}`));
      return [answer.status, answer.status === 200 ? undefined : await jsonOf(answer)];
    };
    expect(await push('anns', 'north')).toEqual([200, undefined]);
    expect(await push('root', 'south')).toEqual([200, undefined]);
    const refused = await push('anns', 'south');
    expect(refused[0]).toBe(403);
    expect(await push('anns', 'nowhere')).toEqual(refused);
    expect(await push('root', 'nowhere')).toEqual(refused);
    expect(await push('root', encodeURIComponent('a\0b'))).toEqual(refused);
    expect(await push('root', 'x'.repeat(201))).toEqual(refused);
    expect([...logs.values()].map(({ naive }) => naive.units.length)).toEqual([1, 1]);
    expect(onRecorded.mock.calls.map(([{ tenant }]) => tenant)).toEqual(['north', 'south']);
    expect((await fetch(pushRequest(pendingUnits(1), { authorization: 'Bearer root' }))).status).toBe(404);
    await unitLog.close();
  });

  it('are not there where there is one log', async () => {
    expect((await serve().fetch(pushRequest(pendingUnits(1), {}, '/v2/t/north'))).status).toBe(404);
  });
});

describe('faults of this side', () => {
  it.each<[string, Error, number, string]>([
    ['a database that does not answer', new OperationalError('host=10.0.0.1'), 503, 'UNAVAILABLE'],
    ['anything else', new Error('table stored_events'), 500, 'SYNC_ERROR'],
  ])('%s is logged, and not shown', async (_case, fault, status, code) => {
    const faults = vi.fn();
    const { fetch, log } = serve({ log: faults });
    for (const name of ['push', 'page', 'common', 'heal'] as const) vi.spyOn(log, name).mockRejectedValue(fault);
    for (const request of [
      pushRequest(pendingUnits(1)),
      deviceRequest('/v2/units', question),
      deviceRequest('/v2/common', { marks: [] }),
      deviceRequest('/v2/heal', lost()),
    ]) {
      const answer = await fetch(request);
      const text = await answer.text();
      expect([answer.status, (JSON.parse(text) as { error: { code: string } }).error.code]).toEqual([status, code]);
      expect(text).not.toContain(fault.message);
    }
    expect(faults).toHaveBeenCalledTimes(4);
  });

  it('are seen by /ready', async () => {
    const { fetch, log } = serve();
    vi.spyOn(log, 'head').mockRejectedValue(new OperationalError('down'));
    expect((await fetch(new Request('http://server.test/ready'))).status).toBe(503);
  });
});

describe('options', () => {
  it.each<[string, object]>([
    ['unitLog', { unitLog: {} }],
    ['unitLog', { unitLog: undefined }],
    ['authorizePush', { authorizePush: 'yes' }],
    ['authorizePull', { authorizePull: true }],
    ['authorizeLimitMs', { authorizeLimitMs: 0 }],
    ['probe', { probe: 1 }],
    ['onRecorded', { onRecorded: {} }],
    ['syncLimits', { syncLimits: 5 }],
    ['syncLimits.events', { syncLimits: { events: LIMITS_LEAST.events - 1 } }],
    ['syncLimits.unitBytes', { syncLimits: { unitBytes: Infinity } }],
  ])('%s that can never work is refused', (option, wrong) => {
    const options = { unitLog: new NaiveUnitLog(), allowAnonymous: true, ...wrong } as SyncServerOptions;
    expect(() => createSyncServer(options)).toThrow(
      expect.objectContaining({ code: 'PROGRAMMING_ERROR', details: expect.objectContaining({ option }) as object }),
    );
  });

  it('those of every server are checked too', () => {
    expect(() => createSyncServer({ unitLog: new NaiveUnitLog() })).toThrow(/who may/);
    expect(LIMITS_DEFAULT.unitBytes).toBeGreaterThan(LIMITS_LEAST.unitBytes);
  });
});
