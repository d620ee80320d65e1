/**
 * Images of the replica, so that opening need not replay the whole journal, and the journal need not grow for ever.
 *
 * ```text
 * image at P ─▶ chunks ─▶ add those that changed ─▶ read them back ─▶ publish P, keep P′ ─▶ compact records 1 … P′
 * ```
 *
 * Two checkpoints are kept, and only records that the *older* one holds are deleted. So there is no moment without a
 * sound checkpoint and the records after it:
 * 1. Chunks that no manifest names are nobody's: whoever dies before `publish` leaves waste, which the next one clears.
 * 2. A manifest is published only after every chunk that is new in it was read back and found equal.
 * 3. A chunk is never changed and its key never given again; it is deleted in the transaction that publishes a
 *    checkpoint, when neither kept manifest names it.
 * 4. If the newest checkpoint turns out damaged, the one before it and the journal still make the same store.
 *
 * @module
 */
import { sha256, toHex } from '../sha256.js';
import { CorruptJournalError, NotSupportedError } from '../errors.js';
import { damagedCheckpoint, decodeCheckpointManifest, encodeCheckpointManifest } from './checkpoint-manifest.js';
import type { CheckpointChunk, CheckpointManifest } from './checkpoint-manifest.js';
import type { CheckpointStorage, JournalEntry } from './journal.js';
import type { OnOpenProgress } from './open-progress.js';

// Large enough that a large image is a few hundred rows, small enough that a small change rewrites little.
const CHUNK_BYTES = 1024 * 1024;
// Chunks that are read at once: hides the way to the disk, and bounds what is in memory beside the image.
const READ_AHEAD_CHUNKS = 16;
// Chunks between two reports of progress.
const PROGRESS_CHUNKS = 8;
// Another tab may publish while this one reads, and delete what it was to read. Each round means that a tab did.
const READ_ROUNDS_MAX = 5;

/** An image as it was read back, every chunk of it verified. */
export interface LoadedCheckpoint {
  readonly position: number;
  readonly image: Uint8Array;
}

/** What becomes of a checkpoint that is written. */
export type CheckpointOutcome =
  /** It is the newest one now. */
  | 'published'
  /** There is one that is as new, or another tab published one meanwhile. */
  | 'superseded'
  /** The signal said so. */
  | 'aborted';

/** Options of {@link Checkpoints}. */
export interface CheckpointsOptions {
  readonly storage: CheckpointStorage;
  /** Size of a chunk. @defaultValue 1 MiB */
  readonly chunkBytes?: number;
}

/** Writes and reads checkpoints, for one tab. */
export class Checkpoints {
  readonly #storage: CheckpointStorage;
  readonly #chunkBytes: number;
  /** Chunks that this tab has seen to be sound, so that they need not be read again before they are named again. */
  readonly #sound = new Set<number>();
  /** Checkpoints that this tab has found damaged: not to be kept in the place of a sound one. */
  readonly #damaged = new Set<number>();

  constructor(options: CheckpointsOptions) {
    this.#storage = options.storage;
    this.#chunkBytes = options.chunkBytes ?? CHUNK_BYTES;
  }

  /** The position of the newest checkpoint, sound or not; 0 when there is none. */
  async newestPosition(): Promise<number> {
    const [newest] = await this.#storage.readManifests();
    return newest?.position ?? 0;
  }

  /**
   * Reads the newest sound checkpoint.
   *
   * @param after - checkpoints up to this position are of no use
   * @param onProgress - told of each part of an image that was read
   * @returns the checkpoint; or the error of the newest damaged one, when none is sound; undefined when there is none
   * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook wrote the newest one
   */
  async load(after: number, onProgress?: OnOpenProgress): Promise<LoadedCheckpoint | CorruptJournalError | undefined> {
    let found: LoadedCheckpoint | CorruptJournalError | undefined;
    for (let round = 0; round < READ_ROUNDS_MAX; round++) {
      const manifests = (await this.#storage.readManifests()).filter(({ position }) => position > after);
      found = await this.#loadFirstSound(manifests, onProgress);
      const newest = manifests[0]?.position;
      if (newest === undefined || (found !== undefined && 'image' in found && found.position === newest)) break;
      if ((await this.newestPosition()) === newest) break;
    }
    return found;
  }

  /**
   * Writes a checkpoint. What was there before stays in use until the new one is verified.
   *
   * @param position - the last journal record that the image holds
   * @param image - must not change meanwhile
   * @throws OperationalError (`OPERATIONAL_ERROR`) and its subclasses when storage fails; then the store is as it was
   * @throws CorruptJournalError (`CORRUPT_JOURNAL`) when the storage does not give back what was written
   */
  async write(position: number, image: Uint8Array, signal?: AbortSignal): Promise<CheckpointOutcome> {
    const manifests = await this.#storage.readManifests();
    const newestBefore = manifests[0]?.position;
    if (newestBefore !== undefined && newestBefore >= position) return 'superseded';
    try {
      const chunks = await this.#storeChunks(image, this.#chunksOf(manifests), signal);
      if (chunks === undefined) return 'aborted';
      const manifest = { position, imageBytes: image.length, chunkBytes: this.#chunkBytes, chunks };
      return (await this.#publish(manifest, manifests)) ? 'published' : 'superseded';
    } catch (error) {
      // Whoever publishes clears away what no manifest names: chunks that this one was about to name.
      const isCleared = error instanceof CorruptJournalError && (await this.newestPosition()) !== (newestBefore ?? 0);
      if (isCleared) return 'superseded';
      throw error;
    }
  }

  /**
   * Deletes a part of the records that are not needed any more.
   *
   * @param limit - records to delete at most
   * @returns how many were deleted
   */
  async compact(limit: number): Promise<number> {
    return await this.#storage.compact(limit);
  }

  async #publish(manifest: CheckpointManifest, before: readonly JournalEntry[]): Promise<boolean> {
    const kept = before.map((entry) => this.#decoded(entry)).find((older) => older !== undefined);
    const chunkKeys = new Set([...manifest.chunks, ...(kept?.chunks ?? [])].map(({ key }) => key));
    const published = await this.#storage.publish({
      position: manifest.position,
      manifest: encodeCheckpointManifest(manifest),
      newestBefore: before[0]?.position,
      keep: kept?.position,
      chunkKeys,
    });
    if (published) {
      for (const key of this.#sound) if (!chunkKeys.has(key)) this.#sound.delete(key);
    }
    return published;
  }

  /** A manifest that is not known to be damaged. A newer format is not for this code to replace. */
  #decoded({ position, bytes }: JournalEntry): CheckpointManifest | undefined {
    if (this.#damaged.has(position)) return undefined;
    try {
      return decodeCheckpointManifest(position, bytes);
    } catch (error) {
      if (error instanceof NotSupportedError) throw error;
      this.#damaged.add(position);
      return undefined;
    }
  }

  /** The chunks that are there, by what is in them, with the checkpoints that name them. */
  #chunksOf(manifests: readonly JournalEntry[]): Map<string, StoredChunk> {
    const stored = new Map<string, StoredChunk>();
    for (const entry of manifests) {
      for (const { key, digest } of this.#decoded(entry)?.chunks ?? []) {
        const name = toHex(digest);
        const known = stored.get(name);
        // The newest checkpoint's goes first; an older one may name the same chunk.
        if (known === undefined) stored.set(name, { key, positions: [entry.position] });
        else if (known.key === key) known.positions.push(entry.position);
      }
    }
    return stored;
  }

  async #storeChunks(
    image: Uint8Array,
    reusable: Map<string, StoredChunk>,
    signal: AbortSignal | undefined,
  ): Promise<CheckpointChunk[] | undefined> {
    const chunks: CheckpointChunk[] = [];
    for (let at = 0; at < image.length; at += this.#chunkBytes) {
      if (signal?.aborted === true) return undefined;
      // A copy: to store a view would store the whole image behind it.
      chunks.push(await this.#storeChunk(image.slice(at, at + this.#chunkBytes), reusable));
    }
    return chunks;
  }

  async #storeChunk(bytes: Uint8Array<ArrayBuffer>, reusable: Map<string, StoredChunk>): Promise<CheckpointChunk> {
    // Strong enough to decide by it alone that a chunk has not changed.
    const digest = await sha256(bytes);
    const stored = reusable.get(toHex(digest));
    if (stored !== undefined) {
      if (await this.#isSound(stored.key, digest)) return { key: stored.key, digest };
      for (const position of stored.positions) this.#damaged.add(position);
    }
    const key = await this.#storage.addChunk(bytes);
    if (!(await this.#isSound(key, digest))) {
      throw new CorruptJournalError(
        'A checkpoint was not stored as it was written. The store goes on with the one before it; nothing is lost.',
      );
    }
    return { key, digest };
  }

  async #isSound(key: number, digest: Uint8Array): Promise<boolean> {
    if (this.#sound.has(key)) return true;
    const bytes = await this.#storage.readChunk(key);
    const isSound = bytes !== undefined && toHex(await sha256(bytes)) === toHex(digest);
    if (isSound) this.#sound.add(key);
    return isSound;
  }

  async #loadFirstSound(
    manifests: readonly JournalEntry[],
    onProgress: OnOpenProgress | undefined,
  ): Promise<LoadedCheckpoint | CorruptJournalError | undefined> {
    let damage: CorruptJournalError | undefined;
    for (const { position, bytes } of manifests) {
      try {
        return { position, image: await this.#readImage(decodeCheckpointManifest(position, bytes), onProgress) };
      } catch (error) {
        if (!(error instanceof CorruptJournalError)) throw error;
        this.#damaged.add(position);
        damage ??= error;
      }
    }
    return damage;
  }

  async #readImage(
    { position, imageBytes, chunkBytes, chunks }: CheckpointManifest,
    onProgress: OnOpenProgress | undefined,
  ): Promise<Uint8Array> {
    const image = new Uint8Array(imageBytes);
    const readInto = async ({ key, digest }: CheckpointChunk, index: number): Promise<void> => {
      const bytes = await this.#storage.readChunk(key);
      if (bytes === undefined) throw damagedCheckpoint(position, `chunk ${index} is missing`);
      const at = index * chunkBytes;
      const fits =
        bytes.length === Math.min(chunkBytes, imageBytes - at) && toHex(await sha256(bytes)) === toHex(digest);
      if (!fits) throw damagedCheckpoint(position, `chunk ${index} is not what was written`);
      image.set(bytes, at);
      this.#sound.add(key);
    };
    let next = 0;
    let doneChunks = 0;
    // Each takes the next chunk as soon as it is done with one, so that the disk is never waited for with nothing to do.
    const readOn = async (): Promise<void> => {
      while (next < chunks.length) {
        const index = next++;
        await readInto(chunks[index] as CheckpointChunk, index);
        doneChunks++;
        if (doneChunks % PROGRESS_CHUNKS !== 0 && doneChunks < chunks.length) continue;
        onProgress?.({
          phase: 'image',
          doneBytes: Math.min(imageBytes, doneChunks * chunkBytes),
          totalBytes: imageBytes,
        });
      }
    };
    try {
      await Promise.all(Array.from({ length: READ_AHEAD_CHUNKS }, readOn));
    } finally {
      // After a failure, nothing more is read.
      next = chunks.length;
    }
    return image;
  }
}

interface StoredChunk {
  readonly key: number;
  readonly positions: number[];
}
