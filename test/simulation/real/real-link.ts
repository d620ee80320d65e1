/**
 * The network between one device and the server: lets everything through, breaks it off somewhere, or is not there.
 *
 * @module
 */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { SeededRandom } from '../../soak/seeded-random.js';

/** So many bytes of an answer come at most before it breaks off. */
const CUT_BYTES_MAX = 2_000;

/** A way for one device. */
export class RealLink {
  /** The share of requests whose connection breaks off: before the server hears of it, or in the middle of its answer. */
  faultShare = 0;
  /** How often that was. */
  faults = 0;
  readonly #upstreamPort: number;
  readonly #random: SeededRandom;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  constructor(upstreamPort: number, random: SeededRandom) {
    this.#upstreamPort = upstreamPort;
    this.#random = random;
  }

  /** The same after it was down. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async up(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((client) => this.#pass(client));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Refuses connections, and breaks those that are there. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }

  #pass(client: Socket): void {
    const server = connect(this.#upstreamPort, '127.0.0.1');
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.once('error', end).once('close', () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    /** Of the answer, until it breaks off. */
    let left = Infinity;
    client.on('data', (bytes) => {
      // A browser keeps its connections: each request may be the one.
      if (this.#random.chance(this.faultShare)) {
        this.faults++;
        if (this.#random.chance(0.5)) return end();
        left = this.#random.between(0, CUT_BYTES_MAX);
      }
      server.write(bytes);
    });
    server.on('data', (bytes) => {
      if (client.destroyed) return;
      client.write(left < bytes.length ? bytes.subarray(0, left) : bytes);
      left -= bytes.length;
      if (left <= 0) client.end(end);
    });
  }
}
