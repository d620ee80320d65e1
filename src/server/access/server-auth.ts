/**
 * Who may push: whoever has a good bearer token, or everybody, by the demo's switch.
 *
 * @module
 */
import type { MiddlewareHandler } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { ProgrammingError } from '../../persistence/errors.js';
import { isBearerToken } from '../../sync/protocol/index.js';
import type { Log } from '../operator/foreign-code.js';
import { checkFunction, checkSwitch, checkWhole, DELAY_MS_MAX } from '../operator/option-checks.js';
import { isGoodToken } from './token-check.js';
import type { VerifyToken } from './token-check.js';

const VERIFY_TOKEN_LIMIT_MS = 10_000;
// What a variable that is not set becomes in a text.
const UNSET: ReadonlySet<string> = new Set(['undefined', 'null', 'NaN']);

/** Exactly one of `tokens`, `verifyToken` and `allowAnonymous` says who may push. */
export interface ServerAuthOptions {
  /** The tokens that are good. Compared in constant time. */
  readonly tokens?: readonly string[] | undefined;
  /**
   * Decides whether a token is good: only `true` lets in.
   *
   * What it throws is taken for a bad token, as libraries for tokens throw, and logged; an error of a network or a
   * database, and an `UnavailableError`, says that nobody can tell at present, and the replica tries again later. A
   * `ForbiddenError` is for a good token that does not allow this.
   *
   * @param token - as it came, without the word `Bearer`
   */
  readonly verifyToken?: VerifyToken | undefined;
  /**
   * Milliseconds that `verifyToken` may take, 1 to 2,147,483,647; then the answer is 503.
   *
   * @defaultValue 10,000
   */
  readonly verifyTokenLimitMs?: number | undefined;
  /** Lets everybody push who reaches the server: for demonstrations and tests only. @defaultValue `false` */
  readonly allowAnonymous?: boolean | undefined;
}

/**
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when nothing says who may push, when more than one thing does,
 *   when a token could never match or is what an unset variable becomes, or when an option is not of its type
 */
export function authMiddleware(options: ServerAuthOptions, log: Log): MiddlewareHandler {
  const { tokens, verifyToken, verifyTokenLimitMs: limitMs = VERIFY_TOKEN_LIMIT_MS, allowAnonymous = false } = options;
  checkSwitch('allowAnonymous', allowAnonymous);
  checkFunction('verifyToken', verifyToken);
  checkWhole('verifyTokenLimitMs', limitMs, 1, DELAY_MS_MAX);
  const given = [tokens !== undefined, verifyToken !== undefined, allowAnonymous].filter(Boolean).length;
  if (given !== 1) {
    throw new ProgrammingError(
      'Say who may push, with exactly one of: tokens, verifyToken, or allowAnonymous (which lets in everybody).',
      { details: { given } },
    );
  }
  if (verifyToken !== undefined) {
    const check = { verifyToken, limitMs, log };
    return bearerAuth({ verifyToken: (token, c) => isGoodToken(check, token, c.req.raw) });
  }
  if (tokens !== undefined) return bearerAuth({ token: checkTokens(tokens) });
  return (_c, next) => next();
}

function checkTokens(tokens: readonly unknown[]): string[] {
  if (!Array.isArray(tokens) || tokens.length === 0) throw tokensRefused('a list with at least one token.');
  return tokens.map((token: unknown) => {
    // A variable that is not set would let in whoever sends its name for nothing: `Bearer undefined`.
    if (typeof token !== 'string' || UNSET.has(token)) {
      throw tokensRefused('texts, but one is not set: is the environment variable there that it comes from?');
    }
    if (isBearerToken(token)) return token;
    throw tokensRefused('of letters, digits and . _ ~ + / - only (= at the end), one character or more.');
  });
}

/** The message does not repeat a token: it may end in a log. */
function tokensRefused(expected: string): ProgrammingError {
  return new ProgrammingError(`tokens must be ${expected}`, { details: { option: 'tokens' } });
}
