/**
 * When there is a rescue: from the first synchronisation of a store on, in every worker that opens it; and after a loss.
 *
 * A store that never synchronises has none: nothing of it is ever confirmed, so that its files would grow without end, and be
 * a second store.
 *
 * @module
 */
import { OperationalError } from '../persistence/errors.js';
import type { DurableRecorder } from '../persistence/journal/durable-recorder.js';
import { rescuePlace } from '../persistence/opfs/rescue-place.js';
import type { SyncProgress } from '../persistence/unit-recorder.js';
import type { UnitPage } from '../persistence/unit.js';
import { systemClock } from '../util/clock.js';
import type { AttachedRescue } from './attached-rescue.js';
import type { OnHostRecorded, RescueReport, RestoredStore } from './protocol/store-host.js';
import type { RescuePart } from './rescue-part.js';

// There may be room again: no more often than this is it looked.
const RETRY_MS = 10_000;

/** The store in this worker. */
export interface StoreHere {
  readonly recorder: DurableRecorder;
  readonly replicaId: string;
}

/** The rescue of one store in this worker. Nothing of it fails a call: without it the store is what it is without. */
export class StoreRescue {
  readonly #name: string;
  readonly #loadRescuePart: () => Promise<RescuePart>;
  readonly #onRestored: OnHostRecorded;
  readonly #found: Promise<FileSystemDirectoryHandle | undefined>;
  #attaching: Promise<AttachedRescue | undefined> | undefined;
  #attached: AttachedRescue | undefined;
  #hasFailed = false;
  #failure: Error | undefined;
  #retryAtMs = Infinity;

  /** Looks for files at once. @param onRestored - told what was brought back by another attempt than that of the opening */
  constructor(name: string, loadRescuePart: () => Promise<RescuePart>, onRestored: OnHostRecorded) {
    this.#name = name;
    this.#loadRescuePart = loadRescuePart;
    this.#onRestored = onRestored;
    this.#found = rescuePlace(name, false);
  }

  /** Whether there are files of the store, or of one that was there before it. */
  async isThere(): Promise<boolean> {
    return (await this.#found) !== undefined;
  }

  /**
   * Begins, where the store has been synchronised before.
   * @throws StorageLostError (`STORAGE_LOST`) when that is not all; once
   * @throws StorageFullError (`STORAGE_FULL`), and others of a commit, when it cannot be brought back now
   * @throws OperationalError (`OPERATIONAL_ERROR`) when there is nothing in the store, and nobody can tell whether it has
   *   taken the place of one: an empty store is not shown instead
   */
  async resume(store: StoreHere): Promise<void> {
    const place = await this.#found;
    if (place === undefined) return;
    const isEmpty = store.recorder.position === 0;
    this.#attaching ??= this.#attach(store, Promise.resolve(place));
    const attached = await this.#attaching;
    if (attached === undefined) await this.#assertNothingLost(place, isEmpty);
    if (attached?.loss !== undefined) throw attached.loss;
  }

  /** What was brought back, if the store has taken the place of one that was lost. */
  get restored(): RestoredStore | undefined {
    return this.#attached?.restored;
  }

  /** Whether nobody was told of that before. */
  get isNews(): boolean {
    return this.#attached?.isNews === true;
  }

  async #assertNothingLost(place: FileSystemDirectoryHandle, isEmpty: boolean): Promise<void> {
    const cause = this.#failure;
    // Of a commit: only what was lost is recorded here.
    if (cause instanceof OperationalError) throw cause;
    if (!isEmpty || (await (place as unknown as { keys(): AsyncIterator<string> }).keys().next()).done === true) return;
    throw new OperationalError(
      `The store "${this.#name}" is empty, and its files for a rescue cannot be read: ${String(cause)}. It may have been lost. Nothing was changed. Open it again.`,
      { cause, details: { reason: 'rescue', name: this.#name } },
    );
  }

  /** Begins, because the store is synchronised from now on; or again, a while after it could not. */
  begin(store: StoreHere): void {
    if (systemClock.monotonicMs() >= this.#retryAtMs) this.#attaching = undefined;
    if (this.#attaching !== undefined) return;
    this.#attaching = this.#attach(store, rescuePlace(this.#name, true));
    void this.#attaching.then(() => {
      if (this.isNews) this.#onRestored(this.restored);
    });
  }

  /** Takes that a page was stored. */
  async notePage(page: UnitPage): Promise<void> {
    try {
      await (await this.#attaching)?.notePage(page);
    } catch {
      // The page is stored. What was to come back waits for the next one.
    }
  }

  /** What is to come back: it is pending as well, only that nobody can read it yet. */
  get waiting(): Pick<SyncProgress, 'pendingUnits' | 'pendingEvents'> {
    return this.#attached?.waiting ?? { pendingUnits: 0, pendingEvents: 0 };
  }

  /** How it stands. */
  report(): RescueReport {
    if (this.#attached !== undefined) return this.#attached.report();
    return {
      state: this.#hasFailed ? 'unavailable' : 'off',
      failure: this.#failure === undefined ? undefined : String(this.#failure),
      bytes: 0,
      waitingUnits: 0,
    };
  }

  /** Drops from this worker's file what needs no copy any more. */
  async compact(): Promise<void> {
    await (await this.#attaching)?.compact();
  }

  /** Lets go of the files. */
  async close(): Promise<void> {
    await (await this.#attaching)?.close();
  }

  async #attach(
    { recorder, replicaId }: StoreHere,
    finding: Promise<FileSystemDirectoryHandle | undefined>,
  ): Promise<AttachedRescue | undefined> {
    this.#retryAtMs = Infinity;
    try {
      const place = await finding;
      if (place !== undefined) {
        const { attachRescue } = await this.#loadRescuePart();
        return (this.#attached = await attachRescue(place, { name: this.#name, recorder, replicaId }));
      }
    } catch (error) {
      // What is there is left as it is, for the next opening.
      this.#failure = error as Error;
      this.#retryAtMs = systemClock.monotonicMs() + RETRY_MS;
    }
    this.#hasFailed = true;
    return undefined;
  }
}
