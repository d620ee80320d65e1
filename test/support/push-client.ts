/**
 * Sends requests to a sync server's handler, as a replica does.
 *
 * @module
 */
import { PROTOCOL_HEADER, PROTOCOL_VERSION, PUSH_PATH } from '../../src/sync/protocol/index.js';

/** What came back, with its body read. */
export interface PushAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    readonly tracking?: { readonly id: number };
    readonly head?: number;
    readonly error?: { readonly code: string; readonly message: string; readonly details?: Record<string, unknown> };
  };
}

type Fetch = (request: Request) => Response | Promise<Response>;

/** Posts a body: an object as JSON, a text or bytes as they are. Headers of `undefined` are left out. */
export async function postPush(
  fetch: Fetch,
  body: object | string,
  headers: Readonly<Record<string, string | undefined>> = {},
  baseUrl: string = 'http://server.test',
): Promise<PushAnswer> {
  const all: Record<string, string | undefined> = {
    [PROTOCOL_HEADER]: PROTOCOL_VERSION,
    'content-type': 'application/json',
    ...headers,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const init: RequestInit & { readonly duplex: 'half' } = {
    method: 'POST',
    headers: given,
    body: isRaw(body) ? body : JSON.stringify(body),
    // Streams need it, and nothing else minds.
    duplex: 'half',
  };
  const request = new Request(baseUrl + PUSH_PATH, init);
  return await readAnswer(await fetch(request));
}

function isRaw(body: object | string): body is string | Uint8Array<ArrayBuffer> | ReadableStream {
  return typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
}

/** Reads an answer's JSON. */
export async function readAnswer(response: Response): Promise<PushAnswer> {
  return { status: response.status, headers: response.headers, body: (await response.json()) as PushAnswer['body'] };
}
