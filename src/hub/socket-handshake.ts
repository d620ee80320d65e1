/**
 * The opening of a WebSocket as the request that it stands for: its headers are offered as subprotocols, see
 * `sync/protocol/protocol.ts`.
 *
 * @module
 */
import { APP_HEADER, PROTOCOL_HEADER, REPLICA_HEADER, SOCKET_PROTOCOL } from '../sync/protocol/index.js';
import { fromBase64 } from '../util/base64.js';

/** What else may be offered is passed over: nobody sets the address that a proxy says, for example. */
const OFFERED: ReadonlySet<string> = new Set(['authorization', APP_HEADER, PROTOCOL_HEADER, REPLICA_HEADER]);

/** A request for a line, in a form that outlives the memory of who has let it in. */
export interface LineRequest {
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Whether a request opens a WebSocket. */
export function opensSocket({ headers }: Request): boolean {
  return headers.get('upgrade')?.toLowerCase() === 'websocket';
}

/** @returns `undefined` where the protocol is not offered */
export function lineRequestOf({ url, headers }: Request): LineRequest | undefined {
  const [protocol, ...offered] = headers.get('sec-websocket-protocol')?.split(/\s*,\s*/) ?? [];
  if (protocol !== SOCKET_PROTOCOL) return undefined;
  const found = offered.flatMap((text): [string, string][] => {
    const [name = '', ...value] = textOf(text).split(':');
    return OFFERED.has(name.toLowerCase()) ? [[name.toLowerCase(), value.join(':')]] : [];
  });
  return { url, headers: found };
}

/** The request that it stands for. @param opening - what has opened it, with all that is known of who that is, while it is there */
export function toRequest({ url, headers }: LineRequest, opening?: Request): Request {
  const all = new Headers(opening?.headers);
  for (const name of [...all.keys()]) if (/^(?:upgrade$|connection$|sec-websocket-)/.test(name)) all.delete(name);
  for (const [name, value] of headers) all.set(name, value);
  return new Request(url, { headers: all });
}

/** Whether a page may open a WebSocket from its origin; who names none is no page. */
export function isAllowedOrigin({ url, headers }: Request, origins: readonly string[]): boolean {
  const origin = headers.get('origin');
  return origin === null || origin === new URL(url).origin || origins.includes(origin);
}

/** @returns nothing where it cannot be read */
function textOf(text: string): string {
  try {
    const bytes = fromBase64(
      text
        .replaceAll('-', '+')
        .replaceAll('_', '/')
        .padEnd(Math.ceil(text.length / 4) * 4, '='),
    );
    const value = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // Of ASCII that a header may have: nothing that would end it.
    return /^[\x20-\x7e]*$/.test(value) ? value : '';
  } catch {
    return '';
  }
}
