/**
 * Who may push: whoever has a good bearer token, or everybody, by the demo's switch.
 *
 * @module
 */
import type { MiddlewareHandler } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { ProgrammingError } from '../persistence/errors.js';

const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/** Exactly one of these says who may push. */
export interface ServerAuthOptions {
  /** The tokens that are good. Compared in constant time. */
  readonly tokens?: readonly string[] | undefined;
  /**
   * Decides whether a token is good. May throw `ForbiddenError` for a good token that does not allow this.
   *
   * @param token - as it came, without the word `Bearer`
   */
  readonly verifyToken?: ((token: string, request: Request) => boolean | Promise<boolean>) | undefined;
  /** Lets everybody push who reaches the server: for demonstrations and tests only. @defaultValue `false` */
  readonly allowAnonymous?: boolean | undefined;
}

/**
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when nothing says who may push, when more than one thing does,
 *   or when a token could never match
 */
export function authMiddleware(options: ServerAuthOptions): MiddlewareHandler {
  const { tokens, verifyToken, allowAnonymous = false } = options;
  const given = [tokens !== undefined, verifyToken !== undefined, allowAnonymous].filter(Boolean).length;
  if (given !== 1) {
    throw new ProgrammingError(
      'Say who may push, with exactly one of: tokens, verifyToken, or allowAnonymous (which lets in everybody).',
      { details: { given } },
    );
  }
  if (verifyToken !== undefined) return bearerAuth({ verifyToken: (token, c) => verifyToken(token, c.req.raw) });
  if (tokens !== undefined) return bearerAuth({ token: checkTokens(tokens) });
  return (_c, next) => next();
}

function checkTokens(tokens: readonly string[]): string[] {
  if (tokens.length > 0 && tokens.every((token) => TOKEN.test(token))) return [...tokens];
  // The message does not repeat them: it may end in a log.
  throw new ProgrammingError(
    'tokens must have at least one token, each of letters, digits and . _ ~ + / - only (= at the end).',
  );
}
