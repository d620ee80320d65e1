/**
 * A store that a command only reads: of a database, or of the file that a browser's store was exported as.
 *
 * @module
 */
import { createReadStream } from 'node:fs';
import { beginsLikeStoreFile, PREAMBLE_BYTES } from '../persistence/journal/store-file/store-file.js';
import type { ApplicationRecorder } from '../persistence/recorder.js';
import { openStoreFile } from '../transfer/store-files/open-store-file.js';
import type { StoreFileRecorder } from '../transfer/store-files/open-store-file.js';
import { usageError } from './command.js';
import type { CommandContext } from './command.js';
import { openCommandStore, STORE_OPTIONS } from './command-store.js';

const NOTED_EVERY_BYTES = 100 * 1_048_576;

/** Options that say which store is read. */
export const READ_OPTIONS: typeof STORE_OPTIONS & { readonly 'store-file': { readonly type: 'string' } } = {
  ...STORE_OPTIONS,
  'store-file': { type: 'string' },
};

/** A store that is open to be read. */
export interface ReadStore {
  readonly recorder: ApplicationRecorder;
  close(): Promise<void>;
}

type ReadValues = Readonly<Partial<Record<keyof typeof READ_OPTIONS, string | undefined>>>;

/**
 * Opens the store that a command line names.
 *
 * @throws a usage error when it names none, or two
 */
export async function openReadStore(
  { 'store-file': path, ...values }: ReadValues,
  context: CommandContext,
): Promise<ReadStore> {
  if (path === undefined) return await openCommandStore(values, context);
  if (Object.keys(STORE_OPTIONS).some((option) => values[option as keyof typeof STORE_OPTIONS] !== undefined)) {
    throw usageError('--store-file goes without --sqlite, --database-url, --name and --schema.');
  }
  const recorder = await opened(createReadStream(path), context);
  return { recorder, close: () => recorder.close() };
}

/** Reads a store's file to its end, does something with what was in it, and removes what was laid down. */
export async function withStoreFile(
  source: AsyncIterable<Uint8Array>,
  context: CommandContext,
  work: (file: StoreFileRecorder) => Promise<void>,
): Promise<void> {
  const file = await opened(source, context);
  try {
    await work(file);
  } finally {
    await file.close();
  }
}

/** Looks at the beginning of a file. @returns the same bytes, from the beginning */
export async function recognized(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly isStoreFile: boolean; readonly source: AsyncIterable<Uint8Array> }> {
  const chunks = source[Symbol.asyncIterator]();
  let begin = new Uint8Array();
  while (begin.length < PREAMBLE_BYTES) {
    const next = await chunks.next();
    if (next.done === true) break;
    begin = Uint8Array.from(Buffer.concat([begin, next.value]));
  }
  return { isStoreFile: beginsLikeStoreFile(begin), source: joined(begin, chunks) };
}

async function* joined(
  begin: Uint8Array,
  chunks: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield begin;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
  } finally {
    await chunks.return?.();
  }
}

async function opened(source: AsyncIterable<Uint8Array>, { signal, warn }: CommandContext): Promise<StoreFileRecorder> {
  let next = NOTED_EVERY_BYTES;
  return await openStoreFile(source, {
    signal,
    onProgress: ({ doneBytes }) => {
      if (doneBytes < next) return;
      next = doneBytes - (doneBytes % NOTED_EVERY_BYTES) + NOTED_EVERY_BYTES;
      warn(`${Math.floor(doneBytes / 1_048_576)} MiB of the file were read`);
    },
  });
}
