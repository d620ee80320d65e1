/**
 * The shipped code is what the model is: runs of the model are written down, and played on the log of a server and on stores
 * of devices, step by step, and whatever is asked, answered and kept is compared.
 *
 * `MODEL_FIRST` replays long runs from another seed on. `npm run model -- --replay` replays more.
 *
 * @module
 */
import { describe, expect, test } from 'vitest';
import type { LostUnit } from '../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import { replay } from './replay.js';
import type { Difference, ReplayOptions } from './replay.js';
import { withPostgresLogs } from './replay-postgres.js';
import { ReplayedDevice } from './replayed-device.js';
import { underTest } from './replayed-log.js';
import type { CodeAnswer } from './replayed-log.js';
import { traceOf } from './run-model.js';
import { partsOf } from './trace-lines.js';
import { readTrace, writeTrace } from './trace.js';
import type { Trace } from './trace.js';

/** Of short runs, the same each time. */
const STORM_STEPS = 40;
const FIXED = Array.from({ length: 24 }, (_, index) => index + 1);
const ON_POSTGRES = 4;
/** Of long runs. */
const SEEDS = 6;

const first = Number(process.env['MODEL_FIRST'] || 101);
/** As somebody else has it who reads it. */
const shortTraceOf = (seed: number): Trace => readTrace(writeTrace(traceOf(seed, { stormSteps: STORM_STEPS })));

function told(difference: Difference | undefined): string | undefined {
  return difference && `step ${difference.at}, ${JSON.stringify(difference.step)}: ${difference.what}`;
}

test('of short runs the shipped code does the same', { timeout: 120_000 }, async () => {
  for (const seed of FIXED) expect(told(await replay(shortTraceOf(seed))), `seed ${seed}`).toBeUndefined();
});

test('in short runs is every kind of step, and of answer', () => {
  const traces = FIXED.map(shortTraceOf);
  const steps = new Set(traces.flatMap(({ steps: all }) => all.map((step) => step.do)));
  const all: (typeof traces)[number]['steps'][number]['do'][] = [
    ...(['grant', 'device', 'upgrade', 'release', 'record', 'retry', 'discard', 'crash', 'save', 'setBack', 'copy'] as const),
    ...(['beside', 'backup', 'restore', 'push', 'pull', 'common', 'heal', 'digest', 'forge', 'arrive'] as const),
    ...(['refused', 'page', 'rewind', 'anew', 'offered', 'truncate'] as const),
  ];
  expect([...steps].sort()).toEqual(expect.arrayContaining(all.sort()));
  const said = new Set(
    traces.flatMap(({ steps: some }) =>
      some.flatMap(({ says = [], more = [] }) => [...says, ...more].map((line) => partsOf(line).text.split(' ')[0])),
    ),
  );
  for (const word of ['accepted', 'rejected', 'conflict', 'diverged', 'rescoped', 'restored', 'known', 'setAside', 'lost', 'base']) {
    expect(said, word).toContain(word);
  }
}); // prettier-ignore

test(`of long runs the shipped code does the same (MODEL_FIRST=${first})`, { timeout: 120_000 }, async () => {
  for (let seed = first; seed < first + SEEDS; seed++) {
    const difference = await replay(traceOf(seed));
    expect(told(difference), `npm run model -- --replay --seeds 1 --first ${seed}`).toBeUndefined();
  }
});

test('a log in PostgreSQL does the same', { timeout: 120_000 }, async () => {
  await withPostgresLogs(async (openLog) => {
    for (const seed of FIXED.slice(0, ON_POSTGRES)) {
      expect(told(await replay(shortTraceOf(seed), { openLog })), `seed ${seed}`).toBeUndefined();
    }
  });
});

/** A device that takes another answer than it was given. */
class DeafDevice extends ReplayedDevice {
  override async take(what: Parameters<ReplayedDevice['take']>[0], given: CodeAnswer): Promise<void> {
    if (given.kind !== 'pull' || typeof given.page === 'string') {
      await super.take(what, given);
      return;
    }
    // As if nobody had told it of the units: it forgets them, and not where it stands.
    await super.take(what, { ...given, page: { ...given.page, units: given.page.units.slice(1) } });
  }
}

/** A device that does not go back. */
class StubbornDevice extends ReplayedDevice {
  override async take(what: Parameters<ReplayedDevice['take']>[0], given: CodeAnswer): Promise<void> {
    if (what !== 'rewind') await super.take(what, given);
  }
}

/** A device that has forgotten where it stood. */
class ForgetfulDevice extends ReplayedDevice {
  override async request(...given: Parameters<ReplayedDevice['request']>): ReturnType<ReplayedDevice['request']> {
    const asked = await super.request(...given);
    if (asked.request.kind !== 'common') return asked;
    return { ...asked, request: { ...asked.request, marks: [] } };
  }
}

/** A log that takes back a part of what is offered, and says that it is all. */
class PartialLog extends MemoryUnitLog {
  override heal(units: readonly LostUnit[], sender: Parameters<MemoryUnitLog['heal']>[1]): ReturnType<MemoryUnitLog['heal']> {
    return super.heal(units.slice(0, -1), sender);
  }
} // prettier-ignore

const FAULTS: readonly (readonly [what: string, options: ReplayOptions])[] = [
  ['a page forgets a unit', { makeDevice: (...about) => new DeafDevice(...about) }],
  ['a device does not go back', { makeDevice: (...about) => new StubbornDevice(...about) }],
  ['a device forgets where it stood', { makeDevice: (...about) => new ForgetfulDevice(...about) }],
  ['a log takes back a part', { openLog: (_tenant, options) => Promise.resolve(underTest(new PartialLog(options))) }],
];

describe('is found out when', () => {
  test.for(FAULTS)('%s', { timeout: 120_000 }, async ([, options]) => {
    const differs = async (trace: Trace): Promise<boolean> => (await replay(trace, options)) !== undefined;
    let found = false;
    for (const seed of FIXED) found ||= await differs(shortTraceOf(seed));
    expect(found).toBe(true);
  });
});
