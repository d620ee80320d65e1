import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ServerRequests } from '../../../src/sync/exchange/server-requests.js';
import type { GetToken, ServerRequest, ServerRequestsOptions } from '../../../src/sync/exchange/server-requests.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';

const OURS = { 'daybook-protocol': '2' };
const never = (): Promise<never> => new Promise(() => undefined);
const live = new AbortController().signal;

interface Sent {
  readonly url: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly init: RequestInit;
}

type Answer = () => Response | Promise<Response>;

/** A network that a test scripts: the last answer is given again and again. */
class Network {
  readonly clock = new ManualClock();
  readonly sent: Sent[] = [];
  readonly #script: Answer[];

  constructor(...script: Answer[]) {
    this.#script = script;
  }

  readonly fetch: typeof globalThis.fetch = async (input, init = {}) => {
    const { url, headers } = new Request(input, init);
    this.sent.push({ url, headers, body: init.body as Uint8Array<ArrayBuffer>, init });
    const answer = this.#script.length > 1 ? this.#script.shift() : this.#script[0];
    return (await answer?.()) ?? new Response();
  };

  requests(options: Partial<ServerRequestsOptions> = {}): ServerRequests {
    return new ServerRequests({
      url: 'http://server.test/base/',
      fetch: this.fetch,
      clock: this.clock,
      version: '2',
      isGzipTaken: true,
      ...options,
    });
  }

  async send(
    request: Partial<ServerRequest<string>> = {},
    options: Partial<ServerRequestsOptions> = {},
  ): Promise<string> {
    return await this.requests(options).send({ ...question, ...request }, live);
  }
}

const question: ServerRequest<string> = {
  path: '/v2/push',
  mediaType: 'text/plain',
  body: 'question',
  isAlone: false,
  answerBytesMax: 100,
  read: (bytes) => {
    const text = new TextDecoder().decode(bytes);
    if (text === 'nonsense') throw new RangeError('no sense');
    return text === 'answer' ? text : undefined;
  },
};
const answer = (): Response => new Response('answer', { headers: OURS });
const refusal =
  (status: number, code: string, headers: Record<string, string> = OURS): Answer =>
  () =>
    Response.json({ error: { name: 'X', code, message: 'because', details: { field: 1 } } }, { status, headers });
const stranger =
  (status: number, headers: Record<string, string> = {}): Answer =>
  () =>
    new Response('<html>', { status, headers });

afterEach(() => vi.unstubAllGlobals());

describe('a request', () => {
  it('goes to the address below the base, once, with what the protocol wants, and follows nothing', async () => {
    const network = new Network(answer);
    expect(await network.send({}, { headers: { 'daybook-replica': 'r' }, getToken: () => 'secret' })).toBe('answer');
    const [sent] = network.sent;
    expect(network.sent).toHaveLength(1);
    expect(sent?.url).toBe('http://server.test/base/v2/push');
    expect(Object.fromEntries(sent?.headers ?? [])).toEqual({
      'content-type': 'text/plain',
      'daybook-protocol': '2',
      'daybook-replica': 'r',
      authorization: 'Bearer secret',
    });
    expect(sent?.init).toMatchObject({ method: 'POST', redirect: 'manual', credentials: 'omit' });
    // Past the cache, a browser would ask for leave before each request, and not once for an address.
    expect(sent?.init.cache).toBeUndefined();
  });

  it.each([
    ['a small one', 'x'.repeat(999), true, false],
    ['a large one', 'question '.repeat(112), true, true],
    ['a large one, to who takes none', 'question '.repeat(112), false, false],
  ])('is compressed where that pays: %s', async (_case, body, isGzipTaken, isGzip) => {
    const network = new Network(answer);
    await network.send({ body }, { isGzipTaken });
    const { headers, body: sent } = network.sent[0]!;
    expect(headers.get('content-encoding')).toBe(isGzip ? 'gzip' : null);
    expect((isGzip ? gunzipSync(sent) : Buffer.from(sent)).toString()).toBe(body);
    expect(sent.length <= body.length).toBe(true);
  });

  it('is sent as it is where it would be smaller than a server may unpack, or larger', async () => {
    const network = new Network(answer);
    await network.send({ body: 'x'.repeat(500_000) });
    await network.send({ body: crypto.getRandomValues(new Uint8Array(5_000)) });
    expect(network.sent.map(({ headers, body }) => [headers.get('content-encoding'), body.length])).toEqual([
      [null, 500_000],
      [null, 5_000],
    ]);
  });

  it('is sent as it is where the platform cannot compress', async () => {
    vi.stubGlobal('CompressionStream', undefined);
    const network = new Network(answer);
    await network.send({ body: 'question '.repeat(112) });
    expect(network.sent[0]?.headers.get('content-encoding')).toBeNull();
  });

  it.each([400, 415])('is compressed no more after somebody on the way has answered it with %i', async (status) => {
    const network = new Network(stranger(status), answer);
    const requests = network.requests();
    const large = { ...question, body: 'question '.repeat(112) };
    await expect(requests.send(large, live)).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { status } });
    expect(await requests.send(large, live)).toBe('answer');
    expect(network.sent.map(({ headers }) => headers.get('content-encoding'))).toEqual(['gzip', null]);
  });
});

describe('an answer counts when it is the server’s', () => {
  it.each<[string, Answer, string]>([
    ['a portal, with 200', stranger(200), 'not from a Daybook server'],
    ['what was asked for, of a stranger', () => new Response('answer'), 'not from a Daybook server'],
    [
      'what was asked for, of another version',
      () => new Response('answer', { headers: { 'daybook-protocol': '3' } }),
      'not from a Daybook',
    ],
    ['a proxy’s 502', stranger(502), 'not from a Daybook server'],
    ['a gateway’s 404', stranger(404), 'not from a Daybook server'],
    ['cut short', () => new Response('answ', { headers: OURS }), 'not what a Daybook server says'],
    ['what cannot be read', () => new Response('nonsense', { headers: OURS }), 'not what a Daybook server says'],
    [
      'longer than any answer',
      () => new Response('x'.repeat(101), { headers: OURS }),
      'not what a Daybook server says',
    ],
    ['another success', () => new Response(null, { status: 204, headers: OURS }), 'does not parse'],
    [
      'a refusal that does not parse',
      () => new Response('{"error":{}}', { status: 400, headers: OURS }),
      'does not parse',
    ],
    ['a server in trouble', refusal(503, 'UNAVAILABLE'), 'because'],
    ['a server that failed', refusal(500, 'SYNC_ERROR'), 'because'],
    ['too many requests', refusal(429, 'UNAVAILABLE'), 'because'],
    ['too slow', refusal(408, 'INVALID_REQUEST'), 'because'],
    ['a redirect', stranger(302, { location: 'https://portal.test/login' }), 'redirected to https://portal.test/login'],
    [
      'a redirect of the server',
      () => new Response(null, { status: 307, headers: { ...OURS, location: '/x' } }),
      'redirected to /x',
    ],
    [
      'a redirect of which a browser tells nothing',
      () => Object.defineProperties(new Response(null), { type: { value: 'opaqueredirect' }, status: { value: 0 } }),
      'redirected elsewhere',
    ],
  ])('%s is no answer', async (_case, given, why) => {
    const error: unknown = await new Network(given).send().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining(why) as string });
  });

  it.each<[string, number, string]>([
    ['InvalidRequestError', 400, 'INVALID_REQUEST'],
    ['ForbiddenError', 403, 'FORBIDDEN'],
    ['CursorUnknownError', 409, 'CURSOR_UNKNOWN'],
    ['ScopesChangedError', 409, 'SCOPES_CHANGED'],
    ['UpgradeRequiredError', 426, 'UPGRADE_REQUIRED'],
    ['UnauthorizedError', 401, 'UNAUTHORIZED'],
  ])('a refusal is thrown as %s', async (name, status, code) => {
    await expect(new Network(refusal(status, code)).send()).rejects.toMatchObject({
      name,
      code,
      message: 'because',
      details: { field: 1 },
    });
  });

  it('that another version is needed, every version says in the same way', async () => {
    const network = new Network(refusal(426, 'UPGRADE_REQUIRED', { 'daybook-protocol': '3' }));
    await expect(network.send()).rejects.toMatchObject({ code: 'UPGRADE_REQUIRED' });
    await expect(new Network(stranger(426)).send()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('413 says that less has to be sent, and whether it is the server that says so', async () => {
    const body = 'x'.repeat(50);
    await expect(new Network(stranger(413)).send({ body })).rejects.toMatchObject({
      code: 'TOO_LARGE',
      details: { bytes: 50, isServers: false, status: 413 },
    });
    await expect(new Network(refusal(413, 'TOO_LARGE')).send({ body })).rejects.toMatchObject({
      code: 'TOO_LARGE',
      details: { bytes: 50, isServers: true, field: 1 },
    });
  });

  it('its headers are heard of, and no stranger’s', async () => {
    const onHeaders = vi.fn();
    await new Network(answer).send({}, { onHeaders });
    await new Network(refusal(400, 'INVALID_REQUEST')).send({}, { onHeaders }).catch(() => undefined);
    expect(onHeaders).toHaveBeenCalledTimes(2);
    await new Network(stranger(200)).send({}, { onHeaders }).catch(() => undefined);
    expect(onHeaders).toHaveBeenCalledTimes(2);
  });

  it.each<[string, Answer, number | undefined]>([
    ['the server', refusal(503, 'UNAVAILABLE', { ...OURS, 'retry-after': '120' }), 120_000],
    ['the server, for years', refusal(503, 'UNAVAILABLE', { ...OURS, 'retry-after': '999999999' }), 3_600_000],
    ['a portal, for years', stranger(503, { 'retry-after': '999999999' }), 60_000],
    ['a portal, for a moment', stranger(503, { 'retry-after': '5' }), 5_000],
    ['nobody', stranger(503), undefined],
  ])('Retry-After of %s is believed as far as it deserves', async (_who, given, retryAfterMs) => {
    const error = await new Network(given).send().catch((thrown: unknown) => thrown as { details: object });
    expect((error as { details: { retryAfterMs?: number } }).details.retryAfterMs).toBe(retryAfterMs);
  });
});

describe('a token', () => {
  it.each<[string, Answer]>([
    ['the server', refusal(401, 'UNAUTHORIZED')],
    ['a gateway before it', stranger(401)],
  ])('that %s refuses is asked for once more, by force', async (_who, given) => {
    const network = new Network(given, answer);
    const getToken = vi.fn<GetToken>(({ force }) => (force ? 'new' : 'old'));
    expect(await network.send({}, { getToken })).toBe('answer');
    expect(getToken.mock.calls.map(([{ force }]) => force)).toEqual([false, true]);
    expect(network.sent.map(({ headers }) => headers.get('authorization'))).toEqual(['Bearer old', 'Bearer new']);
  });

  it('is asked for no third time', async () => {
    const network = new Network(refusal(401, 'UNAUTHORIZED'));
    await expect(network.send({}, { getToken: () => 'bad' })).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(network.sent).toHaveLength(2);
    await expect(new Network(stranger(401)).send({}, { getToken: () => 'bad' })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { status: 401 },
    });
  });

  it('is not asked for again where nobody gives one', async () => {
    const network = new Network(refusal(401, 'UNAUTHORIZED'));
    await expect(network.send()).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(network.sent).toHaveLength(1);
  });

  it('that cannot be had is said to be what fails, and nothing is sent', async () => {
    for (const getToken of [
      () => 'two\nlines',
      () => {
        throw new Error('no');
      },
      () => Promise.reject(new Error('no')),
    ]) {
      const network = new Network(answer);
      const sent = network.send({}, { getToken });
      await expect(sent).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { reason: 'token' } });
      expect(network.sent).toEqual([]);
    }
  });

  it('that does not come is given up after half a minute, and told so', async () => {
    const network = new Network(answer);
    let given: AbortSignal | undefined;
    const sent = network.send({}, { getToken: ({ signal }) => ((given = signal), never()) });
    const failed = expect(sent).rejects.toMatchObject({ details: { reason: 'token' } });
    await vi.waitUntil(() => given !== undefined);
    network.clock.advance(29_999);
    expect(given?.aborted).toBe(false);
    network.clock.advance(1);
    await failed;
    expect(given?.aborted).toBe(true);
  });
});

describe('time', () => {
  const isPending = async (promise: Promise<unknown>): Promise<boolean> => {
    let settled = false;
    promise.then(
      () => (settled = true),
      () => (settled = true),
    );
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    return !settled;
  };

  it.each<[string, Answer]>([
    ['never answers', never],
    ['has no end of its answer', () => new Response(new ReadableStream(), { headers: OURS })],
  ])('a server that %s is given up after half a minute', async (_case, given) => {
    const network = new Network(given);
    const sent = network.send();
    const failed = expect(sent).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await vi.waitUntil(() => network.sent.length === 1);
    expect(await isPending(sent)).toBe(true);
    network.clock.advance(29_999);
    expect(await isPending(sent)).toBe(true);
    network.clock.advance(1);
    await failed;
    expect(network.sent[0]?.init.signal?.aborted).toBe(true);
  });

  it('a stranger’s answer is not waited for', async () => {
    const cancel = vi.fn();
    const endless = (): Response => new Response(new ReadableStream({ cancel }));
    await expect(new Network(endless).send()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(cancel).toHaveBeenCalledOnce();
  });

  it('what cannot be made smaller has the time that it takes', async () => {
    const network = new Network(never);
    const body = new Uint8Array(randomBytes(500_000));
    const sent = network.send({ body, isAlone: true });
    const failed = expect(sent).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await vi.waitUntil(() => network.sent.length === 1);
    network.clock.advance(99_999);
    expect(await isPending(sent)).toBe(true);
    network.clock.advance(1);
    await failed;
  });

  it('an answer that comes slowly is read to its end, and one that trickles is not', async () => {
    for (const [chunkBytes, arrives] of [
      [100_000, true],
      [10_000, false],
    ] as const) {
      let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
      const body = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given) });
      const network = new Network(() => new Response(body, { headers: OURS }));
      const sent = network.send({ answerBytesMax: 10_000_000, read: (bytes) => String(bytes.length) });
      sent.catch(() => undefined);
      await vi.waitUntil(() => network.sent.length === 1);
      // Ten seconds for each: half a megabyte in 50 seconds is more than 40 kbit/s, and a tenth of it is not.
      for (let part = 0; part < 5; part++) {
        controller?.enqueue(new Uint8Array(chunkBytes));
        await isPending(sent);
        for (let second = 0; second < 10; second++) network.clock.advance(1_000);
      }
      if (await isPending(sent)) controller?.close();
      if (arrives) expect(await sent).toBe('500000');
      else await expect(sent).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    }
  });

  it('whoever does not want it any more is told by the reason of the signal', async () => {
    const reason = new Error('closed');
    for (const options of [{ fetch: never }, { getToken: never }]) {
      const ended = new AbortController();
      const sent = new Network(never).requests(options).send(question, ended.signal);
      ended.abort(reason);
      await expect(sent).rejects.toBe(reason);
    }
  });
});
