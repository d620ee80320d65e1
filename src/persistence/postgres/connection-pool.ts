/// <reference lib="esnext.disposable" preserve="true" />
/**
 * A pool of connections that another client library than `pg` makes.
 *
 * ```text
 * connect ──▶ one is free ─────────────────────▶ lent ── given back ──▶ to who waits first, or free
 *        ├──▶ fewer than so many are open: made ─▶ │
 *        └──▶ waits, in the order of the requests ─┘    └─ in doubt, or broken ──▶ closed; who waits first has one made
 * ```
 *
 * @module
 */
import { systemClock } from '../../util/clock.js';
import type { Clock } from '../../util/clock.js';
import { ProgrammingError } from '../errors.js';
import { checkedMs } from '../validation.js';
import { ConnectionNotFromPoolError, ConnectionPoolClosedError, ConnectionUnavailableError } from '../pool-errors.js';
import type { PostgresClient, PostgresConnection, PostgresPool, PostgresResult } from './postgres-driver.js';
import { isConnectionDoubtful, postgresError } from './postgres-errors.js';

const CONNECTIONS_MAX = 10;
const POOL_TIMEOUT_MS = 30_000;

/** Options of a {@link ConnectionPool}. */
export interface ConnectionPoolOptions {
  /** Connections that are open at most, 1 or more. They are kept. @defaultValue 10 */
  readonly connectionsMax?: number;
  /** Milliseconds to wait for a connection to be given back, when all are in use. @defaultValue 30,000 */
  readonly poolTimeoutMs?: number;
}

/** Lends connections, in the order of the requests, and keeps them. */
export class ConnectionPool implements PostgresPool, AsyncDisposable {
  readonly connectionsMax: number;
  // Listening keeps one connection: with no other, nothing else would be done any more.
  readonly supportsNotifications: boolean;
  readonly #connect: () => Promise<PostgresConnection>;
  readonly #poolTimeoutMs: number;
  readonly #clock: Clock;
  readonly #free: Kept[] = [];
  readonly #waiting = new Set<Waiter>();
  /** Open, or being made. */
  #open = 0;
  #isEnded = false;
  #onClosed: () => void = () => undefined;
  #closed: Promise<void> | undefined;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be */
  constructor(
    connect: () => Promise<PostgresConnection>,
    { connectionsMax = CONNECTIONS_MAX, poolTimeoutMs = POOL_TIMEOUT_MS }: ConnectionPoolOptions,
    clock: Clock = systemClock,
  ) {
    if (!Number.isSafeInteger(connectionsMax) || connectionsMax < 1) {
      const details = { option: 'connectionsMax' };
      throw new ProgrammingError(`connectionsMax must be 1 or more, but is ${String(connectionsMax)}.`, { details });
    }
    this.#connect = connect;
    this.connectionsMax = connectionsMax;
    this.supportsNotifications = connectionsMax > 1;
    this.#poolTimeoutMs = checkedMs('poolTimeoutMs', poolTimeoutMs);
    this.#clock = clock;
  }

  async connect(): Promise<PostgresClient> {
    if (this.#isEnded) throw closedError();
    const kept = this.#free.pop() ?? (this.#hasRoom() ? undefined : await this.#turn());
    return this.#lend(kept ?? (await this.#make()));
  }

  async query(text: string, values?: unknown[]): Promise<PostgresResult> {
    const client = await this.connect();
    try {
      const result = await client.query(text, values);
      client.release();
      return result;
    } catch (error) {
      // The server's refusal leaves a connection as good as it was.
      client.release(isConnectionDoubtful(error) ? (error as Error) : undefined);
      throw error;
    }
  }

  /** Refuses who waits, and resolves when the last connection was given back and is closed. Closing twice is fine. */
  async end(): Promise<void> {
    await (this.#closed ??= this.#end());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  async #end(): Promise<void> {
    this.#isEnded = true;
    for (const waiter of this.#waiting) waiter.refuse(closedError());
    this.#waiting.clear();
    const allClosed = new Promise<void>((resolve) => (this.#onClosed = resolve));
    for (const connection of this.#free.splice(0)) this.#close(connection);
    if (this.#open > 0) await allClosed;
  }

  /** Whether one more may be made, and then it counts already. */
  #hasRoom(): boolean {
    if (this.#open >= this.connectionsMax) return false;
    this.#open += 1;
    return true;
  }

  async #make(): Promise<Kept> {
    try {
      const kept: Kept = { connection: await this.#connect(), isBroken: false, listeners: [] };
      for (const event of EVENTS) kept.connection.on?.(event, (told) => this.#tell(kept, event, told));
      return kept;
    } catch (error) {
      this.#leave();
      throw postgresError(error);
    }
  }

  #lend(kept: Kept): PostgresClient {
    const { connection } = kept;
    let isReleased = false;
    const assertLent = (): void => {
      if (isReleased) throw new ConnectionNotFromPoolError('This connection was given back before.');
    };
    return {
      query: async (...given) => {
        assertLent();
        return await connection.query(...given);
      },
      release: (error) => {
        assertLent();
        isReleased = true;
        kept.listeners = [];
        this.#giveBack(kept, error);
      },
      // Forgotten when it is given back: the connection outlives who listens.
      ...(connection.on === undefined
        ? {}
        : { on: (event, listener) => (kept.listeners = [...kept.listeners, { event, listener }]) }),
    };
  }

  #giveBack(kept: Kept, error: Error | undefined): void {
    if (error !== undefined || kept.isBroken || this.#isEnded) this.#close(kept);
    else if (!this.#handOver(kept)) this.#free.push(kept);
  }

  #tell(kept: Kept, event: ConnectionEvent, told: unknown): void {
    if (event !== 'notification') {
      kept.isBroken = true;
      const at = this.#free.indexOf(kept);
      if (at >= 0) this.#close(...this.#free.splice(at, 1));
    }
    for (const { event: of, listener } of kept.listeners) if (of === event) listener(told);
  }

  /** Whether somebody waited: for this one, or for room to make one. */
  #handOver(kept: Kept | undefined): boolean {
    for (const waiter of this.#waiting) {
      this.#waiting.delete(waiter);
      waiter.go(kept);
      return true;
    }
    return false;
  }

  #close(...all: Kept[]): void {
    // Whatever closing says, the connection is of no use any more.
    for (const { connection } of all) void connection.end().then(this.#leave, this.#leave);
  }

  /** One is open no longer: whoever waits first has its room. */
  readonly #leave = (): void => {
    if (this.#handOver(undefined)) return;
    this.#open -= 1;
    if (this.#open === 0) this.#onClosed();
  };

  #turn(): Promise<Kept | undefined> {
    return new Promise((resolve, reject) => {
      const details = { connectionsMax: this.connectionsMax, poolTimeoutMs: this.#poolTimeoutMs };
      const callOff = this.#clock.schedule(() => {
        this.#waiting.delete(waiter);
        const message = `All ${details.connectionsMax} connections of the pool stayed in use for ${details.poolTimeoutMs} ms. Nothing was stored.`;
        reject(new ConnectionUnavailableError(message, { details }));
      }, details.poolTimeoutMs);
      const waiter: Waiter = {
        go: (kept) => {
          callOff();
          resolve(kept);
        },
        refuse: (error) => {
          callOff();
          reject(error);
        },
      };
      this.#waiting.add(waiter);
    });
  }
}

const EVENTS = ['notification', 'error', 'end'] as const;

type ConnectionEvent = (typeof EVENTS)[number];

interface Kept {
  readonly connection: PostgresConnection;
  isBroken: boolean;
  /** Of who has it. */
  listeners: readonly { readonly event: ConnectionEvent; readonly listener: (told?: unknown) => void }[];
}

/** Somebody who waits for a connection, or for room to make one. */
interface Waiter {
  go(kept: Kept | undefined): void;
  refuse(error: Error): void;
}

function closedError(): ConnectionPoolClosedError {
  return new ConnectionPoolClosedError('The pool was closed. Nothing was stored.');
}
