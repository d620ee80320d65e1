import { OperationalError } from '../../persistence/errors.js';
import { checkedMs, validateFunctions } from '../../persistence/validation.js';
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { Listeners } from '../../util/listeners.js';
import { arrived, checkedAnswer, EXCHANGED_KEYS_MAX, travelling } from './key-exchange.js';
import type { KeysRequest } from './key-exchange.js';
import type { SqlSubjectKeys } from './sql-subject-keys.js';
import type { FoundKey, SubjectKey, SubjectKeys } from './subject-keys.js';

const TIMEOUT_MS = 30_000;

/** Options of {@link RemoteSubjectKeys}. */
export interface RemoteSubjectKeysOptions {
  /** The keys that are on this device: in a browser, in a store of their own. */
  readonly local: SqlSubjectKeys;
  /** Where the keeper of the keys is: what `createKeyHandler` of `daybook/server` answers. */
  readonly url: string;
  /** Gives the bearer token. @defaultValue none is sent */
  readonly getToken?: (() => string | undefined | Promise<string | undefined>) | undefined;
  /** @defaultValue the platform's */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Milliseconds that a request may take. @defaultValue 30,000 */
  readonly timeoutMs?: number | undefined;
  /** Told when keys could not be exchanged beside other work: they are the next time. @defaultValue nobody is told */
  readonly onFailed?: ((error: unknown) => void) | undefined;
  /** @defaultValue the platform's */
  readonly clock?: Clock | undefined;
}

/**
 * Keys of people on a device: made here when they are needed, without a network, and exchanged with the keeper of all keys
 * when there is one. What is read of others' is asked for once, and kept.
 *
 * A person is forgotten at the keeper; devices hear of it by the events, see `followForgetting`.
 *
 * @example
 * ```ts
 * const store = await openDaybook({ name: 'keys' });
 * const local = new SqlSubjectKeys({ recorder: store.recorder });
 * await local.createTables();
 * const subjectKeys = new RemoteSubjectKeys({ local, url: '/keys', getToken });
 * const app = new Application({ recorder: daybook.recorder, aggregates: [customer], subjectKeys });
 * window.addEventListener('online', () => void subjectKeys.exchange().catch(() => undefined));
 * ```
 */
export class RemoteSubjectKeys implements SubjectKeys {
  readonly #options: RemoteSubjectKeysOptions;
  readonly #failures = new Listeners<[error: unknown]>();
  #running: Promise<void> | undefined;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when the limit is no time */
  constructor(options: RemoteSubjectKeysOptions) {
    checkedMs('timeoutMs', options.timeoutMs ?? TIMEOUT_MS, { min: 1 });
    validateFunctions({ getToken: options.getToken, onFailed: options.onFailed });
    this.#options = options;
    this.#failures.add((error) => options.onFailed?.(error));
  }

  async keyFor(subject: string): Promise<SubjectKey> {
    const key = await this.#options.local.keyFor(subject);
    if ((await this.#options.local.madeHere()).length > 0) this.#exchangeSoon();
    return key;
  }

  /** Of keys that are not here the keeper is asked; where it cannot be reached, they are unknown. */
  async find(ids: readonly string[]): Promise<readonly FoundKey[]> {
    const { local } = this.#options;
    const found = await local.find(ids);
    const want = ids.filter((_id, index) => found[index] === undefined);
    if (want.length === 0) return found;
    try {
      for (let start = 0; start < want.length; start += EXCHANGED_KEYS_MAX) {
        await this.#ask({ have: [], want: want.slice(start, start + EXCHANGED_KEYS_MAX) });
      }
    } catch (error) {
      this.#failures.tell(error);
      return found;
    }
    return await local.find(ids);
  }

  async snapshotKey(): Promise<SubjectKey> {
    return await this.#options.local.snapshotKey();
  }

  /** Destroys the keys on this device only: the person is forgotten at the keeper. */
  async forget(subject: string): Promise<readonly string[]> {
    return await this.#options.local.forget(subject);
  }

  onForgotten(listener: (subject: string) => void): () => void {
    return this.#options.local.onForgotten(listener);
  }

  /**
   * Gives the keeper what was made here.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) when it cannot be reached, or refuses
   */
  async exchange(): Promise<void> {
    this.#running ??= this.#exchangeAll().finally(() => {
      this.#running = undefined;
    });
    await this.#running;
  }

  #exchangeSoon(): void {
    this.exchange().catch((error: unknown) => this.#failures.tell(error));
  }

  async #exchangeAll(): Promise<void> {
    const { local } = this.#options;
    for (;;) {
      const made = await local.madeHere();
      if (made.length === 0) return;
      const taken = await this.#ask({ have: made.map(travelling), want: [] });
      await local.keptElsewhere(taken);
      // What is not taken is refused: by the next exchange it may not be.
      if (taken.length < made.length) return;
    }
  }

  async #ask(request: KeysRequest): Promise<readonly string[]> {
    const { taken, keys } = checkedAnswer(await this.#answered(request));
    const { local } = this.#options;
    await local.destroy(keys.filter(({ key }) => key === null).map(({ id }) => id));
    await local.take(keys.filter(({ key }) => key !== null).map(arrived));
    return taken;
  }

  async #answered(request: KeysRequest): Promise<unknown> {
    const { url, getToken, fetch = globalThis.fetch, timeoutMs = TIMEOUT_MS, clock = systemClock } = this.#options;
    const limit = new AbortController();
    const callOff = clock.schedule(() => limit.abort(new Error(`it did not answer within ${timeoutMs} ms`)), timeoutMs);
    try {
      const token = await getToken?.();
      const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const response = await fetch(url, {
        ...{ method: 'POST', cache: 'no-store', redirect: 'error', signal: limit.signal },
        headers: { 'content-type': 'application/json', ...authorization },
        body: JSON.stringify(request),
      });
      if (!response.ok) throw new Error(`it answered ${response.status}`);
      return (await response.json()) as unknown;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new OperationalError(`The keeper of the keys cannot be asked: ${why}. Nothing is lost; try again.`, {
        cause,
      });
    } finally {
      callOff();
    }
  }
}
