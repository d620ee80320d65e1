/**
 * The one shape in which adapters take what changes.
 *
 * @module
 */
import type { Observable } from '../../util/observable.js';

/** A value that changes, and what is shown before anything is known. */
export interface Observed<T> extends Observable<T> {
  /** What is shown on a server, and while a page takes over what a server has made: always the same object. */
  readonly initial: T;
}

/** Whether there is a page that shows things. On a server nothing is opened, watched or kept. */
export const HAS_PAGE: boolean = typeof document !== 'undefined';
