/**
 * Signatures of webhooks: HMAC-SHA256 over `<id>.<timestamp>.<body>`.
 *
 * ```text
 * webhook-id         the id of the message; the same each time that it is sent
 * webhook-timestamp  when it was sent: seconds since 1970
 * webhook-signature  v1,<base64>; several with spaces in between, while secrets are changed
 * ```
 *
 * Source: Standard Webhooks, version 1.0.0, https://www.standardwebhooks.com
 *
 * The signature itself is made by that project's own library, `standardwebhooks`. Around it stands what it has no place
 * for: several secrets at once, the length that the specification asks of a secret, bytes, `Headers`, a clock that is
 * handed in, and an end to how many signatures are looked at.
 *
 * @module
 */
import type { Webhook } from 'standardwebhooks';
import { DataError, ProgrammingError } from '../persistence/errors.js';
import { fromBase64, toBase64 } from '../util/base64.js';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';

const SECRET_PREFIX = 'whsec_';
// Of the specification: 192 to 512 bits.
const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;
// How far a sender's clock may be off; what is older was recorded by somebody and sent again.
const TOLERANCE_S_DEFAULT = 300;
// A sender has two secrets while it changes them; a header with thousands of signatures is there to cost time.
const SIGNATURES_MAX = 16;

// The library signs texts, and a text that is not UTF-8 would be signed as if U+FFFD stood there: two bodies would have
// one signature. The mark at the beginning of a text (BOM) was sent, so it is signed.
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A request as it came in; the names of the headers in lower case, or as a `Headers` object. */
export interface IncomingWebhook {
  readonly headers: Headers | Readonly<Record<string, string | undefined>>;
  /** The bytes as they came: not parsed and written again. */
  readonly body: Uint8Array | string;
}

/** Options of {@link verifyWebhook}. */
export interface VerifyWebhookOptions {
  /** Seconds that the time of sending may differ from now. @defaultValue 300 */
  readonly toleranceS?: number;
  /** @defaultValue the platform's */
  readonly clock?: Clock;
}

/** Makes a new secret: 32 random bytes as `whsec_` and base64. */
export function createWebhookSecret(): string {
  return SECRET_PREFIX + toBase64(crypto.getRandomValues(new Uint8Array(32)));
}

/**
 * The headers of a signed webhook.
 *
 * @param secrets - the current one; and, while it is changed, the one before as well
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a secret is not `whsec_` and base64 of 24 to 64 bytes, when the id has
 *   a dot, or when the body is not UTF-8: such a body can be sent without a signature
 */
export async function webhookHeaders(
  secrets: readonly string[],
  message: { readonly id: string; readonly body: Uint8Array },
  sentAtMs: number,
): Promise<Readonly<Record<string, string>>> {
  // What is signed is told apart by dots: an id with one could be read in two ways.
  if (message.id === '' || message.id.includes('.'))
    throw new ProgrammingError(`The id of a webhook has no dots: ${message.id}`);
  const text = textOf(message.body);
  if (text === undefined) throw new ProgrammingError('The body of a signed webhook is text in UTF-8, but this is not.');
  const signers = await Promise.all(secrets.map(signerOf));
  const sentAt = new Date(sentAtMs);
  return {
    'webhook-id': message.id,
    'webhook-timestamp': String(Math.floor(sentAtMs / 1_000)),
    'webhook-signature': signers.map((signer) => signer.sign(message.id, sentAt, text)).join(' '),
  };
}

/**
 * Verifies that a webhook was sent by who knows the secret, lately. Use its id to take each message once.
 *
 * @returns the id of the message
 * @throws DataError (`DATA_ERROR`) with `details.reason`: `headers` are missing, the `timestamp` is too old or too new, or
 *   the `signature` is of somebody else
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the secret is none
 *
 * @example
 * ```ts
 * const body = new Uint8Array(await request.arrayBuffer());
 * const id = await verifyWebhook(secret, { headers: request.headers, body });
 * ```
 */
export async function verifyWebhook(
  secret: string,
  webhook: IncomingWebhook,
  options: VerifyWebhookOptions = {},
): Promise<string> {
  const { toleranceS = TOLERANCE_S_DEFAULT, clock = systemClock } = options;
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    headerOf(webhook.headers, name),
  );
  if (!id || !timestamp || !signatures) throw refused('headers', 'It lacks a header of a signed webhook.');
  // Asked in this way, because a tolerance that is no number must let nothing in.
  const isRecent = /^\d{1,12}$/.test(timestamp) && Math.abs(clock.nowMs() / 1_000 - Number(timestamp)) <= toleranceS;
  if (!isRecent) {
    throw refused('timestamp', `It was sent at ${timestamp.slice(0, 20)}, which is too far from now.`);
  }
  const signer = await signerOf(secret);
  const body = typeof webhook.body === 'string' ? webhook.body : textOf(webhook.body);
  const expected = body === undefined ? undefined : signer.sign(id, new Date(Number(timestamp) * 1_000), body);
  for (const signature of signatures.split(' ', SIGNATURES_MAX)) {
    if (expected !== undefined && isSameText(signature, expected)) return id;
  }
  throw refused('signature', 'Its signature is of another secret, or its content was changed.');
}

function headerOf(headers: IncomingWebhook['headers'], name: string): string | undefined {
  return headers instanceof Headers ? (headers.get(name) ?? undefined) : headers[name];
}

/** The text that bytes are in UTF-8, if they are. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return textDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Whether two texts are the same, in a time that tells nothing of where they differ. */
function isSameText(left: string, right: string): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let at = 0; at < left.length; at++) difference |= left.charCodeAt(at) ^ right.charCodeAt(at);
  return difference === 0;
}

async function signerOf(secret: string): Promise<Webhook> {
  const key = secretBytes(secret);
  // Only now: who publishes to other tabs by this same entry has none of it in the bundle's first part.
  const { Webhook: Signer } = await import('standardwebhooks');
  return new Signer(key, { format: 'raw' });
}

/** The secret itself is never part of a message. */
function secretBytes(secret: string): Uint8Array<ArrayBuffer> {
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  try {
    bytes = fromBase64(secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret);
  } catch {
    bytes = undefined;
  }
  if (bytes !== undefined && bytes.length >= SECRET_BYTES_MIN && bytes.length <= SECRET_BYTES_MAX) return bytes;
  throw new ProgrammingError(
    `A webhook's secret is the base64 of ${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX} bytes, with ${SECRET_PREFIX} before it; createWebhookSecret() makes one.`,
  );
}

function refused(reason: string, why: string): DataError {
  return new DataError(`The webhook was refused. ${why}`, { details: { reason } });
}
