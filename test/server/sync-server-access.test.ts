/** Who may send to a sync server, and see what of it. */
import { describe, expect, it, vi } from 'vitest';
import { OperationalError } from '../../src/persistence/errors.js';
import { unpackPage } from '../../src/persistence/unit-batch.js';
import type { ConfirmedUnit } from '../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import { MemoryReplicaStore, ReplicaRegistry } from '../../src/server/index.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { ForbiddenError } from '../../src/sync/protocol/index.js';
import {
  codeOf,
  deviceRequest,
  jsonOf,
  pendingUnit,
  pendingUnits,
  pushRequest,
  REPLICA,
} from '../support/unit-wire.js';
import { lost, question, serve } from '../support/served-log.js';

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
