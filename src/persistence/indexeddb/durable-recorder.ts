/**
 * A recorder whose commits are durable before they are acknowledged: *check, journal, apply*.
 *
 * ```text
 * insertEvents ─▶ queue ─▶ check against the replica ─▶ one record ─▶ journal.append ─▶ apply ─▶ acknowledge
 *                             ▲                                            │
 *                             └──── catch up ◀──── position taken ◀────────┘
 * ```
 *
 * Commits that arrive while one is in flight form a group: one record, one transaction, an outcome for each.
 *
 * Invariants (S1–S6 of the design):
 * 1. A commit resolves only after the journal said that its record is durable.
 * 2. The replica holds exactly the records 1 … `#applied`, whole: a record is applied only after it is durable,
 *    so no reader ever sees a row that may still fail.
 * 3. Nothing that is not in the record influences what is applied: ids are given before the record is made.
 * 4. A record is appended at `#applied + 1` only. If another tab was first, this one applies what that tab wrote
 *    and checks its own group again on the new state.
 * 5. The replica changes only inside `#exclusive`, one piece of work at a time.
 * 6. A gap is never passed over. If the records that are missing were compacted away, a checkpoint holds them: its image
 *    takes the replica's place at once and whole, so that no reader sees a part of it.
 * 7. An image is taken inside `#exclusive`, so it holds exactly the records 1 … `#applied`.
 *
 * @module
 */
import { CorruptJournalError, InterfaceError, InternalError } from '../errors.js';
import type {
  InsertEventsOptions,
  ProcessRecorder,
  SelectEventsOptions,
  SelectNotificationsOptions,
} from '../recorder.js';
import { CommitCheck, notificationIdsOf } from '../replica.js';
import type { Replica } from '../replica.js';
import type { Notification, NotificationId, OriginatorId, StoredEvent, Tracking } from '../stored-event.js';
import {
  validateApplicationName,
  validateEvents,
  validateSelectEvents,
  validateSelectNotifications,
  validateStateSizes,
  validateTracking,
} from '../validation.js';
import { Checkpoints } from './checkpoints.js';
import type { CheckpointOutcome, LoadedCheckpoint } from './checkpoints.js';
import { decodeJournalRecord, encodeJournalRecord } from './journal-record.js';
import type { JournalCommit } from './journal-record.js';
import type { Journal, JournalEntry } from './journal.js';

// Records read at once while catching up: bounds memory, and lets other work in between.
const CATCH_UP_RECORDS_MAX = 500;
// Commits in one record: a record must fit in memory several times over while it is written.
const GROUP_COMMITS_MAX = 1_000;
// What a record costs to replay, beside its bytes, in bytes: about as much as a small event.
const REPLAY_BYTES_PER_RECORD = 300;
// Below this a replay takes a few hundredths of a second, and an image saves nothing.
const CHECKPOINT_BYTES_MIN = 1024 * 1024;
// A checkpoint costs as much as the image is large: if it waits until the journal has grown by a part of the image, the
// cost for each event stays the same however large the store is. An eighth keeps what is to be replayed small.
const CHECKPOINT_IMAGE_FRACTION = 1 / 8;

/** One call of `insertEvents` that waits for its outcome. */
interface PendingCommit {
  readonly events: readonly StoredEvent[];
  readonly packedEvents: Uint8Array | undefined;
  readonly tracking: Tracking | undefined;
  resolve(ids: readonly NotificationId[]): void;
  reject(error: unknown): void;
}

/** What a check says of a group. */
interface CheckedGroup {
  readonly checked: readonly (readonly [PendingCommit, JournalCommit])[];
  readonly refused: readonly (readonly [PendingCommit, unknown])[];
}

/** Options of {@link DurableRecorder.insertEvents} beside those of every process recorder. */
export interface DurableInsertOptions extends InsertEventsOptions {
  /** The same events as `packEvents` makes them, if the caller has them so already. */
  readonly packedEvents?: Uint8Array;
}

/** Takes images of the replica, and makes replicas of images. */
export interface ReplicaImages {
  /** Everything that the replica holds, as bytes that later changes do not touch. Called while no transaction is open. */
  save(): Uint8Array;
  /** Makes the replica that an image is of, in place of the one before, which is not used any more. */
  load(image: Uint8Array): Replica;
}

/** What {@link DurableRecorder.open} needs. */
export interface DurableRecorderOptions {
  /** Empty at first: opening applies the whole journal to it. Owned by the recorder from then on. */
  readonly replica: Replica;
  /** Owned by the recorder from then on, and closed with it. */
  readonly journal: Journal;
  /** Without it, no checkpoints are written, and a store that was compacted cannot be opened. */
  readonly images?: ReplicaImages;
  /** Size of the chunks of images. @defaultValue 1 MiB */
  readonly chunkBytes?: number;
  /** Called after every change of the replica, own or another tab's, with the position that it holds now. */
  readonly onApplied?: (position: number, own: boolean) => void;
}

/** Implements {@link ProcessRecorder} durably, with a {@link Journal} below and a {@link Replica} to read from. */
export class DurableRecorder implements ProcessRecorder {
  #replica: Replica;
  readonly #journal: Journal;
  readonly #images: ReplicaImages | undefined;
  readonly #checkpoints: Checkpoints;
  readonly #onApplied: (position: number, own: boolean) => void;
  /** The last record that the replica holds. */
  #applied = 0;
  /** The last record that is known to exist, by a hint. */
  #head = 0;
  /** What it would cost to replay the records since the newest checkpoint that this tab knows of. */
  #replayBytes = 0;
  #imageBytes = 0;
  readonly #closing = new AbortController();
  readonly #queue: PendingCommit[] = [];
  #running = false;
  #last: Promise<unknown> = Promise.resolve();
  #failure: Error | undefined;
  #closed = false;

  private constructor(options: DurableRecorderOptions) {
    this.#replica = options.replica;
    this.#journal = options.journal;
    this.#images = options.images;
    const { chunkBytes } = options;
    const storage = options.journal.checkpoints;
    this.#checkpoints = new Checkpoints(chunkBytes === undefined ? { storage } : { storage, chunkBytes });
    this.#onApplied = options.onApplied ?? (() => undefined);
  }

  /**
   * Brings the replica to the end of the journal: from the newest sound checkpoint, or from the start.
   *
   * @throws CorruptJournalError (`CORRUPT_JOURNAL`) when a record is missing or damaged; the journal stays as it is
   * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook wrote a record
   */
  static async open(options: DurableRecorderOptions): Promise<DurableRecorder> {
    const recorder = new DurableRecorder(options);
    await recorder.#exclusive(async () => {
      await recorder.#loadCheckpoint();
      await recorder.#catchUp();
    });
    return recorder;
  }

  /** The position of the last record that is applied. */
  get position(): number {
    return this.#applied;
  }

  /** Whether commits wait, or are in flight. */
  get isBusy(): boolean {
    return this.#running;
  }

  /** How much a checkpoint is needed: 1 and more means that it is due. */
  get checkpointNeed(): number {
    if (this.#images === undefined) return 0;
    return this.#replayBytes / Math.max(CHECKPOINT_BYTES_MIN, this.#imageBytes * CHECKPOINT_IMAGE_FRACTION);
  }

  /**
   * Writes a checkpoint of what the replica holds now. Commits go on meanwhile; only taking the image makes them wait,
   * about as long as it takes to copy it. By one tab at a time: two do no harm, but the work is done twice.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) and its subclasses when storage fails; the store is as it was
   * @throws InterfaceError (`INTERFACE_ERROR`) when the store is closed, or its replica cannot give images
   */
  async checkpoint(): Promise<CheckpointOutcome> {
    this.#assertUsable();
    const images = this.#images;
    if (images === undefined) throw new InterfaceError('The replica of this store cannot give images.');
    if ((await this.#checkpoints.newestPosition()) >= this.#applied) {
      this.#replayBytes = 0;
      return 'superseded';
    }
    const { position, image } = await this.#exclusive(async () => {
      this.#assertUsable();
      const taken = { position: this.#applied, image: images.save() };
      this.#replayBytes = 0;
      this.#imageBytes = taken.image.length;
      return taken;
    });
    return await this.#checkpoints.write(position, image, this.#closing.signal);
  }

  /**
   * Deletes a part of the journal that checkpoints hold.
   *
   * @param limit - records to delete at most
   * @returns how many were deleted
   */
  async compact(limit: number): Promise<number> {
    this.#assertUsable();
    return await this.#checkpoints.compact(limit);
  }

  /**
   * Takes a hint that the journal has grown. Only a hint: the journal itself is asked before anything is believed.
   *
   * @param position - a record that exists
   */
  noteHead(position: number): void {
    if (position <= this.#head) return;
    this.#head = position;
    // A failure is kept and met by the next call; nobody waits for this one.
    if (position > this.#applied) void this.#whenCurrent().catch(() => undefined);
  }

  // The checks run before the first await, so that a refused call never enters the queue.
  async insertEvents(
    events: readonly StoredEvent[],
    options: DurableInsertOptions = {},
  ): Promise<readonly NotificationId[]> {
    this.#assertUsable();
    validateEvents(events);
    validateStateSizes(events);
    if (options.tracking !== undefined) validateTracking(options.tracking);
    if (events.length === 0 && options.tracking === undefined) return [];
    return await new Promise((resolve, reject) => {
      const { packedEvents, tracking } = options;
      this.#queue.push({ events, packedEvents, tracking, resolve, reject });
      void this.#run();
    });
  }

  async selectEvents(originatorId: OriginatorId, options: SelectEventsOptions = {}): Promise<readonly StoredEvent[]> {
    validateSelectEvents(originatorId, options);
    await this.#whenCurrent();
    return this.#replica.selectEvents(originatorId, options);
  }

  async selectNotifications(options: SelectNotificationsOptions): Promise<readonly Notification[]> {
    validateSelectNotifications(options);
    await this.#whenCurrent();
    return this.#replica.selectNotifications(options);
  }

  async maxNotificationId(): Promise<NotificationId> {
    await this.#whenCurrent();
    return this.#replica.maxNotificationId();
  }

  async maxTrackingId(applicationName: string): Promise<NotificationId> {
    validateApplicationName(applicationName);
    await this.#whenCurrent();
    return this.#replica.maxTrackingId(applicationName);
  }

  async hasTrackingId(applicationName: string, notificationId: NotificationId): Promise<boolean> {
    return notificationId <= (await this.maxTrackingId(applicationName));
  }

  /** Waits for what is in flight, then closes the journal. Later calls reject with `InterfaceError`. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#closing.abort();
    while (this.#running) await this.#last.catch(() => undefined);
    await this.#last.catch(() => undefined);
    this.#journal.close();
  }

  /** Works the queue off, a group at a time. Never rejects: every outcome goes to the commit that it is about. */
  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    // Calls of one tick form one group even when nothing is in flight yet.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0, GROUP_COMMITS_MAX);
      try {
        await this.#exclusive(() => this.#commitGroup(group));
      } catch (error) {
        for (const commit of group) commit.reject(error);
      }
    }
    this.#running = false;
  }

  async #commitGroup(group: readonly PendingCommit[]): Promise<void> {
    for (;;) {
      this.#assertSound();
      if (this.#head > this.#applied) await this.#catchUp();
      const { checked, refused } = this.#checkGroup(group);
      if (checked.length === 0) {
        reject(refused);
        return;
      }
      const position = this.#applied + 1;
      const commits = checked.map(([, commit]) => commit);
      const record = encodeJournalRecord(position, commits);
      const outcome = await this.#journal.append(position, record);
      if (outcome === 'appended') {
        this.#replayBytes += record.length + REPLAY_BYTES_PER_RECORD;
        this.#apply(position, commits, true);
        for (const [pending, commit] of checked) pending.resolve(notificationIdsOf(commit));
        reject(refused);
        return;
      }
      // Another tab was first: the whole group is checked anew. Each round means that some tab made progress.
      await this.#catchUp();
      if (this.#applied < position) throw this.#fail(headless(position));
    }
  }

  /**
   * Gives ids to the commits that can be. Settles none: a commit that is refused because of one before it in the group
   * is refused for good only when that one is durable.
   */
  #checkGroup(group: readonly PendingCommit[]): CheckedGroup {
    const check = new CommitCheck(this.#replica);
    const checked: [PendingCommit, JournalCommit][] = [];
    const refused: [PendingCommit, unknown][] = [];
    for (const pending of group) {
      try {
        const { packedEvents } = pending;
        const commit = check.check(pending.events, pending.tracking);
        checked.push([pending, packedEvents === undefined ? commit : { ...commit, packedEvents }]);
      } catch (error) {
        refused.push([pending, error]);
      }
    }
    return { checked, refused };
  }

  /** Waits until the replica holds every record that it was told of. */
  async #whenCurrent(): Promise<void> {
    this.#assertUsable();
    if (this.#head > this.#applied) await this.#exclusive(() => this.#catchUp());
  }

  async #catchUp(): Promise<void> {
    this.#assertSound();
    for (;;) {
      const entries = await this.#journal.readAfter(this.#applied, CATCH_UP_RECORDS_MAX);
      const gapAt = this.#applyUntilGap(entries);
      if (gapAt === undefined && entries.length < CATCH_UP_RECORDS_MAX) break;
      if (gapAt !== undefined) await this.#passGap(gapAt);
    }
    // A hint may have spoken of a record that no longer counts, for example of a deleted store.
    this.#head = this.#applied;
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
    throw this.#fail(damage ?? gap(this.#applied + 1, found));
  }

  /** Takes the newest sound checkpoint, if it is ahead; else says what was wrong with the newest. */
  async #loadCheckpoint(): Promise<CorruptJournalError | 'loaded' | undefined> {
    if (this.#images === undefined) return undefined;
    const loaded = await this.#checkpoints.load(this.#applied);
    if (loaded === undefined || loaded instanceof CorruptJournalError) return loaded;
    this.#install(this.#images, loaded);
    return 'loaded';
  }

  #install(images: ReplicaImages, { position, image }: LoadedCheckpoint): void {
    try {
      this.#replica = images.load(image);
    } catch (cause) {
      throw this.#fail(
        new InternalError(
          `Checkpoint ${position} is sound, but could not be loaded. Open the store again; nothing is lost.`,
          { cause, details: { position } },
        ),
      );
    }
    this.#imageBytes = image.length;
    this.#replayBytes = 0;
    this.#advance(position, false);
  }

  #decode(position: number, bytes: Uint8Array): readonly JournalCommit[] {
    try {
      return decodeJournalRecord(position, bytes);
    } catch (error) {
      throw this.#fail(error as Error);
    }
  }

  #apply(position: number, commits: readonly JournalCommit[], own: boolean): void {
    try {
      this.#replica.apply(commits);
    } catch (cause) {
      throw this.#fail(
        new InternalError(
          `Journal record ${position} is durable, but could not be applied here. Open the store again; nothing is lost.`,
          { cause, details: { position } },
        ),
      );
    }
    this.#advance(position, own);
  }

  #advance(position: number, own: boolean): void {
    this.#applied = position;
    this.#head = Math.max(this.#head, position);
    this.#onApplied(position, own);
  }

  /** Stops this replica for good: it may differ from the journal now. */
  #fail(error: Error): Error {
    this.#failure ??= error;
    return error;
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  #assertUsable(): void {
    if (this.#closed) throw new InterfaceError('The store is closed. Open it again to use it.');
    this.#assertSound();
  }

  #assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function reject(refused: CheckedGroup['refused']): void {
  for (const [pending, error] of refused) pending.reject(error);
}

function headless(position: number): CorruptJournalError {
  return new CorruptJournalError(
    `Journal record ${position} is said to be there, and cannot be read. The store stays as it is and is not written further.`,
    { details: { position } },
  );
}

function gap(expected: number, found: number): CorruptJournalError {
  return new CorruptJournalError(
    `Journal record ${expected} is missing (the next is ${found}). The store stays as it is and is not opened further.`,
    { details: { position: expected, found } },
  );
}
