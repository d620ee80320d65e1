/**
 * B11: how many events per second the memory recorder takes, one event for each call. It is what every other recorder's
 * figure contains at the least: validation, a promise, and the bookkeeping of a commit.
 *
 * @module
 */
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { againstFigure } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import { Random } from '../runner/random.js';
import { runRounds } from '../runner/rounds.js';
import { EventSource } from '../runner/workload.js';

const EVENTS = 100_000;

export const MEMORY_RECORDER: BenchCase = {
  id: 'B11',
  title: 'memory recorder, 1 event per call',
  async run(context: BenchContext): Promise<readonly Row[]> {
    const { memory } = await runRounds({ memory: (round) => eventsPerSecond(context.seed + round) }, context.rounds);
    const what = 'memory recorder, 1 event per call';
    return [againstFigure({ id: 'B11', what, unit: 'events/s', ours: memory, atLeast: 500_000 })];
  },
};

async function eventsPerSecond(seed: number): Promise<number> {
  const events = new EventSource(new Random(seed)).take(EVENTS);
  const recorder = new MemoryProcessRecorder();
  const startMs = performance.now();
  for (const event of events) await recorder.insertEvents([event]);
  return (EVENTS * 1_000) / (performance.now() - startMs);
}
