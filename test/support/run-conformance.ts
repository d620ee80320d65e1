import { afterAll, beforeAll, describe, test } from 'vitest';
import type { ConformanceCase } from '../../src/testing/conformance/conformance.js';

declare module 'vitest' {
  interface TaskMeta {
    /** Where in the matrix a test stands, see `scripts/lib/conformance-matrix.mjs`. */
    conformance?: { readonly engine: string; readonly suite: string; readonly name: string };
  }
}

interface Opened<Context> {
  readonly context: Context;
  close?(): Promise<void> | void;
}

/** A case that an engine does not run, and why. */
export interface ConformanceSkip {
  /** Its name. */
  readonly case: string;
  readonly reason: string;
}

/** Does work in some place. */
type Within = <T>(work: () => Promise<T>) => Promise<T>;

const anywhere: Within = (work) => work();

/** Options of {@link describeConformance}. */
export interface ConformanceOptions {
  /** Tells runs on one engine apart, for example by the kind of recorder. They share a column of the matrix. */
  readonly variant?: string;
  readonly skips?: readonly ConformanceSkip[];
  /** Why nothing is opened, and every case is skipped: what it needs is not here. @defaultValue they are run */
  readonly notRun?: string | undefined;
  /** Where it is opened, its cases run, and it is closed: an object of the runtime, in which alone its I/O is allowed. */
  readonly within?: Within;
}

/** Cases by the name of their suite. */
export type ConformanceSuites<Context> = Readonly<Record<string, readonly ConformanceCase<Context>[]>>;

/** Runs suites on one engine. The cases share one recorder: each must hold whatever was recorded before. */
export function describeConformance<Context>(
  engine: string,
  open: () => Promise<Opened<Context>>,
  suites: ConformanceSuites<Context>,
  options: ConformanceOptions = {},
): void {
  const { variant, skips = [], notRun, within = anywhere } = options;
  assertKnown(skips, suites);
  const reasons = new Map(skips.map((skip) => [skip.case, skip.reason]));
  const title = variant === undefined ? engine : `${engine}: ${variant}`;
  describe(notRun === undefined ? title : `${title} (not run: ${notRun})`, () => {
    let opened: Opened<Context> | undefined;
    beforeAll(async () => {
      if (notRun === undefined) opened = await within(open);
    });
    afterAll(async () => within(async () => opened?.close?.()));
    for (const [suite, cases] of Object.entries(suites)) {
      describe(suite, () => {
        for (const testCase of cases) {
          test(testCase.name, async ({ task, skip }) => {
            task.meta.conformance = { engine, suite, name: testCase.name };
            const reason = notRun ?? reasons.get(testCase.name);
            if (reason !== undefined) skip(reason);
            await within(() => testCase.run((opened as Opened<Context>).context));
          });
        }
      });
    }
  });
}

// A skip whose case was renamed would skip nothing, and say nothing.
function assertKnown<Context>(skips: readonly ConformanceSkip[], suites: ConformanceSuites<Context>): void {
  const names = new Set(
    Object.values(suites)
      .flat()
      .map(({ name }) => name),
  );
  for (const skip of skips) if (!names.has(skip.case)) throw new Error(`There is no case "${skip.case}" to skip.`);
}
