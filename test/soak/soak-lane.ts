/**
 * One of a tab's threads of thought: makes up commits, tries each until its fate is known, and tells the witness.
 *
 * @module
 */
import { isEventSourcingError } from 'daybook';
import type { Daybook } from 'daybook';
import { decodeState } from './commit-states.js';
import { addOwnRow } from './own-table.js';
import type { RandomCommit, RandomCommits } from './random-commits.js';
import type { CommitReport } from './soak-messages.js';

/** What a lane needs of its tab. */
export interface LaneTab {
  /** The open store; another one when the worker of the one before died. */
  store(): Promise<Daybook>;
  /** Resolves when the reports are written down. */
  witness(reports: readonly CommitReport[]): Promise<void>;
  readonly isStopping: boolean;
}

// The worker is gone, so what was asked may or may not have been recorded; or it was asked again, and there is no room.
const UNSETTLED_CODES: readonly string[] = ['WORKER_DIED', 'WORKER_FAILED', 'STORAGE_FULL'];

/** Commits until the tab stops. */
export async function runLane(tab: LaneTab, commits: RandomCommits): Promise<void> {
  while (!tab.isStopping) {
    const made = await withReply(async () => commits.next(await tab.store()));
    if (made === undefined) continue;
    const reports = await Promise.all(made.map(async (commit) => [commit, await settle(tab, commit)] as const));
    for (const [commit, { outcome }] of reports) if (outcome === 'refused') commits.forgetRefused(commit);
    await tab.witness(reports.map(([, report]) => report));
  }
}

/** Tries a commit again and again until it is known whether it was recorded. */
async function settle(tab: LaneTab, commit: RandomCommit): Promise<CommitReport> {
  const { commitId, tracking } = commit;
  const base = { commitId, size: commit.events.length, ...(tracking === undefined ? {} : { tracking }) };
  for (let lostReplies = 0; ; lostReplies++) {
    const known = await withReply(async () => attempt(await tab.store(), commit, lostReplies > 0));
    if (known !== undefined) return { ...base, ...known, lostReplies };
  }
}

type Known = Pick<CommitReport, 'outcome' | 'notificationIds' | 'code'>;

async function attempt(store: Daybook, commit: RandomCommit, isRepeated: boolean): Promise<Known> {
  try {
    return { outcome: 'acknowledged', notificationIds: await record(store, commit) };
  } catch (error) {
    const code = codeOf(error);
    // That there is no room now says nothing of an attempt before.
    if (code === 'STORAGE_FULL' && !isRepeated) return { outcome: 'refused', notificationIds: [], code };
    if (code !== 'INTEGRITY_ERROR') throw error;
    if (isRepeated && (await isRecorded(store, commit))) return { outcome: 'found', notificationIds: [] };
    // Nobody else writes where this lane writes.
    if (!commit.isContended) throw error;
    return { outcome: 'refused', notificationIds: [], code };
  }
}

async function record({ recorder }: Daybook, commit: RandomCommit): Promise<readonly number[]> {
  const { commitId, events, tracking, hasOwnRow } = commit;
  const options = tracking === undefined ? {} : { tracking };
  if (!hasOwnRow) return recorder.insertEvents(events, options);
  return recorder.transaction(async (transaction) => {
    await addOwnRow(transaction.connection, commitId);
    return transaction.insertEvents(events, options);
  });
}

/** Whether what is at the commit's first place is the commit's own. */
async function isRecorded(store: Daybook, { commitId, events, tracking }: RandomCommit): Promise<boolean> {
  const [first] = events;
  if (first === undefined) {
    return tracking !== undefined && store.recorder.hasTrackingId(tracking.applicationName, tracking.notificationId);
  }
  const { originatorId, originatorVersion } = first;
  const [there] = await store.recorder.selectEvents(originatorId, {
    gt: originatorVersion - 1,
    lte: originatorVersion,
  });
  return there !== undefined && decodeState(there.state)?.commitId === commitId;
}

/** @returns undefined when nobody answered */
async function withReply<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const isUnsettled = UNSETTLED_CODES.includes(codeOf(error)) || isToBeRepeated(error);
    if (!isUnsettled) throw error;
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return isEventSourcingError(error) ? error.code : '';
}

/** Unknown, or nothing was stored because another tab, or this one, was frozen for too long: to be tried again. */
function isToBeRepeated(error: unknown): boolean {
  if (!isEventSourcingError(error) || error.code !== 'OPERATIONAL_ERROR') return false;
  return ['outcome', 'waitedMs', 'reason'].some((detail) => detail in error.details);
}
