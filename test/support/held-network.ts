/**
 * A network in which a test says when each request arrives at the server, and when its answer comes back.
 *
 * @module
 */
import { vi } from 'vitest';
import type { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import type { Sender } from '../../src/server/log/unit-log.js';
import type { SyncTransport } from '../../src/sync/exchange/transport.js';
import { CursorUnknownError, LIMITS_LEAST, UnavailableError } from '../../src/sync/protocol/index.js';

type Kind = Exclude<keyof SyncTransport, 'limits'>;

/** A request that is on its way. */
export class HeldRequest {
  readonly kind: Kind;
  readonly #work: () => Promise<unknown>;
  readonly #back = Promise.withResolvers<unknown>();
  #done: Promise<unknown> | undefined;

  constructor(kind: Kind, work: () => Promise<unknown>) {
    this.kind = kind;
    this.#work = work;
    // Whoever has sent it may be gone.
    this.#back.promise.catch(() => undefined);
  }

  /** What the device waits for. */
  get answered(): Promise<unknown> {
    return this.#back.promise;
  }

  /** Lets it reach the server, which does what it asks for. */
  async arrive(): Promise<void> {
    this.#done ??= this.#work();
    await this.#done.catch(() => undefined);
  }

  /** Lets it reach the server, if it has not yet, and the answer come back. */
  async answer(): Promise<void> {
    await this.arrive();
    const done = this.#done as Promise<unknown>;
    await done.then(this.#back.resolve, this.#back.reject);
  }

  /** Tells the device that the line is broken, wherever the request is. */
  break(): void {
    this.#back.reject(new UnavailableError('The line is broken.'));
  }
}

/** The requests of one tab. While nobody holds them, they go through. */
export class HeldNetwork {
  readonly requests: HeldRequest[] = [];
  isHeld = true;
  readonly transport: SyncTransport;

  /** @param pushes - that may be on their way at once */
  constructor(log: MemoryUnitLog, sender: Sender, pushes = 1) {
    this.transport = {
      limits: { ...LIMITS_LEAST, pushes },
      push: (units, _signal, follows) =>
        this.#send('push', () => log.push(units, sender, undefined, undefined, follows)),
      page: (after, limits) =>
        this.#send('page', async () => {
          const page = await log.page(after, limits);
          if (page === undefined) throw new CursorUnknownError('unknown');
          return page;
        }),
      common: (marks) => this.#send('common', () => log.common(marks)),
      heal: (units) => this.#send('heal', () => log.heal(units, sender)),
    };
  }

  /** The request that comes next, once it is there. */
  async next(patience: { readonly interval: number; readonly timeout: number }): Promise<HeldRequest> {
    const at = this.#taken++;
    await vi.waitUntil(() => this.requests.length > at, patience);
    return this.requests[at] as HeldRequest;
  }

  /** Lets all go through that is held, and what is to come. */
  async release(): Promise<void> {
    this.isHeld = false;
    for (const request of this.requests) await request.answer();
  }

  #taken = 0;

  async #send<T>(kind: Kind, work: () => Promise<T>): Promise<T> {
    const request = new HeldRequest(kind, work);
    this.requests.push(request);
    if (!this.isHeld) await request.answer();
    return (await request.answered) as T;
  }
}
