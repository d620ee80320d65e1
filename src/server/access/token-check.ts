/**
 * What comes of the check of a token: a good one, a bad one, one that does not allow this, or nobody can tell.
 *
 * | `verifyToken` | the answer |
 * |---|---|
 * | gives `true` | – |
 * | gives who it is, an object with a `subject` | – |
 * | gives `false` | 401 |
 * | gives anything else | 401, and a line in the log: nothing else lets in |
 * | throws `UnauthorizedError` | 401 |
 * | throws `ForbiddenError` | 403 |
 * | throws `UnavailableError`, or an error of a database or a network | 503, and a line in the log |
 * | throws another error of Daybook | as everywhere, see `answerOf` |
 * | throws anything else | 401, and a line in the log |
 * | does not settle in time | 503, and a line in the log |
 *
 * Libraries for tokens throw for a token that has run out or is of somebody else, each in its own way. Taken for a bad
 * token, an outage costs little: the replica asks for a new token, says so, and tries again once a minute. Taken for an
 * outage, a bad token would be sent again for ever, and nobody would be asked for a new one. So what cannot be told is a
 * bad token, and whoever knows better throws an `UnavailableError`.
 *
 * @module
 */
import { isEventSourcingError } from '../../domain/errors.js';
import { UnauthorizedError, UnavailableError } from '../../sync/protocol/index.js';
import { isOperational } from '../operator/outage.js';
import { answerWithin } from '../operator/foreign-code.js';
import type { Log } from '../operator/foreign-code.js';
import { ANYBODY, visitorOf } from './visitor.js';
import type { Visitor } from './visitor.js';

// An error of an error of an error, and no further: a chain may be a ring.
const CAUSES_MAX = 8;
const OUTAGE_NAMES: ReadonlySet<unknown> = new Set(['AbortError', 'TimeoutError']);
// Of Node and its fetch, of PostgreSQL when it cannot be reached, and of `jose` when it cannot have its keys.
const OUTAGE_CODE =
  /^(?:ECONN[A-Z]+|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|E(?:HOST|NET)[A-Z]+|UND_ERR_\w+|CERT_\w+|ERR_(?:TLS|SSL)_\w+|ERR_JWKS_(?:TIMEOUT|INVALID)|ERR_JOSE_GENERIC|(?:08|53|57|58)[0-9A-Z]{3})$/;
// What `fetch` of the platforms says: in Node and Chromium, Firefox, Safari, Bun and Deno.
const FETCH_FAILED = /fetch|network|load failed|unable to connect|error sending request/i;

/** Decides about one token: whether it is good, or who it is of. */
export type VerifyToken = (token: string, request: Request) => boolean | Visitor | Promise<boolean | Visitor>;

/** What {@link tokenVisitor} needs. */
export interface TokenCheck {
  readonly verifyToken: VerifyToken;
  readonly limitMs: number;
  readonly log: Log;
}

/**
 * Who a token is of, when it is good.
 *
 * @returns `undefined` for a bad one
 * @throws EventSourcingError which says what the answer is
 */
export async function tokenVisitor(
  { verifyToken, limitMs, log }: TokenCheck,
  token: string,
  request: Request,
): Promise<Visitor | undefined> {
  const asked = (async () => await (verifyToken(token, request) as unknown))();
  const answer = await answerWithin(asked, limitMs, () => tooLate(limitMs)).catch((thrown: unknown) => {
    throw refusalOf(thrown, log);
  });
  if (typeof answer === 'boolean') return answer ? ANYBODY : undefined;
  const visitor = visitorOf(answer);
  if (visitor === undefined) {
    log(
      'verifyToken gave neither true nor false, nor an object that names a subject. Nothing else lets in: the request was answered with 401.',
      typeof answer,
    );
  }
  return visitor;
}

function tooLate(limitMs: number): UnavailableError {
  return new UnavailableError(`Whether the token is good could not be told within ${limitMs} ms. Send it again.`);
}

function refusalOf(thrown: unknown, log: Log): Error {
  // Its answer is decided, and logged where it is this side's fault, like that of every other.
  if (isEventSourcingError(thrown)) return thrown;
  if (isOutage(thrown)) {
    return new UnavailableError('Whether the token is good cannot be told at present. Send it again.', {
      cause: thrown,
    });
  }
  log('verifyToken threw: the token counts as bad, and the request was answered with 401.', thrown);
  return new UnauthorizedError('A bearer token is needed that this server takes.', { cause: thrown });
}

function isOutage(thrown: unknown, causesLeft: number = CAUSES_MAX): boolean {
  if (typeof thrown !== 'object' || thrown === null || causesLeft === 0) return false;
  const { code, name, message, cause } = thrown as {
    code?: unknown;
    name?: unknown;
    message?: unknown;
    cause?: unknown;
  };
  if (OUTAGE_NAMES.has(name) || OUTAGE_CODE.test(String(code))) return true;
  if (thrown instanceof TypeError && FETCH_FAILED.test(String(message))) return true;
  return isOperational(thrown) || isOutage(cause, causesLeft - 1);
}
