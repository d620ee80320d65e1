/**
 * The one door to Web Locks, and what is done where there are none: in insecure contexts, and in Node before 24. Where a
 * person refuses site data they are there, and reject: as if there were none, and storage itself says why.
 *
 * @module
 */

import { systemClock } from '../util/clock.js';

/** Gives a lock back. Giving it back twice is fine. */
export type Release = () => void;

/** What a wait for a lock came to. */
export type AloneOutcome = 'done' | 'in-use';

/**
 * Works while nobody else holds a lock; does nothing if somebody does. Where there are no Web Locks it works at once:
 * for work that only becomes double then, not wrong.
 */
export async function workIfFree(name: string, work: () => Promise<void>): Promise<void> {
  await (webLocks()?.request(name, { ifAvailable: true }, (lock) => (lock === null ? undefined : work())) ?? work());
}

/** How {@link workInTurn} waits. */
export interface TurnOptions {
  /** Calls the wait off. Work that has begun goes on, and minds the signal itself. */
  readonly signal: AbortSignal;
  /** @defaultValue `exclusive` */
  readonly mode?: LockMode;
}

/**
 * Works as soon as nobody holds a lock against it, however long that takes. Where there are no Web Locks it works at
 * once.
 *
 * @throws what the work throws, before the signal is aborted
 */
export async function workInTurn(name: string, options: TurnOptions, work: () => Promise<void>): Promise<void> {
  try {
    await (webLocks()?.request(name, options, work) ?? work());
  } catch (error) {
    if (!options.signal.aborted) throw error;
  }
}

/** How {@link leadInTurn} gets its turn. */
export interface LeadOptions {
  /** Calls the wait off. Work that has begun goes on, and minds the signal itself. */
  readonly signal: AbortSignal;
  /** Takes the lock from whoever holds it, at once. */
  readonly steal: boolean;
}

/** As {@link leadInTurn}; does nothing where somebody holds the lock. */
export async function leadIfFree(name: string, work: (stolen: AbortSignal) => Promise<void>): Promise<void> {
  await lead(name, { ifAvailable: true }, new AbortController().signal, work);
}

/**
 * Works while nobody else does, as far as it can be had: whoever holds the lock may lose it to somebody who steals it.
 * For work that is only double then, not wrong. Where there are no Web Locks it works at once.
 *
 * @param work - is given a signal that is aborted when the lock was stolen
 * @throws what the work throws, before the signal is aborted
 */
export async function leadInTurn(
  name: string,
  { signal, steal }: LeadOptions,
  work: (stolen: AbortSignal) => Promise<void>,
): Promise<void> {
  // The platform does not take both: a theft waits for nothing.
  await lead(name, steal ? { steal } : { signal }, signal, work);
}

async function lead(
  name: string,
  options: LockOptions,
  signal: AbortSignal,
  work: (stolen: AbortSignal) => Promise<void>,
): Promise<void> {
  const locks = webLocks();
  const stolen = new AbortController();
  if (locks === undefined) return work(stolen.signal);
  const turn: { working?: Promise<void> } = {};
  try {
    await locks.request(name, options, (lock) => (lock === null ? undefined : (turn.working = work(stolen.signal))));
  } catch (error) {
    const { working } = turn;
    if (working === undefined) {
      if (!signal.aborted) throw error;
    } else {
      // Stolen, or the work has failed: it says which.
      stolen.abort();
      await working;
    }
  }
}

// Who holds a lock for longer is frozen, or hangs. Less than an opening takes at the most, so that it is said what it is.
const HOLD_WAIT_MS_MAX = 30_000;

/**
 * Holds a lock until it is given back, or this worker dies.
 *
 * @param tooLong - why it is not held, when somebody holds one against it for half a minute
 * @returns how to give it back, once it is held; `undefined` where there are no Web Locks
 */
export async function holdLock(name: string, mode: LockMode, tooLong: () => Error): Promise<Release | undefined> {
  const locks = webLocks();
  if (locks === undefined) return undefined;
  const late = new AbortController();
  const callOff = systemClock.schedule(() => late.abort(tooLong()), HOLD_WAIT_MS_MAX);
  return new Promise<Release | undefined>((resolve, reject) => {
    locks
      .request(name, { mode, signal: late.signal }, () => new Promise<void>(resolve))
      .catch((error: unknown) => (isRefusal(error) ? resolve(undefined) : reject(error as Error)));
  }).finally(callOff);
}

/** Whether somebody holds a lock, as this page is told. Where there are no Web Locks, or none are told of, nobody does. */
export async function isLockHeld(name: string): Promise<boolean> {
  const state = await webLocks()
    ?.query()
    .catch(() => undefined);
  return state?.held?.some((lock) => lock.name === name) ?? false;
}

/**
 * Works while nobody else holds a lock, or gives up. Where there are no Web Locks it works at once.
 *
 * @param waitMsMax - milliseconds to wait for those who hold it; who asks for it meanwhile waits behind
 */
export async function workAlone(name: string, waitMsMax: number, work: () => Promise<void>): Promise<AloneOutcome> {
  const locks = webLocks();
  if (locks === undefined) {
    await work();
    return 'done';
  }
  const turn = { hasCome: false };
  const late = new AbortController();
  const callOff = systemClock.schedule(() => late.abort(), waitMsMax);
  try {
    await locks.request(name, { signal: late.signal }, () => {
      turn.hasCome = true;
      return work();
    });
  } catch (error) {
    if (turn.hasCome) throw error;
    if (!isRefusal(error)) return 'in-use';
    await work();
  } finally {
    callOff();
  }
  return 'done';
}

function isRefusal(error: unknown): boolean {
  return (error as Error).name === 'SecurityError';
}

/** Whatever the types say, there may be none; in Node before 21 there is no `navigator` either. */
function webLocks(): LockManager | undefined {
  return (globalThis.navigator as Navigator | undefined)?.locks;
}
