/**
 * The journal: where a commit becomes durable, and the one truth that every tab's replica follows.
 *
 * Invariants, which every implementation keeps, whoever dies at whatever moment:
 * 1. A position is written once, in order: a record is added only if the last one is at the position before it.
 * 2. Records are deleted from the front only, and only those that the older of two checkpoints holds. So the last record
 *    is always there, and tells a tab that slept through a compaction that its position has passed.
 * 3. At any moment the records after every kept checkpoint are there, or all records are.
 *
 * @module
 */

/** One journal record as it is stored. */
export interface JournalEntry {
  /** 1, 2, 3 …, without gaps. The first ones may have been compacted away. */
  readonly position: number;
  readonly bytes: Uint8Array;
}

/**
 * What an acknowledged commit survives. `strict`: a crash of the browser and a power cut. `relaxed`: a crash of the
 * browser; the last commits before a power cut or a crash of the system may be missing, whole and from the end on.
 */
export type Durability = 'strict' | 'relaxed';

/** Options of {@link Journal.append}. */
export interface AppendOptions {
  /** @defaultValue the journal's */
  readonly durability?: Durability;
  /** May be called where other writers were first; without it, or where it is not called, that is `position-taken`. */
  readonly onOvertaken?: OnOvertaken;
  /** Whether others are known to have been first: asked at once then, in place of an attempt in vain. @defaultValue false */
  readonly isOvertaken?: boolean;
}

/**
 * Told what other writers have appended, while nobody can append more, so that what it returns is sure of its position.
 *
 * @param entries - all records from the position on that was to be written
 * @returns what is to be appended instead, at the position after them; undefined, for nothing
 */
export type OnOvertaken = (entries: readonly JournalEntry[]) => JournalEntry | undefined;

/** What became of an attempt to append. */
export type AppendOutcome = 'appended' | 'position-taken';

/** An append-only sequence of records, each position written once, shared by all tabs that opened it. */
export interface Journal {
  /** Of records for which nothing else is asked. */
  readonly durability: Durability;

  /**
   * Appends a record durably.
   *
   * @returns once the record is durable: `appended`; or `position-taken` when another writer was first, and nothing changed
   * @throws StorageLostError (`STORAGE_LOST`) when the record before it is gone
   * @throws OperationalError (`OPERATIONAL_ERROR`) and its subclasses when storage fails; then nothing was stored, unless `details.outcome` is `'unknown'`
   */
  append(position: number, bytes: Uint8Array, options?: AppendOptions): Promise<AppendOutcome>;

  /** The next records after a position, in order, at most `limit`; none when there are no more. */
  readAfter(position: number, limit: number): Promise<readonly JournalEntry[]>;

  /** The position of the last record, or 0. */
  lastPosition(): Promise<number>;

  /** Where the checkpoints of this journal are kept. */
  readonly checkpoints: CheckpointStorage;

  /** Waits for nothing: what is in flight is aborted or done. */
  close(): void;
}

/** A checkpoint that replaces others. */
export interface CheckpointPublication {
  /** The journal position that the image holds. */
  readonly position: number;
  /** As `encodeCheckpointManifest` makes it. */
  readonly manifest: Uint8Array;
  /** The newest checkpoint that there was when this one was begun; nothing is published if there is another one now. */
  readonly newestBefore: number | undefined;
  /** The one older checkpoint to keep; without one, records are not deleted. */
  readonly keep: number | undefined;
  /** The chunks of both. All other chunks are deleted. */
  readonly chunkKeys: ReadonlySet<number>;
}

/** Keeps manifests and chunks; what they mean is the business of `checkpoints.ts`. */
export interface CheckpointStorage {
  /** The manifests, newest first; their positions are those of the journal. */
  readManifests(): Promise<readonly JournalEntry[]>;
  /** A chunk, or undefined when there is none. */
  readChunk(key: number): Promise<Uint8Array | undefined>;
  /** @returns the chunk's key, never given before */
  addChunk(bytes: Uint8Array): Promise<number>;
  /** Makes a checkpoint the newest, in one durable transaction. False when another one was published meanwhile. */
  publish(publication: CheckpointPublication): Promise<boolean>;
  /**
   * Deletes records that the older of two checkpoints holds, from the front, in one transaction with the look at those
   * checkpoints.
   *
   * @param limit - records to delete at most
   * @returns how many were deleted
   */
  compact(limit: number): Promise<number>;
}
