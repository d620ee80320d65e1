/**
 * How tokens of an identity provider are checked, and the check of that itself: what would let in whoever asks, or
 * nobody at all, is refused at the start.
 *
 * @module
 */
import { checkFunction, checkWhole, DELAY_MS_MAX, optionRefused } from '../operator/option-checks.js';

// Signatures of a key that only the provider has. `none`, and a secret where a public key is expected, are not among them.
const PUBLIC_KEY_ALGORITHMS: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
// By the algorithm, the bytes that RFC 7518, section 3.2, wants of a secret at least.
const SECRET_BYTES_MIN: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 };
const SECRET_ALGORITHMS_DEFAULT: readonly string[] = ['HS256'];
const TOLERANCE_SECONDS_MAX = 600;
const TOLERANCE_SECONDS_DEFAULT = 30;
const LIMIT_MS_DEFAULT = 5_000;
const FRESH_MS_DEFAULT = 600_000;
const STALE_MS_DEFAULT = 86_400_000;
const COOLDOWN_MS_DEFAULT = 30_000;
const YEAR_MS = 365 * 86_400_000;

/** A claim by its name, or by the names that lead to it: `['app_metadata', 'tenant']`. */
export type ClaimPath = string | readonly string[];

/** How JSON Web Tokens are checked. Exactly one of `jwksUrl`, `jwks` and `secret` says by which keys. */
export interface JwtOptions {
  /** Where the provider publishes its keys, as a JSON Web Key Set. They are kept, and asked for again when they are old. */
  readonly jwksUrl?: string | undefined;
  /** The keys themselves: public ones only. */
  readonly jwks?: { readonly keys: readonly object[] } | undefined;
  /** A secret that the issuer has too, as bytes or as a text in UTF-8: 32 bytes or more for HS256, random ones. */
  readonly secret?: string | Uint8Array | undefined;
  /** Who must have issued a token, one of them; `false` for anybody who has the key. Needed, but for `secret`. */
  readonly issuer?: string | readonly string[] | false | undefined;
  /**
   * For whom a token must be, one of them; `false` for whomever: then a token that another application was given by the
   * same provider is good here too. Needed, but for `secret`.
   */
  readonly audience?: string | readonly string[] | false | undefined;
  /** Algorithms of signatures that are taken. @defaultValue `HS256` for a secret; else those of RSA, EC and Ed25519 keys */
  readonly algorithms?: readonly string[] | undefined;
  /** Seconds by which the clocks may differ, 0 to 600. @defaultValue 30 */
  readonly clockToleranceSeconds?: number | undefined;
  /**
   * The claim that names the subject: a text that stays the same, and is nobody else's. `sub` is one of each issuer by
   * itself: where several issuers are taken, they have to be one provider's.
   *
   * @defaultValue `sub`
   */
  readonly subjectClaim?: ClaimPath | undefined;
  /** The claim that names the tenants: a text, or a list of texts. @defaultValue none: a server with one log needs none */
  readonly tenantClaim?: ClaimPath | undefined;
  /** The claim that names scopes: texts with spaces between them, or a list. @defaultValue `scope` */
  readonly scopeClaim?: ClaimPath | undefined;
  /** Milliseconds that keys are good without being asked for again. @defaultValue 600,000 */
  readonly jwksFreshMs?: number | undefined;
  /** Milliseconds that they are used while the provider does not answer, counted from their arrival. @defaultValue 86,400,000 */
  readonly jwksStaleMs?: number | undefined;
  /** Milliseconds between two questions because of keys that are not known. @defaultValue 30,000 */
  readonly jwksCooldownMs?: number | undefined;
  /** Milliseconds that the provider may take to answer. @defaultValue 5,000 */
  readonly jwksLimitMs?: number | undefined;
  /** Asks for the keys. @defaultValue the platform's */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** Options with everything said. */
export interface CheckedJwtOptions {
  readonly keys:
    | { readonly kind: 'remote'; readonly url: string; readonly fetch: typeof globalThis.fetch }
    | { readonly kind: 'local'; readonly jwks: { readonly keys: readonly object[] } }
    | { readonly kind: 'secret'; readonly secret: Uint8Array };
  readonly issuer: string[] | undefined;
  readonly audience: string[] | undefined;
  readonly algorithms: string[];
  readonly clockToleranceSeconds: number;
  readonly subjectClaim: readonly string[];
  readonly tenantClaim: readonly string[] | undefined;
  readonly scopeClaim: readonly string[];
  readonly times: JwksTimes;
}

/** Milliseconds, as the options of the same names say. */
export interface JwksTimes {
  readonly freshMs: number;
  readonly staleMs: number;
  readonly cooldownMs: number;
  readonly limitMs: number;
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be; it shows no secret */
export function checkJwtOptions(options: unknown): CheckedJwtOptions {
  if (typeof options !== 'object' || options === null) throw optionRefused('jwt', 'an object of options', options);
  const given = options as JwtOptions;
  const keys = checkedKeys(given);
  const algorithms = checkedAlgorithms(given.algorithms, keys);
  const isNeeded = keys.kind !== 'secret';
  const { clockToleranceSeconds = TOLERANCE_SECONDS_DEFAULT } = given;
  checkWhole('jwt.clockToleranceSeconds', clockToleranceSeconds, 0, TOLERANCE_SECONDS_MAX);
  return {
    keys,
    algorithms,
    issuer: checkedNames('jwt.issuer', given.issuer, isNeeded),
    audience: checkedNames('jwt.audience', given.audience, isNeeded),
    clockToleranceSeconds,
    subjectClaim: checkedClaim('jwt.subjectClaim', given.subjectClaim) ?? ['sub'],
    tenantClaim: checkedClaim('jwt.tenantClaim', given.tenantClaim),
    scopeClaim: checkedClaim('jwt.scopeClaim', given.scopeClaim) ?? ['scope'],
    times: checkedTimes(given),
  };
}

function checkedKeys({ jwksUrl, jwks, secret, fetch }: JwtOptions): CheckedJwtOptions['keys'] {
  checkFunction('jwt.fetch', fetch);
  if ([jwksUrl, jwks, secret].filter((one) => one !== undefined).length !== 1) {
    throw optionRefused('jwt', 'told its keys by exactly one of jwksUrl, jwks and secret');
  }
  if (jwksUrl !== undefined) {
    const isAddress =
      typeof jwksUrl === 'string' && URL.canParse(jwksUrl) && /^https?:$/.test(new URL(jwksUrl).protocol);
    // Not shown: somebody may have put a key into it.
    if (!isAddress) throw optionRefused('jwt.jwksUrl', 'an address such as https://id.example/.well-known/jwks.json');
    return { kind: 'remote', url: jwksUrl, fetch: fetch ?? ((...request) => globalThis.fetch(...request)) };
  }
  if (secret !== undefined) return { kind: 'secret', secret: secretBytes(secret) };
  return { kind: 'local', jwks: checkedJwks(jwks) };
}

function secretBytes(secret: unknown): Uint8Array {
  if (typeof secret === 'string') return new TextEncoder().encode(secret);
  if (secret instanceof Uint8Array) return secret.slice();
  throw optionRefused('jwt.secret', 'a text or bytes');
}

function checkedJwks(jwks: unknown): { readonly keys: readonly object[] } {
  const { keys } = (jwks ?? {}) as { readonly keys?: unknown };
  if (!Array.isArray(keys) || keys.length === 0) throw optionRefused('jwt.jwks', 'a key set with at least one key');
  for (const key of keys as readonly unknown[]) {
    if (typeof key !== 'object' || key === null || !('kty' in key))
      throw optionRefused('jwt.jwks', 'a set of JSON Web Keys');
    // Whoever has one makes tokens: it does not belong where they are checked.
    if ('d' in key || 'k' in key) throw optionRefused('jwt.jwks', 'a set of public keys, but one of them is secret');
  }
  return { keys: keys as readonly object[] };
}

function checkedAlgorithms(algorithms: unknown, keys: CheckedJwtOptions['keys']): string[] {
  const isSecret = keys.kind === 'secret';
  const known = isSecret ? Object.keys(SECRET_BYTES_MIN) : PUBLIC_KEY_ALGORITHMS;
  const wanted = algorithms ?? (isSecret ? SECRET_ALGORITHMS_DEFAULT : known);
  const isGood =
    Array.isArray(wanted) && wanted.length > 0 && wanted.every((name: unknown) => known.includes(name as string));
  if (!isGood) throw optionRefused('jwt.algorithms', `some of ${known.join(', ')} with these keys`);
  const names = wanted as readonly string[];
  if (keys.kind === 'secret') {
    const bytesMin = names.reduce((most, name) => Math.max(most, SECRET_BYTES_MIN[name] ?? 0), 0);
    if (keys.secret.length < bytesMin) {
      throw optionRefused(
        'jwt.secret',
        `${bytesMin} bytes or more for ${names.join(', ')}: a shorter one can be guessed`,
      );
    }
  }
  return [...names];
}

function checkedNames(option: string, names: unknown, isNeeded: boolean): string[] | undefined {
  if (names === false || (names === undefined && !isNeeded)) return undefined;
  const list = (typeof names === 'string' ? [names] : names) as readonly unknown[] | undefined;
  if (Array.isArray(list) && list.length > 0 && list.every((name) => typeof name === 'string' && name !== '')) {
    return [...(list as readonly string[])];
  }
  throw optionRefused(option, 'a text, a list of texts, or false, which takes whatever a token says');
}

function checkedClaim(option: string, claim: unknown): readonly string[] | undefined {
  if (claim === undefined) return undefined;
  const path = (typeof claim === 'string' ? [claim] : claim) as readonly unknown[] | undefined;
  if (Array.isArray(path) && path.length > 0 && path.every((name) => typeof name === 'string' && name !== '')) {
    return path as readonly string[];
  }
  throw optionRefused(option, 'the name of a claim, or the names that lead to it');
}

function checkedTimes(options: JwtOptions): JwksTimes {
  const { jwksFreshMs: freshMs = FRESH_MS_DEFAULT, jwksStaleMs: staleMs = Math.max(freshMs, STALE_MS_DEFAULT) } =
    options;
  const { jwksCooldownMs: cooldownMs = COOLDOWN_MS_DEFAULT, jwksLimitMs: limitMs = LIMIT_MS_DEFAULT } = options;
  checkWhole('jwt.jwksFreshMs', freshMs, 0, YEAR_MS);
  checkWhole('jwt.jwksStaleMs', staleMs, freshMs, YEAR_MS);
  checkWhole('jwt.jwksCooldownMs', cooldownMs, 0, YEAR_MS);
  checkWhole('jwt.jwksLimitMs', limitMs, 1, DELAY_MS_MAX);
  return { freshMs, staleMs, cooldownMs, limitMs };
}
