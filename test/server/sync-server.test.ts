/** The requests of a sync server, and its answers; logs of tenants, faults of its own, its options. */
import { describe, expect, it, vi } from 'vitest';
import { OperationalError } from '../../src/persistence/errors.js';
import { packLostUnits, unpackPage } from '../../src/persistence/unit-batch.js';
import type { ConfirmedUnit, PendingUnit } from '../../src/persistence/unit.js';
import { createSyncServer } from '../../src/server/sync-server.js';
import type { RecordedPush, SyncServerOptions } from '../../src/server/sync-server-options.js';
import { TenantLogs } from '../../src/server/tenants/tenant-logs.js';
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
import { lost, question, serve } from '../support/served-log.js';

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
