/**
 * Measures how a store that is empty gets a server's log: by synchronisation, or by the same pages without it.
 *
 * @module
 */
import { unpackPage } from '../../src/persistence/unit-batch.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import {
  LIMITS_HEADER,
  LIMITS_LEAST,
  parseLimits,
  PATHS,
  PROTOCOL_2_VERSION,
  PROTOCOL_HEADER,
  REPLICA_HEADER,
} from '../../src/sync/protocol/index.js';
import type { SyncLimits } from '../../src/sync/protocol/index.js';
import type { Contender } from './contender.js';
import type { LogServer } from './log-server.js';

/** Synchronises a new store until it has the log. */
export interface FirstSyncJob {
  readonly kind: 'firstSync';
  readonly storeName: string;
  readonly server: LogServer;
  /** All that the log has. */
  readonly events: number;
}

/** Fetches the same pages, one after another, and commits the events of each to a new store that is not synchronised. */
export interface PagesJob extends Omit<FirstSyncJob, 'kind'> {
  readonly kind: 'pages';
}

/** What came of a {@link FirstSyncJob} or a {@link PagesJob}. */
export interface FirstSyncResult {
  /** From the first request until everything is durable and readable, in milliseconds. */
  readonly tookMs: number;
}

// What a device keeps free of a server's limit when it asks.
const OVERHEAD_BYTES = 4_096;

/** @throws Error when the store does not hold, after opening it again, what the log has */
export async function runFirstSyncJob(contender: Contender, job: FirstSyncJob): Promise<FirstSyncResult> {
  return await timed(contender, job, async () => {
    contender.follow?.(job.server);
    await contender.agreed?.(job.events);
  });
}

/** @throws Error as {@link runFirstSyncJob} */
export async function runPagesJob(contender: Contender, job: PagesJob): Promise<FirstSyncResult> {
  const replicaId = crypto.randomUUID();
  return await timed(contender, job, async () => {
    let [after, position, limits] = [CURSOR_START, 0, LIMITS_LEAST];
    while (position < job.events) {
      const response = await fetch(job.server.url + `/v${PROTOCOL_2_VERSION}${PATHS.units}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${job.server.token}`,
          [PROTOCOL_HEADER]: PROTOCOL_2_VERSION,
          [REPLICA_HEADER]: replicaId,
        },
        body: JSON.stringify({ after, ...asked(limits) }),
      });
      if (!response.ok) throw new Error(`The server has answered ${response.status}.`);
      limits = parseLimits(response.headers.get(LIMITS_HEADER));
      const page = unpackPage(new Uint8Array(await response.arrayBuffer()));
      await contender.commit(page.units.flatMap(({ events }) => events));
      ({ to: after, position } = page);
    }
  });
}

function asked({ events, bytes }: SyncLimits): { readonly events: number; readonly bytes: number } {
  return { events, bytes: bytes - OVERHEAD_BYTES };
}

async function timed(
  contender: Contender,
  { storeName, events }: Pick<FirstSyncJob, 'storeName' | 'events'>,
  work: () => Promise<void>,
): Promise<FirstSyncResult> {
  await contender.open(storeName);
  const startMs = performance.now();
  await work();
  const tookMs = performance.now() - startMs;
  await contender.close();
  await contender.open(storeName);
  const found = await contender.count();
  await contender.close();
  if (found !== events) throw new Error(`the log has ${events} events, but the store ${found} after opening again`);
  return { tookMs };
}
