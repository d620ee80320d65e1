/**
 * Receipts: how far a commit has come, for whoever waits for it.
 *
 * ```text
 * persisted ──▶ pushed ──▶ confirmed            set aside, withdrawn, discarded: pushed and confirmed reject; but what is
 *                          left: it was so       about to be decided again is waited for
 *                  ▲           │
 *                  └── lost ◀──┘ the server was set back: it is brought back, and confirmed again
 * ```
 *
 * @module
 */
import { InterfaceError } from '../../persistence/errors.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import { SUPERSEDED, UNITS_FOUND_MAX } from '../../persistence/unit-recorder.js';
import type { UnitRecorder, UnitStanding } from '../../persistence/unit-recorder.js';
import type { UnitId } from '../../persistence/unit.js';
import { validateUnitKeys } from '../../persistence/unit-validation.js';
import { onAbort } from '../../util/on-abort.js';
import { SetAsideError } from '../protocol/index.js';

/** How long a {@link Receipt} is waited for. */
export interface ReceiptOptions {
  /** Ends the wait, with its reason: `AbortSignal.timeout(10_000)`, for example. @defaultValue none */
  readonly signal?: AbortSignal | undefined;
}

/**
 * How far a commit has come. Each call waits on its own account, and may be made again.
 *
 * Each rejects with:
 * - the reason of its signal
 * - `InterfaceError` (`INTERFACE_ERROR`) when the synchronisation was closed before
 * - what the store rejects with, when it cannot be read
 *
 * @example
 * ```ts
 * const { notificationIds } = await app.execute(order, id, place());
 * const receipt = sync.receipt(notificationIds[0]);
 * await receipt.confirmed({ signal: AbortSignal.timeout(10_000) });
 * ```
 */
export interface Receipt {
  /** Resolves when this device has it. At once, unless a unit's id is asked for before it was recorded. */
  persisted(options?: ReceiptOptions): Promise<UnitStanding>;
  /**
   * Resolves when the server has said that it takes it. A word of the server's only: it is sent until it is confirmed.
   *
   * @throws SetAsideError (`SET_ASIDE`) when it was set aside, or given up
   */
  pushed(options?: ReceiptOptions): Promise<UnitStanding>;
  /**
   * Resolves when it has its place in the server's log, which this device has read; also when it may not see it any more.
   *
   * @throws SetAsideError (`SET_ASIDE`) when it was set aside, or given up
   */
  confirmed(options?: ReceiptOptions): Promise<UnitStanding>;
}

/** What {@link UnitReceipts} need. */
export interface UnitReceiptsOptions {
  readonly recorder: Pick<UnitRecorder, 'findUnits'>;
  /** Units up to this local id were taken by the server, as far as is known. */
  readonly acceptedUpTo: () => NotificationId;
  /** Whether somebody decides again what gave way, so that it is waited for. */
  readonly isDecidedAgain: boolean;
}

type Stage = keyof Receipt;

interface Waiter {
  readonly key: UnitId | NotificationId;
  readonly stage: Stage;
  readonly resolve: (standing: UnitStanding) => void;
  readonly reject: (error: unknown) => void;
}

/** Gives receipts, and looks for all that are waited for at once. */
export class UnitReceipts {
  readonly #options: UnitReceiptsOptions;
  readonly #waiting = new Set<Waiter>();
  #isLooking = false;
  #hasNews = false;
  #isClosed = false;

  constructor(options: UnitReceiptsOptions) {
    this.#options = options;
  }

  /** Whether anybody waits. */
  get isAwaited(): boolean {
    return this.#waiting.size > 0;
  }

  /**
   * The receipt of a commit, by the id of its unit or by that of an event of it.
   *
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is neither
   */
  of(key: UnitId | NotificationId): Receipt {
    validateUnitKeys([key]);
    const until =
      (stage: Stage) =>
      ({ signal }: ReceiptOptions = {}): Promise<UnitStanding> =>
        this.#until(key, stage, signal);
    return { persisted: until('persisted'), pushed: until('pushed'), confirmed: until('confirmed') };
  }

  /** Takes that something was recorded, confirmed, sent or set aside. */
  noteNews(): void {
    this.#hasNews = true;
    if (!this.#isLooking && this.isAwaited) void this.#look();
  }

  /** Who waits is refused, now and later. */
  close(): void {
    this.#isClosed = true;
    this.#refuse(() => closed());
  }

  #until(key: UnitId | NotificationId, stage: Stage, signal: AbortSignal | undefined): Promise<UnitStanding> {
    if (this.#isClosed) return Promise.reject(closed());
    const { promise, resolve, reject } = Promise.withResolvers<UnitStanding>();
    const leave = (): void => {
      this.#waiting.delete(waiter);
      callOff();
    };
    const waiter: Waiter = {
      key,
      stage,
      resolve: (standing) => {
        leave();
        resolve(standing);
      },
      reject: (error) => {
        leave();
        reject(error);
      },
    };
    this.#waiting.add(waiter);
    const callOff = onAbort(signal, () => waiter.reject(signal?.reason));
    this.noteNews();
    return promise;
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    while (this.#hasNews && this.isAwaited) {
      this.#hasNews = false;
      const waiters = [...this.#waiting];
      for (let start = 0; start < waiters.length; start += UNITS_FOUND_MAX) {
        await this.#lookFor(waiters.slice(start, start + UNITS_FOUND_MAX));
      }
    }
    this.#isLooking = false;
  }

  async #lookFor(waiters: readonly Waiter[]): Promise<void> {
    const { acceptedUpTo, isDecidedAgain, recorder } = this.#options;
    try {
      const found = await recorder.findUnits(waiters.map(({ key }) => key));
      waiters.forEach((waiter, index) => settle(waiter, found[index], acceptedUpTo(), isDecidedAgain));
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error);
    }
  }

  #refuse(error: () => unknown): void {
    for (const waiter of this.#waiting) waiter.reject(error());
  }
}

function settle(
  { stage, resolve, reject }: Waiter,
  standing: UnitStanding | undefined,
  acceptedUpTo: number,
  isDecidedAgain: boolean,
): void {
  if (standing === undefined) return;
  const { firstNotificationId, state } = standing;
  if (stage === 'persisted') resolve(standing);
  else if (state === 'setAside' && isDecidedAgain && standing.reason?.code === SUPERSEDED) return;
  else if (state === 'setAside' || state === 'withdrawn' || state === 'discarded') reject(setAside(standing));
  else if (state === 'confirmed' || state === 'left') resolve(standing);
  // What is lost was taken once, and is not there any more.
  else if (stage === 'pushed' && state === 'pending' && firstNotificationId <= acceptedUpTo) resolve(standing);
}

function setAside({ id, state, reason }: UnitStanding): SetAsideError {
  if (state === 'withdrawn') {
    const why = 'The unit was decided again, on what others have recorded, and had nothing to do any more.';
    return new SetAsideError(why, { details: { unitId: id, reason: 'WITHDRAWN' } });
  }
  if (state === 'discarded') {
    const why = 'The unit was set aside, and somebody has given it up.';
    return new SetAsideError(why, { details: { unitId: id, reason: 'DISCARDED' } });
  }
  return new SetAsideError(`The unit was set aside: ${reason?.message ?? ''} Nothing of it is lost.`, {
    details: { unitId: id, reason: reason?.code },
  });
}

function closed(): InterfaceError {
  return new InterfaceError('The synchronisation was closed. What is pending is sent when it is started again.');
}
