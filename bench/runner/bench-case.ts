/**
 * A benchmark: one file in `bench/cases/`, listed in `case-list.ts`.
 *
 * @module
 */
import type { BrowserLab } from './browser-lab.js';
import type { Row } from './comparison.js';

/** What a run gives to its benchmarks. */
export interface BenchContext {
  /** Measured rounds; one more runs before them to warm up. */
  readonly rounds: number;
  readonly seed: number;
  /** Writes a picture beside the benchmarks, in place of the one before. */
  picture(fileName: string, svg: string): Promise<void>;
  /**
   * The browser, started when it is first asked for: some benchmarks need none.
   *
   * @param which - where there are several, each with a profile of its own @defaultValue the first, 0
   */
  lab(which?: number): Promise<BrowserLab>;
}

/** A benchmark that `npm run bench` runs by its id. */
export interface BenchCase {
  readonly id: string;
  readonly title: string;
  /** @returns the rows of its table, in order */
  run(context: BenchContext): Promise<readonly Row[]>;
}
