/**
 * The network between tabs and servers: loses, delays, repeats and cuts what goes through it, and answers for others.
 *
 * @module
 */
import type { UnitId } from '../../../src/persistence/unit.js';
import { unpackPendingUnits } from '../../../src/persistence/unit-batch.js';
import type { SeededRandom } from '../../soak/seeded-random.js';
import type { SimProcess } from './sim-process.js';
import type { SimServer } from './sim-server.js';

type Fault =
  'none' | 'lost' | 'answer lost' | 'cut' | 'broken' | 'twice' | 'again later' | 'portal' | 'bad gateway' | 'slow';

const FAULTS: readonly (readonly [weight: number, fault: Fault])[] = [
  [3, 'lost'],
  [4, 'answer lost'],
  [1, 'cut'],
  [1, 'broken'],
  [2, 'twice'],
  [3, 'again later'],
  [1, 'portal'],
  [1, 'bad gateway'],
  [3, 'slow'],
];
const LATENCY_MS: readonly [number, number] = [2, 40];
const SLOW_MS_MAX = 8_000;
const AGAIN_MS_MAX = 25_000;

/** How a device is connected. */
export interface Link {
  isUp: boolean;
  /** The share of requests that something happens to. */
  faultShare: number;
}

/** A request as it goes through the network. */
interface Sent {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
}

interface Received {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What happened, for the counts. */
export interface NetworkCounts {
  requests: number;
  faults: number;
  /** Pushes with a unit that the same device has sent before, and how many units these are. */
  retries: number;
  unitsAgain: number;
}

/** Connects tabs with whatever server answers. */
export class SimNetwork {
  readonly counts: NetworkCounts = { requests: 0, faults: 0, retries: 0, unitsAgain: 0 };
  /** What each device has pushed. */
  readonly #pushed = new WeakMap<Link, Set<UnitId>>();
  readonly #servers: (random: SeededRandom) => SimServer | undefined;
  readonly #note: (line: string) => void;
  readonly #lines = new Set<() => void>();
  readonly #breakers = new Set<() => void>();

  /**
   * @param servers - chooses one that is up
   * @param note - told of each request and of what came of it
   */
  constructor(servers: (random: SeededRandom) => SimServer | undefined, note: (line: string) => void) {
    this.#servers = servers;
    this.#note = note;
  }

  /** `fetch` of a tab. */
  fetchOf(client: SimProcess, link: Link, random: SeededRandom): typeof globalThis.fetch {
    return (input, init = {}) => {
      const { signal } = init;
      return new Promise((resolve, reject) => {
        if (client.isDead) return;
        const abort = (): void => reject(signal?.reason as Error);
        if (signal?.aborted === true) return abort();
        signal?.addEventListener('abort', abort);
        const sent: Sent = {
          url: input as string,
          method: init.method ?? 'GET',
          headers: new Headers(init.headers),
          body: init.body as Uint8Array<ArrayBuffer> | undefined,
        };
        this.counts.requests++;
        if (sent.url.endsWith('/push') && sent.body !== undefined) this.#countAgain(link, sent.body);
        const change = (): void => void client.after(0, () => reject(new TypeError('network changed')));
        this.#breakers.add(change);
        const way = new Way(client, link, random);
        const fail = (): void => way.later(() => reject(new TypeError('fetch failed')));
        const asked = sent.method === 'GET' ? this.#stream(sent, way, signal ?? undefined) : this.#send(sent, way);
        const what = `${client.name} ${new URL(sent.url).pathname} ${this.counts.requests}`;
        this.#note(`${what}?`);
        asked.then(
          ({ status }) => this.#note(`${what}: ${status}`),
          (error: unknown) => this.#note(`${what}: ${String(error)}`),
        );
        void asked.then(resolve, fail).finally(() => this.#breakers.delete(change));
      });
    };
  }

  /** All that is open breaks, as when the network changes: whoever waits for something hears of it. */
  breakAll(): void {
    for (const end of [...this.#lines]) end();
    for (const fail of this.#breakers) fail();
    this.#breakers.clear();
  }

  #countAgain(link: Link, body: Uint8Array): void {
    const before = this.#pushed.get(link) ?? new Set();
    this.#pushed.set(link, before);
    const ids = unpackPendingUnits(body).map(({ id }) => id);
    const again = ids.filter((id) => before.has(id)).length;
    for (const id of ids) before.add(id);
    this.counts.unitsAgain += again;
    if (again > 0) this.counts.retries++;
  }

  async #send(sent: Sent, way: Way): Promise<Response> {
    const fault = way.fault();
    if (fault !== 'none') this.counts.faults++;
    if (fault === 'lost') return await way.silence();
    if (fault === 'portal') {
      return new Response('<html>Welcome</html>', { headers: { 'content-type': 'text/html' } });
    }
    if (fault === 'bad gateway')
      return new Response('<html>502</html>', { status: 502, headers: { 'retry-after': '1' } });
    await way.there(fault === 'slow');
    if (fault === 'twice') await this.#ask(sent, way).catch(() => undefined);
    if (fault === 'again later') {
      way.whenever(() => void this.#ask(sent, way).catch(() => undefined));
    }
    const answer = await this.#ask(sent, way);
    if (fault === 'answer lost') return await way.silence();
    await way.back(fault === 'slow');
    const half = answer.body.subarray(0, Math.floor(answer.body.length / 2));
    if (fault === 'cut') return new Response(half, answer);
    if (fault === 'broken') return new Response(brokenAfter(half), answer);
    return new Response(answer.body.length === 0 ? null : answer.body, answer);
  }

  /** Asks a server, which may die meanwhile. */
  #ask(sent: Sent, { random }: Way): Promise<Received> {
    const server = this.#servers(random);
    if (server === undefined) return Promise.reject(new TypeError('connection refused'));
    return new Promise((resolve, reject) => {
      server.process.onDeath(() => reject(new TypeError('connection reset')));
      const answered = server.process.run(async () => {
        const response = await server.fetch(requestOf(sent));
        const body = new Uint8Array(await response.arrayBuffer());
        if (!server.process.isDead) resolve({ status: response.status, headers: response.headers, body });
      });
      answered.catch(reject);
    });
  }

  async #stream(sent: Sent, way: Way, signal: AbortSignal | undefined): Promise<Response> {
    if (way.fault() !== 'none') return await way.silence();
    await way.there(false);
    const server = this.#servers(way.random);
    if (server === undefined) throw new TypeError('connection refused');
    const ended = new AbortController();
    const response = await server.process.run(() => server.fetch(requestOf(sent, ended.signal)));
    await way.back(false);
    const reader = response.body?.getReader();
    let isOver = false;
    const line = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const end = (error?: Error): void => {
          if (isOver) return;
          isOver = true;
          this.#lines.delete(end);
          ended.abort();
          if (error === undefined) controller.close();
          else controller.error(error);
        };
        this.#lines.add(end);
        const broken = (): void => way.later(() => end(new TypeError('connection reset')));
        way.client.onDeath(() => ended.abort());
        server.process.onDeath(broken);
        signal?.addEventListener('abort', () => end(new TypeError('aborted')));
        const read = (): void => {
          server.process.run(() => {
            reader?.read().then(({ value }) => {
              if (value === undefined) way.later(() => end());
              else {
                this.#note(`${way.client.name} is told ${toldIn(value)}`);
                // What is said while the link is down is lost with the line, of which nobody hears.
                if (way.link.isUp) way.later(() => isOver || controller.enqueue(value));
                read();
              }
            }, broken);
          });
        };
        read();
      },
      cancel: () => {
        isOver = true;
        ended.abort();
      },
    });
    return new Response(line, { status: response.status, headers: response.headers });
  }
}

/** The way of one request. */
class Way {
  readonly client: SimProcess;
  readonly link: Link;
  readonly random: SeededRandom;
  #lastMs = 0;

  constructor(client: SimProcess, link: Link, random: SeededRandom) {
    this.client = client;
    this.link = link;
    this.random = random;
  }

  fault(): Fault {
    if (!this.link.isUp) return 'lost';
    return this.random.chance(this.link.faultShare) ? this.random.weighted(FAULTS) : 'none';
  }

  /** To the server, whatever becomes of whoever sent it; not, if the link is down then. */
  async there(isSlow: boolean): Promise<void> {
    await new Promise<void>((resolve) => this.client.outlived(this.#latencyMs(isSlow), resolve));
    if (!this.link.isUp) await this.silence();
  }

  /** To whoever asked. */
  async back(isSlow: boolean): Promise<void> {
    await this.client.delay(this.#latencyMs(isSlow));
    if (!this.link.isUp) await this.silence();
  }

  /** Nothing comes: that is noticed soon, or by whoever waits. */
  async silence(): Promise<never> {
    if (this.random.chance(0.3)) return await new Promise<never>(() => undefined);
    await this.client.delay(this.random.between(0, 2_000));
    throw new TypeError('fetch failed');
  }

  /** In the order in which it was said. */
  later(work: () => void): void {
    this.#lastMs = Math.max(this.#lastMs, this.client.clock.monotonicMs() + this.random.between(...LATENCY_MS));
    this.client.after(this.#lastMs - this.client.clock.monotonicMs(), work);
  }

  /** Much later, whatever has become of whoever sent it. */
  whenever(work: () => void): void {
    this.client.outlived(this.random.between(0, AGAIN_MS_MAX), work);
  }

  #latencyMs(isSlow: boolean): number {
    return this.random.between(...LATENCY_MS) + (isSlow ? this.random.between(0, SLOW_MS_MAX) : 0);
  }
}

function requestOf({ url, method, headers, body }: Sent, signal?: AbortSignal): Request {
  return new Request(url, {
    method,
    headers,
    ...(body === undefined ? {} : { body: body.slice() }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** What a line says, without what a page has: only how much that is. */
function toldIn(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString().replace(/\s+/g, ' ');
  return text.replace(/(event: page data: )(\S+)/g, (_all, event: string, page: string) => `${event}${page.length}`);
}

function brokenAfter(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
  let isSent = false;
  return new ReadableStream({
    pull(controller) {
      if (isSent) controller.error(new TypeError('connection reset'));
      else if (bytes.length > 0) controller.enqueue(bytes);
      isSent = true;
    },
  });
}
