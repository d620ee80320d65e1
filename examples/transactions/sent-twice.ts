import type { SqlRecorder, StoredEvent } from 'daybook';
import { SqlCommitIds } from 'daybook/application';

const WEEK_MS = 7 * 24 * 60 * 60 * 1000;
// So that nobody waits long for the table.
const FORGOTTEN_AT_ONCE = 1_000;

/** To be called at every start. Ids that nobody will repeat any more are forgotten. */
export async function openCommitIds(recorder: SqlRecorder): Promise<SqlCommitIds> {
  const commits = new SqlCommitIds({ recorder });
  await commits.createTables();
  const weekAgo = new Date(Date.now() - WEEK_MS);
  while ((await commits.deleteBefore(weekAgo, FORGOTTEN_AT_ONCE)) === FORGOTTEN_AT_ONCE);
  return commits;
}

/** @param commitId - chosen with what is sent, and kept with it until there is an answer: `crypto.randomUUID()` */
export async function send(commits: SqlCommitIds, commitId: string, events: StoredEvent[]): Promise<readonly number[]> {
  return await commits.once(commitId, (transaction) => transaction.insertEvents(events));
}
