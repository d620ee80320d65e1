/**
 * Wires a store where it is opened: sql.js, the journal, the durable recorder, and the channel between tabs.
 *
 * @module
 */
import { storeHeld } from './protocol/client-errors.js';
import { encodeError } from '../domain/error-codec.js';
import { checkpointLockName, openLockName } from '../origin/origin-names.js';
import { holdLock, workIfFree } from '../origin/web-locks.js';
import { IndexedDbJournal } from '../persistence/indexeddb/indexeddb-journal.js';
import type { OpenJournalOptions } from '../persistence/indexeddb/indexeddb-journal.js';
import { BackgroundCheckpoints } from '../persistence/journal/background-checkpoints.js';
import { changesOf } from '../persistence/journal/commit-changes.js';
import { Checkpoints } from '../persistence/journal/checkpoints.js';
import { DurableRecorder } from '../persistence/journal/durable-recorder.js';
import { eraseDeleted } from '../persistence/journal/erasure.js';
import type { TransactionWork } from '../persistence/journal/own-tables.js';
import type { DurableTransactionOptions } from '../persistence/journal/own-transactions.js';
import type { Durability } from '../persistence/journal/journal.js';
import type { OnOpenProgress } from '../persistence/journal/open-progress.js';
import type { StoreIdentity } from '../persistence/journal/store-identity.js';
import { tablesChanged } from '../persistence/sqlite/own-tables/table-changes.js';
import { SqliteOwnTables } from '../persistence/sqlite/own-tables/sqlite-own-tables.js';
import { readUnsynced } from '../sync/unsynced.js';
import { StorageLostError } from '../persistence/errors.js';
import { ANY_CHANGES, ChangeNews } from '../persistence/store-changes.js';
import type { RebaseTransaction } from '../persistence/rebase-transaction.js';
import type { UnitPage } from '../persistence/unit.js';
import type { InsertPageOptions, PageOutcome, SyncProgress } from '../persistence/unit-recorder.js';
import { systemClock } from '../util/clock.js';
import { backlogOf } from './backlog-of.js';
import type { BacklogOf } from './backlog-of.js';
import { HeadChannel } from './head-channel.js';
import { ImagedReplica } from './imaged-replica.js';
import { openDatabase } from './open-database.js';
import type { BacklogLimits, ExpectedStore, HostReport, OnHostRecorded, RestoredStore } from './protocol/store-host.js';
import { StoreRescue } from './store-rescue.js';
import type { LoadRescuePart, RescuePart } from './rescue-part.js';
import { randomUuid } from '../util/random-uuid.js';

/** What opening a store takes. */
export interface StoreOpening {
  readonly name: string;
  readonly wasmUrl: string | undefined;
  readonly durability?: Durability | undefined;
  readonly backlog?: BacklogLimits | undefined;
  readonly onProgress: OnOpenProgress | undefined;
  /** Called soon after something was recorded, by this tab or another one. */
  readonly onRecorded: OnHostRecorded;
  readonly expected?: ExpectedStore | undefined;
  readonly loadRescuePart: LoadRescuePart;
}

/** What an open store consists of. */
interface StoreParts {
  readonly name: string;
  readonly recorder: DurableRecorder;
  readonly journal: IndexedDbJournal;
  readonly checkpoints: BackgroundCheckpoints;
  readonly rescue: StoreRescue;
  /** Whether it was made in the opening, by this tab or another one. */
  readonly isNew: boolean;
  readonly backlog: BacklogOf;
  readonly changes: ChangeNews;
}

type Closers = (() => unknown)[];

/** One store that is open in this thread. */
export class OpenedStore {
  readonly #parts: StoreParts;
  readonly #closers: Closers;

  private constructor(parts: StoreParts, closers: Closers) {
    this.#parts = parts;
    this.#closers = closers;
  }

  /** Opens a store, and creates it where there is none. When that fails, nothing stays open. */
  static async open(opening: StoreOpening): Promise<OpenedStore> {
    const closers: Closers = [];
    try {
      return new OpenedStore(await openParts(opening, closers), closers);
    } catch (error) {
      // Why it could not be opened is what counts.
      await closeAll(closers).catch(() => undefined);
      throw error;
    }
  }

  get identity(): StoreIdentity {
    return this.#parts.journal.identity;
  }

  get recorder(): DurableRecorder {
    return this.#parts.recorder;
  }

  /** Tells what was written, by any tab. */
  get changes(): ChangeNews {
    return this.#parts.changes;
  }

  /** What was brought back, if the store has taken the place of one that was lost, and that is news. */
  get restored(): RestoredStore | undefined {
    const { rescue, isNew } = this.#parts;
    return isNew || rescue.isNews ? rescue.restored : undefined;
  }

  /** As the recorder's; whoever asks synchronises, and so needs the rescue. */
  async syncProgress(): Promise<SyncProgress> {
    const { recorder, rescue, backlog } = this.#parts;
    rescue.begin({ recorder, replicaId: this.identity.replicaId });
    const progress = await recorder.syncProgress();
    const { waiting } = rescue;
    const pendingUnits = progress.pendingUnits + waiting.pendingUnits;
    return {
      ...progress,
      ...{ pendingUnits, backlog: backlog(pendingUnits) },
      pendingEvents: progress.pendingEvents + waiting.pendingEvents,
    };
  }

  /** As the recorder's. */
  async insertPage(page: UnitPage, options?: InsertPageOptions): Promise<PageOutcome> {
    const { recorder, rescue } = this.#parts;
    const outcome = await recorder.insertPage(page, options);
    if (outcome.isStored) await rescue.notePage(page);
    return outcome;
  }

  /** As the recorder's. */
  async transaction<T>(work: TransactionWork<T>, options?: DurableTransactionOptions): Promise<T> {
    const { recorder, rescue } = this.#parts;
    let stored: UnitPage | undefined;
    const result = await recorder.transaction((transaction) => {
      stored = undefined;
      const { rebase } = transaction;
      // The same object, because it may be known by that.
      if (rebase !== undefined) Object.assign(transaction, { rebase: noting(rebase, (page) => (stored = page)) });
      return work(transaction);
    }, options);
    if (stored !== undefined) await rescue.notePage(stored);
    return result;
  }

  /** How the store stands, at one moment. */
  async report(): Promise<HostReport> {
    const { recorder, journal, checkpoints, rescue } = this.#parts;
    const [{ rows }, { pendingEvents, ...unsynced }, checkpointPosition] = await Promise.all([
      // Not the largest id: what was set aside has left its ids behind.
      recorder.query('SELECT count(*) AS events FROM stored_events'),
      readUnsynced(recorder),
      new Checkpoints({ storage: journal.checkpoints }).newestPosition(),
    ]);
    const { lastError } = checkpoints;
    return {
      events: rows[0]?.['events'] as number,
      ...unsynced,
      unsyncedEvents: pendingEvents + rescue.waiting.pendingEvents,
      position: recorder.position,
      // Another tab may be ahead.
      recordsSinceCheckpoint: Math.max(0, recorder.position - checkpointPosition),
      checkpointFailure: lastError === undefined ? undefined : encodeError(lastError).message,
      rescue: rescue.report(),
    };
  }

  /** Looks whether other tabs have recorded something that nobody told of. */
  refresh(): void {
    const { recorder } = this.#parts;
    recorder.noteHead(recorder.position + 1);
  }

  /** Has what was deleted leave the storage. */
  async eraseDeleted(): Promise<void> {
    const { name, recorder, journal, rescue } = this.#parts;
    const release = await holdLock(checkpointLockName(name), 'exclusive', () => storeHeld(name, 'compacted'));
    try {
      await eraseDeleted(recorder, journal.checkpoints);
    } finally {
      release?.();
    }
    await rescue.compact();
  }

  /** Waits for what is in flight, then closes. */
  async close(): Promise<void> {
    await closeAll(this.#closers);
  }
}

async function openParts(opening: StoreOpening, closers: Closers): Promise<StoreParts> {
  const { name, durability = 'strict', onProgress, onRecorded } = opening;
  const backlog = backlogOf(opening.backlog);
  const newIdentity = { replicaId: randomUuid(), createdAtMs: systemClock.nowMs() };
  const { expected = { replicaId: undefined, startedAtMs: newIdentity.createdAtMs } } = opening;
  // Whoever deletes the store waits for it.
  closers.push((await holdLock(openLockName(name), 'shared', () => storeHeld(name, 'deleted'))) ?? (() => undefined));
  const loadRescuePart = (): Promise<RescuePart> => opening.loadRescuePart(opening.wasmUrl);
  const rescue = new StoreRescue(name, loadRescuePart, onRecorded);
  const loss: { said?: StorageLostError } = {};
  const journalOpening = openJournal({ name, newIdentity, durability, clock: systemClock }, rescue, loss);
  // Also when the database fails first, and the journal is open a moment later.
  closers.push(async () => (await journalOpening.catch(() => undefined))?.close());
  const [database, journal] = await Promise.all([openDatabase(opening), journalOpening]);
  const images = new ImagedReplica(database, systemClock);
  const changes = new ChangeNews();
  const open: { recorder?: DurableRecorder; checkpoints?: BackgroundCheckpoints } = {};
  // Listening starts before the journal is read: a record that is written meanwhile is hinted at, not missed.
  let hinted = 0;
  const channel = new HeadChannel(
    name,
    (position) => {
      hinted = Math.max(hinted, position);
      open.recorder?.noteHead(position);
    },
    (durationMs) => open.recorder?.giveWay(durationMs),
  );
  closers.push(() => channel.close());
  const recorder = await DurableRecorder.open({
    replica: images.create(),
    images,
    ownTables: new SqliteOwnTables({ database }),
    journal,
    pendingUnitsMax: opening.backlog?.maxUnits,
    askForWay: (durationMs) => channel.askForWay(durationMs),
    ...(onProgress === undefined ? {} : { onProgress }),
    onApplied: (position, own, commits) => {
      if (own) channel.post(position);
      if (changes.isHeard) changes.noteChanged(commits === undefined ? ANY_CHANGES : changesOf(commits, tablesChanged));
      onRecorded();
      open.checkpoints?.note();
    },
  });
  open.recorder = recorder;
  closers.push(() => recorder.close());
  const checkpoints = new BackgroundCheckpoints({
    source: recorder,
    clock: systemClock,
    alone: (work) => workIfFree(checkpointLockName(name), work),
  });
  open.checkpoints = checkpoints;
  closers.push(() => checkpoints.close());
  checkpoints.note();
  recorder.noteHead(hinted);
  closers.push(() => rescue.close());
  const { replicaId, createdAtMs } = journal.identity;
  await rescue.resume({ recorder, replicaId });
  const isNew = createdAtMs >= expected.startedAtMs && expected.replicaId !== replicaId;
  // Nothing of it was in the files.
  if (rescue.restored === undefined) {
    if (loss.said !== undefined) throw loss.said;
    if (isNew && expected.replicaId !== undefined) throw gone(name, expected.replicaId);
  }
  return { name, recorder, journal, checkpoints, rescue, isNew, backlog, changes };
}

function gone(name: string, replicaId: string): StorageLostError {
  return new StorageLostError(
    `The store "${name}" is gone: the browser has no database for it any more, and deleteDaybook has not deleted it. What was in it, and not sent to the server, is gone. Open it again to begin an empty one.`,
    { details: { name, replicaId } },
  );
}

/** Where the browser says that it has lost the store, and there are files to bring it back from, a new one is made at once. */
async function openJournal(
  options: OpenJournalOptions,
  rescue: StoreRescue,
  loss: { said?: StorageLostError },
): Promise<IndexedDbJournal> {
  try {
    return await IndexedDbJournal.open(options);
  } catch (error) {
    if (!(error instanceof StorageLostError) || !(await rescue.isThere())) throw error;
    loss.said = error;
    return await IndexedDbJournal.open({ ...options, isLossKnown: true });
  }
}

/** The last one first: what was opened later stands on what was opened before. Each, also when others fail. */
async function closeAll(closers: Closers): Promise<void> {
  const close = closers.pop();
  if (close === undefined) return;
  try {
    await close();
  } finally {
    await closeAll(closers);
  }
}

/** Says which page was stored in a transaction. */
function noting(rebase: RebaseTransaction, note: (page: UnitPage) => void): RebaseTransaction {
  return {
    setAside: (refused) => rebase.setAside(refused),
    decide: (decided) => rebase.decide(decided),
    endHeal: (healing) => rebase.endHeal(healing),
    keepRows: (tables) => rebase.keepRows(tables),
    takeRows: () => rebase.takeRows(),
    putBackRows: (images, renamed) => rebase.putBackRows(images, renamed),
    insertPage: async (page, options) => {
      const outcome = await rebase.insertPage(page, options);
      if (outcome.isStored) note(page);
      return outcome;
    },
  };
}
