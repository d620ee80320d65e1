/**
 * Makes a store of a file: verify, store, try, and only then become the store.
 *
 * ```text
 * header ─▶ staging ─▶ each block: verify, store ─▶ publish the image ─▶ open and replay ─▶ give it its identity
 * ```
 *
 * A file that is refused leaves nothing behind. An import that is broken off, because the tab dies, storage fails or the
 * quota is used up, goes on where it stopped when it is begun again with the same file: what is stored is not written
 * again. The trial opening reads everything back from storage, so what an earlier attempt wrote is verified by it too.
 *
 * Who the imported store is. A server knows what is sent by the ids of units, which a store's file has: whichever of two
 * stores sends a unit, it is recorded once. The `replicaId` is a label, which may be bound to a subject, and revoked.
 * - `copy`, the default, gets a label of its own: right while the original is used.
 * - `original` keeps the label, for a store that moves.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { DataError, InternalError, NotSupportedError } from '../errors.js';
import type { PullBytes } from '../journal/store-file/byte-feed.js';
import { encodeCheckpointManifest } from '../journal/checkpoint-manifest.js';
import type { CheckpointChunk } from '../journal/checkpoint-manifest.js';
import { ImportStaging } from './import-staging.js';
import { IndexedDbJournal } from './indexeddb-journal.js';
import type { Journal } from '../journal/journal.js';
import type { ImportProgress } from '../journal/open-progress.js';
import { readStoreFile } from '../journal/store-file/store-file-reader.js';
import type { StoreFile } from '../journal/store-file/store-file-reader.js';
import type { StoreFileHeader } from '../journal/store-file/store-file.js';
import type { StoreIdentity } from '../journal/store-identity.js';

/** Who an imported store is: one of its own, or the one that was exported. */
export type ImportAs = 'copy' | 'original';

/** A store that was opened to try it. */
export interface TrialStore {
  /** The last record that it holds. */
  readonly position: number;
  /** How many there are: not the largest id, because ids of what was set aside are not given again. */
  readonly events: number;
  /** The largest id that a server confirmed, or 0. */
  readonly confirmedId: number;
  /** Events that no server has confirmed, without those that were set aside. */
  readonly pendingEvents: number;
  readonly lostUnits: number;
  readonly setAsideUnits: number;
}

/** What {@link importStore} needs. */
export interface ImportOptions {
  readonly name: string;
  readonly pull: PullBytes;
  /** Bytes of the file, where that is known. */
  readonly totalBytes: number | undefined;
  readonly as: ImportAs;
  /** Of the copy, if it becomes one. */
  readonly newReplicaId: string;
  readonly clock: Clock;
  /** Opens a store, reading everything that opening reads. */
  readonly open: (journal: Journal) => Promise<TrialStore>;
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
}

/** What became of an import. */
export interface ImportResult {
  readonly replicaId: string;
  /** Events in the store. */
  readonly events: number;
  /**
   * Events that no server had confirmed when the file was written, as far as that store knew. Without what was set aside.
   */
  readonly unsyncedEvents: number;
  /** Units that a server had confirmed, had lost, and had not been offered yet. */
  readonly lostUnits: number;
  /** Units that had given way to others' or were refused, and wait for somebody to decide: they are in the store. */
  readonly setAsideUnits: number;
}

/**
 * Imports a file. Comes back when the store is there, durably.
 *
 * @throws ForeignFileError (`FOREIGN_FILE`), DamagedFileError (`DAMAGED_FILE`), NotSupportedError (`NOT_SUPPORTED`) when the file is refused: then all is as it was
 * @throws StoreExistsError (`STORE_EXISTS`) when there is a store of that name; it was not touched
 * @throws OperationalError (`OPERATIONAL_ERROR`) and its subclasses when storage fails: then the same file goes on where it stopped
 */
export async function importStore(options: ImportOptions): Promise<ImportResult> {
  const { name, clock, newReplicaId, onProgress, totalBytes } = options;
  let doneBytes = 0;
  const file = await readStoreFile(async () => {
    const bytes = await options.pull();
    doneBytes += bytes?.length ?? 0;
    return bytes;
  });
  const newIdentity = { replicaId: newReplicaId, createdAtMs: clock.nowMs() };
  const staging = await ImportStaging.begin({ name, fileDigest: file.fileDigest, newIdentity, clock });
  try {
    await storeBlocks(file, staging, () => onProgress?.({ phase: 'file', doneBytes, totalBytes }));
    const trial = await tried(options, file.header, staging);
    const identity = options.as === 'copy' ? copyOf(file.header, newIdentity, trial) : file.header.identity;
    await staging.finish(identity);
    const { events, pendingEvents: unsyncedEvents, lostUnits, setAsideUnits } = trial;
    return { replicaId: identity.replicaId, events, unsyncedEvents, lostUnits, setAsideUnits };
  } catch (error) {
    // What is left behind if even that fails is no store, and the next import of that name clears it away.
    if (isRefused(error)) await staging.discard().catch(() => undefined);
    throw error;
  } finally {
    staging.close();
  }
}

async function storeBlocks(file: StoreFile, staging: ImportStaging, onBlock: () => void): Promise<void> {
  const { imagePosition, imageBytes, chunkBytes } = file.header;
  const storedBefore = staging.blocks;
  const digests: Uint8Array[] = [];
  let blocks = 0;
  for await (const block of file.blocks) {
    const isStored = ++blocks <= storedBefore;
    if (block.kind === 'chunk') digests.push(block.digest);
    if (!isStored && block.kind === 'chunk') await staging.addChunk(block.bytes);
    if (!isStored && block.kind === 'records') await staging.addRecords(block.first, block.records);
    onBlock();
  }
  if (imagePosition === 0) return;
  const keys = await staging.chunkKeys();
  if (keys.length !== digests.length) throw unequal(`${keys.length} chunks are stored of ${digests.length}`);
  const chunks = digests.map((digest, index): CheckpointChunk => ({ key: keys[index] as number, digest }));
  await staging.publish(
    imagePosition,
    encodeCheckpointManifest({ position: imagePosition, imageBytes, chunkBytes, chunks }),
  );
}

/** Opens what was stored: that reads all of it back, and replays it. */
async function tried(options: ImportOptions, header: StoreFileHeader, staging: ImportStaging): Promise<TrialStore> {
  const trial = await options.open(IndexedDbJournal.over(staging.connection));
  if (trial.position === header.position) return trial;
  throw unequal(`it ends at record ${trial.position} instead of ${header.position}`);
}

function copyOf({ identity }: StoreFileHeader, newIdentity: StoreIdentity, { confirmedId }: TrialStore): StoreIdentity {
  return { ...newIdentity, copyOf: identity.replicaId, pushBaseId: confirmedId };
}

/** Whether another attempt with this file would end the same way. */
function isRefused(error: unknown): boolean {
  return error instanceof DataError || error instanceof NotSupportedError || error instanceof InternalError;
}

function unequal(what: string): InternalError {
  return new InternalError(`The file was not stored as it was read: ${what}. Nothing was imported.`);
}
