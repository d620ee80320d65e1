/** What a sync server reads of what it is sent, and how bodies go over the line. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { packConfirmedUnits, packPendingUnits } from '../../src/persistence/unit-batch.js';
import { takesGzip } from '../../src/server/answer-coding.js';
import { LIMITS_LEAST } from '../../src/sync/protocol/index.js';
import { codeOf, deviceRequest, jsonOf, pendingUnit, pendingUnits, pushRequest } from '../support/unit-wire.js';
import { lost, question, serve } from '../support/served-log.js';

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
