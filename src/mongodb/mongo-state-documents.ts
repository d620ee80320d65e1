/**
 * States as documents of MongoDB.
 *
 * ```text
 * state_<name>      _id: the state's id · version: 64 bits · data: the document
 * state_<name>.v2   the same, of a state that is kept from events, whose definition has that version
 *                   words, wordsOf: of one that is searched, its words, each once, and which fields they are of
 *                   source: of one with `map`, what it was made of, bytes of the transcoder; then there may be no `data`
 * state.positions   _id: the collection of one that is kept · position: how far the events were taken, 64 bits
 * ```
 *
 * The names of fields are those of the document, but for what MongoDB, or its driver, takes for something else:
 *
 * ```text
 * a.b   a%2eb      $a   %24a      %   %25      the empty one   %      _bsontype   %_bsontype      constructor   %constructor
 * ```
 *
 * @module
 */
import { DataError } from '../persistence/errors.js';
import { MONGO_STATE_BYTES_MAX, toSafeInteger, toText } from '../persistence/mongodb/mongo-documents.js';
import type { MongoDocument } from '../persistence/mongodb/mongo-driver.js';
import type { State } from '../states/state.js';
import type { FoundState } from '../states/state-store.js';
import { wordsIn } from '../states/state-words.js';

// Of the 100 levels that a document may have, those of the whole and of `data` are ours, and so is some room.
const DEPTH_MAX = 90;
const EMPTY_NAME = '%';
/**
 * By the first the driver knows its own values: a document that has it would be taken for one. The others are on every object
 * of JavaScript by itself, and the driver (7.9) asks a plain object whether a list is to be read as bytes: it would be.
 */
const DRIVERS_NAME =
  /^(?:_bsontype|__\w+__|constructor|hasOwnProperty|isPrototypeOf|propertyIsEnumerable|toLocaleString|toString|valueOf)$/;

type Document = Readonly<Record<string, unknown>>;

/** A field's name, as it is stored. */
export function storedName(name: string): string {
  if (name === '') return EMPTY_NAME;
  if (DRIVERS_NAME.test(name)) return `%${name}`;
  return name.replace(/[%.$]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);
}

/** A field's name, as it was given. */
export function givenName(name: string): string {
  if (name === EMPTY_NAME) return '';
  if (name.startsWith('%') && DRIVERS_NAME.test(name.slice(1))) return name.slice(1);
  return name.replace(/%(25|2e|24)/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/** What is beside the id and the version. */
export interface StoredState {
  /** `undefined`: there is none (any more), and something that it would be made of. */
  readonly data: unknown;
  readonly source?: Uint8Array | undefined;
}

/** A document without its id. */
export type StoredFields = Readonly<Record<string, unknown>>;

/** @param fields - those of {@link toStateFields} */
export function atVersion(version: number, fields: StoredFields): StoredFields {
  return { version: BigInt(version), ...fields };
}

/**
 * A state as a document, without its id and its version.
 *
 * @throws DataError (`DATA_ERROR`) when MongoDB cannot store it
 */
export function toStateFields(
  state: Pick<State, 'name' | 'search'>,
  id: string,
  { data, source }: StoredState,
): StoredFields {
  const document = {
    ...(data === undefined ? {} : { data: renamed(data, storedName), ...wordsOf(state, data as Document) }),
    ...(source === undefined ? {} : { source }),
  };
  const { bytes, depth } = sizeOf(document, 0);
  if (bytes <= MONGO_STATE_BYTES_MAX && depth <= DEPTH_MAX) return document;
  const details = { state: state.name, id, bytes, bytesMax: MONGO_STATE_BYTES_MAX, depth, depthMax: DEPTH_MAX };
  throw new DataError(
    `The state ${state.name} of ${id} has ${bytes} bytes in ${depth} levels, and a document of MongoDB takes ${MONGO_STATE_BYTES_MAX} in ${DEPTH_MAX}. Nothing was stored.`,
    { details },
  );
}

/** What is set beside a document whose words are of other fields, or missing. */
export function wordsOf(state: Pick<State, 'search'>, data: Document): Document {
  return state.search.length === 0 ? {} : { words: wordsIn(data, state.search), wordsOf: searchedOf(state) };
}

/** Which fields words are of. */
export function searchedOf({ search }: Pick<State, 'search'>): string {
  return JSON.stringify(search);
}

/** @throws DataError (`DATA_ERROR`) when a document is not one that a store can have written */
export function toFoundState<Data>(document: MongoDocument): FoundState<Data> {
  return {
    id: toText(document, '_id'),
    version: toSafeInteger(document, 'version'),
    data: toData(document) as Data,
  };
}

/** The document of a state, as it was given. */
export function toData({ data }: MongoDocument): unknown {
  return renamed(data ?? {}, givenName);
}

/** A document that was read, as it was stored: the driver gives 64-bit integers as numbers. */
export function asStored({ _id, version, ...rest }: MongoDocument): StoredFields {
  return atVersion(version as number, rest);
}

function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => renamed(one, rename));
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [rename(name), renamed(field, rename)]));
}

interface Size {
  readonly bytes: number;
  readonly depth: number;
}

/** As https://bsonspec.org/spec.html has it: of a value, without its kind and its name. */
function sizeOf(value: unknown, depth: number): Size {
  if (typeof value === 'string') return { bytes: 5 + utf8Length(value), depth };
  if (typeof value === 'boolean') return { bytes: 1, depth };
  if (value instanceof Uint8Array) return { bytes: 5 + value.length, depth };
  if (typeof value !== 'object' || value === null) return { bytes: value === null ? 0 : 8, depth };
  let [bytes, deepest] = [5, depth + 1];
  for (const [name, field] of Object.entries(value)) {
    const inner = sizeOf(field, depth + 1);
    bytes += 2 + utf8Length(name) + inner.bytes;
    deepest = Math.max(deepest, inner.depth);
  }
  return { bytes, depth: deepest };
}

const encoder = new TextEncoder();

function utf8Length(text: string): number {
  return encoder.encode(text).length;
}
