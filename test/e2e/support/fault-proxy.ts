/**
 * The network between a device and the warehouse, with its faults on demand.
 *
 * ```text
 * browser ──▶ proxy ──▶ server        a fault is chosen for each POST of a push; everything else passes
 * ```
 *
 * It never keeps a connection open for a second request: a browser sends a request again by itself when a kept
 * connection breaks, and then nobody could say which request met which fault.
 *
 * @module
 */
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * - `pass`: nothing happens to it
 * - `drop-request`: the connection breaks before the server hears of the push
 * - `drop-response`: the server takes the push, then the connection breaks
 * - `cut-response`: the server takes the push, and half of its answer arrives
 * - `portal`: a captive portal says 200, with a page of its own
 * - `delay-duplicate`: passes, and reaches the server once more beside the next push
 */
export type PushFault = 'pass' | 'drop-request' | 'drop-response' | 'cut-response' | 'portal' | 'delay-duplicate';

/** A push that arrived, and what became of it. */
export interface SeenPush {
  readonly fault: PushFault;
  readonly body: string;
  /** What the server said; undefined when it was not asked, or did not answer. */
  status: number | undefined;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const PUSH_PATH = '/v2/push';
const PORTAL_PAGE = '<!doctype html><title>Welcome</title><h1>Welcome to our free network</h1><p>Please sign in.</p>';

/** A proxy in front of a sync server. */
export class FaultProxy {
  /** Every push that arrived, in that order. */
  readonly pushes: SeenPush[] = [];
  /** What the server said to the second copies of pushes. */
  readonly copyStatuses: number[] = [];
  /** What happens to pushes that no script speaks of. */
  otherwise: PushFault = 'pass';
  /** The largest number of pushes that were under way at the same time. */
  concurrentPushesMax = 0;
  readonly #upstream: () => string;
  readonly #script: PushFault[] = [];
  readonly #underWay = new Set<SeenPush>();
  readonly #copies: { readonly request: IncomingMessage; readonly body: Buffer }[] = [];
  #server: Server | undefined;
  #port = 0;

  private constructor(upstream: () => string) {
    this.#upstream = upstream;
  }

  /** @param upstream - gives the server's base address, which is asked anew for each request */
  static async start(upstream: () => string): Promise<FaultProxy> {
    const proxy = new FaultProxy(upstream);
    await proxy.up();
    return proxy;
  }

  /** The base address, the same after it was down. */
  get url(): string {
    return `http://localhost:${this.#port}`;
  }

  /** Says what happens to the next pushes, one fault each. */
  script(...faults: readonly PushFault[]): void {
    this.#script.push(...faults);
  }

  /** Refuses connections from now on, and breaks those that are open. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  }

  /** Accepts connections again. */
  async up(): Promise<void> {
    const server = createServer((request, response) => {
      this.#handle(request, response).catch(() => request.socket.destroy());
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.shouldKeepAlive = false;
    const body = await readAll(request);
    if (request.method === 'OPTIONS') response.writeHead(204, corsHeaders(request)).end();
    else if (request.method === 'POST' && request.url === PUSH_PATH) await this.#push(request, body, response);
    else send(response, request, await this.#forward(request, body));
  }

  async #push(request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
    const push: SeenPush = { fault: this.#script.shift() ?? this.otherwise, body: body.toString(), status: undefined };
    this.pushes.push(push);
    this.#underWay.add(push);
    this.concurrentPushesMax = Math.max(this.concurrentPushesMax, this.#underWay.size);
    try {
      await this.#meetFault(push, request, body, response);
    } finally {
      this.#underWay.delete(push);
    }
  }

  async #meetFault(push: SeenPush, request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
    const { fault } = push;
    if (fault === 'drop-request') {
      request.socket.resetAndDestroy();
      return;
    }
    if (fault === 'portal') {
      sendPortalPage(response, request);
      return;
    }
    const [answer] = await Promise.all([this.#forward(request, body), this.#sendCopies()]);
    push.status = answer.status;
    if (fault === 'delay-duplicate') this.#copies.push({ request, body });
    if (fault === 'drop-response') request.socket.destroy();
    else if (fault === 'cut-response') sendHalf(response, request, answer);
    else send(response, request, answer);
  }

  /** A copy that breaks off is only a copy. */
  async #sendCopies(): Promise<void> {
    const answers = await Promise.allSettled(
      this.#copies.splice(0).map(({ request, body }) => this.#forward(request, body)),
    );
    for (const answer of answers) if (answer.status === 'fulfilled') this.copyStatuses.push(answer.value.status);
  }

  async #forward({ method = 'GET', url = '/', headers }: IncomingMessage, body: Buffer): Promise<Answer> {
    const { host: _host, connection: _connection, ...kept } = headers;
    return await new Promise((resolve, reject) => {
      const onward = httpRequest(this.#upstream() + url, { method, headers: kept, agent: false }, (answer) => {
        readAll(answer).then((bytes) => {
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: bytes });
        }, reject);
      });
      onward.once('error', reject).end(body);
    });
  }
}

function send(response: ServerResponse, request: IncomingMessage, answer: Answer): void {
  response.writeHead(answer.status, headersOf(request, answer)).end(answer.body);
}

function sendHalf(response: ServerResponse, request: IncomingMessage, answer: Answer): void {
  response.writeHead(answer.status, headersOf(request, answer));
  const half = answer.body.subarray(0, Math.floor(answer.body.length / 2));
  response.write(half, () => request.socket.destroy());
}

/** Readable for the page, as a portal in front of a server of the same origin is: the harder case. */
function sendPortalPage(response: ServerResponse, request: IncomingMessage): void {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...corsHeaders(request) }).end(PORTAL_PAGE);
}

function headersOf(request: IncomingMessage, { headers, body }: Answer): IncomingHttpHeaders {
  const { 'transfer-encoding': _chunked, connection: _connection, ...kept } = headers;
  return { ...kept, 'content-length': String(body.length), ...corsHeaders(request) };
}

/** The page comes from the server's own address, so every request through here crosses origins. */
function corsHeaders({ headers }: IncomingMessage): Record<string, string> {
  return {
    'access-control-allow-origin': headers.origin ?? '*',
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': headers['access-control-request-headers'] ?? '',
    'access-control-expose-headers': 'daybook-protocol, daybook-limits, retry-after',
    vary: 'origin',
  };
}

async function readAll(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
