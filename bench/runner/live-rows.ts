/**
 * A live query of which one row changes, from the call that commits to the delivery, against the same call, and then the query by
 * hand: alike in Node and in a browser.
 *
 * @module
 */
import * as v from 'valibot';
import type { LiveQueries, LiveQuery } from '../../src/live/index.js';
import type { FoundState, SqlStateStore, State } from '../../src/states/index.js';
import { runRounds } from './rounds.js';
import { median } from './statistics.js';

/** What one of the rows is. */
export const countedSchema = v.object({ name: v.string(), quantity: v.number(), note: v.string() });

/** One of the rows. */
export type Counted = v.InferOutput<typeof countedSchema>;

/** What is compared. */
export interface LiveWork {
  readonly rounds: number;
  /** Of the query. */
  readonly rows: number;
  /** Of each side in a round. */
  readonly changes: number;
}

/** Milliseconds, the median of a round, for each round. */
export interface LiveTimes {
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
}

/** A store with nothing in it. */
export interface LivePlace {
  readonly states: SqlStateStore;
  readonly live: LiveQueries;
  readonly counted: State<Counted>;
}

type Row = FoundState<Counted>;

/** @throws Error when a delivery has other rows, or not the others as they were */
export async function compareLiveRows({ states, live, counted }: LivePlace, work: LiveWork): Promise<LiveTimes> {
  await states.setUp();
  const rows = Array.from({ length: work.rows }, (_, index) => ({
    id: `row-${index}`,
    version: 1,
    data: { name: `article ${index}`, quantity: 0, note: `${index} `.repeat(20) },
  }));
  await states.restore(counted, rows);
  let changes = 0;
  /** Commits one change. @returns when that began, and what was written */
  const change = async (): Promise<{ readonly id: string; readonly quantity: number; readonly atMs: number }> => {
    const quantity = ++changes;
    const id = `row-${(quantity * 7919) % work.rows}`;
    const atMs = performance.now();
    await states.update(counted, id, { quantity });
    return { id, quantity, atMs };
  };
  const ours = async (): Promise<number> => {
    const query = live.query((read) => read.find(states, counted, { orderBy: 'name' }));
    const watched = new Watched(query);
    await watched.until(() => true);
    const tookMs: number[] = [];
    for (let count = 0; count < work.changes; count++) {
      const before = watched.rows;
      const { id, quantity, atMs } = await change();
      await watched.until((after) => after.some((row) => row.id === id && row.data.quantity === quantity));
      const kept = watched.rows.filter((row, index) => row === before[index]).length;
      if (kept !== work.rows - 1) throw new Error(`${kept} of ${work.rows} rows are the same`);
      tookMs.push(watched.atMs - atMs);
    }
    watched.stop();
    return median(tookMs);
  };
  const theirs = async (): Promise<number> => {
    const tookMs: number[] = [];
    for (let count = 0; count < work.changes; count++) {
      const { id, quantity, atMs } = await change();
      const found = await states.find(counted, { orderBy: 'name' });
      if (!found.some((row) => row.id === id && row.data.quantity === quantity))
        throw new Error('not what was written');
      tookMs.push(performance.now() - atMs);
    }
    return median(tookMs);
  };
  return await runRounds({ ours, theirs }, work.rounds);
}

/** Who watches a query. */
class Watched {
  rows: readonly Row[] = [];
  /** When they came. */
  atMs = 0;
  readonly stop: () => void;
  #wake: (() => void) | undefined;
  #error: Error | undefined;

  constructor(query: LiveQuery<readonly Row[]>) {
    this.stop = query.subscribe(({ status, data, error }) => {
      if (status === 'loading') return;
      this.atMs = performance.now();
      this.#error = error;
      if (data !== undefined) this.rows = data;
      this.#wake?.();
    });
  }

  /** Resolves when rows are there of which something is true. */
  async until(isSo: (rows: readonly Row[]) => boolean): Promise<void> {
    while (this.rows.length === 0 || !isSo(this.rows)) {
      if (this.#error !== undefined) throw this.#error;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
