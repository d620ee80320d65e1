/**
 * The public keys of an identity provider, by their address.
 *
 * ```text
 * fresh ──────────────────────────────▶ used
 * old ──▶ asked for again ──▶ came ───▶ used
 *                         └─▶ did not ▶ the old ones are used for a while; 503 when there are none, or they are too old
 * key not among them, and the cooldown over ──▶ asked for again: the provider may have a new one
 * ```
 *
 * @module
 */
import { createLocalJWKSet, errors } from 'jose';
import type { CompactJWSHeaderParameters, CryptoKey, FlattenedJWSInput, JSONWebKeySet } from 'jose';
import { UnavailableError } from '../../sync/protocol/index.js';
import { boundedText } from '../../util/bounded-body.js';
import type { Clock } from '../../util/clock.js';
import { foreignCall } from '../../util/foreign-call.js';
import type { JwksTimes } from './jwt-options.js';

// A provider has a few keys, each of a kilobyte or two.
const BYTES_MAX = 262_144;
// After a failure: soon again, and not with every request.
const FAILED_COOLDOWN_MS = 2_000;
const NEVER_ABORTED = new AbortController().signal;

/** Gives the key that a token says it is signed with. */
type FindKey = (header: CompactJWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>;

/** What {@link RemoteKeys} needs. */
export interface RemoteKeysOptions {
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  readonly times: JwksTimes;
  readonly clock: Clock;
  /** Told when they could not be had. */
  readonly log: (message: string, error: unknown) => void;
}

/** Keys that are kept, and asked for again when they are old. One question is on its way at most. */
export class RemoteKeys {
  readonly #options: RemoteKeysOptions;
  #keys: FindKey | undefined;
  #loadedAtMs = -Infinity;
  #triedAtMs = -Infinity;
  #failure: unknown;
  #loading: Promise<void> | undefined;

  constructor(options: RemoteKeysOptions) {
    this.#options = options;
  }

  /**
   * @throws UnavailableError (`UNAVAILABLE`) when the keys cannot be had, so that nobody can tell
   * @throws JWKSNoMatchingKey when the provider has no such key
   */
  readonly find: FindKey = async (header, token) => {
    const { freshMs, cooldownMs } = this.#options.times;
    if (this.#ageMs() >= freshMs) await this.#load(0);
    try {
      return await this.#usable()(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      const isNew = await this.#load(cooldownMs);
      // Of a provider that cannot be asked it is not known whether it has this key by now.
      if (this.#failure !== undefined) throw this.#unavailable();
      if (!isNew) throw error;
      return await this.#usable()(header, token);
    }
  };

  #ageMs(): number {
    return this.#options.clock.monotonicMs() - this.#loadedAtMs;
  }

  #usable(): FindKey {
    if (this.#keys === undefined || this.#ageMs() >= this.#options.times.staleMs) throw this.#unavailable();
    return this.#keys;
  }

  #unavailable(): UnavailableError {
    return new UnavailableError('Whether the token is good cannot be told at present. Send it again.', {
      cause: this.#failure,
    });
  }

  /** @returns whether keys came that were asked for since the call, or just before */
  async #load(cooldownMs: number): Promise<boolean> {
    const waitMs = this.#failure === undefined ? cooldownMs : FAILED_COOLDOWN_MS;
    if (this.#loading === undefined && this.#options.clock.monotonicMs() - this.#triedAtMs < waitMs) return false;
    this.#loading ??= this.#ask().finally(() => (this.#loading = undefined));
    await this.#loading;
    return this.#failure === undefined;
  }

  async #ask(): Promise<void> {
    const { clock, log, times } = this.#options;
    this.#triedAtMs = clock.monotonicMs();
    try {
      const jwks = await foreignCall((signal) => this.#fetch(signal), {
        clock,
        limitMs: times.limitMs,
        signal: NEVER_ABORTED,
      });
      this.#keys = createLocalJWKSet(jwks);
      this.#loadedAtMs = clock.monotonicMs();
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error;
      log('The keys that tokens are signed with could not be had. They are asked for again.', error);
    }
  }

  async #fetch(signal: AbortSignal): Promise<JSONWebKeySet> {
    const { fetch, url } = this.#options;
    const response = await fetch(url, { signal, redirect: 'manual', headers: { accept: 'application/json' } });
    const { text, isWhole } = await boundedText(response, BYTES_MAX);
    if (response.status !== 200) throw new Error(`The provider's keys were answered with HTTP ${response.status}.`);
    if (!isWhole) throw new Error(`The provider's keys are more than ${BYTES_MAX} bytes.`);
    // Whether it is one is seen by whoever takes it.
    return JSON.parse(text) as JSONWebKeySet;
  }
}
