/**
 * From which address a request came: of the connection, or as the proxies before the host say.
 *
 * @module
 */
import type { ClientAddress } from '../access/limit-middleware.js';

/** Addresses of the connections that requests came by. */
export type Connections = WeakMap<Request, string>;

/**
 * @param proxies - how many there are before the host, each of which adds the address that it was asked from to
 *   `X-Forwarded-For`; what stands before those anybody may have written
 */
export function clientAddressOf(connections: Connections, proxies: number): ClientAddress {
  if (proxies === 0) return (request) => connections.get(request);
  return (request) => {
    const passed = request.headers.get('x-forwarded-for')?.split(',') ?? [];
    const address = passed.at(-proxies)?.trim();
    return address === undefined || address === '' ? undefined : address;
  };
}
