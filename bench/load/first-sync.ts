/**
 * A server's log, and a store in a browser that gets it for the first time.
 *
 * @module
 */
import { DAYBOOK_PAGE } from '../contenders/contender-list.js';
import type { BrowserLab } from '../runner/browser-lab.js';
import type { LogServer } from '../runner/log-server.js';
import type { LoadJob, LoadOutcome } from './load-jobs.js';

/** Of a unit in the log: what somebody records by one click. */
export const EVENTS_PER_UNIT = 4;

/** Fills a log that is empty, as devices do. */
export async function fillLog(
  run: (job: LoadJob) => Promise<LoadOutcome>,
  url: string,
  { seed, events }: { readonly seed: number; readonly events: number },
): Promise<void> {
  await run({ kind: 'backlog', url, seed, events, eventsPerUnit: EVENTS_PER_UNIT });
}

/** Times one new store. @returns milliseconds */
export async function firstSync(
  lab: BrowserLab,
  kind: 'firstSync' | 'pages',
  { url, events, storeName }: { readonly url: string; readonly events: number; readonly storeName: string },
): Promise<number> {
  const server: LogServer = { url, token: 'first-sync' };
  const { tookMs } = await lab.run(DAYBOOK_PAGE, { kind, storeName, server, events });
  return tookMs;
}
