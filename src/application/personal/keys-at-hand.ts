import { importAesKey } from '../../persistence/mapping/aes-gcm.js';
import type { Clock } from '../../util/clock.js';
import { SubjectKeyMissingError, validateSubject } from './subject-keys.js';
import type { FoundKey, SubjectKey, SubjectKeys } from './subject-keys.js';

const KEYS_MAX = 1_000;
const KEEP_MS = 60_000;

/** A key as WebCrypto uses it. */
export interface KeyAtHand {
  readonly id: string;
  readonly key: CryptoKey;
}

/**
 * Keys that were used lately, so that not every event asks for one: at most {@link KEYS_MAX}, each for a minute; none of
 * them longer than it is heard that somebody was forgotten.
 */
export class KeysAtHand {
  readonly #keys: SubjectKeys;
  readonly #clock: Clock;
  readonly #byId = new Map<string, { readonly found: Promise<KeyAtHand | 'forgotten'>; readonly untilMs: number }>();
  readonly #bySubject = new Map<string, { readonly found: Promise<KeyAtHand>; readonly untilMs: number }>();

  constructor(keys: SubjectKeys, clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
    keys.onForgotten(() => this.clear());
  }

  /** Lets go of all. */
  clear(): void {
    this.#byId.clear();
    this.#bySubject.clear();
  }

  /** @throws as {@link SubjectKeys.keyFor} */
  async keyFor(subject: unknown): Promise<KeyAtHand> {
    validateSubject(subject);
    return await this.#kept(this.#bySubject, subject, async () => await imported(await this.#keys.keyFor(subject)));
  }

  /** @throws SubjectKeyMissingError (`SUBJECT_KEY_MISSING`) when nobody here knows it */
  async find(id: string): Promise<CryptoKey | 'forgotten'> {
    const found = await this.#kept(this.#byId, id, async () => await atHand(id, (await this.#keys.find([id]))[0]));
    return found === 'forgotten' ? found : found.key;
  }

  async #kept<T>(
    kept: Map<string, { readonly found: Promise<T>; readonly untilMs: number }>,
    name: string,
    find: () => Promise<T>,
  ): Promise<T> {
    const nowMs = this.#clock.monotonicMs();
    const there = kept.get(name);
    if (there !== undefined && there.untilMs > nowMs) return await there.found;
    const found = find();
    kept.delete(name);
    kept.set(name, { found, untilMs: nowMs + KEEP_MS });
    const [oldest] = kept.keys();
    if (kept.size > KEYS_MAX && oldest !== undefined) kept.delete(oldest);
    try {
      return await found;
    } catch (error) {
      // What failed is asked for again the next time.
      if (kept.get(name)?.found === found) kept.delete(name);
      throw error;
    }
  }
}

async function atHand(id: string, found: FoundKey): Promise<KeyAtHand | 'forgotten'> {
  if (found === 'forgotten') return found;
  if (found !== undefined) return await imported(found);
  throw new SubjectKeyMissingError(
    `The key ${id}, which something personal is encrypted by, is not here: it was made on another device, and has not arrived. Try again later.`,
    { details: { keyId: id } },
  );
}

async function imported({ id, key }: SubjectKey): Promise<KeyAtHand> {
  return { id, key: await importAesKey(key) };
}
