/**
 * Serves a `fetch` handler over HTTP in Node, and stops without dropping requests. The one door to `@hono/node-server`.
 *
 * @module
 */
import { getRequestListener } from '@hono/node-server';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { systemClock } from '../../util/clock.js';
import { AddressInUseError } from './host-errors.js';
import { withinLimit } from './time-limit.js';

// A connection becomes idle when its answer is sent; Node keeps it open for the next request, which will not come.
const IDLE_CHECK_MS = 25;
// Connections that wait until this process takes them. Of a thousand devices that come back at one moment each has two; those
// beyond Node's own 511 would be dropped, and try again seconds later. The system may have a lower bound.
const BACKLOG = 4_096;
// An idle connection lives longer here than with whoever reuses it, or a request meets one that is just being closed and has
// to be sent again: proxies keep theirs for 60 seconds as a rule, and Node's own 5 are less than what a busy client needs to
// get to the next request.
const KEEP_ALIVE_MS = 75_000;
// Longer than that: some releases of Node count it from the end of the request before.
const HEADERS_MS = 80_000;
// Of a body that nobody wanted (the token is not good, or it is too large), so much and so long is read after the answer:
// who sends before he reads gets to see it. An endless one ends here.
const UNWANTED_BYTES_MAX = 4 * 1_048_576;
const UNWANTED_WAIT_MS = 2_000;

/** Options of {@link listen}. */
export interface ListenOptions {
  /** @param address - of whoever has connected, a proxy perhaps */
  readonly fetch: (request: Request, address: string | undefined) => Response | Promise<Response>;
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** A server that accepts requests until it is closed. */
export interface HttpListener {
  /** For example `http://127.0.0.1:8787`, without a slash at the end. */
  readonly url: string;
  /**
   * Accepts no more connections, waits for the requests in flight, then cuts off what is left.
   *
   * @returns whether every request was answered within the limit
   */
  close(limitMs: number): Promise<boolean>;
}

/**
 * @throws AddressInUseError (`ADDRESS_IN_USE`) when the address cannot be had
 */
export async function listen({ fetch, hostname, port }: ListenOptions): Promise<HttpListener> {
  // The globals of the process belong to whoever runs it. The adaptor would read 64 MiB of a body that nobody wanted.
  const answer = getRequestListener((request, env) => fetch(request, remoteAddress(env)), {
    hostname,
    overrideGlobalObjects: false,
    autoCleanupIncoming: false,
  });
  const times = { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: HEADERS_MS };
  const server = createServer(times, (incoming, outgoing) => {
    // Before Node's own listener, which would read whatever comes, for ever, and tell nobody.
    const { socket } = incoming;
    outgoing.prependOnceListener('finish', () => endUnwantedBody(incoming, socket));
    void answer(incoming, outgoing);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new AddressInUseError(`Cannot listen on ${hostname} port ${port}: ${cause.message}. Choose another port.`, {
          cause,
          details: { hostname, port },
        }),
      );
    });
    server.listen({ port, host: hostname, backlog: BACKLOG }, resolve);
  });
  const { port: actualPort } = server.address() as AddressInfo;
  const shownHost = hostname.includes(':') ? `[${hostname}]` : hostname;
  return { url: `http://${shownHost}:${actualPort}`, close: (limitMs) => close(server, limitMs) };
}

function remoteAddress(env: object): string | undefined {
  // HTTP/2 has another kind of request, with a socket as well.
  return (env as { incoming?: IncomingMessage }).incoming?.socket.remoteAddress;
}

async function close(server: Server, limitMs: number): Promise<boolean> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  let callOff: () => void = () => undefined;
  const checkIdle = (): void => {
    server.closeIdleConnections();
    callOff = systemClock.schedule(checkIdle, IDLE_CHECK_MS);
  };
  checkIdle();
  try {
    const inTime = await withinLimit(closed, limitMs);
    if (!inTime) server.closeAllConnections();
    return inTime;
  } finally {
    callOff();
  }
}

/** Reads a little of what is left of a request that was answered, and ends the connection when there is more. */
function endUnwantedBody(incoming: IncomingMessage, socket: Socket): void {
  if (incoming.complete || socket.destroyed) return;
  let bytes = 0;
  const end = (): void => socket.destroySoon();
  const callOff = systemClock.schedule(end, UNWANTED_WAIT_MS);
  // Not by the request's own `close` or `error`, which come with the end of the answer, whatever is still to be read.
  incoming.once('end', callOff);
  incoming.once('error', () => undefined);
  socket.once('close', callOff);
  // Whoever has begun to read it, and given up: it has let go of its socket, which nobody reads any more.
  if (incoming.destroyed) return;
  incoming.on('data', function count(chunk: Uint8Array) {
    bytes += chunk.length;
    if (bytes <= UNWANTED_BYTES_MAX) return;
    incoming.off('data', count).pause();
    end();
  });
  // Says to Node that somebody reads.
  incoming.read(0);
}
