import type { Clock } from '../../../util/clock.js';
import { onAbort } from '../../../util/on-abort.js';
import { InterfaceError, OperationalError } from '../../errors.js';

/** Ends work of a caller's that has gone silent, or must end. */
export class IdleWatch {
  readonly #clock: Clock;
  readonly #idleMsMax: number;
  #lastCallMs = 0;

  /** @param idleMsMax - milliseconds between two calls */
  constructor(clock: Clock, idleMsMax: number) {
    this.#clock = clock;
    this.#idleMsMax = idleMsMax;
  }

  /** To be called with every call of the work's. */
  note(): void {
    this.#lastCallMs = this.#clock.monotonicMs();
  }

  /**
   * Waits for work, but no longer than it calls something now and then.
   *
   * @param signal - ends it too: the store is being closed
   * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.reason: 'idle'`
   */
  guard<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    this.note();
    return new Promise((resolve, reject) => {
      // It may have been before the work began, or by it.
      const ignore = onAbort(signal, () => reject(closed()));
      let callOff: () => void;
      const look = (delayMs: number): void => {
        callOff = this.#clock.schedule(() => {
          const leftMs = this.#lastCallMs + this.#idleMsMax - this.#clock.monotonicMs();
          if (leftMs <= 0) reject(wasIdle(this.#idleMsMax));
          else look(leftMs);
        }, delayMs);
      };
      look(this.#idleMsMax);
      work.then(resolve, reject).finally(() => {
        callOff();
        ignore();
      });
    });
  }
}

function closed(): InterfaceError {
  return new InterfaceError('The store was closed, and the open transaction taken back. Nothing of it was stored.');
}

function wasIdle(idleMsMax: number): OperationalError {
  return new OperationalError(
    `The transaction called nothing for ${idleMsMax} ms, and was taken back so that others can go on. Nothing of it was stored. Wait for what is slow before the transaction, and call the transaction inside of it, not the recorder.`,
    { details: { reason: 'idle', idleMsMax } },
  );
}
