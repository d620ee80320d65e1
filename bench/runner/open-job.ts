/**
 * Measures how long a store takes to open, beside the contender, in the thread where it runs.
 *
 * @module
 */
import type { Contender } from './contender.js';
import { preload } from './preload.js';
import { Random } from './random.js';
import { EventSource } from './workload.js';

/** Makes a store that is opened later, and keeps it. */
export interface FillJob {
  readonly kind: 'fill';
  readonly storeName: string;
  readonly seed: number;
  readonly events: number;
  readonly eventsPerCommit: number;
}

/** Opens the store of a {@link FillJob}, reads one aggregate, and closes it. */
export interface OpenJob {
  readonly kind: 'open';
  readonly storeName: string;
  /** That of the {@link FillJob}: says which aggregate comes first. */
  readonly seed: number;
  readonly events: number;
}

/** What came of an {@link OpenJob}. */
export interface OpenResult {
  /** Until the aggregate was read, in milliseconds. */
  readonly openMs: number;
}

/** Deletes every store of the contender. */
export interface ClearJob {
  readonly kind: 'clear';
}

// Somebody who closes a page has paused before: time for what a contender does in the background, if it cannot say when
// that is done.
const PAUSE_MS = 2_000;

export async function runFillJob(contender: Contender, job: FillJob): Promise<undefined> {
  await contender.open(job.storeName);
  await preload(contender, new EventSource(new Random(job.seed)), job.events, job.eventsPerCommit);
  if (contender.settle !== undefined) {
    await contender.settle();
  } else {
    await new Promise((resolve) => {
      setTimeout(resolve, PAUSE_MS);
    });
  }
  await contender.close();
}

/** @throws Error when the store does not hold what was committed */
export async function runOpenJob(
  contender: Contender,
  job: Omit<OpenJob, 'kind'>,
  { keepOpen }: { readonly keepOpen: boolean } = { keepOpen: false },
): Promise<OpenResult> {
  const [event] = new EventSource(new Random(job.seed)).take(1);
  const startMs = performance.now();
  await contender.open(job.storeName);
  const events = await contender.selectEvents?.(event?.originatorId ?? '');
  const openMs = performance.now() - startMs;
  const found = await contender.count();
  if (!keepOpen) await contender.close();
  if (events?.[0]?.topic !== event?.topic || found !== job.events) {
    throw new Error(`committed ${job.events} events, but found ${found}, or others`);
  }
  return { openMs };
}
