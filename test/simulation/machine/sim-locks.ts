/**
 * Web Locks between simulated tabs: exclusive ones, as synchronisation takes them. What a tab holds goes with it.
 *
 * @module
 */
import { currentProcess } from './sim-process.js';
import type { SimProcess } from './sim-process.js';

interface Request {
  readonly name: string;
  readonly owner: SimProcess;
  readonly work: (lock: object | null) => unknown;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Of one that is granted. */
  isStolen: boolean;
}

/** In the place of `navigator.locks`. */
export class SimLocks {
  readonly #held = new Map<string, Request>();
  readonly #waiting = new Map<string, Request[]>();

  request(name: string, options: LockOptions, work: (lock: object | null) => unknown): Promise<unknown> {
    const { ifAvailable = false, steal = false, signal, mode = 'exclusive' } = options;
    if (mode !== 'exclusive') throw new Error('Nobody has simulated shared locks.');
    const owner = currentProcess();
    return new Promise((resolve, reject) => {
      if (owner.isDead) return;
      const request: Request = { name, owner, work, resolve, reject, isStolen: false };
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
      } else if (steal) {
        this.#rob(name);
        this.#grant(request);
      } else if (!this.#held.has(name)) this.#grant(request);
      else if (ifAvailable) owner.after(0, () => resolve(work(null)));
      else this.#wait(request, signal);
    });
  }

  #wait(request: Request, signal: AbortSignal | undefined): void {
    const waiting = this.#waiting.get(request.name) ?? [];
    this.#waiting.set(request.name, waiting);
    waiting.push(request);
    const leave = (): boolean => {
      const at = waiting.indexOf(request);
      if (at !== -1) waiting.splice(at, 1);
      return at !== -1;
    };
    request.owner.onDeath(leave);
    signal?.addEventListener('abort', () => {
      if (leave()) request.reject(signal.reason);
    });
  }

  #rob(name: string): void {
    const holder = this.#held.get(name);
    if (holder === undefined) return;
    holder.isStolen = true;
    this.#held.delete(name);
    holder.owner.after(0, () => holder.reject(new DOMException('The lock was stolen.', 'AbortError')));
  }

  #grant(request: Request): void {
    const { name, owner, work, resolve, reject } = request;
    this.#held.set(name, request);
    owner.onDeath(() => this.#release(request));
    owner.after(0, () => {
      if (request.isStolen) return;
      Promise.resolve()
        .then(() => work({ name, mode: 'exclusive' }))
        .finally(() => this.#release(request))
        .then(resolve, reject);
    });
  }

  #release(request: Request): void {
    const { name } = request;
    if (this.#held.get(name) !== request) return;
    this.#held.delete(name);
    const next = this.#waiting.get(name)?.shift();
    if (next !== undefined) this.#grant(next);
  }
}
