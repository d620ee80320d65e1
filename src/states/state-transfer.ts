/**
 * States out of a store, and into one, as a file.
 *
 * @module
 */
import { ProgrammingError } from '../persistence/errors.js';
import { chunksOf, streamOf } from '../util/byte-chunks.js';
import type { ByteOpener } from '../util/byte-chunks.js';
import { callListener } from '../util/listeners.js';
import type { State } from './state.js';
import { assertRestored } from './state-changes.js';
import { checkedId, toDocument } from './state-document.js';
import { StateImportError } from './state-errors.js';
import { readStateFile, StateFileWriter } from './state-file.js';
import type { FoundState, RestoreOptions, StateReader, StateStore } from './state-store.js';
import { throwIfAborted } from '../persistence/heed-signal.js';
import { validateFunctions } from '../persistence/validation.js';

// Read and written at once: a transaction, which holds others up for as long as that takes.
const PAGE_STATES = 500;

/** How far a file is written or read. */
export interface StateTransferProgress {
  /** States that are through. */
  readonly done: number;
  /** How many there are; of an export, how many there were when it began. */
  readonly total: number;
}

/** Options of {@link exportStates}. */
export interface ExportStatesOptions {
  /** Ends the file without an end: with its reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: StateTransferProgress) => void) | undefined;
}

/**
 * All states of a definition, as a file of lines of JSON, from any engine. It is read page by page as the stream is read: of
 * what is changed meanwhile it has what was there when its page was read. For all of it at one moment, read it in a transaction,
 * with `states.within(transaction)`. Kept states can be exported, too; they are not imported, but follow from events.
 *
 * @returns bytes, which end with a checksum. The same states make the same bytes, whatever the engine
 * @throws by the stream, what reading throws
 *
 * @example
 * ```ts
 * const file = await new Response(exportStates(states, settings)).blob();
 * ```
 */
export function exportStates<Data>(
  states: StateReader,
  state: State<Data>,
  options: ExportStatesOptions = {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return streamOf(partsOf(states, state, options));
}

async function* partsOf<Data>(
  states: StateReader,
  state: State<Data>,
  { signal, onProgress }: ExportStatesOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  validateFunctions({ onProgress });
  const writer = new StateFileWriter();
  const total = await states.count(state);
  throwIfAborted(signal);
  yield writer.begin(state, total);
  let [done, after]: [number, string | undefined] = [0, undefined];
  do {
    const page: Awaited<ReturnType<typeof states.page<Data>>> = await states.page(state, { limit: PAGE_STATES, after });
    throwIfAborted(signal);
    if (page.states.length > 0) yield writer.states(page.states);
    done += page.states.length;
    callListener(() => onProgress?.({ done, total }));
    after = page.next;
  } while (after !== undefined);
  yield writer.end();
}

/** What a file is read from, as often as it is asked. */
export type StateFileSource = ByteOpener;

/** Options of {@link importStates}. */
export interface ImportStatesOptions extends RestoreOptions {
  /** Stops it: before anything is stored with its reason, and else as other failures. */
  readonly signal?: AbortSignal | undefined;
  /** Of what is stored. */
  readonly onProgress?: ((progress: StateTransferProgress) => void) | undefined;
}

/** What an import did. */
export interface ImportedStates {
  /** States of the file. */
  readonly total: number;
  /** Those of them that were not there as they are now. */
  readonly changed: number;
}

/**
 * Takes in what {@link exportStates} made, on whichever engine. The file is read twice: first all of it is checked, and each
 * state by the schema, and then it is stored, 500 states in a transaction. So a file that is damaged or cut off
 * leaves nothing behind. States that the file does not have stay; to import it again changes nothing.
 *
 * Versions are those of the file, except where another document is there: then it has the larger one, or one more than it had.
 *
 * @param source - a `Blob` or a file, or what opens the stream anew. For a stream that comes once:
 *   `await new Response(stream).blob()`
 * @throws StateFileError (`STATE_FILE`) when the file is damaged, cut off, of another state, or none; nothing was stored
 * @throws ValidationError (`VALIDATION_ERROR`) or DataError (`DATA_ERROR`) when a state is not what the schema says, or what JSON
 *   holds; nothing was stored
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer release wrote the file; nothing was stored
 * @throws StateImportError (`STATE_IMPORT`) when storing failed: `details` say what is stored, and to import it again goes on
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the state is kept from events, or an option is none
 *
 * @example
 * ```ts
 * const { changed } = await importStates(states, settings, file);
 * ```
 */
export async function importStates<Data>(
  states: StateStore,
  state: State<Data>,
  source: StateFileSource,
  { existing, signal, onProgress }: ImportStatesOptions = {},
): Promise<ImportedStates> {
  assertRestored(state, { existing });
  if (typeof source !== 'function' && !(source instanceof Blob)) {
    throw new ProgrammingError('A file of states is a Blob, or a function that opens a stream of it anew.');
  }
  const total = await checked(state, source, signal);
  const progress = { stored: 0, total, changed: 0 };
  const store = async (page: readonly FoundState<unknown>[]): Promise<void> => {
    throwIfAborted(signal);
    progress.changed += await states.restore(state, page, { existing });
    progress.stored += page.length;
    callListener(() => onProgress?.({ done: progress.stored, total }));
  };
  try {
    await inPages(readStateFile(state, chunksOf(source)), store);
  } catch (cause) {
    if (progress.stored === 0 && signal?.aborted === true) throw cause;
    throw ended(state, progress, cause);
  }
  return { total, changed: progress.changed };
}

/** Checks all of a file. @returns how many states it has */
async function checked<Data>(
  state: State<Data>,
  source: StateFileSource,
  signal: AbortSignal | undefined,
): Promise<number> {
  let total = 0;
  let refusal: Error | undefined;
  for await (const part of readStateFile(state, chunksOf(source))) {
    throwIfAborted(signal);
    if (part.kind !== 'state') total = part.count;
    // A file that is damaged says so first: a state in it may be none because of that.
    else refusal ??= await refusalOf(state, part.state);
  }
  if (refusal !== undefined) throw refusal;
  return total;
}

async function refusalOf<Data>(state: State<Data>, { id, data }: FoundState<unknown>): Promise<Error | undefined> {
  try {
    await toDocument(state, checkedId(id), data);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

async function inPages(
  parts: ReturnType<typeof readStateFile>,
  store: (page: readonly FoundState<unknown>[]) => Promise<void>,
): Promise<void> {
  let page: FoundState<unknown>[] = [];
  for await (const part of parts) {
    if (part.kind === 'state') page.push(part.state);
    if (page.length < PAGE_STATES) continue;
    await store(page);
    page = [];
  }
  if (page.length > 0) await store(page);
}

function ended<Data>(
  { name }: State<Data>,
  { stored, total }: { readonly stored: number; readonly total: number },
  cause: unknown,
): StateImportError {
  return new StateImportError(
    `The import of states ${name} ended before its end: the first ${stored} of ${total} are stored. Import the file again to go on.`,
    { cause, details: { state: name, stored, total } },
  );
}
