/**
 * Answers that several processes share, in Redis or whatever keeps texts for a while.
 *
 * A backend can do two things only, so what makes an answer old is kept in it as well: each tag has a stamp, a random text,
 * and an answer has those that its tags had before it was asked for.
 *
 * ```text
 * ask         stamps of the tags ──▶ an answer with the same ones? ── yes ──▶ given
 *                                          │ no, or none
 *                                          ▼
 *                                    asked for, and kept with these stamps
 * invalidate  another stamp for each tag: no answer that was begun before it has that
 * ```
 *
 * All answers of a name share one more stamp, by which they are made old together.
 *
 * A stamp that a backend has lost is made anew, and what was kept with it counts no more.
 *
 * @module
 */
import { ProgrammingError } from '../persistence/errors.js';
import { checkedMs, validateFunction, validateFunctions } from '../persistence/validation.js';
import { jsonOf, lostAt } from '../util/json-loss.js';
import { callListener } from '../util/listeners.js';
import { randomUuid } from '../util/random-uuid.js';

const TTL_MS_DEFAULT = 300_000;
// So that few answers are lost with the stamp that they were kept with.
const STAMP_TTLS = 4;
// Under a prefix of its own, so that no tag is called so.
const ALL = [''];

/**
 * Keeps texts for a while.
 *
 * @example
 * ```ts
 * const redis = await createClient({ url }).connect();
 * const backend: CacheBackend = {
 *   get: (key) => redis.get(key),
 *   set: (key, text, ttlMs) => redis.set(key, text, { PX: ttlMs }),
 * };
 * ```
 */
export interface CacheBackend {
  /** @returns nothing where there is none, or its time is over */
  get(key: string): Promise<string | null | undefined>;
  /** @param ttlMs - milliseconds, a positive integer, after which it is gone */
  set(key: string, text: string, ttlMs: number): Promise<unknown>;
}

/** Options of {@link cachedIn}. */
export interface SharedCacheOptions<Arguments extends readonly unknown[]> {
  /** Tells functions apart that share a backend; the same in every process, and another one when answers look otherwise. */
  readonly name: string;
  /** Milliseconds that an answer is kept. @defaultValue 300,000 */
  readonly ttlMs?: number;
  /** What the answer depends on. @defaultValue nothing */
  readonly tags?: (...given: Arguments) => readonly string[];
  /** Tells questions apart. @defaultValue the arguments as JSON */
  readonly key?: (...given: Arguments) => string;
  /**
   * Told why the backend did not do what it was asked. Then a question is asked as if there were none; what could not be made
   * old may be given by others until its time is over.
   *
   * @defaultValue nobody is told
   */
  readonly onFailed?: (error: unknown) => void;
}

/** A function whose answers are shared. */
export interface SharedCachedFunction<Arguments extends readonly unknown[], Answer> {
  (...given: Arguments): Promise<Answer>;
  /**
   * Makes answers old that depend on any of these tags, for all who share the backend; here at once, for others when it
   * resolves. Never rejects.
   */
  invalidate(tags: readonly string[]): Promise<void>;
  /** The same for all answers of this name. */
  invalidateAll(): Promise<void>;
}

/** What is kept of an answer. */
interface Kept<Answer> {
  readonly stamps: readonly string[];
  readonly answer: Answer;
}

/**
 * Keeps the answers of a function where other processes find them. Answers are what JSON can hold; one that is not, and what
 * it rejects with, is not kept. Questions that are alike, and are asked at once here, share one call.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when there is no name, or a number makes no sense
 *
 * @example
 * ```ts
 * const stockLevel = cachedIn(backend, readLevel, { name: 'stock level 1', tags: (itemId) => [itemId] });
 * const app = new Application({ …, inline: [invalidation([stockLevel], (event) => [event.originatorId])] });
 * ```
 */
export function cachedIn<Arguments extends readonly unknown[], Answer>(
  backend: CacheBackend,
  ask: (...given: Arguments) => Promise<Answer>,
  options: SharedCacheOptions<Arguments>,
): SharedCachedFunction<Arguments, Answer> {
  const { name, ttlMs = TTL_MS_DEFAULT, tags = () => [], key = (...given) => JSON.stringify(given) } = options;
  if (typeof name !== 'string' || name === '') throw new ProgrammingError('A shared cache needs a name.');
  checkedMs('ttlMs', ttlMs, { min: 1 });
  validateFunction('ask', ask);
  validateFunctions({ tags: options.tags, key: options.key, onFailed: options.onFailed });
  const stamps = new TagStamps(backend, `${name}:tag:`, Math.ceil(ttlMs) * STAMP_TTLS);
  const whole = new TagStamps(backend, `${name}:all`, Math.ceil(ttlMs) * STAMP_TTLS);
  const stampsOf = async (tagged: readonly string[]): Promise<readonly string[]> => {
    const [all, each] = await Promise.all([whole.of(ALL), stamps.of(tagged)]);
    return [...all, ...each];
  };
  const asked = new Map<string, { readonly answer: Promise<Answer>; readonly tags: readonly string[] }>();

  const told = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      callListener(() => options.onFailed?.(error));
      return undefined;
    }
  };
  const answered = async (place: string, tagged: readonly string[], given: Arguments): Promise<Answer> => {
    // Before it is asked for: what makes it old meanwhile changes them.
    const present = await told(() => stampsOf(tagged));
    const kept = present && (await told(async () => read<Answer>(await backend.get(place), present)));
    if (kept !== undefined) return kept.answer;
    const answer = await ask(...given);
    const text = present && textOf({ stamps: present, answer });
    if (text !== undefined) await told(() => backend.set(place, text, Math.ceil(ttlMs)));
    return answer;
  };
  const shared = async (...given: Arguments): Promise<Answer> => {
    const place = `${name}:answer:${key(...given)}`;
    const known = asked.get(place);
    if (known !== undefined) return await known.answer;
    const tagged = [...new Set(tags(...given))];
    const entry = { tags: tagged, answer: answered(place, tagged, given) };
    asked.set(place, entry);
    try {
      return await entry.answer;
    } finally {
      if (asked.get(place) === entry) asked.delete(place);
    }
  };
  const invalidate = async (wanted: readonly string[]): Promise<void> => {
    for (const [place, entry] of asked) if (entry.tags.some((tag) => wanted.includes(tag))) asked.delete(place);
    await Promise.all(wanted.map((tag) => told(() => stamps.renew(tag))));
  };
  const invalidateAll = async (): Promise<void> => {
    asked.clear();
    await Promise.all(ALL.map((tag) => told(() => whole.renew(tag))));
  };
  return Object.assign(shared, { invalidate, invalidateAll });
}

/** The stamps of tags. */
class TagStamps {
  readonly #backend: CacheBackend;
  readonly #prefix: string;
  readonly #ttlMs: number;
  /** Those that are on their way: nobody here waits to see them. */
  readonly #renewed = new Map<string, string>();
  /** What is being looked up: who asks for the same meanwhile must not make another one. */
  readonly #lookups = new Map<string, Promise<string>>();

  constructor(backend: CacheBackend, prefix: string, ttlMs: number) {
    this.#backend = backend;
    this.#prefix = prefix;
    this.#ttlMs = ttlMs;
  }

  async of(tags: readonly string[]): Promise<readonly string[]> {
    return await Promise.all(tags.map((tag) => this.#lookup(tag)));
  }

  #lookup(tag: string): Promise<string> {
    const known = this.#lookups.get(tag);
    if (known !== undefined) return known;
    const lookup = this.#find(tag).finally(() => {
      if (this.#lookups.get(tag) === lookup) this.#lookups.delete(tag);
    });
    this.#lookups.set(tag, lookup);
    return lookup;
  }

  async #find(tag: string): Promise<string> {
    const present = this.#renewed.get(tag) ?? (await this.#backend.get(this.#prefix + tag));
    if (typeof present === 'string') return this.#renewed.get(tag) ?? present;
    // One that is there is never written again: somebody may just have made it another one.
    return await this.#written(tag);
  }

  async renew(tag: string): Promise<void> {
    // Who asks from now on may have read what was there before.
    this.#lookups.delete(tag);
    await this.#written(tag);
  }

  async #written(tag: string): Promise<string> {
    const stamp = randomUuid();
    this.#renewed.set(tag, stamp);
    try {
      await this.#backend.set(this.#prefix + tag, stamp, this.#ttlMs);
      return stamp;
    } finally {
      if (this.#renewed.get(tag) === stamp) this.#renewed.delete(tag);
    }
  }
}

/** @returns `undefined` where it would come back as something else */
function textOf<Answer>(kept: Kept<Answer>): string | undefined {
  const text = jsonOf(kept);
  return text === undefined || lostAt('', kept, JSON.parse(text)) !== undefined ? undefined : text;
}

/** @returns `undefined` where there is none with these stamps */
function read<Answer>(text: string | null | undefined, stamps: readonly string[]): Kept<Answer> | undefined {
  if (typeof text !== 'string') return undefined;
  const kept = JSON.parse(text) as Kept<Answer>;
  return kept.stamps.length === stamps.length && stamps.every((stamp, index) => kept.stamps[index] === stamp)
    ? kept
    : undefined;
}
