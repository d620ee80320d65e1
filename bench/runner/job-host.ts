/**
 * Runs jobs in the thread of a contender. Every module in `bench/contenders/` ends by calling {@link hostJobs}.
 *
 * @module
 */
import type { ApplicationResult, DecideAgainJob, ExecuteJob, HotAggregateJob } from './application-jobs.js';
import { runBurstJob } from './burst-job.js';
import type { BurstJob, BurstResult } from './burst-job.js';
import { runCommitJob } from './commit-job.js';
import type { CommitJob, CommitResult } from './commit-job.js';
import type { Contender } from './contender.js';
import { runFirstSyncJob, runPagesJob } from './first-sync-job.js';
import type { FirstSyncJob, FirstSyncResult, PagesJob } from './first-sync-job.js';
import { runGrowthJob } from './growth-job.js';
import type { GrowthJob, GrowthResult, ReleaseJob } from './growth-job.js';
import type { LiveTimes } from './live-rows.js';
import { nowMs } from './now.js';
import { LiveStore } from './live-jobs.js';
import type { AgreedJob, ClockJob, HeardJob, JoinJob, RecordJob, RecordResult } from './live-jobs.js';
import { runFillJob, runOpenJob } from './open-job.js';
import type { ClearJob, FillJob, OpenJob, OpenResult } from './open-job.js';
import { runPageJob, runReadJob } from './read-job.js';
import type { PageJob, PageResult, ReadJob, ReadResult } from './read-job.js';
import { PartsClient } from './parts-jobs.js';
import type { ListenJob, RequestJob, ToldJob } from './parts-jobs.js';
import type { FindStatesJob, LiveRowsJob } from './state-jobs.js';
import type { FindTimes } from './stock-states.js';
import { runTabJob } from './tab-job.js';
import type { TabJob, TabResult } from './tab-job.js';

/** Each kind of job, and what it gives. */
export interface JobKinds {
  readonly commit: { readonly job: CommitJob; readonly result: CommitResult };
  readonly burst: { readonly job: BurstJob; readonly result: BurstResult };
  readonly read: { readonly job: ReadJob; readonly result: ReadResult };
  readonly page: { readonly job: PageJob; readonly result: PageResult };
  readonly fill: { readonly job: FillJob; readonly result: undefined };
  readonly open: { readonly job: OpenJob; readonly result: OpenResult };
  readonly growth: { readonly job: GrowthJob; readonly result: GrowthResult };
  readonly release: { readonly job: ReleaseJob; readonly result: undefined };
  readonly tab: { readonly job: TabJob; readonly result: TabResult };
  readonly firstSync: { readonly job: FirstSyncJob; readonly result: FirstSyncResult };
  readonly pages: { readonly job: PagesJob; readonly result: FirstSyncResult };
  readonly join: { readonly job: JoinJob; readonly result: undefined };
  readonly record: { readonly job: RecordJob; readonly result: RecordResult };
  readonly heard: { readonly job: HeardJob; readonly result: number };
  readonly agreed: { readonly job: AgreedJob; readonly result: undefined };
  readonly clock: { readonly job: ClockJob; readonly result: number };
  readonly listen: { readonly job: ListenJob; readonly result: undefined };
  readonly told: { readonly job: ToldJob; readonly result: number };
  readonly request: { readonly job: RequestJob; readonly result: number };
  readonly execute: { readonly job: ExecuteJob; readonly result: ApplicationResult };
  readonly decideAgain: { readonly job: DecideAgainJob; readonly result: ApplicationResult };
  readonly hotAggregate: { readonly job: HotAggregateJob; readonly result: ApplicationResult };
  readonly findStates: { readonly job: FindStatesJob; readonly result: FindTimes };
  readonly liveRows: { readonly job: LiveRowsJob; readonly result: LiveTimes };
  readonly clear: { readonly job: ClearJob; readonly result: undefined };
}

/** Any job. */
export type Job = JobKinds[keyof JobKinds]['job'];

/** What comes of a job. */
export type ResultOf<J extends Job> = JobKinds[J['kind']]['result'];

/** The reply of a worker to a job. */
export type JobReply = { readonly result: unknown } | { readonly error: string };

declare global {
  /** On a page: runs a job with the contender that the page was opened for. */
  var runJob: ((job: Job) => Promise<unknown>) | undefined;
}

/** Offers a contender to the runner: by messages in a worker, as a global function on a page. */
export function hostJobs(contender: Contender): void {
  if (typeof document !== 'undefined') {
    globalThis.runJob = (job) => runJob(contender, job);
    return;
  }
  globalThis.addEventListener('message', (event: MessageEvent<Job>) => {
    runJob(contender, event.data).then(
      (result) => globalThis.postMessage({ result } satisfies JobReply),
      (error: unknown) => globalThis.postMessage({ error: describe(error) } satisfies JobReply),
    );
  });
}

// Their stores are needed by the next job, or by another tab: a job of the kind `clear` ends them.
const KEEPING: ReadonlySet<Job['kind']> = new Set([
  ...(['fill', 'open', 'growth', 'release', 'tab'] as const),
  ...(['join', 'record', 'heard', 'agreed', 'clock', 'listen', 'told', 'request'] as const),
]);

const parts = new PartsClient();
/** That of the last job of the kind `join`. */
let live: LiveStore | undefined;

async function runJob(contender: Contender, job: Job): Promise<unknown> {
  const result = await resultOfJob(contender, job);
  if (!KEEPING.has(job.kind)) {
    await contender.clear?.();
    await deleteDatabases();
  }
  return result;
}

async function resultOfJob(contender: Contender, job: Job): Promise<unknown> {
  switch (job.kind) {
    case 'commit':
      return runCommitJob(contender, job);
    case 'burst':
      return runBurstJob(contender, job);
    case 'read':
      return runReadJob(contender, job);
    case 'page':
      return runPageJob(contender, job);
    case 'fill':
      return runFillJob(contender, job);
    case 'open':
      return runOpenJob(contender, job);
    case 'growth':
      return runGrowthJob(contender, job);
    case 'release':
      await contender.close();
      if (job.deleteStore !== undefined) await deleteDatabase(job.deleteStore);
      return undefined;
    case 'tab':
      return runTabJob(contender, job);
    case 'firstSync':
      return runFirstSyncJob(contender, job);
    case 'pages':
      return runPagesJob(contender, job);
    case 'join':
      live = new LiveStore(contender);
      return live.join(job);
    case 'record':
      return live?.record(job);
    case 'heard':
      return live?.heard(job);
    case 'agreed':
      return contender.agreed?.(job.position);
    case 'clock':
      return nowMs();
    case 'listen':
      return parts.listen(job);
    case 'told':
      return parts.told(job);
    case 'request':
      return parts.request(job);
    case 'execute':
    case 'decideAgain':
    case 'hotAggregate':
      return contender.apply?.(job);
    case 'findStates':
      return contender.find?.(job);
    case 'liveRows':
      return contender.watch?.(job);
    case 'clear':
      return undefined;
  }
}

// Every contender has an origin of its own, so all that is found here is its own. Old stores would slow later rounds.
async function deleteDatabases(): Promise<void> {
  for (const { name } of await indexedDB.databases()) {
    if (name !== undefined) await deleteDatabase(name);
  }
}

async function deleteDatabase(name: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error ?? new Error(`cannot delete ${name}`));
    request.onblocked = () => reject(new Error(`${name} was left open`));
  });
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by: ${describe(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
