import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { SelfSigned } from './self-signed.js';

/** A PostgreSQL that is reached by TLS only. */
export interface TlsPostgres extends AsyncDisposable {
  /** The server's address by way of TLS, with a host of one's choice. */
  url(host: string, parameters?: string): string;
  /** TLS sessions that were set up, ever. */
  readonly secured: { count: number };
}

/** Stands before a PostgreSQL without TLS: agrees to TLS as PostgreSQL does, and passes on what comes through it. */
export async function openPostgresTls(serverUrl: string, { key, cert }: SelfSigned): Promise<TlsPostgres> {
  const target = new URL(serverUrl);
  const secured = { count: 0 };
  const sockets = new Set<Socket>();
  const listener = createServer((client) => {
    sockets.add(client);
    client.on('error', () => undefined);
    // The request for TLS: 8 bytes, which nothing follows before the answer.
    client.once('data', () => {
      client.write('S');
      const secure = new TLSSocket(client, { isServer: true, key, cert });
      const server = connect(Number(target.port), target.hostname);
      sockets.add(server);
      secure.once('secure', () => secured.count++);
      for (const [one, other] of [
        [secure, server],
        [server, secure],
      ] as const) {
        one.on('error', () => other.destroy());
        one.on('close', () => other.destroy());
        one.pipe(other);
      }
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  return {
    secured,
    url(host, parameters = '') {
      const url = new URL(serverUrl);
      url.hostname = host;
      url.port = String(port);
      return `${url.href}${parameters}`;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
}
