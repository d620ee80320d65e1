/**
 * A replica that follows a journal: everything that changes the one or appends to the other.
 *
 * Invariants (the numbers are those of `durable-recorder.ts`):
 * 2. The replica holds exactly the records 1 … `applied`, whole: a record is applied only after it is durable.
 * 4. A record is appended at `applied + 1` only.
 * 5. The replica changes only inside `exclusive`, one piece of work at a time.
 * 6. A gap is never passed over. If the records that are missing were compacted away, a checkpoint holds them: its image
 *    takes the replica's place at once and whole, so that no reader sees a part of it.
 * 7. An image is taken inside `exclusive`, so it holds exactly the records 1 … `applied`.
 *
 * @module
 */
import { systemClock } from '../../util/clock.js';
import { inTime } from '../../util/in-time.js';
import { CorruptJournalError, InterfaceError, InternalError } from '../errors.js';
import type { Replica } from './replica.js';
import type { AppendedCopy } from './appended-copy.js';
import { Backlog } from './backlog.js';
import { Checkpoints } from './checkpoints.js';
import type { CheckpointOutcome, LoadedCheckpoint } from './checkpoints.js';
import { decodeJournalRecord, encodeJournalRecord } from './journal-record.js';
import type { JournalCommit } from './journal-record.js';
import type { AppendOutcome, Durability, Journal, JournalEntry } from './journal.js';
import type { OnOpenProgress } from './open-progress.js';

// A worker that ends in the middle of a transaction may leave its connection open in WebKit. It is told to stop, and a
// chunk takes milliseconds; what takes longer waits for another tab, and may do so for ever.
const BACKGROUND_WAIT_MS = 2_000;
// Records read at once while catching up: bounds memory, and lets other work in between.
const CATCH_UP_RECORDS_MAX = 500;
// What a record costs to replay, beside its bytes, in bytes: about as much as a small event.
const REPLAY_BYTES_PER_RECORD = 300;
// Below this a replay takes a few hundredths of a second, and an image saves nothing.
const CHECKPOINT_BYTES_MIN = 1024 * 1024;
// A checkpoint costs as much as the image is large: if it waits until the journal has grown by a part of the image, the
// cost for each event stays the same however large the store is. An eighth keeps what is to be replayed small.
const CHECKPOINT_IMAGE_FRACTION = 1 / 8;

/** Takes images of the replica, and makes replicas of images. */
export interface ReplicaImages {
  /** Everything that the replica holds, as bytes that later changes do not touch. Called while no transaction is open. */
  save(): Uint8Array;
  /** Makes the replica that an image is of, in place of the one before, which is not used any more. */
  load(image: Uint8Array): Replica;
}

/** What a {@link JournalFollower} needs. */
export interface JournalFollowerOptions {
  /** Empty at first: opening applies the whole journal to it. Owned by the recorder from then on. */
  readonly replica: Replica;
  /** Owned by the recorder from then on, and closed with it. */
  readonly journal: Journal;
  /** Without it, no checkpoints are written, and a store that was compacted cannot be opened. */
  readonly images?: ReplicaImages;
  /** Units that may be pending; more are refused. @defaultValue any number */
  readonly pendingUnitsMax?: number | undefined;
  /** Size of the chunks of images. @defaultValue 1 MiB */
  readonly chunkBytes?: number;
  /**
   * Called after every change of the replica, own or another tab's, with the position that it holds now, and what was
   * applied; not of an image, which may hold anything.
   */
  readonly onApplied?: (position: number, own: boolean, commits?: readonly JournalCommit[]) => void;
}

/** Keeps a replica at the end of a journal, as far as it is known, and appends what was checked against it. */
export class JournalFollower {
  #replica: Replica;
  readonly #journal: Journal;
  readonly #images: ReplicaImages | undefined;
  readonly #checkpoints: Checkpoints;
  readonly #onApplied: NonNullable<JournalFollowerOptions['onApplied']>;
  readonly #backlog: Backlog | undefined;
  /** The last record that the replica holds. */
  #applied = 0;
  /** The last record that is known to exist, by a hint. */
  #head = 0;
  /** What it would cost to replay the records since the newest checkpoint that this tab knows of. */
  #replayBytes = 0;
  #imageBytes = 0;
  readonly #closing = new AbortController();
  /** The checkpoint, or the deletion of records, that is in flight. */
  #background: Promise<void> = Promise.resolve();
  #last: Promise<unknown> = Promise.resolve();
  #failure: Error | undefined;
  /** Keeps a copy of what is appended from now on. */
  copy: AppendedCopy | undefined;

  constructor(options: JournalFollowerOptions) {
    this.#replica = options.replica;
    this.#journal = options.journal;
    this.#images = options.images;
    const { chunkBytes } = options;
    const storage = options.journal.checkpoints;
    this.#checkpoints = new Checkpoints(chunkBytes === undefined ? { storage } : { storage, chunkBytes });
    this.#onApplied = options.onApplied ?? (() => undefined);
    const { pendingUnitsMax } = options;
    this.#backlog = pendingUnitsMax === undefined ? undefined : new Backlog(pendingUnitsMax);
  }

  /** Not to be kept: a checkpoint may take its place. */
  get replica(): Replica {
    return this.#replica;
  }

  /** The last record that the replica holds. */
  get applied(): number {
    return this.#applied;
  }

  /** Whether records are known to exist that the replica does not hold. */
  get isBehind(): boolean {
    return this.#head > this.#applied;
  }

  /** Aborted when the store is being closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** How much a checkpoint is needed: 1 and more means that it is due. */
  get checkpointNeed(): number {
    if (this.#images === undefined) return 0;
    return this.#replayBytes / Math.max(CHECKPOINT_BYTES_MIN, this.#imageBytes * CHECKPOINT_IMAGE_FRACTION);
  }

  /** Brings the replica to the end of the journal for the first time. */
  async open(onProgress?: OnOpenProgress): Promise<void> {
    await this.exclusive(async () => {
      await this.#loadCheckpoint(onProgress);
      await this.catchUp(onProgress);
    });
  }

  /** As in `DurableRecorder`. */
  async checkpoint(): Promise<CheckpointOutcome> {
    return await this.#inBackground(this.#checkpoint());
  }

  async #checkpoint(): Promise<CheckpointOutcome> {
    const images = this.#images;
    if (images === undefined) throw new InterfaceError('The replica of this store cannot give images.');
    if ((await this.#checkpoints.newestPosition()) >= this.#applied) {
      this.#replayBytes = 0;
      return 'superseded';
    }
    const { position, image } = await this.exclusive(async () => {
      this.assertUsable();
      const taken = { position: this.#applied, image: images.save() };
      this.#replayBytes = 0;
      this.#imageBytes = taken.image.length;
      return taken;
    });
    return await this.#checkpoints.write(position, image, this.#closing.signal);
  }

  /** As in `DurableRecorder`. */
  async image(): Promise<Uint8Array> {
    await this.whenCurrent();
    return await this.exclusive(async () => {
      this.assertUsable();
      if (this.#images === undefined) throw new InterfaceError('The replica of this store cannot give images.');
      return this.#images.save();
    });
  }

  /** As in `DurableRecorder`. */
  async compact(limit: number): Promise<number> {
    return await this.#inBackground(this.#checkpoints.compact(limit));
  }

  /** Takes a hint that a record exists. */
  noteHead(position: number): void {
    if (position <= this.#head) return;
    this.#head = position;
    // A failure is kept and met by the next call; nobody waits for this one.
    if (position > this.#applied) void this.whenCurrent().catch(() => undefined);
  }

  /** Waits until the replica holds every record that it was told of. */
  async whenCurrent(): Promise<void> {
    this.assertUsable();
    if (!this.isBehind) return;
    await this.exclusive(async () => {
      // A commit before it in the queue may have read all there was.
      if (this.isBehind) await this.catchUp();
    });
  }

  /** Applies what the journal has and the replica has not. Only inside `exclusive`. */
  async catchUp(onProgress?: OnOpenProgress): Promise<void> {
    this.assertSound();
    const from = this.#applied;
    const totalRecords = onProgress === undefined ? 0 : (await this.#journal.lastPosition()) - from;
    let hinted: number;
    for (;;) {
      hinted = this.#head;
      const entries = await this.#journal.readAfter(this.#applied, CATCH_UP_RECORDS_MAX);
      const gapAt = this.#applyUntilGap(entries);
      const doneRecords = this.#applied - from;
      onProgress?.({ phase: 'journal', doneRecords, totalRecords: Math.max(totalRecords, doneRecords) });
      if (gapAt === undefined && entries.length < CATCH_UP_RECORDS_MAX) break;
      if (gapAt !== undefined) await this.#passGap(gapAt);
    }
    // A hint may have spoken of a record that no longer counts, for example of a deleted store; not one that has come since.
    if (this.#head === hinted) this.#head = this.#applied;
  }

  /**
   * Appends commits that were checked against the replica as it is, as one record, and applies it when it is durable.
   * If another tab was first, this one applies what that tab wrote, and the commits are to be checked again: at once, by
   * `recheck`, so that they are appended all the same, or else by the caller, who is told. Only inside `exclusive`.
   *
   * @param durabilities - what those ask for who wait for it, the store's own where they do not: the strictest counts
   * @param recheck - checks against the replica as it is then, and says what is to be appended now
   */
  async append(
    commits: readonly JournalCommit[],
    durabilities: readonly (Durability | undefined)[],
    recheck?: () => readonly JournalCommit[],
  ): Promise<AppendOutcome> {
    const first = this.#applied + 1;
    let record = encodedRecord(first, commits);
    const onOvertaken = (entries: readonly JournalEntry[]): JournalEntry | undefined => {
      if (this.#applyUntilGap(entries) !== undefined) return undefined;
      const rechecked = recheck?.() ?? [];
      if (rechecked.length === 0) return undefined;
      record = encodedRecord(this.#applied + 1, rechecked);
      return record;
    };
    const durability = strictest(durabilities, this.#journal.durability);
    const { isBehind: isOvertaken } = this;
    const options = recheck === undefined ? { durability } : { durability, onOvertaken, isOvertaken };
    const prepared = record;
    const appending = this.#journal.append(first, record.bytes, options);
    // While it is on its way: whoever waits for it does not wait for this.
    const keep = this.copy?.prepare(record.position, record.commits, this.#replica);
    const outcome = await appending;
    if (outcome === 'appended') {
      if (record === prepared) keep?.();
      else this.copy?.prepare(record.position, record.commits, this.#replica)();
      this.#replayBytes += record.bytes.length + REPLAY_BYTES_PER_RECORD;
      this.#apply(record.position, record.commits, true);
    } else {
      // Each round means that some tab made progress.
      await this.catchUp();
      if (this.#applied < first) throw this.fail(headless(first));
    }
    return outcome;
  }

  /**
   * @param more - units that are recorded with those before it
   * @throws BacklogFullError (`BACKLOG_FULL`) when commits would add to what is pending, and there is enough of that
   */
  assertRoom(commits: readonly Pick<JournalCommit, 'events' | 'unit'>[], more: number = 0): void {
    this.#backlog?.assertRoom(this.#replica, commits, more);
  }

  /** Runs work while nothing else changes the replica or appends, in the order of the calls. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Refuses new work. */
  beginClosing(): void {
    this.#closing.abort();
  }

  /** Waits for what is in flight, then closes the journal. */
  async close(): Promise<void> {
    await this.#last.catch(() => undefined);
    await inTime(systemClock, BACKGROUND_WAIT_MS, this.#background, () => undefined);
    this.#journal.close();
  }

  #inBackground<T>(work: Promise<T>): Promise<T> {
    this.#background = work.then(
      () => undefined,
      () => undefined,
    );
    return work;
  }

  /** Stops this replica for good: it may differ from the journal now. */
  fail(error: Error): Error {
    this.#failure ??= error;
    return error;
  }

  /** @throws InterfaceError (`INTERFACE_ERROR`) when the store is closed; or why it stopped */
  assertUsable(): void {
    if (this.#closing.signal.aborted) throw new InterfaceError('The store is closed. Open it again to use it.');
    this.assertSound();
  }

  /** @throws why the replica stopped, if it did */
  assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** @returns the position after the first gap, if there is one */
  #applyUntilGap(entries: readonly JournalEntry[]): number | undefined {
    for (const { position, bytes } of entries) {
      if (position !== this.#applied + 1) return position;
      this.#apply(position, this.#decode(position, bytes), false);
      this.#replayBytes += bytes.length + REPLAY_BYTES_PER_RECORD;
    }
    return undefined;
  }

  /** What is missing was compacted away, or it is lost. Every return means progress, so the caller may go on. */
  async #passGap(found: number): Promise<void> {
    const damage = await this.#loadCheckpoint();
    if (damage === 'loaded') return;
    throw this.fail(damage ?? gap(this.#applied + 1, found));
  }

  /** Takes the newest sound checkpoint, if it is ahead; else says what was wrong with the newest. */
  async #loadCheckpoint(onProgress?: OnOpenProgress): Promise<CorruptJournalError | 'loaded' | undefined> {
    if (this.#images === undefined) return undefined;
    const loaded = await this.#checkpoints.load(this.#applied, onProgress);
    if (loaded === undefined || loaded instanceof CorruptJournalError) return loaded;
    this.#install(this.#images, loaded);
    return 'loaded';
  }

  #install(images: ReplicaImages, { position, image }: LoadedCheckpoint): void {
    try {
      this.#replica = images.load(image);
    } catch (cause) {
      throw this.fail(
        new InternalError(
          `Checkpoint ${position} is sound, but could not be loaded. Open the store again; nothing is lost.`,
          { cause, details: { position } },
        ),
      );
    }
    this.#backlog?.forget();
    this.#imageBytes = image.length;
    this.#replayBytes = 0;
    this.#advance(position, false);
  }

  #decode(position: number, bytes: Uint8Array): readonly JournalCommit[] {
    try {
      return decodeJournalRecord(position, bytes);
    } catch (error) {
      throw this.fail(error as Error);
    }
  }

  #apply(position: number, commits: readonly JournalCommit[], own: boolean): void {
    try {
      this.#replica.apply(commits);
    } catch (cause) {
      throw this.fail(
        new InternalError(
          `Journal record ${position} is durable, but could not be applied here. Open the store again; nothing is lost.`,
          { cause, details: { position } },
        ),
      );
    }
    this.#backlog?.note(commits);
    if (commits.some(({ sync }) => sync !== undefined)) this.copy?.noteSync(commits, own);
    this.#advance(position, own, commits);
  }

  #advance(position: number, own: boolean, commits?: readonly JournalCommit[]): void {
    this.#applied = position;
    this.#head = Math.max(this.#head, position);
    this.#onApplied(position, own, commits);
  }
}

function encodedRecord(
  position: number,
  commits: readonly JournalCommit[],
): JournalEntry & { readonly commits: readonly JournalCommit[] } {
  return { position, bytes: encodeJournalRecord(position, commits), commits };
}

/** A record is as durable as the commit in it that asks for most. */
function strictest(asked: readonly (Durability | undefined)[], otherwise: Durability): Durability {
  return asked.some((durability) => (durability ?? otherwise) === 'strict') ? 'strict' : 'relaxed';
}

function headless(position: number): CorruptJournalError {
  return new CorruptJournalError(
    `Journal record ${position} is said to be there, and cannot be read. The store stays as it is and is not opened further.`,
    { details: { position } },
  );
}

function gap(expected: number, found: number): CorruptJournalError {
  return new CorruptJournalError(
    `Journal record ${expected} is missing (the next is ${found}). The store stays as it is and is not opened further.`,
    { details: { position: expected, found } },
  );
}
