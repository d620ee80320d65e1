/**
 * Publishes by HTTP: each message is a signed POST.
 *
 * @module
 */
import { PublishError, PublisherUnavailableError } from '../application/outbox/publish-errors.js';
import type { OutboundMessage, PublishOptions, Publisher } from '../application/outbox/publisher.js';
import { checkedServerUrl } from '../persistence/validation.js';
import { boundedText } from '../util/bounded-body.js';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';
import { retryAfterMs } from '../util/retry-after.js';
import { encodeHeaders } from './header-values.js';
import { webhookHeaders } from './webhook-signature.js';

// Answers by which the other side says that it can take nothing at present, whatever is sent.
const UNAVAILABLE_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const CLOUD_EVENTS_PREFIX = 'ce-';
// Of an answer that is shown, in bytes: an error page can be long, and no more of it is read.
const ANSWER_BYTES_MAX = 200;

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
 * What is signed is the id, the time and the body. Headers are not: they repeat what the body says, so that it can be
 * routed, and a receiver believes the body alone.
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

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when `url` is no address of a server */
  constructor(options: WebhookPublisherOptions) {
    this.#options = options;
    if (typeof options.url !== 'function') checkedServerUrl('url', options.url);
    this.#secrets = typeof options.secret === 'string' ? [options.secret] : options.secret;
    this.#fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * @throws PublisherUnavailableError (`PUBLISHER_UNAVAILABLE`) when there is no connection, or the answer is 429, 502, 503
   *   or 504; `details.retryAfterMs` is what it asks for
   * @throws PublishError (`PUBLISH_ERROR`) when the answer is anything else; with `details.isPermanent` when it is 410 (Gone),
   *   and, without anything sent, when a CloudEvent in binary mode is to be signed
   */
  async publish(message: OutboundMessage, { signal }: PublishOptions): Promise<void> {
    const headers = await this.#headersOf(message);
    const response = await this.#post(message, headers, signal);
    if (response.ok) {
      // Not waited for, and whatever comes of it: the message was taken.
      void response.body?.cancel().catch(() => undefined);
      return;
    }
    throw await this.#refusal(response);
  }

  async #headersOf(message: OutboundMessage): Promise<Readonly<Record<string, string>>> {
    if (this.#secrets.length > 0) checkSignable(message);
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
    const { text: answer } = await boundedText(response, ANSWER_BYTES_MAX).catch(() => ({ text: '' }));
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

/**
 * A signature is of the id, the time and the body. In the binary mode of CloudEvents, what an event is (its type, source,
 * subject and place) stands in headers alone: whoever is in between could make another event of it, well signed.
 */
function checkSignable({ headers }: OutboundMessage): void {
  if (!Object.keys(headers).some((name) => name.toLowerCase().startsWith(CLOUD_EVENTS_PREFIX))) return;
  throw new PublishError(
    "A signature does not cover headers, and CloudEvents in binary mode say in headers what they are. Use cloudEvents({ mode: 'structured' }), or an empty list of secrets where something else vouches for the sender.",
    { details: { isPermanent: true } },
  );
}

/** Fetch says only that it failed; the reason is the cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string } };
  return cause?.message ?? message ?? String(error);
}
