/**
 * Serves a `fetch` handler over HTTP in Node, and stops without dropping requests. The one door to `@hono/node-server`.
 *
 * @module
 */
import { createAdaptorServer } from '@hono/node-server';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../util/clock.js';
import { AddressInUseError } from './host-errors.js';
import { withinLimit } from './time-limit.js';

// A connection becomes idle when its answer is sent; Node keeps it open for the next request, which will not come.
const IDLE_CHECK_MS = 25;

/** Options of {@link listen}. */
export interface ListenOptions {
  readonly fetch: (request: Request) => Response | Promise<Response>;
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
  // The globals of the process belong to whoever runs it.
  const server = createAdaptorServer({ fetch, hostname, overrideGlobalObjects: false }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new AddressInUseError(`Cannot listen on ${hostname} port ${port}: ${cause.message}. Choose another port.`, {
          cause,
          details: { hostname, port },
        }),
      );
    });
    server.listen(port, hostname, resolve);
  });
  const { port: actualPort } = server.address() as AddressInfo;
  const shownHost = hostname.includes(':') ? `[${hostname}]` : hostname;
  return { url: `http://${shownHost}:${actualPort}`, close: (limitMs) => close(server, limitMs) };
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
