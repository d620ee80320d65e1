/**
 * JSON Web Tokens: whether one is good, and who it says it is.
 *
 * Whoever sends one that is not learns nothing else: neither which part of it is wrong, nor what would be right. The log
 * of requests has the code of `jose` as its reason, for the operator.
 *
 * @module
 */
import { createLocalJWKSet, errors, jwtVerify } from 'jose';
import type { CompactJWSHeaderParameters, CryptoKey, FlattenedJWSInput, JSONWebKeySet, JWTPayload } from 'jose';
import { isEventSourcingError } from '../../domain/errors.js';
import { UnauthorizedError } from '../../sync/protocol/index.js';
import type { Clock } from '../../util/clock.js';
import type { Log } from '../operator/foreign-code.js';
import { checkJwtOptions } from './jwt-options.js';
import type { CheckedJwtOptions, JwtOptions } from './jwt-options.js';
import { RemoteKeys } from './remote-keys.js';
import type { Visitor } from './visitor.js';

// Longer ones no provider makes, and no server takes as a header.
const TOKEN_LENGTH_MAX = 16_384;
// Of a token that does not say by which of several keys it is signed.
const KEYS_TRIED_MAX = 8;
const SUBJECT_LENGTH_MAX = 500;

/** What {@link jwtVerification} needs beside its options. */
export interface JwtSurroundings {
  readonly clock: Clock;
  readonly log: Log;
}

/** Says who a token is of. */
export type VerifyJwt = (token: string) => Promise<Visitor>;

type Key = CryptoKey | Uint8Array;
type FindKey = (header: CompactJWSHeaderParameters, token: FlattenedJWSInput) => Key | Promise<Key>;

/**
 * Makes the check of JSON Web Tokens.
 *
 * @returns rejects with `UnauthorizedError` (`UNAUTHORIZED`) for one that is not good, with `UnavailableError`
 *   (`UNAVAILABLE`) when that cannot be told
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
 */
export function jwtVerification(options: JwtOptions, { clock, log }: JwtSurroundings): VerifyJwt {
  const checked = checkJwtOptions(options);
  const findKey = keyFinder(checked, { clock, log });
  return async (token) => {
    try {
      if (token.length > TOKEN_LENGTH_MAX) throw new errors.JWTInvalid('It is too long.');
      return visitorIn(await verifiedClaims(token, findKey, checked, clock.nowMs()), checked);
    } catch (error) {
      if (isEventSourcingError(error)) throw error;
      throw new UnauthorizedError('A bearer token is needed that this server takes.', { cause: error });
    }
  };
}

function keyFinder({ keys, times }: CheckedJwtOptions, { clock, log }: JwtSurroundings): FindKey {
  if (keys.kind === 'secret') return () => keys.secret;
  if (keys.kind === 'local') return createLocalJWKSet(keys.jwks as JSONWebKeySet);
  return new RemoteKeys({ ...keys, times, clock, log }).find;
}

async function verifiedClaims(
  token: string,
  findKey: FindKey,
  { algorithms, issuer, audience, clockToleranceSeconds }: CheckedJwtOptions,
  nowMs: number,
): Promise<JWTPayload> {
  const rules = {
    algorithms,
    clockTolerance: clockToleranceSeconds,
    currentDate: new Date(nowMs),
    // One without an end would be good for ever, wherever it was lost.
    requiredClaims: ['exp'],
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  };
  try {
    return (await jwtVerify(token, findKey, rules)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    let tried = 0;
    for await (const key of error) {
      if (++tried > KEYS_TRIED_MAX) break;
      try {
        return (await jwtVerify(token, key, rules)).payload;
      } catch (failure) {
        // Signed by it, and refused for another reason: no other key will do.
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
      }
    }
    throw new errors.JWSSignatureVerificationFailed(undefined, { cause: error });
  }
}

function visitorIn(claims: JWTPayload, { subjectClaim, tenantClaim, scopeClaim }: CheckedJwtOptions): Visitor {
  const subject = claimAt(claims, subjectClaim);
  if (typeof subject !== 'string' || subject.trim() === '' || subject.length > SUBJECT_LENGTH_MAX) {
    throw new errors.JWTClaimValidationFailed('no subject', claims, subjectClaim.join('.'), 'missing');
  }
  return {
    subject,
    // What a token says is a name, `*` as well: every tenant is the operator's to give.
    tenants: tenantClaim === undefined ? undefined : textsIn(claimAt(claims, tenantClaim)),
    scopes: textsIn(claimAt(claims, scopeClaim)).flatMap((text) => text.split(' ').filter((scope) => scope !== '')),
    expiresAtMs: (claims.exp as number) * 1_000,
  };
}

function claimAt(claims: JWTPayload, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}

function textsIn(claim: unknown): readonly string[] {
  const values: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return values.filter((value): value is string => typeof value === 'string' && value !== '');
}
