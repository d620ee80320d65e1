/**
 * Measures reading, beside the contender, in the thread where it runs.
 *
 * @module
 */
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import type { Contender } from './contender.js';
import { preload, takeOfAggregate } from './preload.js';
import { Random } from './random.js';
import { EventSource } from './workload.js';

/** One round of one contender: a new store with one large aggregate among small ones, which is read again and again. */
export interface ReadJob {
  readonly kind: 'read';
  readonly storeName: string;
  readonly seed: number;
  /** Of other aggregates. */
  readonly preloadEvents: number;
  readonly aggregateEvents: number;
  readonly warmUpReads: number;
  readonly reads: number;
}

/** What came of a {@link ReadJob}. */
export interface ReadResult {
  /** Of each reading, in order, in milliseconds. */
  readonly readMs: readonly number[];
}

/** One round of one contender: a new store that is read from its first event to its last, page by page. */
export interface PageJob {
  readonly kind: 'page';
  readonly storeName: string;
  readonly seed: number;
  readonly preloadEvents: number;
  readonly pageEvents: number;
  readonly warmUpPasses: number;
  readonly passes: number;
}

/** What came of a {@link PageJob}. */
export interface PageResult {
  /** Of each pass through the whole store, in order, in milliseconds. */
  readonly passMs: readonly number[];
}

// The large aggregate grows among the others, so that its events do not lie side by side.
const PIECES = 10;

/** @throws Error when something else is read than was written */
export async function runReadJob(contender: Contender, job: ReadJob): Promise<ReadResult> {
  const random = new Random(job.seed);
  const source = new EventSource(random);
  const originatorId = random.uuid();
  const written: StoredEvent[] = [];
  await contender.open(job.storeName);
  for (let piece = 0; piece < PIECES; piece++) {
    await preload(contender, source, job.preloadEvents / PIECES);
    const events = takeOfAggregate(source, job.aggregateEvents / PIECES, originatorId, written.length);
    await contender.commit(events);
    written.push(...events);
  }
  const readMs: number[] = [];
  for (let reading = 0; reading < job.warmUpReads + job.reads; reading++) {
    const startMs = performance.now();
    const events = await contender.selectEvents?.(originatorId);
    if (reading >= job.warmUpReads) readMs.push(performance.now() - startMs);
    assertSame(events ?? [], written);
  }
  await contender.close();
  return { readMs };
}

/** @throws Error when something else is read than was written */
export async function runPageJob(contender: Contender, job: PageJob): Promise<PageResult> {
  await contender.open(job.storeName);
  await preload(contender, new EventSource(new Random(job.seed)), job.preloadEvents, job.pageEvents);
  const passMs: number[] = [];
  for (let pass = 0; pass < job.warmUpPasses + job.passes; pass++) {
    const startMs = performance.now();
    await readPages(contender, job);
    if (pass >= job.warmUpPasses) passMs.push(performance.now() - startMs);
  }
  await contender.close();
  return { passMs };
}

async function readPages(contender: Contender, { preloadEvents, pageEvents }: PageJob): Promise<void> {
  let lastId = 0;
  while (lastId < preloadEvents) {
    const page = (await contender.selectNotifications?.(lastId + 1, pageEvents)) ?? [];
    const id = page.at(-1)?.id;
    if (page.length !== pageEvents || page[0]?.id !== lastId + 1 || id !== lastId + pageEvents) {
      throw new Error(`a page of ${page.length} events after ${lastId}, up to ${id}`);
    }
    lastId = id;
  }
}

function assertSame(read: readonly StoredEvent[], written: readonly StoredEvent[]): void {
  const [first, last] = [read[0]?.state, read.at(-1)?.state];
  const same =
    read.length === written.length &&
    first?.join() === written[0]?.state.join() &&
    last?.join() === written.at(-1)?.state.join();
  if (!same) throw new Error(`read ${read.length} events of ${written.length}, or others`);
}
