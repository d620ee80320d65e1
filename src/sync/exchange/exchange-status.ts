/**
 * How synchronisation stands, as one immutable value.
 *
 * @module
 */
import type { ExchangeState } from './exchange-state.js';

/** How synchronisation stands. */
export interface ExchangeStatus {
  readonly state: ExchangeState;
  /**
   * Events that this tab knows of and the server has not confirmed; `undefined` while that is not known: at first, and
   * when the store of this tab cannot be read.
   */
  readonly pending: number | undefined;
  /** Units that wait for somebody to decide what becomes of them; `undefined` likewise. */
  readonly setAside: number | undefined;
  /** Where the store stands in the server's log; 0 at first. */
  readonly position: number;
  /** The end of the server's log, as far as it has been heard of. Not less than `position`. */
  readonly head: number;
  /** Whether the browser says that there is no network. */
  readonly offline: boolean;
  /** When the server last answered something of use, in milliseconds since 1970. Not kept across restarts. */
  readonly lastSuccessAtMs: number | undefined;
  /** Why the last attempt failed; gone after a success. */
  readonly lastError: Error | undefined;
  /** When the next attempt is due, in milliseconds since 1970, while there is one to wait for. */
  readonly nextAttemptAtMs: number | undefined;
}

/** Before anything is known. */
export const EXCHANGE_STATUS_INITIAL: ExchangeStatus = {
  state: 'starting',
  pending: undefined,
  setAside: undefined,
  position: 0,
  head: 0,
  offline: false,
  lastSuccessAtMs: undefined,
  lastError: undefined,
  nextAttemptAtMs: undefined,
};
