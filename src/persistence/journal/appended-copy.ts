import type { JournalCommit } from './journal-record.js';
import type { Replica } from './replica.js';

/** Who keeps a copy of what this tab appends to the journal. Nothing of it throws, nor waits. */
export interface AppendedCopy {
  /**
   * Makes a copy while the record is on its way.
   *
   * @param replica - as it is before the record
   * @returns keeps it; called once the record is durable, before anybody is answered
   */
  prepare(position: number, commits: readonly JournalCommit[], replica: Replica): () => void;
  /** Takes that synchronisation has changed the replica. @param isOwn - whether in a record of this tab */
  noteSync(commits: readonly JournalCommit[], isOwn: boolean): void;
}
