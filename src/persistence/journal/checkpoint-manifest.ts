/**
 * The format of a checkpoint's manifest. This file is its specification.
 *
 * ```text
 * offset size
 *      0    4  magic: 44 42 43 50 ("DBCP")
 *      4    1  format version: 1
 *      5    3  zero
 *      8    4  CRC-32 of everything from offset 12 on, little endian
 *     12    8  position of the last journal record that the image holds, little endian: binds the bytes to their key
 *     20    …  body
 *
 * body:    varint size of the image in bytes, varint size of a chunk, varint count of chunks; each chunk:
 *          varint key, 32 bytes SHA-256 of its bytes
 * ```
 *
 * The image is the chunks one after another; each has the same size, only the last may be shorter. It is a SQLite
 * database file. A manifest is valid under the conditions (1) to (4) and (6) of a journal record, and if (5) the chunks
 * are as many as the sizes say. A newer version is refused, as a journal record's is.
 *
 * @module
 */
import { crc32 } from '../../util/crc32.js';
import { ByteReader } from '../../util/byte-reader.js';
import { ByteWriter } from '../../util/byte-writer.js';
import { CorruptJournalError, NotSupportedError } from '../errors.js';

const MAGIC = 0x50434244; // "DBCP", read little endian
const FORMAT_VERSION = 1;
const CHECKSUM_OFFSET = 8;
const CHECKED_OFFSET = 12;
const BODY_OFFSET = 20;
const DIGEST_BYTES = 32;

/** A part of an image, as it is stored. */
export interface CheckpointChunk {
  readonly key: number;
  /** SHA-256 of its bytes. */
  readonly digest: Uint8Array;
}

/** What a checkpoint consists of. */
export interface CheckpointManifest {
  /** The last journal record that the image holds. */
  readonly position: number;
  readonly imageBytes: number;
  readonly chunkBytes: number;
  readonly chunks: readonly CheckpointChunk[];
}

/** Makes the bytes of a manifest. */
export function encodeCheckpointManifest(manifest: CheckpointManifest): Uint8Array<ArrayBuffer> {
  assertWhole(manifest);
  const writer = new ByteWriter(BODY_OFFSET + 32 + manifest.chunks.length * (DIGEST_BYTES + 8));
  writer.raw(new Uint8Array(BODY_OFFSET));
  writer.varint(manifest.imageBytes);
  writer.varint(manifest.chunkBytes);
  writer.varint(manifest.chunks.length);
  for (const { key, digest } of manifest.chunks) {
    writer.varint(key);
    writer.raw(digest);
  }
  const bytes = writer.finish();
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, FORMAT_VERSION);
  view.setBigUint64(CHECKED_OFFSET, BigInt(manifest.position), true);
  view.setInt32(CHECKSUM_OFFSET, crc32(bytes.subarray(CHECKED_OFFSET)), true);
  return bytes;
}

/**
 * Reads a manifest back.
 *
 * @param position - the key under which it was found
 * @throws CorruptJournalError (`CORRUPT_JOURNAL`) when it is not what was written
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook wrote it
 */
export function decodeCheckpointManifest(position: number, bytes: Uint8Array): CheckpointManifest {
  if (bytes.length < BODY_OFFSET) throw damagedCheckpoint(position, 'its manifest is too short');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw damagedCheckpoint(position, 'its manifest does not start as one does');
  const version = view.getUint8(4);
  if (version !== FORMAT_VERSION) {
    throw new NotSupportedError(
      `Checkpoint ${position} has format ${version}; this version of Daybook reads format ${FORMAT_VERSION}. Load the newer version of the application. Nothing was changed.`,
      { details: { position, formatVersion: version } },
    );
  }
  if (view.getInt32(CHECKSUM_OFFSET, true) !== crc32(bytes.subarray(CHECKED_OFFSET))) {
    throw damagedCheckpoint(position, 'the checksum of its manifest does not fit');
  }
  if (view.getBigUint64(CHECKED_OFFSET, true) !== BigInt(position)) {
    throw damagedCheckpoint(position, 'its manifest belongs elsewhere');
  }
  try {
    return readBody(position, new ByteReader(bytes, BODY_OFFSET));
  } catch (cause) {
    throw damagedCheckpoint(position, 'its manifest does not parse', cause);
  }
}

function readBody(position: number, reader: ByteReader): CheckpointManifest {
  const [imageBytes, chunkBytes, count] = [reader.varint(), reader.varint(), reader.varint()];
  const chunks: CheckpointChunk[] = [];
  while (chunks.length < count) chunks.push({ key: reader.varint(), digest: reader.raw(DIGEST_BYTES) });
  if (reader.remaining !== 0) throw new RangeError('bytes are left after the last chunk');
  const manifest = { position, imageBytes, chunkBytes, chunks };
  assertWhole(manifest);
  return manifest;
}

// At writing as at reading: what cannot be right must not be written, and must not be believed.
function assertWhole({ position, imageBytes, chunkBytes, chunks }: CheckpointManifest): void {
  if (position < 1 || chunkBytes < 1 || chunks.length !== Math.ceil(imageBytes / chunkBytes)) {
    throw new RangeError('the chunks of a checkpoint are not as many as its sizes say');
  }
}

/** The error of a checkpoint that is not what was written. */
export function damagedCheckpoint(position: number, what: string, cause?: unknown): CorruptJournalError {
  return new CorruptJournalError(
    `Checkpoint ${position} is damaged: ${what}, and the journal before it is not there any more. The store stays as it is and is not opened further; keep the browser profile and restore from the server or a backup.`,
    { ...(cause === undefined ? {} : { cause }), details: { position } },
  );
}
