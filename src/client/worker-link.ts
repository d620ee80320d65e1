/**
 * A worker and the calls that wait for it.
 *
 * Comlink never settles a call whose worker is gone. Here every pending call is rejected: the worker's `error` event
 * tells of a script that did not load, a Web Lock that the worker holds as long as it lives tells of its death.
 *
 * @module
 */
import { wrap } from 'comlink';
import type { Remote } from 'comlink';
import { WorkerDiedError, WorkerFailedError } from './client-errors.js';
import { installErrorTransfer } from './error-transfer.js';
import type { StoreHost } from './store-host.js';

/** The main thread's end of the conversation with one worker, which it owns. */
export class WorkerLink {
  readonly #worker: Worker;
  readonly #host: Remote<StoreHost>;
  readonly #pending = new Set<(error: Error) => void>();
  readonly #watch = new AbortController();
  #ended: Error | undefined;

  constructor(worker: Worker) {
    installErrorTransfer();
    this.#worker = worker;
    this.#host = wrap<StoreHost>(worker);
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      this.end(
        new WorkerFailedError(
          `The worker failed${event.message ? `: ${event.message}` : ''}. Is worker.js served as JavaScript, from this origin? Name its place with the option workerUrl.`,
        ),
      );
    });
  }

  /**
   * Calls the worker.
   *
   * @throws what the worker threw, as the same class; or why the link ended, if it ended first
   */
  call<T>(ask: (host: Remote<StoreHost>) => Promise<T>): Promise<T> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise<T>((resolve, reject) => {
      this.#pending.add(reject);
      ask(this.#host)
        .then(resolve, reject)
        .finally(() => this.#pending.delete(reject));
    });
  }

  /** Ends the link when the worker is gone: then, and only then, is the lock free. */
  watchAliveLock(lockName: string): void {
    navigator.locks
      .request(lockName, { mode: 'shared', signal: this.#watch.signal }, () => {
        this.end(
          new WorkerDiedError(
            'The worker is gone. What was acknowledged is kept; a call that was pending may or may not have been recorded. Open the store again.',
          ),
        );
      })
      // Aborted by `end`; nobody waits for it.
      .catch(() => undefined);
  }

  /** Stops the worker and rejects every call, pending or later, with the given error. The first end counts. */
  end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#watch.abort();
    this.#worker.terminate();
    for (const reject of this.#pending) reject(error);
    this.#pending.clear();
  }
}
