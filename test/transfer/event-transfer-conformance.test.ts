/** Files of events on every engine, and from each to each. */
import { describe, expect, test } from 'vitest';
import { eventTransferCases } from '../../src/testing/conformance/event-transfer-cases.js';
import { exportEvents, hashEvents, importEvents } from '../../src/transfer/index.js';
import { describeConformance } from '../support/run-conformance.js';
import { makeEvents } from '../support/stored-events.js';
import { TRANSFER_ENGINES } from '../support/transfer-engines.js';

for (const [name, openEmpty] of Object.entries(TRANSFER_ENGINES)) {
  describeConformance(name, async () => Promise.resolve({ context: { openEmpty } }), {
    'files of events': eventTransferCases,
  });
}

describe('from each engine to each', () => {
  const names = Object.keys(TRANSFER_ENGINES);
  const pairs = names.flatMap((from) => names.map((to) => [from, to] as const));
  test.each(pairs)('%s to %s: the same events, the same hash, back again as well', async (from, to) => {
    await using ends = new AsyncDisposableStack();
    const open = async (name: string) => {
      const store = await TRANSFER_ENGINES[name]!();
      ends.defer(() => store.close());
      return store.recorder;
    };
    const [source, target, back] = [await open(from), await open(to), await open(from)];
    const events = Array.from({ length: 130 }, () => makeEvents(4)).flat();
    for (let at = 0; at < events.length; at += 40) await source.insertEvents(events.slice(at, at + 40));
    const { hash } = await hashEvents(source);
    const there = await importEvents(target, exportEvents(source));
    const again = await importEvents(back, exportEvents(target));
    expect([there.hash, again.hash, (await hashEvents(target)).hash, (await hashEvents(back)).hash]).toEqual(
      Array.from({ length: 4 }, () => hash),
    );
    expect([there.stored, there.moved, again.stored, again.moved]).toEqual([520, 0, 520, 0]);
  });
});
