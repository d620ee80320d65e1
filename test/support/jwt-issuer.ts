/**
 * An identity provider of a test's own: keys, tokens, and the address where it publishes the keys.
 *
 * @module
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { CryptoKey, JWK } from 'jose';

export const ISSUER = 'https://id.example';
export const AUDIENCE = 'stock';

/** A key with which tokens are signed, and its public half. */
export interface IssuerKey {
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
  readonly alg: string;
}

export async function makeKey(kid: string | undefined, alg: string = 'ES256'): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, alg, jwk: { ...(await exportJWK(publicKey)), alg, ...(kid === undefined ? {} : { kid }) } };
}

/** What a token is signed with. */
export interface Signer {
  readonly alg: string;
  readonly privateKey: CryptoKey | Uint8Array;
  readonly jwk?: JWK;
}

/** A token of anna's, good for a minute from `nowMs` on, unless claims say otherwise; `undefined` leaves one out. */
export async function makeToken(
  { privateKey, alg, jwk }: Signer,
  claims: Readonly<Record<string, unknown>> = {},
  nowMs: number = Date.now(),
): Promise<string> {
  const seconds = Math.floor(nowMs / 1_000);
  const all: Readonly<Record<string, unknown>> = {
    ...{ iss: ISSUER, aud: AUDIENCE, sub: 'anna', exp: seconds + 60 },
    ...claims,
  };
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  const kid = jwk?.kid;
  return await new SignJWT(given).setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }) }).sign(privateKey);
}

/** Publishes keys over HTTP. */
export interface KeyServer extends AsyncDisposable {
  readonly url: string;
  /** What it answers; a function decides for each request. */
  answer: { status: number; body: string };
  readonly requests: number;
}

export async function startKeyServer(keys: readonly IssuerKey[]): Promise<KeyServer> {
  const state = { requests: 0, answer: { status: 200, body: jwksOf(keys) } };
  const server = createServer((_request, response) => {
    state.requests++;
    response.writeHead(state.answer.status, { 'content-type': 'application/json' }).end(state.answer.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}

export function jwksOf(keys: readonly IssuerKey[]): string {
  return JSON.stringify({ keys: keys.map(({ jwk }) => jwk) });
}
