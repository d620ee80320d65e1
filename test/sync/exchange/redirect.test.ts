import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { HttpTransport } from '../../../src/sync/exchange/http-transport.js';
import { systemClock } from '../../../src/util/clock.js';
import { pendingUnits, REPLICA } from '../../support/unit-wire.js';

const followed: (string | undefined)[] = [];
let status = 301;
const server = createServer((request: IncomingMessage, response) => {
  request.resume();
  if (request.url === '/v2/push') {
    response.writeHead(status, { location: '/portal', 'retry-after': '7' }).end();
    return;
  }
  followed.push(request.url);
  response.writeHead(200, { 'daybook-protocol': '2' }).end('{"decisions":[],"head":1}');
});

beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  followed.length = 0;
});

const push = (fetch: typeof globalThis.fetch = globalThis.fetch): Promise<unknown> => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return new HttpTransport({ url, replicaId: REPLICA, fetch, clock: systemClock })
    .push(pendingUnits(1), new AbortController().signal)
    .catch((error: unknown) => error);
};

// 307 and 308 would take the events with them, to whoever is named; the others would ask with a GET.
it.each([301, 302, 303, 307, 308])(
  'a redirect by %i is not followed, and the error says where it goes',
  async (code) => {
    status = code;
    const error = await push();
    expect(error).toMatchObject({ code: 'UNAVAILABLE', details: { status: code } });
    expect((error as Error).message).toMatch(/redirected to \/portal.*url of sync/);
    expect(followed).toEqual([]);
  },
);

it('a redirect of which a browser tells nothing is told apart as well', async () => {
  const opaque = Object.defineProperties(new Response(null), {
    type: { value: 'opaqueredirect' },
    status: { value: 0 },
  });
  const error = await push(() => Promise.resolve(opaque));
  expect(error).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('redirected') as string });
});
