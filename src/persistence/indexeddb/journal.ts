/**
 * The journal: where a commit becomes durable, and the one truth that every tab's replica follows.
 *
 * @module
 */

/** One journal record as it is stored. */
export interface JournalEntry {
  /** 1, 2, 3 …, without gaps. */
  readonly position: number;
  readonly bytes: Uint8Array;
}

/** What became of an attempt to append. */
export type AppendOutcome = 'appended' | 'position-taken';

/** An append-only sequence of records, each position written once, shared by all tabs that opened it. */
export interface Journal {
  /**
   * Appends a record durably.
   *
   * @returns once the record is durable: `appended`; or `position-taken` when another writer was first, and nothing changed
   * @throws OperationalError (`OPERATIONAL_ERROR`) and its subclasses when storage fails; then nothing was stored
   */
  append(position: number, bytes: Uint8Array): Promise<AppendOutcome>;

  /** The next records after a position, in order, at most `limit`; none when there are no more. */
  readAfter(position: number, limit: number): Promise<readonly JournalEntry[]>;

  /** Waits for nothing: what is in flight is aborted or done. */
  close(): void;
}
