/**
 * Writes a store as one file, while commits go on. `store-file.ts` has the format.
 *
 * 1. What is exported is fixed at the beginning: the last record P, and a checkpoint that was read and found sound.
 *    Records after P, and checkpoints that are written meanwhile, are not of this file.
 * 2. Nothing is given that was not verified; what is damaged ends the export with its error.
 * 3. Memory holds a chunk, or a slice of records, at a time: the next is read when it is asked for.
 *
 * While an export runs, no checkpoint must be written, because that deletes what may have to be read yet: the caller
 * sees to that where it can. Where it cannot, a long export may end with an error, but never give a wrong file.
 *
 * @module
 */
import { sha256, toHex } from '../../sha256.js';
import { CorruptJournalError, OperationalError } from '../../errors.js';
import { damagedCheckpoint, decodeCheckpointManifest } from '../checkpoint-manifest.js';
import type { CheckpointChunk, CheckpointManifest } from '../checkpoint-manifest.js';
import { decodeJournalRecord } from '../journal-record.js';
import type { Journal, JournalEntry } from '../journal.js';
import type { OnOpenProgress } from '../open-progress.js';
import {
  BLOCK_KIND,
  BlockChain,
  encodeBlock,
  encodeCounts,
  encodeHeader,
  encodePreamble,
  encodeRecords,
  firstRecordPosition,
} from './store-file.js';
import type { StoreFileHeader } from './store-file.js';
import type { StoreIdentity } from '../store-identity.js';

// As large as a chunk of an image: a block is one read, one write and one message.
const RECORDS_BLOCK_BYTES = 1024 * 1024;
// Records read at once: at first few, because one may be large; more while they are small.
const SLICE_RECORDS_MIN = 8;
const SLICE_RECORDS_MAX = 500;

/** What {@link exportStore} needs. */
export interface ExportOptions {
  readonly journal: Pick<Journal, 'readAfter' | 'lastPosition' | 'checkpoints'>;
  readonly identity: StoreIdentity;
  readonly name: string;
  /** A UUID that no other export has. */
  readonly exportId: string;
  readonly nowMs: number;
  readonly onProgress?: OnOpenProgress | undefined;
}

/**
 * Gives the file, a block at a time.
 *
 * @throws CorruptJournalError (`CORRUPT_JOURNAL`) when stored data is damaged
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook wrote some of it
 * @throws OperationalError (`OPERATIONAL_ERROR`) when storage fails, or the store was compacted meanwhile
 */
export async function* exportStore(options: ExportOptions): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const { journal, identity, name, exportId, nowMs, onProgress } = options;
  const position = await journal.lastPosition();
  const checkpoint = await soundCheckpoint(journal, position);
  const header: StoreFileHeader = {
    ...{ exportId, identity, name, exportedAtMs: nowMs, position },
    imagePosition: checkpoint?.position ?? 0,
    imageBytes: checkpoint?.imageBytes ?? 0,
    chunkBytes: checkpoint?.chunkBytes ?? 0,
  };
  const preamble = encodePreamble();
  const chain = await BlockChain.begin(preamble);
  yield preamble;
  yield await encodeBlock(chain, BLOCK_KIND.header, encodeHeader(header));
  let doneBytes = 0;
  for (const chunk of checkpoint?.chunks ?? []) {
    const bytes = await readChunk(journal, header.imagePosition, chunk);
    yield await encodeBlock(chain, BLOCK_KIND.chunk, bytes);
    doneBytes += bytes.length;
    onProgress?.({ phase: 'image', doneBytes, totalBytes: header.imageBytes });
  }
  const first = firstRecordPosition(header);
  const totalRecords = Math.max(0, position - first + 1);
  for await (const { from, records } of recordBlocks(journal, first, position)) {
    yield await encodeBlock(chain, BLOCK_KIND.records, encodeRecords(from, records));
    onProgress?.({ phase: 'journal', doneRecords: from + records.length - first, totalRecords });
  }
  const counts = { chunks: checkpoint?.chunks.length ?? 0, records: totalRecords };
  yield await encodeBlock(chain, BLOCK_KIND.end, encodeCounts(counts));
}

/** The newest checkpoint that is sound, which only reading all of it shows; undefined when the journal is whole. */
async function soundCheckpoint(
  journal: ExportOptions['journal'],
  position: number,
): Promise<CheckpointManifest | undefined> {
  let damage: CorruptJournalError | undefined;
  for (const entry of await journal.checkpoints.readManifests()) {
    if (entry.position > position) continue;
    try {
      return await verified(journal, entry);
    } catch (error) {
      if (!(error instanceof CorruptJournalError)) throw error;
      damage ??= error;
    }
  }
  if (damage === undefined) return undefined;
  const [firstEntry] = await journal.readAfter(0, 1);
  if (firstEntry?.position !== 1) throw damage;
  return undefined;
}

async function verified(journal: ExportOptions['journal'], entry: JournalEntry): Promise<CheckpointManifest> {
  const manifest = decodeCheckpointManifest(entry.position, entry.bytes);
  for (const chunk of manifest.chunks) await readChunk(journal, entry.position, chunk);
  return manifest;
}

async function readChunk(
  { checkpoints }: ExportOptions['journal'],
  position: number,
  { key, digest }: CheckpointChunk,
): Promise<Uint8Array> {
  const bytes = await checkpoints.readChunk(key);
  if (bytes === undefined) {
    const isThere = (await checkpoints.readManifests()).some((entry) => entry.position === position);
    throw isThere ? damagedCheckpoint(position, `chunk ${key} is missing`) : compacted();
  }
  if (toHex(await sha256(bytes)) !== toHex(digest)) {
    throw damagedCheckpoint(position, `chunk ${key} is not what was written`);
  }
  return bytes;
}

interface RecordSlice {
  readonly from: number;
  readonly records: readonly Uint8Array[];
}

async function* recordBlocks(
  journal: ExportOptions['journal'],
  first: number,
  last: number,
): AsyncGenerator<RecordSlice> {
  let next = first;
  let limit = SLICE_RECORDS_MIN;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  while (next <= last) {
    const entries = await journal.readAfter(next - 1, Math.min(limit, last - next + 1));
    if (entries.length === 0) throw await missing(journal, next);
    let sliceBytes = 0;
    for (const { position, bytes } of entries) {
      if (position !== next) throw await missing(journal, next);
      decodeJournalRecord(position, bytes);
      next++;
      held.push(bytes);
      sliceBytes += bytes.length;
      heldBytes += bytes.length;
      if (heldBytes < RECORDS_BLOCK_BYTES) continue;
      yield { from: next - held.length, records: held };
      [held, heldBytes] = [[], 0];
    }
    const fits = sliceBytes < RECORDS_BLOCK_BYTES / 2;
    limit = fits ? Math.min(SLICE_RECORDS_MAX, limit * 2) : Math.max(SLICE_RECORDS_MIN, Math.floor(limit / 2));
  }
  if (held.length > 0) yield { from: next - held.length, records: held };
}

async function missing(journal: ExportOptions['journal'], position: number): Promise<Error> {
  const [newest] = await journal.checkpoints.readManifests();
  if (newest !== undefined && newest.position >= position) return compacted();
  return new CorruptJournalError(`Journal record ${position} is missing. The store stays as it is.`, {
    details: { position },
  });
}

function compacted(): OperationalError {
  return new OperationalError('The store was compacted while it was exported. Nothing is lost: export it again.');
}
