import { afterAll, beforeAll, describe, test } from 'vitest';
import type { ConformanceCase } from '../../src/testing/conformance.js';

interface Opened<Context> {
  readonly context: Context;
  close?(): Promise<void> | void;
}

/** Runs suites on one engine. The cases share one recorder: each must hold whatever was recorded before. */
export function describeConformance<Context>(
  engine: string,
  open: () => Promise<Opened<Context>>,
  suites: Readonly<Record<string, readonly ConformanceCase<Context>[]>>,
): void {
  describe(engine, () => {
    let opened: Opened<Context>;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(async () => opened.close?.());
    for (const [suite, cases] of Object.entries(suites)) {
      describe(suite, () => {
        for (const testCase of cases) test(testCase.name, async () => testCase.run(opened.context));
      });
    }
  });
}
