/**
 * Requests over HTTP, one after another: sends, and decides whether an answer counts. The one place that knows of tokens,
 * time limits, portals, proxies and redirects; what is asked is no matter of it.
 *
 * ```text
 * token ──▶ request ──▶ 401? once more, with a new token
 *              │
 *              ├─ no answer, a redirect, no `Daybook-Protocol`, no sense in it, busy ─▶ UnavailableError
 *              ├─ 413                                                                ─▶ TooLargeError, whoever says so
 *              ├─ refused                                                            ─▶ as the server says
 *              └─ 200, and what was asked for                                        ─▶ the answer
 * ```
 *
 * @module
 */
import { decodeError } from '../../domain/error-codec.js';
import { checkedServerUrl } from '../../persistence/validation.js';
import { boundedBytes } from '../../util/bounded-body.js';
import type { Clock } from '../../util/clock.js';
import { foreignCall } from '../../util/foreign-call.js';
import { gzipped } from '../../util/gzip.js';
import { retryAfterMs } from '../../util/retry-after.js';
import {
  isFairGzip,
  parseErrorAnswer,
  parseJson,
  PROTOCOL_HEADER,
  SYNC_ERRORS,
  TooLargeError,
  UnavailableError,
} from '../protocol/index.js';

// An answer that takes longer is not coming; the request is sent again, and answered as before.
const REQUEST_LIMIT_MS = 30_000;
// What cannot be made smaller gets the time that it takes on a line of 40 kbit/s; so does an answer, while it comes.
const BYTES_PER_MS_MIN = 5;
// Somebody may have to sign in by a window; who takes longer is asked again.
const TOKEN_LIMIT_MS = 30_000;
// What is not the server's may ask for no more than this: a captive portal's wish ends when a person signs in there.
const STRANGERS_WAIT_MS_MAX = 60_000;
// Smaller ones would go in one packet as they are.
const GZIP_BYTES_MIN = 1_000;
// Of a refusal; the server's are shorter.
const REFUSAL_BYTES_MAX = 65_536;

/** How a token is asked for. */
export interface GetTokenOptions {
  /** Whether a new one is needed, because the last one was refused. */
  readonly force: boolean;
  /** Aborted after 30 seconds, and when the sync is closed: nobody waits for the token any more. */
  readonly signal: AbortSignal;
}

/** Gives the bearer token, within 30 seconds; `undefined` for none. */
export type GetToken = (options: GetTokenOptions) => string | undefined | Promise<string | undefined>;

/** What {@link ServerRequests} needs. */
export interface ServerRequestsOptions {
  /** The base address. */
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  /** @defaultValue none */
  readonly getToken?: GetToken | undefined;
  readonly clock: Clock;
  /** Of the protocol. */
  readonly version: string;
  /** Whether requests may be compressed. */
  readonly isGzipTaken: boolean;
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Told of the headers of each answer of the server. */
  readonly onHeaders?: ((headers: Headers) => void) | undefined;
}

/** A request. */
export interface ServerRequest<T> {
  /** Below the base address. */
  readonly path: string;
  readonly mediaType: string;
  readonly body: string | Uint8Array<ArrayBuffer>;
  /** Whether less cannot be sent: then it gets the time that it takes. */
  readonly isAlone: boolean;
  /** Sent with it, beside those of all requests. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly answerBytesMax: number;
  /** @returns what a 200 says; `undefined`, or throws, when it is not what such a server says */
  readonly read: (answer: Uint8Array<ArrayBuffer>) => T | undefined;
}

/** `details.reason` of the error when there is no token. */
export const TOKEN_REASON = 'token';

/** What came back. */
interface Answer {
  readonly response: Response;
  /** Its body, where it is the server's. */
  readonly servers: Uint8Array<ArrayBuffer> | undefined;
}

/** Sends requests to one server. */
export class ServerRequests {
  readonly #options: ServerRequestsOptions;
  /** The address without a slash at its end. */
  readonly base: string;
  /** Not where somebody on the way seems not to take it. */
  #isGzipTaken: boolean;
  /** What is packed at present. */
  #packing: Promise<unknown> = Promise.resolve();

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the address is none */
  constructor(options: ServerRequestsOptions) {
    this.#options = options;
    this.#isGzipTaken = options.isGzipTaken;
    checkedServerUrl('url', options.url);
    this.base = options.url.replace(/\/+$/, '');
  }

  /**
   * Sends one request.
   *
   * @throws UnavailableError (`UNAVAILABLE`) when no answer came that counts; `details.retryAfterMs` where one asked to wait,
   *   `details.reason: 'token'` where no token came. What became of the request is unknown
   * @throws TooLargeError (`TOO_LARGE`) when it is too large, for the server or for what is in between
   * @throws one of `SYNC_ERRORS` as the server answered; then nothing was stored
   */
  async send<T>(request: ServerRequest<T>, signal: AbortSignal): Promise<T> {
    const body = await this.#packedInTurn(request.body);
    const first = await this.#post(request, body, { signal, force: false });
    // Whoever says it: a gateway before the server may look at tokens, too.
    const isRefused = first.response.status === 401 && this.#options.getToken !== undefined;
    const answer = isRefused ? await this.#post(request, body, { signal, force: true }) : first;
    return this.#outcome(request, body, answer);
  }

  /**
   * Asks for a stream, which stays open.
   *
   * @param path - below the base address
   * @param signal - ends the stream, too
   * @throws as {@link ServerRequests.send}; UnavailableError also where the stream is refused: nothing rests on it
   */
  async stream(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const first = await this.#open(path, { signal, force: false });
    const isRefused = first.status === 401 && this.#options.getToken !== undefined;
    if (isRefused) letGo(first);
    const response = isRefused ? await this.#open(path, { signal, force: true }) : first;
    if (response.status === 200 && this.#isServers(response) && response.body !== null) return response.body;
    letGo(response);
    throw this.#unavailable(response, 'it has no stream');
  }

  async #open(path: string, { signal, force }: PostOptions): Promise<Response> {
    const { clock, fetch } = this.#options;
    const headers = await this.headers(force, signal);
    headers.set('accept', 'text/event-stream');
    return await foreignCall(
      // The signal of the whole, because that of the call ends with the head of the answer.
      () => fetch(this.base + path, { headers, signal, redirect: 'manual', credentials: 'omit' }),
      { clock, limitMs: REQUEST_LIMIT_MS, signal },
    );
  }

  /** One after the other, so that requests leave in the order in which they were asked for. */
  async #packedInTurn(body: ServerRequest<unknown>['body']): Promise<Packed> {
    const packed = this.#packing.then(() => this.#packed(body));
    this.#packing = packed.catch(() => undefined);
    return await packed;
  }

  async #packed(body: string | Uint8Array<ArrayBuffer>): Promise<Packed> {
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
    const packed = this.#isGzipTaken && bytes.length >= GZIP_BYTES_MIN ? await gzipped(bytes) : undefined;
    const isWorthIt = packed !== undefined && isFairGzip(packed.length, bytes.length);
    return isWorthIt ? { bytes: packed, isGzip: true } : { bytes, isGzip: false };
  }

  #outcome<T>(request: ServerRequest<T>, sent: Packed, { response, servers }: Answer): T {
    const { status } = response;
    if (isRedirect(response)) throw this.#unavailable(response, redirectedTo(response));
    if (servers === undefined) {
      if (status === 413) throw tooLarge(sent.bytes.length);
      // Said by what looks at requests, and knows no better; the server itself takes both.
      if (sent.isGzip && (status === 400 || status === 415)) this.#isGzipTaken = false;
      throw this.#unavailable(response, 'the answer is not from a Daybook server');
    }
    if (status === 200) {
      const answer = readBy(request, servers);
      if (answer === undefined) {
        throw this.#unavailable(response, 'the answer is not what a Daybook server says');
      }
      return answer;
    }
    const refusal = parseErrorAnswer(parseJson(servers));
    if (refusal === undefined || isTransient(status)) {
      throw this.#unavailable(response, refusal?.message ?? 'the answer does not parse');
    }
    const of413 = status === 413 ? { bytes: sent.bytes.length, isServers: true } : {};
    throw decodeError({ ...refusal, details: { ...refusal.details, ...of413 } }, SYNC_ERRORS);
  }

  async #post<T>(
    request: ServerRequest<T>,
    { bytes, isGzip }: Packed,
    { signal, force }: PostOptions,
  ): Promise<Answer> {
    const { clock, fetch, url } = this.#options;
    const headers = await this.headers(force, signal);
    headers.set('content-type', request.mediaType);
    for (const [name, value] of Object.entries(request.headers ?? {})) headers.set(name, value);
    if (isGzip) headers.set('content-encoding', 'gzip');
    const limitMs = Math.max(REQUEST_LIMIT_MS, request.isAlone ? Math.ceil(bytes.length / BYTES_PER_MS_MIN) : 0);
    try {
      return await foreignCall(
        async (end, moreTime) => {
          // Without a word about caches, which keep no answer to a POST: told to pass them by, a browser also forgets that
          // the server of another origin has given it leave, and asks before each request.
          const response = await fetch(this.base + request.path, {
            method: 'POST',
            body: bytes,
            headers,
            signal: end,
            // Followed, a POST would become a GET, or go to somebody else, events and all.
            redirect: 'manual',
            credentials: 'omit',
          });
          if (!this.#isServers(response)) {
            letGo(response);
            return { response, servers: undefined };
          }
          const bytesMax = response.status === 200 ? request.answerBytesMax : REFUSAL_BYTES_MAX;
          // Read to the end here, under the time limit: a body may hang as well as a head.
          const body = await boundedBytes(response, bytesMax, (count) => moreTime(count / BYTES_PER_MS_MIN));
          return { response, servers: body.bytes };
        },
        { clock, limitMs, signal },
      );
    } catch (cause) {
      signal.throwIfAborted();
      throw new UnavailableError(`The server at ${url} could not be reached. It is tried again.`, { cause });
    }
  }

  /** Whether an answer is the server's. That it speaks another version, it says in all of them alike. */
  #isServers({ headers, status }: Response): boolean {
    const version = headers.get(PROTOCOL_HEADER);
    const isServers = version === this.#options.version || (version !== null && status === 426);
    if (isServers) this.#options.onHeaders?.(headers);
    return isServers;
  }

  /**
   * What each request says of itself.
   *
   * @param force - whether the last token was refused
   * @throws UnavailableError (`UNAVAILABLE`) when no token comes
   */
  async headers(force: boolean, signal: AbortSignal): Promise<Headers> {
    const { clock, getToken, headers: own, version } = this.#options;
    const headers = new Headers({ ...own, [PROTOCOL_HEADER]: version });
    try {
      const token = await foreignCall((end) => getToken?.({ force, signal: end }), {
        clock,
        limitMs: TOKEN_LIMIT_MS,
        signal,
      });
      if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
      return headers;
    } catch (cause) {
      signal.throwIfAborted();
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new UnavailableError(
        `getToken gave no token that can be sent: ${why}. Nothing was sent. It is asked again.`,
        {
          cause,
          details: { reason: TOKEN_REASON },
        },
      );
    }
  }

  #unavailable(response: Response, why: string): UnavailableError {
    const { headers, status } = response;
    const asked = retryAfterMs(headers, this.#options.clock.nowMs());
    const isOurs = headers.get(PROTOCOL_HEADER) !== null;
    const waitMs = asked === undefined || isOurs ? asked : Math.min(asked, STRANGERS_WAIT_MS_MAX);
    return new UnavailableError(
      `The server did not do what it was asked: ${why} (HTTP ${status}). It is tried again.`,
      {
        details: { status, ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }) },
      },
    );
  }
}

interface Packed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly isGzip: boolean;
}

interface PostOptions {
  readonly signal: AbortSignal;
  readonly force: boolean;
}

/** Of a body that is of no interest, and perhaps without an end. Not waited for: a stream may take its time to be let go. */
function letGo({ body }: Response): void {
  void body?.cancel().catch(() => undefined);
}

function readBy<T>({ read }: ServerRequest<T>, bytes: Uint8Array<ArrayBuffer>): T | undefined {
  try {
    return read(bytes);
  } catch {
    return undefined;
  }
}

function tooLarge(bytes: number): TooLargeError {
  return new TooLargeError(
    `Something before the server, a proxy perhaps, takes no request of ${bytes} bytes (HTTP 413).`,
    { details: { status: 413, bytes, isServers: false } },
  );
}

/** In a browser, all that is known of a redirect is that it is one. */
function isRedirect({ type, status }: Response): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status < 400);
}

function redirectedTo({ headers }: Response): string {
  const location = headers.get('location');
  const target = location === null ? 'elsewhere' : `to ${location.slice(0, 200)}`;
  return `it was redirected ${target}, and is not followed. Give the address that it ends at as the url of sync; or a portal wants somebody to log in first`;
}

function isTransient(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}
