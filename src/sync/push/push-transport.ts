/**
 * One push over HTTP: sends, and decides whether the answer counts.
 *
 * @module
 */
import { decodeError } from '../../domain/error-codec.js';
import type { Clock } from '../../util/clock.js';
import { retryAfterMs } from '../../util/retry-after.js';
import {
  parseErrorResponse,
  parsePushResponse,
  PROTOCOL_HEADER,
  PROTOCOL_VERSION,
  PUSH_PATH,
  SYNC_ERRORS,
  UnauthorizedError,
  UnavailableError,
} from '../protocol/index.js';
import type { PushRequest, PushResponse } from '../protocol/index.js';

// An answer that takes longer is not coming; the batch is sent again and answered as recorded before.
const REQUEST_TIMEOUT_MS = 30_000;

/** Gives the bearer token. `force` asks for a new one, because the last one was refused. */
export type GetToken = (options: { readonly force: boolean }) => string | undefined | Promise<string | undefined>;

/** What {@link PushTransport} needs. */
export interface PushTransportOptions {
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  /** @defaultValue none */
  readonly getToken?: GetToken | undefined;
  readonly clock: Clock;
}

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

  constructor(options: PushTransportOptions) {
    this.#options = options;
    this.#address = options.url.replace(/\/+$/, '') + PUSH_PATH;
  }

  /**
   * Pushes one batch.
   *
   * @throws UnavailableError (`UNAVAILABLE`) when no answer came that counts; `details.retryAfterMs` where the server said it.
   *   What became of the batch is unknown then
   * @throws one of `SYNC_ERRORS` as the server answered; then the batch was not recorded
   */
  async push(request: PushRequest, signal: AbortSignal): Promise<PushResponse> {
    const body = JSON.stringify(request);
    try {
      return await this.#send(body, signal, false);
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      return this.#send(body, signal, true);
    }
  }

  async #send(body: string, signal: AbortSignal, force: boolean): Promise<PushResponse> {
    const token = await this.#options.getToken?.({ force });
    const { response, text } = await this.#fetch(body, token, signal);
    const answer = parsed(text);
    if (isRedirect(response)) throw this.#unavailable(response, redirectedTo(response));
    if (response.headers.get(PROTOCOL_HEADER) !== PROTOCOL_VERSION) {
      throw this.#unavailable(response, 'the answer is not from a Daybook server');
    }
    if (response.status === 200) {
      const confirmed = parsePushResponse(answer);
      if (confirmed === undefined) throw this.#unavailable(response, 'the answer is not what a Daybook server says');
      return confirmed;
    }
    const refusal = parseErrorResponse(answer);
    if (refusal === undefined || isTransient(response.status)) {
      throw this.#unavailable(response, refusal?.message ?? 'the answer does not parse');
    }
    throw decodeError(refusal, SYNC_ERRORS);
  }

  async #fetch(body: string, token: string | undefined, signal: AbortSignal): Promise<Answer> {
    const timeout = new AbortController();
    const callOff = this.#options.clock.schedule(() => {
      timeout.abort(new Error(`there was no answer within ${REQUEST_TIMEOUT_MS} ms`));
    }, REQUEST_TIMEOUT_MS);
    try {
      const response = await this.#options.fetch(this.#address, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          [PROTOCOL_HEADER]: PROTOCOL_VERSION,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        signal: AbortSignal.any([signal, timeout.signal]),
        cache: 'no-store',
        // Followed, a POST would become a GET, or go to somebody else, events and all.
        redirect: 'manual',
        credentials: 'omit',
      });
      // Read to the end here, under the time limit: a body may hang as well as a head.
      return { response, text: await response.text() };
    } catch (cause) {
      signal.throwIfAborted();
      throw new UnavailableError(`The server at ${this.#options.url} could not be reached. It is tried again.`, {
        cause,
      });
    } finally {
      callOff();
    }
  }

  #unavailable(response: Response, why: string): UnavailableError {
    const waitMs = retryAfterMs(response.headers, this.#options.clock.nowMs());
    return new UnavailableError(
      `The server did not take the events: ${why} (HTTP ${response.status}). It is tried again.`,
      {
        details: { status: response.status, ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }) },
      },
    );
  }
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
