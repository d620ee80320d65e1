/**
 * A server that does nothing: what a request and a message take by themselves, between this process and a browser.
 *
 * @module
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { nowMs } from '../runner/now.js';

// Of the real answers to a push of one unit, and to a question for a page with one.
const ANSWER_BYTES = { '/push': 100, '/units': 450 } as const;
const MESSAGE = 'event: head\ndata: 4711\n\n';

/** A running one. */
export interface PartsServer {
  /** Without a slash at the end. Answers `POST /push`, `GET /units`, and `GET /live` with a stream. */
  readonly url: string;
  /** Sends a message to who has the stream. @returns when, in milliseconds since 1970 */
  tell(): number;
  close(): Promise<void>;
}

export async function startPartsServer(): Promise<PartsServer> {
  let line: ServerResponse | undefined;
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    response.writeHead(200, { 'access-control-allow-origin': '*', 'cache-control': 'no-store' });
    if (path === '/live') {
      // A browser has six connections to one server, and the stream of the round before would keep one.
      line?.end();
      line = response;
      response.flushHeaders();
      return;
    }
    request.resume().once('end', () => response.end(new Uint8Array(ANSWER_BYTES[path as keyof typeof ANSWER_BYTES])));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tell: () => {
      const atMs = nowMs();
      line?.write(MESSAGE);
      return atMs;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
