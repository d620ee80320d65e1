/**
 * Runs jobs in the thread of a contender. Every module in `bench/contenders/` ends by calling {@link hostJobs}.
 *
 * @module
 */
import { runCommitJob } from './commit-job.js';
import type { CommitJob, CommitResult } from './commit-job.js';
import type { Contender } from './contender.js';

/** Each kind of job, and what it gives. */
export interface JobKinds {
  readonly commit: { readonly job: CommitJob; readonly result: CommitResult };
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

async function runJob(contender: Contender, job: Job): Promise<unknown> {
  const result = await runCommitJob(contender, job);
  await deleteDatabases();
  return result;
}

// Every contender has an origin of its own, so all that is found here is its own. Old stores would slow later rounds.
async function deleteDatabases(): Promise<void> {
  for (const { name } of await indexedDB.databases()) {
    if (name === undefined) continue;
    await new Promise<void>((resolve, reject) => {
      const request = indexedDB.deleteDatabase(name);
      request.onsuccess = () => resolve();
      request.onerror = () => reject(request.error ?? new Error(`cannot delete ${name}`));
      request.onblocked = () => reject(new Error(`${name} was left open`));
    });
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by: ${describe(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
