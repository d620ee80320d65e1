/**
 * One push over HTTP: sends, and decides whether the answer counts.
 *
 * @module
 */
import { decodeError } from '../../domain/error-codec.js';
import { checkedServerUrl } from '../../persistence/validation.js';
import type { Clock } from '../../util/clock.js';
import { boundedText } from '../../util/bounded-text.js';
import { foreignCall } from '../../util/foreign-call.js';
import { retryAfterMs } from '../../util/retry-after.js';
import {
  parseErrorResponse,
  parsePushResponse,
  PROTOCOL_HEADER,
  PROTOCOL_VERSION,
  PUSH_PATH,
  SYNC_ERRORS,
  TooLargeError,
  UnavailableError,
} from '../protocol/index.js';
import type { PushRequest, PushResponse } from '../protocol/index.js';

// An answer that takes longer is not coming; the batch is sent again and answered as recorded before.
const REQUEST_LIMIT_MS = 30_000;
// A single event cannot be made smaller, so it gets the time that it takes on a line of 40 kbit/s.
const BYTES_PER_MS_MIN = 5;
// Somebody may have to sign in by a window; who takes longer is asked again.
const TOKEN_LIMIT_MS = 30_000;
// What is not the server's may ask for no more than this: a captive portal's wish ends when a person signs in there.
const STRANGERS_WAIT_MS_MAX = 60_000;
// Of an answer; the server's are shorter.
const ANSWER_BYTES_MAX = 1_048_576;

/** How a token is asked for. */
export interface GetTokenOptions {
  /** Whether a new one is needed, because the last one was refused. */
  readonly force: boolean;
  /** Aborted after 30 seconds, and when the sync is closed: nobody waits for the token any more. */
  readonly signal: AbortSignal;
}

/** Gives the bearer token, within 30 seconds; `undefined` for none. */
export type GetToken = (options: GetTokenOptions) => string | undefined | Promise<string | undefined>;

/** What {@link PushTransport} needs. */
export interface PushTransportOptions {
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  /** @defaultValue none */
  readonly getToken?: GetToken | undefined;
  readonly clock: Clock;
}

/** `details.reason` of the error when there is no token. */
export const TOKEN_REASON = 'token';

/** What a push goes through. */
export type Transport = Pick<PushTransport, 'push'>;

/** What came back, with its body, which was read. */
interface Answer {
  readonly response: Response;
  readonly text: string;
}

/** Sends push requests to one server. */
export class PushTransport {
  readonly #options: PushTransportOptions;
  readonly #address: string;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the address is none */
  constructor(options: PushTransportOptions) {
    this.#options = options;
    checkedServerUrl('url', options.url);
    this.#address = options.url.replace(/\/+$/, '') + PUSH_PATH;
  }

  /**
   * Pushes one batch.
   *
   * @throws UnavailableError (`UNAVAILABLE`) when no answer came that counts; `details.retryAfterMs` where the server said
   *   it, `details.reason: 'token'` where no token came. What became of the batch is unknown
   * @throws TooLargeError (`TOO_LARGE`) when it is too large, for the server or for what is in between
   * @throws one of `SYNC_ERRORS` as the server answered; then the batch was not recorded
   */
  async push(request: PushRequest, signal: AbortSignal): Promise<PushResponse> {
    const body = JSON.stringify(request);
    const alone = request.events.length === 1 ? Math.ceil(body.length / BYTES_PER_MS_MIN) : 0;
    const limitMs = Math.max(REQUEST_LIMIT_MS, alone);
    const first = await this.#post(body, { limitMs, signal, force: false });
    // Whoever says it: a gateway before the server may look at tokens, too.
    const isRefused = first.response.status === 401 && this.#options.getToken !== undefined;
    return this.#outcome(isRefused ? await this.#post(body, { limitMs, signal, force: true }) : first, body.length);
  }

  #outcome({ response, text }: Answer, bytes: number): PushResponse {
    const { status } = response;
    const answer = parsed(text);
    if (isRedirect(response)) throw this.#unavailable(response, redirectedTo(response));
    if (response.headers.get(PROTOCOL_HEADER) !== PROTOCOL_VERSION) {
      if (status === 413) throw tooLarge(bytes);
      throw this.#unavailable(response, 'the answer is not from a Daybook server');
    }
    if (status === 200) {
      const confirmed = parsePushResponse(answer);
      if (confirmed === undefined) throw this.#unavailable(response, 'the answer is not what a Daybook server says');
      return confirmed;
    }
    const refusal = parseErrorResponse(answer);
    if (refusal === undefined || isTransient(status)) {
      throw this.#unavailable(response, refusal?.message ?? 'the answer does not parse');
    }
    throw decodeError(refusal, SYNC_ERRORS);
  }

  async #post(body: string, { limitMs, signal, force }: PostOptions): Promise<Answer> {
    const { clock, fetch, url } = this.#options;
    const headers = await this.#headers(force, signal);
    try {
      return await foreignCall(
        async (end) => {
          const response = await fetch(this.#address, {
            method: 'POST',
            body,
            headers,
            signal: end,
            cache: 'no-store',
            // Followed, a POST would become a GET, or go to somebody else, events and all.
            redirect: 'manual',
            credentials: 'omit',
          });
          // Read to the end here, under the time limit: a body may hang as well as a head.
          return { response, text: (await boundedText(response, ANSWER_BYTES_MAX)).text };
        },
        { clock, limitMs, signal },
      );
    } catch (cause) {
      signal.throwIfAborted();
      throw new UnavailableError(`The server at ${url} could not be reached. It is tried again.`, { cause });
    }
  }

  async #headers(force: boolean, signal: AbortSignal): Promise<Headers> {
    const { clock, getToken } = this.#options;
    const headers = new Headers({ 'content-type': 'application/json', [PROTOCOL_HEADER]: PROTOCOL_VERSION });
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
    return new UnavailableError(`The server did not take the events: ${why} (HTTP ${status}). It is tried again.`, {
      details: { status, ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }) },
    });
  }
}

interface PostOptions {
  readonly limitMs: number;
  readonly signal: AbortSignal;
  readonly force: boolean;
}

function tooLarge(bytes: number): TooLargeError {
  return new TooLargeError(
    `Something before the server, a proxy perhaps, takes no request of ${bytes} bytes (HTTP 413).`,
    { details: { status: 413, bytes } },
  );
}

/** The body as JSON, or undefined when it is not: a portal's page, or an answer that was cut short. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
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
