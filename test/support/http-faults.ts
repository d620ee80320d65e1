/**
 * A proxy before a server that does what a test tells it to: loses, repeats, cuts off, slows down.
 *
 * @module
 */
import { createServer, request as send } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of a request. */
export type Fault =
  | 'none'
  /** It does not reach the server. */
  | 'lost'
  /** It does, and the answer does not come back. */
  | 'answer lost'
  /** It does, and half of the answer comes back, as if that were all. */
  | 'answer cut'
  /** It does, and the line breaks in the middle of the answer. */
  | 'answer broken'
  /** It reaches the server twice; the second answer comes back. */
  | 'twice'
  /** It is answered; and it reaches the server once more when the request after it has been answered. */
  | 'again later'
  /** A page comes back that wants somebody to log in, with status 200. */
  | 'portal'
  /** A page comes back that says the proxy has no server. */
  | 'bad gateway';

interface Sent {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Forwarded {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** The proxy. */
export class FaultProxy {
  /** Of the next requests; when none is left, they are forwarded. */
  readonly script: Fault[] = [];
  /** Done once: before the next request goes on, or when it was answered and the answer has not come back; which is lost then. */
  meanwhile: { readonly when: 'before' | 'after'; readonly work: () => Promise<void> } | undefined;
  /** Answers 413 to requests with more bytes. */
  bytesMax = Infinity;
  /** Bytes that come through in a second, in each direction. */
  bytesPerSecond = Infinity;
  /** What the server said to requests that came once more. */
  readonly copyStatuses: number[] = [];
  /** Sizes of the requests that came, as they crossed the network. */
  readonly sizes: number[] = [];
  readonly #server = createServer((incoming, outgoing) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      this.sizes.push(body.length);
      await this.#slow(body.length);
      await this.#answer({ path: incoming.url ?? '', headers: incoming.headers, body }, outgoing);
    })().catch(() => outgoing.destroy());
  });
  readonly #target: URL;
  readonly #copies: Sent[] = [];

  constructor(target: string) {
    this.#target = new URL(target);
  }

  /** Where it listens, once it was started. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this.url;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: Sent, outgoing: ServerResponse): Promise<void> {
    const fault = this.script.shift() ?? 'none';
    const { meanwhile } = this;
    this.meanwhile = undefined;
    if (meanwhile?.when === 'before') await meanwhile.work();
    if (fault === 'lost') {
      outgoing.destroy();
    } else if (fault === 'portal') {
      outgoing.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome to Airport WiFi</html>');
    } else if (fault === 'bad gateway') {
      outgoing.writeHead(502, { 'content-type': 'text/html', 'retry-after': '1' }).end('<html>502</html>');
    } else if (request.body.length > this.bytesMax) {
      outgoing.writeHead(413, { 'content-type': 'text/html' }).end('<html>413</html>');
    } else {
      if (fault === 'twice') await this.#forward(request);
      const answer = await this.#forward(request);
      for (const copy of this.#copies.splice(0)) this.copyStatuses.push((await this.#forward(copy)).status);
      if (fault === 'again later') this.#copies.push(request);
      if (meanwhile?.when === 'after') {
        await meanwhile.work();
        return void outgoing.destroy();
      }
      await this.#deliver(fault, answer, outgoing);
    }
  }

  async #deliver(fault: Fault, { status, headers, body }: Forwarded, outgoing: ServerResponse): Promise<void> {
    if (fault === 'answer lost') {
      outgoing.destroy();
      return;
    }
    const half = body.subarray(0, Math.floor(body.length / 2));
    if (fault === 'answer cut') {
      outgoing.writeHead(status, { ...headers, 'content-length': String(half.length) }).end(half);
    } else if (fault === 'answer broken') {
      outgoing.writeHead(status, { ...headers, 'content-length': String(body.length) });
      outgoing.write(half, () => outgoing.destroy());
    } else {
      await this.#slow(body.length);
      outgoing.writeHead(status, { ...headers, 'content-length': String(body.length) }).end(body);
    }
  }

  async #forward(request: Sent): Promise<Forwarded> {
    const { hostname, port } = this.#target;
    return await new Promise((resolve, reject) => {
      const { path, headers } = request;
      const outgoing = send({ hostname, port, path, method: 'POST', headers, agent: false }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const { 'transfer-encoding': _chunked, connection: _connection, ...kept } = incoming.headers;
          resolve({ status: incoming.statusCode ?? 0, headers: kept, body: Buffer.concat(chunks) });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(request.body);
    });
  }

  async #slow(bytes: number): Promise<void> {
    const ms = (bytes / this.bytesPerSecond) * 1_000;
    if (ms >= 1) await new Promise((resolve) => setTimeout(resolve, ms));
  }
}
