/**
 * Who may use a server: whoever has a good bearer token, or everybody, by the demo's switch.
 *
 * @module
 */
import type { MiddlewareHandler } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { timingSafeEqual } from 'hono/utils/buffer';
import { ProgrammingError } from '../../persistence/errors.js';
import { isBearerToken } from '../../sync/protocol/index.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import type { Log } from '../operator/foreign-code.js';
import { checkFunction, checkSwitch, checkWhole, DELAY_MS_MAX, optionRefused } from '../operator/option-checks.js';
import { jwtVerification } from './jwt-verification.js';
import type { JwtOptions } from './jwt-options.js';
import type { AccessEnv } from './request-record.js';
import { tokenVisitor } from './token-check.js';
import type { VerifyToken } from './token-check.js';
import { ANYBODY, visitorOf } from './visitor.js';
import type { Visitor } from './visitor.js';

const VERIFY_TOKEN_LIMIT_MS = 10_000;
// What a variable that is not set becomes in a text.
const UNSET: ReadonlySet<string> = new Set(['undefined', 'null', 'NaN']);

/** A token that is good for as long as the server has it, and who has it. */
export interface StaticToken extends Visitor {
  readonly token: string;
}

/** `tokens`, `jwt`, or both of them; or `verifyToken`; or `allowAnonymous`: one of these says who may use the server. */
export interface ServerAuthOptions {
  /**
   * The tokens that are good, compared in constant time: texts, which are anybody's, so that nothing is bound to them; or
   * with the subject who has it, and what it is good for.
   */
  readonly tokens?: readonly (string | StaticToken)[] | undefined;
  /** Takes JSON Web Tokens of an identity provider. They say who it is, and for which tenants. */
  readonly jwt?: JwtOptions | undefined;
  /**
   * Decides whether a token is good: by `true`, or by saying who it is of; nothing else lets in.
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
  /** Lets everybody in who reaches the server: for demonstrations and tests only. @defaultValue `false` */
  readonly allowAnonymous?: boolean | undefined;
}

/** Says who a token is of; `undefined` for a bad one. */
type FindVisitor = (token: string, request: Request) => Promise<Visitor | undefined>;

/**
 * Makes the middleware that lets in, and says to those after it who it is.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when nothing says who may use the server, when more than one thing does,
 *   when a token could never match or is what an unset variable becomes, or when an option is not of its type,
 *   or of no use
 */
export function authMiddleware(
  options: ServerAuthOptions,
  log: Log,
  clock: Clock = systemClock,
): MiddlewareHandler<AccessEnv> {
  const find = visitorFinder(options, log, clock);
  if (find === 'anybody') {
    return async (c, next) => {
      c.set('visitor', ANYBODY);
      c.set('revisit', async () => ANYBODY);
      await next();
    };
  }
  return bearerAuth({
    verifyToken: async (token, c) => {
      const revisit = (): Promise<Visitor | undefined> => find(token, c.req.raw);
      const visitor = await revisit();
      c.set('revisit', revisit);
      if (visitor !== undefined) c.set('visitor', visitor);
      return visitor !== undefined;
    },
  });
}

function visitorFinder(options: ServerAuthOptions, log: Log, clock: Clock): FindVisitor | 'anybody' {
  const { tokens, jwt, verifyToken, verifyTokenLimitMs: limitMs = VERIFY_TOKEN_LIMIT_MS } = options;
  const { allowAnonymous = false } = options;
  checkSwitch('allowAnonymous', allowAnonymous);
  checkFunction('verifyToken', verifyToken);
  checkWhole('verifyTokenLimitMs', limitMs, 1, DELAY_MS_MAX);
  const ways = [tokens !== undefined || jwt !== undefined, verifyToken !== undefined, allowAnonymous];
  const given = ways.filter(Boolean).length;
  if (given !== 1) {
    throw new ProgrammingError(
      'Say who may use the server: with tokens, jwt or both; or with verifyToken; or with allowAnonymous, which lets in everybody.',
      { details: { given } },
    );
  }
  if (options.verifyTokenLimitMs !== undefined && verifyToken === undefined) {
    throw optionRefused('verifyTokenLimitMs', 'left out without verifyToken: there is nothing that it would limit');
  }
  if (verifyToken !== undefined) return (token, request) => tokenVisitor({ verifyToken, limitMs, log }, token, request);
  if (allowAnonymous) return 'anybody';
  const verifyJwt = jwt === undefined ? undefined : jwtVerification(jwt, { clock, log });
  const findStatic = tokens === undefined ? undefined : staticTokens(tokens);
  return async (token) => (await findStatic?.(token)) ?? (await verifyJwt?.(token));
}

function staticTokens(tokens: readonly unknown[]): (token: string) => Promise<Visitor | undefined> {
  const known = checkTokens(tokens);
  return async (token) => {
    let found: Visitor | undefined;
    // All of them, whichever it is: how long it takes must not tell.
    for (const { token: good, visitor } of known) if (await timingSafeEqual(token, good)) found ??= visitor;
    return found;
  };
}

function checkTokens(tokens: unknown): { readonly token: string; readonly visitor: Visitor }[] {
  if (!Array.isArray(tokens) || tokens.length === 0) throw tokensRefused('a list with at least one token.');
  return tokens.map((given: unknown) => {
    const isNamed = typeof given === 'object' && given !== null;
    const visitor = isNamed ? visitorOf(given) : ANYBODY;
    if (visitor === undefined) throw tokensRefused('texts, or objects with a token and the subject who has it.');
    return { token: checkToken(isNamed ? (given as { token?: unknown }).token : given), visitor };
  });
}

function checkToken(token: unknown): string {
  // A variable that is not set would let in whoever sends its name for nothing: `Bearer undefined`.
  if (typeof token !== 'string' || UNSET.has(token)) {
    throw tokensRefused('texts, but one is not set: is the environment variable there that it comes from?');
  }
  if (isBearerToken(token)) return token;
  throw tokensRefused('of letters, digits and . _ ~ + / - only (= at the end), one character or more.');
}

/** The message does not repeat a token: it may end in a log. */
function tokensRefused(expected: string): ProgrammingError {
  return new ProgrammingError(`tokens must be ${expected}`, { details: { option: 'tokens' } });
}
