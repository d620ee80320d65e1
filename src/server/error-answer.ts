/**
 * What the outside gets to see of an error: its status, and its body without causes and stacks.
 *
 * @module
 */
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { encodeError } from '../domain/error-codec.js';
import { isEventSourcingError } from '../domain/errors.js';
import type { EventSourcingError } from '../domain/errors.js';
import { SyncError, UnauthorizedError, UnavailableError } from '../sync/protocol/index.js';
import { isOperational } from './operator/outage.js';

// Long enough for a database to restart; replicas take it as the least they wait.
const RETRY_AFTER_SECONDS = 2;

const CHALLENGE = 'Bearer error="invalid_token"';
const HEADERS_OF_STATUS: ReadonlyMap<number, Readonly<Record<string, string>>> = new Map([
  [401, { 'www-authenticate': CHALLENGE }],
  [503, { 'retry-after': String(RETRY_AFTER_SECONDS) }],
]);

// The protocol's table of answers, see there.
const STATUS_OF_CODE: ReadonlyMap<string, ContentfulStatusCode> = new Map<string, ContentfulStatusCode>([
  ['INVALID_REQUEST', 400],
  ['UNAUTHORIZED', 401],
  ['FORBIDDEN', 403],
  ['CURSOR_UNKNOWN', 409],
  ['SCOPES_CHANGED', 409],
  ['TOO_LARGE', 413],
  ['UPGRADE_REQUIRED', 426],
  ['UNAVAILABLE', 503],
]);

/** An answer that is no success. */
export interface ErrorAnswer {
  readonly status: ContentfulStatusCode;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly error: object };
  /** Of the error in the body. */
  readonly code: string;
  /** Whether the operator should know: the fault is on this side. */
  readonly isServerFault: boolean;
}

/**
 * Makes an answer of anything that was thrown.
 *
 * @param status - overrules the status of the error's code
 */
export function answerOf(thrown: unknown, status?: ContentfulStatusCode): ErrorAnswer {
  if (thrown instanceof HTTPException) return unauthorized(thrown);
  if (isEventSourcingError(thrown)) {
    const waitSeconds = thrown.code === 'UNAVAILABLE' ? thrown.details['retryAfterSeconds'] : undefined;
    if (typeof waitSeconds === 'number') return tooMuch(thrown, waitSeconds);
    const retryAfterMs = thrown.code === 'UNAVAILABLE' ? thrown.details['retryAfterMs'] : undefined;
    if (typeof retryAfterMs === 'number') return comeAgain(thrown, retryAfterMs);
    const ownStatus = status ?? STATUS_OF_CODE.get(thrown.code);
    if (ownStatus !== undefined) return answer(thrown, ownStatus, ownStatus === 503);
    if (isOperational(thrown)) {
      return answer(new UnavailableError('The database does not answer. Nothing is lost: send it again.'), 503, true);
    }
  }
  return answer(new SyncError('The server failed in a way that it did not expect. Its log says more.'), 500, true);
}

/** Of whoever asks for more than a limit allows, which is no fault of this side. */
function tooMuch(thrown: EventSourcingError, waitSeconds: number): ErrorAnswer {
  return { ...answer(thrown, 429, false), headers: { 'retry-after': String(Math.ceil(waitSeconds)) } };
}

/** Of what this side cannot do at present, and knows until when. */
function comeAgain(thrown: EventSourcingError, retryAfterMs: number): ErrorAnswer {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  return { ...answer(thrown, 503, true), headers: { 'retry-after': String(seconds) } };
}

// Only the bearer middleware throws this class: no header, a malformed one, or a token that is not good.
function unauthorized(thrown: HTTPException): ErrorAnswer {
  const challenge = thrown.res?.headers.get('www-authenticate') ?? CHALLENGE;
  const plain = answer(new UnauthorizedError('A bearer token is needed that this server takes.'), 401, false);
  return { ...plain, headers: { ...plain.headers, 'www-authenticate': challenge } };
}

function answer(error: EventSourcingError, status: ContentfulStatusCode, isServerFault: boolean): ErrorAnswer {
  // The chain of causes names tables, hosts and values: it stays in the log.
  const { cause: _cause, ...data } = encodeError(error, { stack: false });
  const headers = HEADERS_OF_STATUS.get(status) ?? {};
  return { status, headers, body: { error: data }, code: error.code, isServerFault };
}
