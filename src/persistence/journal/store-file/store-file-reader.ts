/**
 * Reads a store's file from front to back, and gives nothing that was not verified. `store-file.ts` has the format.
 *
 * @module
 */
import { sha256, toHex } from '../../sha256.js';
import { DamagedFileError, ForeignFileError, NotSupportedError } from '../../errors.js';
import { ByteFeed } from './byte-feed.js';
import type { PullBytes } from './byte-feed.js';
import { decodeJournalRecord } from '../journal-record.js';
import {
  beginsLikeStoreFile,
  BLOCK_HEAD_BYTES,
  BLOCK_KIND,
  BlockChain,
  decodeBlockHead,
  decodeCounts,
  decodeHeader,
  decodeRecords,
  FILE_FORMAT_VERSION,
  FILE_VERSION_OFFSET,
  firstRecordPosition,
  PREAMBLE_BYTES,
} from './store-file.js';
import type { StoreFileHeader } from './store-file.js';

/** A part of the image. */
export interface ChunkBlock {
  readonly kind: 'chunk';
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the bytes. */
  readonly digest: Uint8Array;
}

/** Some records, one after another. */
export interface RecordsBlock {
  readonly kind: 'records';
  readonly first: number;
  /** Views into one buffer. */
  readonly records: readonly Uint8Array[];
}

/** What a file consists of. */
export type StoreFileBlock = ChunkBlock | RecordsBlock;

/** A file whose header was read. */
export interface StoreFile {
  readonly header: StoreFileHeader;
  /** The digest of the header's block: no other file has it. In hexadecimal digits. */
  readonly fileDigest: string;
  /** The blocks, each verified before it is given. Comes to its end only when the file is whole. */
  readonly blocks: AsyncIterable<StoreFileBlock>;
}

interface RawBlock {
  readonly kind: number;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly bodyDigest: Uint8Array;
  readonly digest: Uint8Array;
  readonly offsetBytes: number;
}

/**
 * Reads the beginning of a file.
 *
 * @param pull - gives the next bytes of the file, as many as it likes; undefined at the end
 * @throws ForeignFileError (`FOREIGN_FILE`) when it is not a store's file
 * @throws DamagedFileError (`DAMAGED_FILE`) when it is, but is not as it was written; so do the blocks
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook wrote it; so do the blocks
 */
export async function readStoreFile(pull: PullBytes): Promise<StoreFile> {
  const feed = new ByteFeed(pull);
  const preamble = await readPreamble(feed);
  const chain = await BlockChain.begin(preamble);
  const block = await readBlock(feed, chain);
  const header = parsed(block, BLOCK_KIND.header, decodeHeader);
  return { header, fileDigest: toHex(block.digest), blocks: readBlocks(feed, chain, header) };
}

async function readPreamble(feed: ByteFeed): Promise<Uint8Array> {
  const { bytes, isShort } = await feed.takeUpTo(PREAMBLE_BYTES);
  if (!beginsLikeStoreFile(bytes)) {
    throw new ForeignFileError('This file is not the export of a store in the format "daybook". Nothing was imported.');
  }
  if (isShort) throw truncated(0);
  const version = bytes[FILE_VERSION_OFFSET] as number;
  if (version > FILE_FORMAT_VERSION) {
    throw new NotSupportedError(
      `The file has format ${version}; this version of Daybook reads format ${FILE_FORMAT_VERSION}. Load the newer version of the application. Nothing was imported.`,
      { details: { formatVersion: version } },
    );
  }
  if (version === 0) throw changed(0);
  return bytes;
}

async function* readBlocks(feed: ByteFeed, chain: BlockChain, header: StoreFileHeader): AsyncGenerator<StoreFileBlock> {
  const chunks = header.imageBytes === 0 ? 0 : Math.ceil(header.imageBytes / header.chunkBytes);
  for (let index = 0; index < chunks; index++) {
    yield chunkOf(
      await readBlock(feed, chain),
      Math.min(header.chunkBytes, header.imageBytes - index * header.chunkBytes),
    );
  }
  let next = firstRecordPosition(header);
  const records = Math.max(0, header.position - next + 1);
  while (next <= header.position) {
    const block = recordsOf(await readBlock(feed, chain), next, header.position);
    next += block.records.length;
    yield block;
  }
  const end = await readBlock(feed, chain);
  const counts = parsed(end, BLOCK_KIND.end, decodeCounts);
  if (counts.chunks !== chunks || counts.records !== records) throw changed(end.offsetBytes);
  if (!(await feed.isAtEnd())) throw changed(feed.offsetBytes);
}

async function readBlock(feed: ByteFeed, chain: BlockChain): Promise<RawBlock> {
  const { offsetBytes } = feed;
  const head = await feed.takeUpTo(BLOCK_HEAD_BYTES);
  if (head.isShort) throw truncated(offsetBytes);
  const decoded = decodeBlockHead(head.bytes);
  if (decoded === undefined) throw changed(offsetBytes);
  const { bytes: body, isShort } = await feed.takeUpTo(decoded.bodyBytes);
  if (isShort) throw truncated(offsetBytes);
  const bodyDigest = await sha256(body);
  const digest = await chain.next(decoded.kind, decoded.bodyBytes, bodyDigest);
  if (toHex(digest) !== toHex(decoded.digest)) throw changed(offsetBytes);
  return { kind: decoded.kind, body, bodyDigest, digest, offsetBytes };
}

function chunkOf({ kind, body, bodyDigest, offsetBytes }: RawBlock, bytesExpected: number): ChunkBlock {
  if (kind !== BLOCK_KIND.chunk || body.length !== bytesExpected) throw changed(offsetBytes);
  return { kind: 'chunk', bytes: body, digest: bodyDigest };
}

function recordsOf(block: RawBlock, expected: number, last: number): RecordsBlock {
  const { first, records } = parsed(block, BLOCK_KIND.records, decodeRecords);
  if (first !== expected || records.length === 0 || first + records.length - 1 > last) throw changed(block.offsetBytes);
  records.forEach((record, index) => assertRecord(first + index, record, block.offsetBytes));
  return { kind: 'records', first, records };
}

function assertRecord(position: number, bytes: Uint8Array, offsetBytes: number): void {
  try {
    decodeJournalRecord(position, bytes);
  } catch (error) {
    if (error instanceof NotSupportedError) throw error;
    throw changed(offsetBytes, error);
  }
}

function parsed<T>({ kind, body, offsetBytes }: RawBlock, expected: number, decode: (body: Uint8Array) => T): T {
  if (kind !== expected) throw changed(offsetBytes);
  try {
    return decode(body);
  } catch (cause) {
    throw changed(offsetBytes, cause);
  }
}

function truncated(offsetBytes: number): DamagedFileError {
  return new DamagedFileError('The file ends too early: it was not saved or sent whole. Nothing was imported.', {
    details: { reason: 'truncated', offsetBytes },
  });
}

function changed(offsetBytes: number, cause?: unknown): DamagedFileError {
  return new DamagedFileError(`The file is not as it was written, from byte ${offsetBytes} on. Nothing was imported.`, {
    ...(cause === undefined ? {} : { cause }),
    details: { reason: 'changed', offsetBytes },
  });
}
