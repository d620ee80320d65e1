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
import { aliveLockName } from '../origin/origin-names.js';
import { isLockHeld, workInTurn } from '../origin/web-locks.js';
import { ProgrammingError } from '../persistence/errors.js';
import { systemClock } from '../util/clock.js';
import { Listeners } from '../util/listeners.js';
import { onAbort } from '../util/on-abort.js';
import { CLIENT_ERRORS, WorkerDiedError, WorkerFailedError } from '../host/protocol/client-errors.js';
import { receiveErrors } from '../host/protocol/error-transfer.js';
import { RELEASE } from '../host/protocol/release.js';
import type { StoreHost } from '../host/protocol/store-host.js';
import type { WorkerHost } from '../host/protocol/worker-host.js';
import type { StartedWorker } from './worker-script.js';
import { randomUuid } from '../util/random-uuid.js';

/** What ends a link before its worker has answered. */
export interface LinkDeadline {
  /** Milliseconds that the worker has. */
  readonly timeoutMs: number;
  /** What the pending calls are rejected with when they are over. */
  readonly tooLate: () => Error;
  /** Ends the link with its reason when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The main thread's end of the conversation with one worker, which it owns.
 *
 * @typeParam H - what the worker offers
 */
export class WorkerLink<H extends WorkerHost = StoreHost> {
  readonly #worker: Worker;
  /** Where calls go. Live queries put in its place what makes several of them at once. @internal */
  host: Remote<H>;
  /** Reject the calls that wait for an answer. */
  readonly #pending = new Listeners<[error: Error]>();
  readonly #watch = new AbortController();
  readonly #refusalListeners = new Listeners<[error: Error]>();
  /** Why calls are refused. */
  #refusal: Error | undefined;
  #hasEnded = false;

  constructor({ worker, explain }: StartedWorker) {
    receiveErrors(CLIENT_ERRORS);
    this.#worker = worker;
    this.host = wrap<H>(worker);
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      if (event.message) this.end(new WorkerFailedError(`The worker failed: ${event.message}`));
      // A script that did not load. Looking why takes a moment.
      else void explain().then((error) => this.end(error));
    });
  }

  /**
   * Calls the worker.
   *
   * @throws what the worker threw, as the same class; or why the link ended, if it ended first
   */
  call<T>(ask: (host: Remote<H>) => Promise<T>): Promise<T> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    return new Promise<T>((resolve, reject) => {
      const settled = this.#pending.add(reject);
      ask(this.host)
        .then(resolve, (error: unknown) => reject(sendingError(error)))
        .finally(settled);
    });
  }

  /**
   * Ends the link when the worker is gone, from when it answers this on: before anything that may take long.
   *
   * @throws WorkerFailedError (`WORKER_FAILED`) when the worker is of another release than the page
   * @throws as `call`
   */
  async watch(): Promise<void> {
    const lockName = aliveLockName(randomUuid());
    // The compiler does not see through Comlink's types what every host has.
    const { isHeld, release } = await this.call((host) => (host as Remote<WorkerHost>).holdAliveLock(lockName));
    if (release !== RELEASE) throw otherRelease(release);
    // After a log-out with `Clear-Site-Data: "storage"` a page of Chromium has other locks than the workers that it starts
    // from then on. There the lock looks free while the worker lives, and its death cannot be noticed.
    if (isHeld && (await isLockHeld(lockName))) this.#watchAliveLock(lockName);
  }

  /** Then, and only then, is the lock free. */
  #watchAliveLock(lockName: string): void {
    workInTurn(lockName, { mode: 'shared', signal: this.#watch.signal }, async () => {
      this.end(
        new WorkerDiedError(
          'The worker is gone. What was acknowledged is kept; a call that was pending may or may not have been recorded. Open the store again.',
        ),
      );
    })
      // Nobody waits for it.
      .catch(() => undefined);
  }

  /**
   * Ends the link if it takes too long, or when a signal says so.
   *
   * @returns calls it off
   */
  endAfter({ timeoutMs, tooLate, signal }: LinkDeadline): () => void {
    const stopTimer = systemClock.schedule(() => this.end(tooLate()), timeoutMs);
    // Whatever the caller chose as its reason.
    const callOff = onAbort(signal, () => this.end(signal?.reason as Error));
    return () => {
      stopTimer();
      callOff();
    };
  }

  /** Why every call is rejected; `undefined` while calls are taken. */
  get refusal(): Error | undefined {
    return this.#refusal;
  }

  /** Rejects later calls with the given error; pending ones are still answered. The first refusal counts. */
  refuse(error: Error): void {
    if (this.#refusal !== undefined) return;
    this.#refusal = error;
    this.#refusalListeners.tell(error);
  }

  /**
   * Calls a listener once, when every later call will be rejected, whatever the reason.
   *
   * @returns stops the call
   */
  onRefused(listener: (error: Error) => void): () => void {
    return this.#refusalListeners.add(listener);
  }

  /** Stops the worker and rejects every call, pending or later, with the given error. The first end counts. */
  end(error: Error): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#watch.abort();
    this.#worker.terminate();
    this.#pending.tell(error);
    this.refuse(error);
  }
}

/** @param release - none of a worker from before releases were told */
function otherRelease(release: string | undefined): WorkerFailedError {
  const theirs = release ?? 'an older one';
  return new WorkerFailedError(
    `The page is of release ${RELEASE} of Daybook, the worker of ${theirs}. Reload the page; if that does not help, a copy of the worker's file was left behind: copy the files anew with "npx daybook copy-assets <folder>".`,
    { details: { reason: 'other-release', pageRelease: RELEASE, workerRelease: release } },
  );
}

/** An argument that cannot be cloned never left this thread, and Comlink says so in the platform's words. */
function sendingError(error: unknown): Error {
  if (!(error instanceof DOMException) || error.name !== 'DataCloneError') return error as Error;
  return new ProgrammingError(`An argument cannot be sent to the worker: ${error.message} Nothing was stored.`, {
    cause: error,
  });
}
