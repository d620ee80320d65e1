/**
 * Publishes by HTTP: each message is a signed POST.
 *
 * @module
 */
import { PublishError, PublisherUnavailableError } from '../application/outbox/publish-errors.js';
import type { OutboundMessage, PublishOptions, Publisher } from '../application/outbox/publisher.js';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';
import { retryAfterMs } from '../util/retry-after.js';
import { encodeHeaders } from './header-values.js';
import { webhookHeaders } from './webhook-signature.js';

// Answers by which the other side says that it can take nothing at present, whatever is sent.
const UNAVAILABLE_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);
// Of an answer that is shown; an error page can be long.
const ANSWER_LENGTH_MAX = 200;

/** Options of {@link WebhookPublisher}. */
export interface WebhookPublisherOptions {
  /** Where to send, or how to tell it from a message. */
  readonly url: string | URL | ((message: OutboundMessage) => string | URL);
  /**
   * What signs: `whsec_` and base64, see `createWebhookSecret`. Several while a secret is changed: the receiver takes any
   * signature that it can verify. An empty list sends without signatures.
   */
  readonly secret: string | readonly string[];
  /** Further headers, for authentication for example. */
  readonly headers?: Readonly<Record<string, string>>;
  /** @defaultValue the platform's */
  readonly fetch?: typeof fetch;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
}

/**
 * Posts messages to a URL, in the format of Standard Webhooks. Any 2xx takes a message over; a redirect does not.
 *
 * @example
 * ```ts
 * const worker = new OutboxWorker({ outbox, publish: new WebhookPublisher({ url, secret }) });
 * ```
 */
export class WebhookPublisher implements Publisher {
  readonly #options: WebhookPublisherOptions;
  readonly #secrets: readonly string[];
  readonly #fetch: typeof fetch;
  readonly #clock: Clock;

  constructor(options: WebhookPublisherOptions) {
    this.#options = options;
    this.#secrets = typeof options.secret === 'string' ? [options.secret] : options.secret;
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * @throws PublisherUnavailableError (`PUBLISHER_UNAVAILABLE`) when there is no connection, or the answer is 429, 502, 503
   *   or 504; `details.retryAfterMs` is what it asks for
   * @throws PublishError (`PUBLISH_ERROR`) when the answer is anything else; with `details.isPermanent` when it is 410 (Gone)
   */
  async publish(message: OutboundMessage, { signal }: PublishOptions): Promise<void> {
    const headers = await this.#headersOf(message);
    const response = await this.#post(message, headers, signal);
    if (response.ok) {
      await response.body?.cancel();
      return;
    }
    throw await this.#refusal(response);
  }

  async #headersOf(message: OutboundMessage): Promise<Readonly<Record<string, string>>> {
    const signature =
      this.#secrets.length === 0 ? {} : await webhookHeaders(this.#secrets, message, this.#clock.nowMs());
    return {
      ...encodeHeaders(message.headers),
      ...this.#options.headers,
      ...signature,
      'content-type': message.contentType,
    };
  }

  async #post(
    message: OutboundMessage,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response> {
    const { url } = this.#options;
    const body = message.body as Uint8Array<ArrayBuffer>;
    try {
      return await this.#fetch(typeof url === 'function' ? url(message) : url, {
        method: 'POST',
        headers,
        body,
        signal,
        // A POST that is redirected becomes a GET, or goes to somebody else: the address has to be put right.
        redirect: 'manual',
      });
    } catch (cause) {
      // Time-outs are about this message; what else fetch fails with is the network.
      if (signal.aborted) throw new PublishError('The webhook was not answered in time.', { cause });
      throw new PublisherUnavailableError(`The webhook cannot be reached: ${reasonOf(cause)}`, { cause });
    }
  }

  async #refusal(response: Response): Promise<PublishError> {
    const { status } = response;
    const answer = (await response.text().catch(() => '')).slice(0, ANSWER_LENGTH_MAX);
    const waitMs = retryAfterMs(response.headers, this.#clock.nowMs());
    const details = {
      status,
      ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
      ...(status === 410 ? { isPermanent: true } : {}),
    };
    const text = `The webhook was answered with ${status}${answer === '' ? '' : `: ${answer}`}`;
    const ErrorClass = UNAVAILABLE_STATUSES.has(status) ? PublisherUnavailableError : PublishError;
    return new ErrorClass(text, { details });
  }
}

/** Fetch says only that it failed; the reason is the cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string } };
  return cause?.message ?? message ?? String(error);
}
