import { beforeEach, describe, expect, it, vi } from 'vitest';
import { OperationalError } from '../../../src/persistence/errors.js';
import { jsonLines } from '../../../src/server/hosts/json-lines.js';
import { packPendingUnits } from '../../../src/persistence/unit-batch.js';
import { createSyncServer, MemoryUnitLog } from '../../../src/server/index.js';
import type { RequestLine, SyncServerOptions } from '../../../src/server/index.js';
import { pendingUnits, postUnits, REPLICA } from '../../support/unit-wire.js';

const lines: RequestLine[] = [];
const log = vi.fn<(message: string, error: unknown) => void>();
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

beforeEach(() => {
  lines.length = 0;
  log.mockReset();
});

const tokens = [
  { token: 'token-of-anna', subject: 'anna@stock.example' },
  { token: 'token-of-bert', subject: 'bert@stock.example' },
];
const serve = (options: Partial<SyncServerOptions> = {}): ReturnType<typeof createSyncServer> =>
  createSyncServer({
    unitLog: new MemoryUnitLog(),
    tokens,
    log,
    requestLog: (line) => lines.push(line),
    ...options,
  });
const push = (
  server: ReturnType<typeof createSyncServer>,
  headers: Record<string, string> = {},
  units: Parameters<typeof postUnits>[1] = pendingUnits(2),
): ReturnType<typeof postUnits> =>
  postUnits(server.fetch, units, { authorization: 'Bearer token-of-anna', ...headers });
const oneLine = async (): Promise<RequestLine> => {
  await vi.waitFor(() => expect(lines).toHaveLength(1));
  return lines[0]!;
};

describe('the log of requests', () => {
  it('has a line for each, with what happened', async () => {
    const units = pendingUnits(2);
    const answer = await push(serve(), { 'x-request-id': 'request-0001' }, units);
    expect(answer.headers.get('x-request-id')).toBe('request-0001');
    const line = await oneLine();
    expect(line).toEqual({
      event: 'request',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      level: 'info',
      requestId: 'request-0001',
      method: 'POST',
      route: '/v2/push',
      status: 200,
      durationMs: expect.any(Number) as number,
      bytesIn: packPendingUnits(units).length,
      bytesOut: JSON.stringify(answer.body).length,
      subject: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      replica: REPLICA,
    });
    expect(line.durationMs).toBeGreaterThan(0);
  });

  it.each([
    ['nothing', undefined],
    ['too short', 'x'],
    ['a line break', 'request\nlevel=info'],
    ['far too long', 'x'.repeat(65)],
    ['something in quotes', 'request"},{"level":"info"'],
  ])('names a request itself where the sender gave it no good name: %s', async (_case, name) => {
    const { fetch } = serve();
    const headers = new Headers({ 'x-other': 'x' });
    if (name !== undefined && !name.includes('\n')) headers.set('x-request-id', name);
    const answer = await fetch(new Request('http://server.test/v2/nothing', { headers }));
    await answer.text();
    const { requestId } = await oneLine();
    expect(requestId).toMatch(UUID);
    expect(answer.headers.get('x-request-id')).toBe(requestId);
  });

  it('says why one was refused, by codes', async () => {
    await push(serve(), { authorization: 'Bearer wrong' });
    expect(await oneLine()).toMatchObject({ level: 'warn', status: 401, code: 'UNAUTHORIZED' });
    expect(lines[0]).not.toHaveProperty('subject');
    lines.length = 0;
    await push(serve({ limits: { requestsPerSecond: 1 } }), {}, 'no units');
    expect(await oneLine()).toMatchObject({ level: 'warn', status: 400, code: 'INVALID_REQUEST' });
    lines.length = 0;
    const unitLog = new MemoryUnitLog();
    unitLog.push = () => Promise.reject(new OperationalError('secret'));
    await push(serve({ unitLog }));
    const line = await oneLine();
    expect(line).toMatchObject({ level: 'error', status: 503, code: 'UNAVAILABLE' });
    // By which the fault is found in the other log.
    expect(log).toHaveBeenCalledWith(expect.stringContaining(line.requestId), expect.any(OperationalError));
  });

  it('says nothing of addresses that are not there, or of what asks for health', async () => {
    const { fetch } = serve();
    for (const path of ['/health', '/ready', '/secret-path?secret=1']) {
      await (await fetch(new Request(`http://server.test${path}`))).text();
    }
    const line = await oneLine();
    expect([line.route, line.status, line.code]).toEqual(['none', 404, 'INVALID_REQUEST']);
  });

  it('shows subjects as hashes that others cannot make, as they are, or not at all', async () => {
    const subjectOf = async (options: Partial<SyncServerOptions>, token = 'token-of-anna'): Promise<unknown> => {
      lines.length = 0;
      await push(serve(options), { authorization: `Bearer ${token}` });
      return (await oneLine()).subject;
    };
    const key = { logSubjectKey: 'a key' };
    expect(await subjectOf(key)).toBe(await subjectOf(key));
    expect(await subjectOf(key)).not.toBe(await subjectOf(key, 'token-of-bert'));
    expect(await subjectOf(key)).not.toBe(await subjectOf({ logSubjectKey: 'another key' }));
    expect(await subjectOf({})).not.toBe(await subjectOf({}));
    expect(await subjectOf({ logSubjects: 'plain' })).toBe('anna@stock.example');
    expect(await subjectOf({ logSubjects: 'none' })).toBeUndefined();
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      (): never => {
        throw new Error('full');
      },
    ],
    ['rejects', (): unknown => Promise.reject(new Error('full'))],
  ])('that %s changes no answer', async (_case, requestLog) => {
    expect((await push(serve({ requestLog }))).status).toBe(200);
    await vi.waitFor(() =>
      expect(log).toHaveBeenCalledWith(expect.stringContaining('log of requests'), expect.any(Error)),
    );
  });

  it.each<object>([{ requestLog: 'yes' }, { logSubjects: 'all' }, { logSubjectKey: '' }])(
    'is refused with other options: %o',
    (options) => {
      expect(() => serve(options)).toThrow(expect.objectContaining({ code: 'PROGRAMMING_ERROR' }));
    },
  );
});

describe('faults as lines of JSON', () => {
  const faultOf = (error: unknown): Record<string, unknown> => {
    const written: string[] = [];
    jsonLines((line) => written.push(line), { nowMs: () => 0 }).log('It failed.', error);
    expect(written).toHaveLength(1);
    expect(written[0]).toMatch(/^[^\n]*\n$/);
    return JSON.parse(written[0] ?? '') as Record<string, unknown>;
  };

  it('have names, codes and messages, of causes too, and no other field', () => {
    const cause = Object.assign(new Error('duplicate key'), {
      code: '23505',
      detail: 'Key (state)=(secret)',
      parameters: ['secret'],
    });
    const line = faultOf(new OperationalError('The database failed.', { cause }));
    expect(line).toMatchObject({
      event: 'fault',
      time: '1970-01-01T00:00:00.000Z',
      level: 'error',
      message: 'It failed.',
      error: {
        name: 'OperationalError',
        code: 'OPERATIONAL_ERROR',
        message: 'The database failed.',
        cause: { code: '23505', message: 'duplicate key' },
      },
    });
    expect(JSON.stringify(line)).not.toContain('secret');
  });

  it('end, also of an error that is its own cause, and of what is none', () => {
    const ring = new Error('around');
    ring.cause = ring;
    expect(faultOf(ring)['error']).toMatchObject({ message: 'around' });
    expect(faultOf('text')['error']).toBe('text');
    expect(faultOf({ secret: 1 })['error']).toBe('object');
    expect(faultOf(undefined)['error']).toBe('undefined');
  });
});
