import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { OutboundMessage } from '../../src/application/outbox/publisher.js';
import { decodeHeaderValue } from '../../src/publishing/header-values.js';
import { WebhookPublisher } from '../../src/publishing/webhook-publisher.js';
import { createWebhookSecret, verifyWebhook, webhookHeaders } from '../../src/publishing/webhook-signature.js';
import { ManualClock } from '../../src/testing/manual-clock.js';

const body = new TextEncoder().encode('{"text":"é"}');

function message(change: Partial<OutboundMessage> = {}): OutboundMessage {
  const headers = { aggregate_id: 'a', actor_id: 'Zoë 100%\r\nX-Evil: 1' };
  return { id: 'msg-1', destination: 'orders', headers, contentType: 'application/json', body, ...change };
}

const live = { signal: new AbortController().signal };
const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

describe('signatures', () => {
  test('are those of Standard Webhooks', async () => {
    // The example of the reference implementations' tests.
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const payload = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body: new TextEncoder().encode('{"test": 2432232314}') };
    const headers = await webhookHeaders([secret], payload, 1_614_265_330_999);
    expect(headers).toEqual({
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  test('are verified: content, id, time, secret', async () => {
    const clock = new ManualClock();
    const [secret, other] = [createWebhookSecret(), createWebhookSecret()];
    const headers = await webhookHeaders([secret], { id: 'm', body }, clock.nowMs());
    expect(await verifyWebhook(secret, { headers, body }, { clock })).toBe('m');
    expect(await verifyWebhook(secret, { headers: new Headers(headers), body: '{"text":"é"}' }, { clock })).toBe('m');
    const reason = async (webhook: Parameters<typeof verifyWebhook>[1], by = secret): Promise<unknown> => {
      const error = await outcome(verifyWebhook(by, webhook, { clock }));
      return (error as { details?: { reason?: string } }).details?.reason;
    };
    expect(await reason({ headers, body: '{"text":"e"}' })).toBe('signature');
    expect(await reason({ headers: { ...headers, 'webhook-id': 'n' }, body })).toBe('signature');
    expect(await reason({ headers: { ...headers, 'webhook-timestamp': '1001' }, body })).toBe('signature');
    expect(await reason({ headers: { ...headers, 'webhook-signature': 'v1,%%% v2,x v1' }, body })).toBe('signature');
    expect(await reason({ headers, body }, other)).toBe('signature');
    expect(await reason({ headers: {}, body })).toBe('headers');
    expect(await reason({ headers: { ...headers, 'webhook-timestamp': 'now' }, body })).toBe('timestamp');
    clock.advance(300_000);
    expect(await reason({ headers, body })).toBeUndefined();
    clock.advance(1_000);
    expect(await reason({ headers, body })).toBe('timestamp');
  });

  test('of two secrets are both there, while one is changed', async () => {
    const [old, current] = [createWebhookSecret(), createWebhookSecret()];
    const clock = new ManualClock();
    const headers = await webhookHeaders([current, old], { id: 'm', body }, clock.nowMs());
    for (const secret of [old, current]) expect(await verifyWebhook(secret, { headers, body }, { clock })).toBe('m');
  });

  test('are looked at up to a number', async () => {
    const [clock, secret] = [new ManualClock(), createWebhookSecret()];
    const headers = await webhookHeaders([secret], { id: 'm', body }, clock.nowMs());
    const after = (others: number): Promise<unknown> => {
      const signatures = `${`v1,${btoa('x'.repeat(32))} `.repeat(others)}${headers['webhook-signature']}`;
      return outcome(
        verifyWebhook(secret, { headers: { ...headers, 'webhook-signature': signatures }, body }, { clock }),
      );
    };
    expect(await after(15)).toBe('m');
    expect(await after(16)).toMatchObject({ code: 'DATA_ERROR', details: { reason: 'signature' } });
  });

  test('are of every byte of a text, and of texts only', async () => {
    const [clock, secret] = [new ManualClock(), createWebhookSecret()];
    const marked = new TextEncoder().encode('\uFEFF{}');
    const headers = await webhookHeaders([secret], { id: 'm', body: marked }, clock.nowMs());
    expect(await verifyWebhook(secret, { headers, body: marked }, { clock })).toBe('m');
    expect(await outcome(verifyWebhook(secret, { headers, body: '{}' }, { clock }))).toMatchObject({
      code: 'DATA_ERROR',
    });
    const replaced = await webhookHeaders(
      [secret],
      { id: 'm', body: new TextEncoder().encode('\uFFFD') },
      clock.nowMs(),
    );
    // Read without care, it would be the same text.
    const binary = Uint8Array.of(0xff);
    expect(await outcome(verifyWebhook(secret, { headers: replaced, body: binary }, { clock }))).toMatchObject({
      code: 'DATA_ERROR',
      details: { reason: 'signature' },
    });
    expect(await outcome(webhookHeaders([secret], { id: 'm', body: binary }, 0))).toMatchObject({
      code: 'PROGRAMMING_ERROR',
    });
  });

  test('need a secret that is one, and an id without dots', async () => {
    const short = `whsec_${btoa('short')}`;
    for (const secret of [short, 'whsec_***', '']) {
      const error = await outcome(webhookHeaders([secret], { id: 'm', body }, 0));
      expect(error).toMatchObject({ code: 'PROGRAMMING_ERROR' });
      expect((error as Error).message).not.toContain(secret === '' ? 'never' : secret);
    }
    const dotted = webhookHeaders([createWebhookSecret()], { id: 'a.b', body }, 0);
    expect(await outcome(dotted)).toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });
});

describe('posting', () => {
  const requests: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = [];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let url = '';
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      requests.push({ headers: request.headers, body: Buffer.concat(parts).toString() });
      answer(request, response);
    });
  });

  beforeEach(async () => {
    requests.length = 0;
    answer = (_request, response) => response.writeHead(204).end();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const answering = (status: number, headers: Record<string, string> = {}): void => {
    answer = (_request, response) => response.writeHead(status, headers).end('because');
  };

  test('a message arrives signed, with its headers encoded', async () => {
    const secret = createWebhookSecret();
    const publisher = new WebhookPublisher({ url, secret, headers: { authorization: 'Bearer x' } });
    await publisher.publish(message(), live);
    const [request] = requests;
    const headers = request?.headers as Record<string, string>;
    expect(await verifyWebhook(secret, { headers, body: request?.body ?? '' })).toBe('msg-1');
    expect(headers['content-type']).toBe('application/json');
    expect(headers['authorization']).toBe('Bearer x');
    expect(headers['x-evil']).toBeUndefined();
    expect(decodeHeaderValue(headers['actor_id'] ?? '')).toBe('Zoë 100%\r\nX-Evil: 1');
  });

  test('the address may be told from the message, and nothing need be signed', async () => {
    const publisher = new WebhookPublisher({ url: ({ destination }) => `${url}?to=${destination}`, secret: [] });
    await publisher.publish(message(), live);
    expect(requests[0]?.headers['webhook-signature']).toBeUndefined();
  });

  test('nothing that carries meaning goes outside of the signature', async () => {
    const binary = message({ headers: { 'ce-type': 'Placed', 'ce-source': 'shop' } });
    const signed = new WebhookPublisher({ url, secret: createWebhookSecret() });
    expect(await outcome(signed.publish(binary, live))).toMatchObject({
      code: 'PUBLISH_ERROR',
      details: { isPermanent: true },
      message: expect.stringContaining("mode: 'structured'") as string,
    });
    expect(requests).toHaveLength(0);
    await new WebhookPublisher({ url, secret: [] }).publish(binary, live);
    expect(requests[0]?.headers['ce-type']).toBe('Placed');
  });

  test('answers say what to do', async () => {
    const publisher = new WebhookPublisher({ url, secret: [] });
    const publish = (): Promise<unknown> => outcome(publisher.publish(message(), live));
    answering(400);
    expect(await publish()).toMatchObject({ code: 'PUBLISH_ERROR', details: { status: 400 } });
    answering(500);
    expect(await publish()).toMatchObject({
      code: 'PUBLISH_ERROR',
      message: expect.stringContaining('because') as string,
    });
    answering(410);
    expect(await publish()).toMatchObject({ code: 'PUBLISH_ERROR', details: { isPermanent: true } });
    answering(503, { 'retry-after': '7' });
    expect(await publish()).toMatchObject({ code: 'PUBLISHER_UNAVAILABLE', details: { retryAfterMs: 7_000 } });
    answering(429);
    expect(await publish()).toMatchObject({ code: 'PUBLISHER_UNAVAILABLE' });
    answering(302, { location: url });
    expect(await publish()).toMatchObject({ code: 'PUBLISH_ERROR' });
    expect(requests).toHaveLength(6);
  });

  test.each([
    ['as it is', {}],
    ['compressed', { 'content-encoding': 'gzip' }],
  ])('of a long answer only the beginning is read, %s', async (_case, headers) => {
    const publisher = new WebhookPublisher({ url, secret: [] });
    const chunk = Buffer.alloc(65_536, 'x');
    let written = 0;
    const closed = new Promise<void>((resolve) => {
      answer = (_request, response) => {
        response.writeHead(500, headers);
        const page = new Readable({
          read(): void {
            this.push(chunk);
          },
        });
        page.on('data', () => (written += chunk.length));
        if ('content-encoding' in headers) page.pipe(createGzip()).pipe(response);
        else page.pipe(response);
        response.once('close', () => {
          page.destroy();
          resolve();
        });
      };
    });
    const error = (await outcome(publisher.publish(message(), live))) as Error;
    expect(error).toMatchObject({ code: 'PUBLISH_ERROR', details: { status: 500 } });
    expect(error.message).toMatch(/^The webhook was answered with 500: x{200}$/);
    await closed;
    // It would go on for ever. Some megabytes are what fits between the two.
    expect(written).toBeLessThan(100_000_000);
  });

  test('a good answer is not waited for, whatever comes after its head', async () => {
    const publisher = new WebhookPublisher({ url, secret: [] });
    answer = (_request, response) => response.writeHead(200).write('and then');
    await publisher.publish(message(), live);
  });

  test('no connection is nobody’s fault, and no answer in time is the message’s', async () => {
    const nowhere = new WebhookPublisher({ url: 'http://127.0.0.1:1/', secret: [] });
    expect(await outcome(nowhere.publish(message(), live))).toMatchObject({ code: 'PUBLISHER_UNAVAILABLE' });
    answer = () => undefined;
    const publisher = new WebhookPublisher({ url, secret: [] });
    const signal = AbortSignal.timeout(50);
    expect(await outcome(publisher.publish(message(), { signal }))).toMatchObject({ code: 'PUBLISH_ERROR' });
  });
});
