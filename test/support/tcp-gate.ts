/**
 * A gate before a server of any kind: it stops what passes at a place that a test names, and whoever has come there waits until the
 * test has done what it wants to do just then. Nothing is left to luck.
 *
 * @module
 */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** Where it stops: at what a client sends, before the server has it; or at the server's answer to that. */
export interface GatePlace {
  /** Bytes that the client sends. */
  readonly text: string;
  readonly at: 'request' | 'answer';
}

/** The gate. */
export class TcpGate {
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#pass(client));
  #held: { readonly place: GatePlace; readonly reached: () => void } | undefined;

  /** @param target - the server's address */
  constructor(target: string) {
    this.#target = new URL(target);
  }

  /** @returns the server's address by way of it */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const url = new URL(this.#target);
    url.hostname = '127.0.0.1';
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** Resolves when somebody has come to the place; nothing of theirs passes any more, also not what they sent before. */
  async reached(place: GatePlace): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#held = { place, reached: resolve };
    });
  }

  /** Ends all that waits, and all that does not. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(client: Socket): void {
    const server = connect(Number(this.#target.port || 5432), this.#target.hostname);
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    let [isHeld, reached] = [false, (): void => undefined];
    client.on('data', (bytes) => {
      const held = this.#held;
      if (held !== undefined && bytes.includes(held.place.text)) {
        this.#held = undefined;
        isHeld = true;
        if (held.place.at === 'request') return held.reached();
        reached = held.reached;
      }
      server.write(bytes);
    });
    server.on('data', (bytes) => {
      if (isHeld) reached();
      else client.write(bytes);
    });
  }
}
