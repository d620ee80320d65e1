/**
 * What an application asks of states in a browser. Whoever has none takes no part.
 *
 * @module
 */
import type { LiveWork } from './live-rows.js';
import type { FindWork } from './stock-states.js';

/** Finds states by an index, and the same documents by hand. */
export interface FindStatesJob extends FindWork {
  readonly kind: 'findStates';
  readonly storeName: string;
}

/** Changes a row of a live query, and asks again by hand. */
export interface LiveRowsJob extends LiveWork {
  readonly kind: 'liveRows';
  readonly storeName: string;
}
