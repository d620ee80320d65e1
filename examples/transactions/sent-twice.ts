import type { SqlRecorder, StoredEvent } from 'daybook';
import { SqlCommitIds } from 'daybook/application';

const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

/** To be called at every start. Ids that nobody will repeat any more are forgotten. */
export async function openCommitIds(recorder: SqlRecorder): Promise<SqlCommitIds> {
  const commits = new SqlCommitIds({ recorder });
  await commits.createTables();
  await commits.deleteBefore(new Date(Date.now() - WEEK_MS));
  return commits;
}

/** @param commitId - chosen with what is sent, and kept with it until there is an answer: `crypto.randomUUID()` */
export async function send(commits: SqlCommitIds, commitId: string, events: StoredEvent[]): Promise<readonly number[]> {
  return await commits.once(commitId, (transaction) => transaction.insertEvents(events));
}
