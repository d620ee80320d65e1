/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Many tenants, each with a log of its own somewhere: opened when it is first asked for, kept while it is used, closed when
 * it has not been for a while.
 *
 * ```text
 *            open ──────────▶ kept ◀──use──▶ used (by so many)
 *   use ──▶   └─ fails: told to all who wait, forgotten       kept ── idle for so long, or room is needed ──▶ closed
 * ```
 *
 * Invariants:
 * 1. A tenant's log is open once, also when it is first asked for by many at once, or while it is being closed. One that was
 *    forgotten is used to its end by those who have it.
 * 2. One that is used is not closed.
 * 3. No more than so many are open. Where all of them are used, another tenant is told to come again.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { UnavailableError } from '../../sync/protocol/index.js';
import { validateCount, checkedMs, validateFunction } from '../../persistence/validation.js';

const OPEN_MAX_DEFAULT = 100;
const IDLE_MS_DEFAULT = 300_000;
const AGAIN_MS = 1_000;

/** Something of a tenant's that is open. */
export interface OpenTenant<Log> {
  readonly log: Log;
  /** Lets go of what it was opened for, connections for example. */
  readonly close: () => Promise<void>;
}

/** Options of {@link TenantLogs}. */
export interface TenantLogsOptions<Log> {
  /**
   * Opens a tenant's log: in a schema of its own, in a database, on a server. Rejects with a `ForbiddenError` where there is
   * no such tenant.
   */
  readonly open: (tenant: string) => Promise<OpenTenant<Log>>;
  /** How many are open at most. @defaultValue 100 */
  readonly openMax?: number | undefined;
  /** Milliseconds after which one that nobody uses is closed. @defaultValue 300,000 */
  readonly idleMs?: number | undefined;
  readonly clock: Clock;
  /** Told why one could not be closed: nobody waits for that. */
  readonly onFailure: (error: unknown) => void;
}

interface Entry<Log> {
  readonly opening: Promise<OpenTenant<Log>>;
  users: number;
  callOff: () => void;
  /** Whether it is nobody's any more who comes, and closed after the last one who uses it. */
  isForgotten: boolean;
}

/** A tenant that nobody may use. */
interface Hold {
  readonly retryAfterMs: number;
  /** Called when the last one who used it has gone. */
  onFree: () => void;
}

/** Finds the log of a tenant. */
export class TenantLogs<Log> implements AsyncDisposable {
  readonly #options: TenantLogsOptions<Log>;
  readonly #openMax: number;
  /** The one that was used last stands last. */
  readonly #entries = new Map<string, Entry<Log>>();
  readonly #closing = new Map<string, Promise<void>>();
  readonly #held = new Map<string, Hold>();
  #isClosed = false;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a number makes no sense, or a function is none */
  constructor(options: TenantLogsOptions<Log>) {
    this.#options = options;
    this.#openMax = options.openMax ?? OPEN_MAX_DEFAULT;
    validateCount('openMax', this.#openMax);
    checkedMs('idleMs', options.idleMs ?? IDLE_MS_DEFAULT);
    validateFunction('open', options.open);
    validateFunction('onFailure', options.onFailure);
  }

  /** How many are open, or are being opened or closed. */
  get size(): number {
    return this.#entries.size + this.#closing.size;
  }

  /**
   * Does something with a tenant's log.
   *
   * @throws UnavailableError (`UNAVAILABLE`) with `details.retryAfterMs` when too many tenants are served at once, or this
   *   one is held
   * @throws what opening it, or the work, rejects with
   */
  async use<T>(tenant: string, work: (log: Log) => Promise<T>): Promise<T> {
    const entry = await this.#taken(tenant);
    try {
      const { log } = await entry.opening;
      return await work(log);
    } finally {
      this.#release(tenant, entry);
    }
  }

  /**
   * Lets nobody use a tenant's log any more, for example while it is moved to another place: whoever comes is told to come
   * again. In this process only.
   *
   * @param retryAfterMs - what they are told
   * @returns when nobody uses it any more, and it is closed: lets it be used again
   * @throws UnavailableError (`UNAVAILABLE`) when it is held already
   */
  async hold(tenant: string, retryAfterMs: number): Promise<() => void> {
    if (this.#held.has(tenant)) throw heldAlready(retryAfterMs);
    const hold: Hold = { retryAfterMs, onFree: () => undefined };
    this.#held.set(tenant, hold);
    const entry = this.#entries.get(tenant);
    if (entry !== undefined && entry.users > 0) await new Promise<void>((resolve) => (hold.onFree = resolve));
    else if (entry !== undefined) this.#end(tenant, entry);
    await this.#closing.get(tenant);
    return () => {
      if (this.#held.get(tenant) === hold) this.#held.delete(tenant);
    };
  }

  /** Has a tenant's log opened anew for whoever comes next, because it is somewhere else by now. */
  forget(tenant: string): void {
    const entry = this.#entries.get(tenant);
    if (entry === undefined) return;
    if (entry.users === 0) {
      this.#end(tenant, entry);
      return;
    }
    entry.isForgotten = true;
    this.#entries.delete(tenant);
  }

  /** Closes all, when nobody uses them any more. Nothing is opened after it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const [tenant, entry] of [...this.#entries]) if (entry.users === 0) this.#end(tenant, entry);
    while (this.#closing.size > 0) await Promise.all(this.#closing.values());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The entry of a tenant, which counts one more who uses it. */
  async #taken(tenant: string): Promise<Entry<Log>> {
    let entry: Entry<Log> | undefined;
    while ((entry = this.#found(tenant)) === undefined) await Promise.race(this.#closing.values());
    entry.callOff();
    entry.users++;
    this.#entries.delete(tenant);
    this.#entries.set(tenant, entry);
    return entry;
  }

  /** @returns `undefined` while one has to be closed first: this one, or another one to make room */
  #found(tenant: string): Entry<Log> | undefined {
    if (this.#isClosed) throw new UnavailableError('The server is being stopped. Nothing was stored: try again.');
    const hold = this.#held.get(tenant);
    if (hold !== undefined) throw heldAlready(hold.retryAfterMs);
    const known = this.#entries.get(tenant);
    if (known !== undefined || this.#closing.has(tenant)) return known;
    if (this.size >= this.#openMax) {
      this.#makeRoom();
      return undefined;
    }
    const entry: Entry<Log> = {
      opening: this.#options.open(tenant),
      users: 0,
      callOff: () => undefined,
      isForgotten: false,
    };
    entry.opening.catch(() => {
      if (this.#entries.get(tenant) === entry) this.#entries.delete(tenant);
    });
    return entry;
  }

  #makeRoom(): void {
    if (this.#closing.size > 0) return;
    for (const [tenant, entry] of this.#entries) {
      if (entry.users > 0) continue;
      this.#end(tenant, entry);
      return;
    }
    throw new UnavailableError('Too many tenants are served at once. Nothing was stored: try again.', {
      details: { openMax: this.#openMax, retryAfterMs: AGAIN_MS },
    });
  }

  #release(tenant: string, entry: Entry<Log>): void {
    entry.users--;
    if (entry.users > 0) return;
    if (entry.isForgotten) {
      void this.#closed(entry);
      return;
    }
    const hold = this.#held.get(tenant);
    if (this.#entries.get(tenant) === entry) {
      const { clock, idleMs = IDLE_MS_DEFAULT } = this.#options;
      if (this.#isClosed || hold !== undefined) this.#end(tenant, entry);
      else entry.callOff = clock.schedule(() => this.#end(tenant, entry), idleMs);
    }
    hold?.onFree();
  }

  #end(tenant: string, entry: Entry<Log>): void {
    entry.callOff();
    this.#entries.delete(tenant);
    this.#closing.set(
      tenant,
      this.#closed(entry).finally(() => this.#closing.delete(tenant)),
    );
  }

  async #closed({ opening }: Entry<Log>): Promise<void> {
    await opening
      .then(async ({ close }) => close())
      .catch((error: unknown) => {
        this.#options.onFailure(error);
      });
  }
}

function heldAlready(retryAfterMs: number): UnavailableError {
  return new UnavailableError('This tenant is being worked on. Nothing was stored: try again.', {
    details: { retryAfterMs },
  });
}
