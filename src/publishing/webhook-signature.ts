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
 * @module
 */
import { DataError, ProgrammingError } from '../persistence/errors.js';
import { fromBase64, toBase64 } from '../util/base64.js';
import { systemClock } from '../util/clock.js';
import type { Clock } from '../util/clock.js';

const SECRET_PREFIX = 'whsec_';
const VERSION = 'v1';
// Of the specification: 192 to 512 bits.
const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;
// How far a sender's clock may be off; what is older was recorded by somebody and sent again.
const TOLERANCE_S_DEFAULT = 300;

const textEncoder = new TextEncoder();

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
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when a secret is not `whsec_` and base64 of 24 to 64 bytes, or the id has a dot
 */
export async function webhookHeaders(
  secrets: readonly string[],
  message: { readonly id: string; readonly body: Uint8Array },
  sentAtMs: number,
): Promise<Readonly<Record<string, string>>> {
  // What is signed is told apart by dots: an id with one could be read in two ways.
  if (message.id === '' || message.id.includes('.'))
    throw new ProgrammingError(`The id of a webhook has no dots: ${message.id}`);
  const timestamp = String(Math.floor(sentAtMs / 1_000));
  const signed = signedBytes(message.id, timestamp, message.body);
  const signatures = await Promise.all(
    secrets.map(async (secret) => {
      const key = await importKey(secret, 'sign');
      return `${VERSION},${toBase64(new Uint8Array(await crypto.subtle.sign('HMAC', key, signed)))}`;
    }),
  );
  return {
    'webhook-id': message.id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
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
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(clock.nowMs() / 1_000 - Number(timestamp)) > toleranceS) {
    throw refused('timestamp', `It was sent at ${timestamp.slice(0, 20)}, which is too far from now.`);
  }
  const body = typeof webhook.body === 'string' ? textEncoder.encode(webhook.body) : webhook.body;
  const key = await importKey(secret, 'verify');
  const signed = signedBytes(id, timestamp, body);
  for (const signature of signatures.split(' ')) {
    // The platform compares in constant time.
    const bytes = signatureBytes(signature);
    if (bytes !== undefined && (await crypto.subtle.verify('HMAC', key, bytes, signed))) return id;
  }
  throw refused('signature', 'Its signature is of another secret, or its content was changed.');
}

function headerOf(headers: IncomingWebhook['headers'], name: string): string | undefined {
  return headers instanceof Headers ? (headers.get(name) ?? undefined) : headers[name];
}

function signatureBytes(signature: string): Uint8Array<ArrayBuffer> | undefined {
  const [version, base64 = ''] = signature.split(',');
  if (version !== VERSION) return undefined;
  try {
    return fromBase64(base64);
  } catch {
    return undefined;
  }
}

function signedBytes(id: string, timestamp: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = textEncoder.encode(`${id}.${timestamp}.`);
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

async function importKey(secret: string, use: 'sign' | 'verify'): Promise<CryptoKey> {
  return await crypto.subtle.importKey('raw', secretBytes(secret), { name: 'HMAC', hash: 'SHA-256' }, false, [use]);
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
