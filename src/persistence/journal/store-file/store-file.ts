/**
 * The format of a store as one file. This file is its specification; `store-file-reader.ts` reads it.
 *
 * ```text
 * file:    preamble, then blocks: one header, chunks of the image, records, one end. Nothing after the end.
 *
 * preamble, 12 bytes
 * offset size
 *      0    8  magic: 89 44 42 4B 0D 0A 1A 0A: no text begins so, and who changes the ends of lines changes it
 *      8    1  format version: 1
 *      9    3  zero
 *
 * block
 * offset size
 *      0    1  kind: 1 header, 2 chunk, 3 records, 4 end
 *      1    3  zero
 *      4    4  length of the body, little endian, at most 1 GiB
 *      8   32  digest: SHA-256 of (digest of the block before ‖ bytes 0 … 7 ‖ SHA-256 of the body);
 *              before the first block stands the SHA-256 of the preamble
 *     40    4  CRC-32 of bytes 0 … 39, little endian: a damaged length is found before it is believed
 *     44    …  body
 *
 * header:  text export id, a UUID made for this file · text replica id · varint time of the store's making, ms ·
 *          text id of the replica that it is a copy of, or empty · varint id up to which that one pushes ·
 *          text name of the store · varint time of the export, ms · varint position P of the last record ·
 *          varint position C that the image holds, or 0 · varint size of the image, varint size of a chunk
 * chunk:   bytes of the image; all have the size of a chunk, only the last may be shorter
 * records: varint count, varint position of the first; each: varint length, a journal record (journal-record.ts)
 * end:     varint count of chunks, varint count of records
 * ```
 *
 * The image is a SQLite file, as a checkpoint's is. The records are C+1 … P without a gap; if P = C, the record at P
 * alone, because a journal is never without its last record; none if P = 0. So a file is the store as it was when
 * record P was its last, whatever was committed while it was written.
 *
 * The digests form a chain: the block at which a file stops being what was written is found as soon as it was read, and
 * no block can be left out, repeated, or taken from another file. That a person changed a file on purpose they do not
 * show. A newer version is refused. Nothing in a file is secret beside the events, which are as the application
 * encrypted them, or did not.
 *
 * @module
 */
import { crc32 } from '../../../util/crc32.js';
import { ByteReader } from '../../../util/byte-reader.js';
import { ByteWriter } from '../../../util/byte-writer.js';
import { sha256, SHA256_BYTES } from '../../sha256.js';
import type { StoreIdentity } from '../store-identity.js';

const MAGIC: readonly number[] = [0x89, 0x44, 0x42, 0x4b, 0x0d, 0x0a, 0x1a, 0x0a];
const CHECKSUM_OFFSET = 40;
const DIGEST_OFFSET = 8;

/** The version that is written, and the newest that is read. */
export const FILE_FORMAT_VERSION = 1;
/** Where the version stands in the preamble. */
export const FILE_VERSION_OFFSET = 8;
/** Bytes of the preamble. */
export const PREAMBLE_BYTES = 12;
/** Bytes of a block before its body. */
export const BLOCK_HEAD_BYTES = 44;
/** Far more than the largest record; what claims to be larger is not believed. */
export const BLOCK_BODY_BYTES_MAX: number = 1024 ** 3;

/** What a block is. */
export const BLOCK_KIND = { header: 1, chunk: 2, records: 3, end: 4 } as const;

/** Which file, of which store, at which position. */
export interface StoreFileHeader {
  /** Made for this file: no other has it. */
  readonly exportId: string;
  /** Who the store was. */
  readonly identity: StoreIdentity;
  readonly name: string;
  readonly exportedAtMs: number;
  /** The last journal record that the file holds; 0 in the file of an empty store. */
  readonly position: number;
  /** What the image holds, or 0 without one. */
  readonly imagePosition: number;
  readonly imageBytes: number;
  readonly chunkBytes: number;
}

/** What the end says of the blocks before it. */
export interface StoreFileCounts {
  readonly chunks: number;
  readonly records: number;
}

/** What stands before a body. */
export interface BlockHead {
  readonly kind: number;
  readonly bodyBytes: number;
  readonly digest: Uint8Array;
}

/** The position of the first record in a file; see above. 1 and more. */
export function firstRecordPosition({ position, imagePosition }: StoreFileHeader): number {
  return position === imagePosition ? Math.max(1, position) : imagePosition + 1;
}

/** Makes blocks, each bound to those before it. */
export class BlockChain {
  #digest: Uint8Array;

  private constructor(digest: Uint8Array) {
    this.#digest = digest;
  }

  /** Begins after the given preamble. */
  static async begin(preamble: Uint8Array): Promise<BlockChain> {
    return new BlockChain(await sha256(preamble));
  }

  /** The digest that a block with this body has to have. The chain goes on from there. */
  async next(kind: number, bodyBytes: number, bodyDigest: Uint8Array): Promise<Uint8Array> {
    const bound = new Uint8Array(2 * SHA256_BYTES + DIGEST_OFFSET);
    bound.set(this.#digest);
    bound.set(fixedPart(kind, bodyBytes), SHA256_BYTES);
    bound.set(bodyDigest, SHA256_BYTES + DIGEST_OFFSET);
    this.#digest = await sha256(bound);
    return this.#digest;
  }
}

/** The preamble of a file. */
export function encodePreamble(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PREAMBLE_BYTES);
  bytes.set(MAGIC);
  bytes[FILE_VERSION_OFFSET] = FILE_FORMAT_VERSION;
  return bytes;
}

/** Whether bytes begin as a file does; of fewer bytes than the magic has, whether they may. */
export function beginsLikeStoreFile(bytes: Uint8Array): boolean {
  return bytes.length > 0 && MAGIC.every((byte, index) => index >= bytes.length || bytes[index] === byte);
}

/** Makes a block. */
export async function encodeBlock(chain: BlockChain, kind: number, body: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const block = new Uint8Array(BLOCK_HEAD_BYTES + body.length);
  block.set(fixedPart(kind, body.length));
  block.set(await chain.next(kind, body.length, await sha256(body)), DIGEST_OFFSET);
  const checksum = crc32(block.subarray(0, CHECKSUM_OFFSET));
  new DataView(block.buffer).setInt32(CHECKSUM_OFFSET, checksum, true);
  block.set(body, BLOCK_HEAD_BYTES);
  return block;
}

/** Reads what stands before a body; undefined when it is not what was written. */
export function decodeBlockHead(head: Uint8Array): BlockHead | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.getInt32(CHECKSUM_OFFSET, true) !== crc32(head.subarray(0, CHECKSUM_OFFSET))) return undefined;
  const bodyBytes = view.getUint32(4, true);
  if (bodyBytes > BLOCK_BODY_BYTES_MAX) return undefined;
  return { kind: view.getUint8(0), bodyBytes, digest: head.slice(DIGEST_OFFSET, CHECKSUM_OFFSET) };
}

/** Makes the body of a header. */
export function encodeHeader(header: StoreFileHeader): Uint8Array<ArrayBuffer> {
  const { identity } = header;
  const writer = new ByteWriter();
  writer.text(header.exportId);
  writer.text(identity.replicaId);
  writer.varint(identity.createdAtMs);
  writer.text(identity.copyOf ?? '');
  writer.varint(identity.pushBaseId ?? 0);
  writer.text(header.name);
  writer.varint(header.exportedAtMs);
  writer.varint(header.position);
  writer.varint(header.imagePosition);
  writer.varint(header.imageBytes);
  writer.varint(header.chunkBytes);
  return writer.finish();
}

/** Reads the body of a header. @throws RangeError when it cannot be one */
export function decodeHeader(body: Uint8Array): StoreFileHeader {
  const reader = new ByteReader(body);
  const exportId = reader.text();
  const [replicaId, createdAtMs] = [reader.text(), reader.varint()];
  const [copyOf, pushBaseId] = [reader.text(), reader.varint()];
  const header = {
    exportId,
    identity: { replicaId, createdAtMs, ...(copyOf === '' ? {} : { copyOf, pushBaseId }) },
    name: reader.text(),
    exportedAtMs: reader.varint(),
    position: reader.varint(),
    imagePosition: reader.varint(),
    imageBytes: reader.varint(),
    chunkBytes: reader.varint(),
  };
  assertRead(reader);
  const { position, imagePosition, imageBytes, chunkBytes } = header;
  const isSound =
    imagePosition <= position && imageBytes > 0 === imagePosition > 0 && (imageBytes === 0 || chunkBytes > 0);
  if (!isSound) throw new RangeError('a header contradicts itself');
  return header;
}

/** Makes the body of a block of records. */
export function encodeRecords(first: number, records: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(records.reduce((sum, { length }) => sum + length + 8, 16));
  writer.varint(records.length);
  writer.varint(first);
  for (const record of records) writer.sized(record);
  return writer.finish();
}

/** Reads the body of a block of records: views into it. @throws RangeError when it cannot be one */
export function decodeRecords(body: Uint8Array): { readonly first: number; readonly records: readonly Uint8Array[] } {
  const reader = new ByteReader(body);
  const [count, first] = [reader.varint(), reader.varint()];
  const records: Uint8Array[] = [];
  while (records.length < count) records.push(reader.sized());
  assertRead(reader);
  return { first, records };
}

/** Makes the body of an end. */
export function encodeCounts({ chunks, records }: StoreFileCounts): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(16);
  writer.varint(chunks);
  writer.varint(records);
  return writer.finish();
}

/** Reads the body of an end. @throws RangeError when it cannot be one */
export function decodeCounts(body: Uint8Array): StoreFileCounts {
  const reader = new ByteReader(body);
  const counts = { chunks: reader.varint(), records: reader.varint() };
  assertRead(reader);
  return counts;
}

function fixedPart(kind: number, bodyBytes: number): Uint8Array {
  const bytes = new Uint8Array(DIGEST_OFFSET);
  bytes[0] = kind;
  new DataView(bytes.buffer).setUint32(4, bodyBytes, true);
  return bytes;
}

function assertRead(reader: ByteReader): void {
  if (reader.remaining !== 0) throw new RangeError('bytes are left at the end of a block');
}
