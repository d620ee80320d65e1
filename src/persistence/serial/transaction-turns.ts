import { systemClock } from '../../util/clock.js';
import { FifoMutex } from '../../util/fifo-mutex.js';
import { OperationalError } from '../errors.js';
import { transactionEnded } from './unit-of-work.js';

// Calls of a transaction wait for one another, and for transactions within it. Who waits for this long is most likely
// inside of what it waits for, and would wait for ever.
const CALL_WAIT_MS_MAX = 10_000;

/**
 * The calls of one level of a transaction that has a connection of its own: the transaction itself, or one that was opened
 * within it. One at a time, because a connection can do no more.
 *
 * ```text
 * open ──▶ ending   the work has resolved: what has come waits for its turn, new calls are refused
 *   │        │
 *   └────────┴────▶ ended: every call is refused, also one that waited
 * ```
 */
export class TransactionTurns {
  readonly #turns = new FifoMutex({ waitMsMax: CALL_WAIT_MS_MAX, clock: systemClock, tooLong: waitedTooLong });
  #state: 'open' | 'ending' | 'ended' = 'open';

  /** @throws InterfaceError (`INTERFACE_ERROR`) when the work has settled */
  assertOpen(): void {
    if (this.#state !== 'open') throw transactionEnded();
  }

  /** As {@link TransactionTurns.assertOpen}, for calls that came before the work resolved. */
  assertNotEnded(): void {
    if (this.#state === 'ended') throw transactionEnded();
  }

  /** Runs the work that this level is for, and waits for the calls that it made. The level ends with it. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.#state = 'ending';
      await this.#turns.run(() => undefined);
      return result;
    } finally {
      this.#state = 'ended';
    }
  }

  /** @throws InterfaceError (`INTERFACE_ERROR`) when the work has settled, also while the call waited */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.assertOpen();
    return await this.#turns.run(async () => {
      this.assertNotEnded();
      return await work();
    });
  }
}

/** @internal */
export function waitedTooLong(): OperationalError {
  return new OperationalError(
    'Another call of this transaction, or a transaction within it, did not end. Inside of one, call that one.',
    { details: { callWaitMsMax: CALL_WAIT_MS_MAX } },
  );
}
