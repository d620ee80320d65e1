/**
 * What a client is made of, and how what it shows stands.
 *
 * @module
 */
import type { Application } from '../../application/application.js';
import type { LiveQueries } from '../../live/live-queries.js';
import type { LiveState } from '../../live/live-query.js';
import type { LiveReads } from '../../live/live-reads.js';
import type { Sync } from '../../sync/tabs/start-sync-options.js';
import type { Observed } from './observed.js';

/** What a client is made of at least; an application adds what it reads by: states, its own functions. */
export interface ClientParts {
  /** Executes commands, and reads aggregates and events. */
  readonly app: Application;
  /** Keeps what is shown up to date. */
  readonly live: LiveQueries;
  /** @defaultValue the store is not synchronised */
  readonly sync?: Sync | undefined;
}

/** How a client stands. `failed`: it could not be opened, or the store was lost; `open` tries again. */
export type ClientState<Parts> =
  | { readonly status: 'closed' | 'opening'; readonly parts: undefined; readonly error: undefined }
  | { readonly status: 'open'; readonly parts: Parts; readonly error: undefined }
  | { readonly status: 'failed'; readonly parts: undefined; readonly error: Error };

/**
 * A query of a view: reads by `read`, of what the application is made of, and has no effect. Of what changes it takes only
 * `params`.
 */
export type ViewQuery<Parts, T, Params extends readonly unknown[] = readonly []> = (
  read: LiveReads,
  parts: Parts,
  ...params: Params
) => Promise<T>;

/** Options of a view. */
export interface ViewOptions {
  /** The field by which rows of the result are known again. @defaultValue `id`, where rows have one, and else their place */
  readonly key?: string | undefined;
}

/** What a query gives, kept up to date while somebody watches. */
export interface View<T> extends Observed<LiveState<T>> {
  /** Resolves with the first result, or failure, that there is from now on; of one that has some, at once. Begins to watch. */
  ready(): Promise<void>;
  /** Runs the query again, and resolves when that is through. */
  refresh(): Promise<void>;
}
