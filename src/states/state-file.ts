/**
 * A file of states: lines of JSON, in UTF-8, each with a line feed at its end. This file is the specification of the format.
 *
 * ```text
 * {"daybook":"states","format":1,"state":"settings","version":1,"count":2}    what it is, and how many there were at first
 * {"id":"anna","version":3,"data":{"theme":"dark"}}                           a state; ids ascend by their code points
 * {"id":"bert","version":1,"data":{"theme":"light"}}
 * {"end":true,"count":2,"crc32":"1b2c3d4e"}                                   how many there are, and the checksum of all before
 * ```
 *
 * Fields of documents are in the order of their names, so that the same states make the same file, whatever the engine.
 *
 * @module
 */
import { NotSupportedError } from '../persistence/errors.js';
import { linesOf } from '../util/byte-lines.js';
import { crc32, crc32Text } from '../util/crc32.js';
import { jsonOfLine } from '../util/json-line.js';
import type { State } from './state.js';
import { inOrder } from './state-changes.js';
import { StateFileError } from './state-errors.js';
import { compareTexts } from './state-match.js';
import type { FoundState } from './state-store.js';

const FORMAT = 1;
// A document is held in memory several times over while it is read; PostgreSQL takes 255 MB.
const LINE_BYTES_MAX = 64 * 1024 * 1024;

type Described = Pick<State, 'name' | 'version'>;

/** Makes lines, and reckons what the last one says. */
export class StateFileWriter {
  readonly #encoder = new TextEncoder();
  #checksum = 0;
  #count = 0;

  begin({ name, version }: Described, count: number): Uint8Array<ArrayBuffer> {
    return this.#line([{ daybook: 'states', format: FORMAT, state: name, version, count }]);
  }

  states(found: readonly FoundState<unknown>[]): Uint8Array<ArrayBuffer> {
    this.#count += found.length;
    return this.#line(found.map(({ id, version, data }) => ({ id, version, data: inOrder(data) })));
  }

  end(): Uint8Array<ArrayBuffer> {
    return this.#line([{ end: true, count: this.#count, crc32: crc32Text(this.#checksum) }]);
  }

  #line(values: readonly object[]): Uint8Array<ArrayBuffer> {
    const bytes = this.#encoder.encode(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
    this.#checksum = crc32(bytes, this.#checksum);
    return bytes;
  }
}

/** What a file is read as, in this order. */
export type StateFilePart =
  | { readonly kind: 'header'; readonly count: number }
  | { readonly kind: 'state'; readonly state: FoundState<unknown> }
  | { readonly kind: 'end'; readonly count: number };

/**
 * Reads a file, and checks all of it but the documents.
 *
 * @param chunks - its bytes, cut anywhere
 * @throws StateFileError (`STATE_FILE`) when it is damaged, cut off, of another state, or none
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer release wrote it
 */
export async function* readStateFile(
  state: Described,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<StateFilePart, void, undefined> {
  const refuse = (reason: string, line: number, what: string): StateFileError =>
    new StateFileError(`The file of states ${state.name} ${what}, at line ${line}. Nothing of it was stored.`, {
      details: { state: state.name, line, reason },
    });
  let [line, count, checksum] = [0, 0, 0];
  let last: string | undefined;
  let hasEnded = false;
  for await (const { bytes, isWhole } of linesOf(chunks, LINE_BYTES_MAX)) {
    line += 1;
    if (hasEnded) throw refuse('behind-end', line, 'goes on behind its end');
    if (!isWhole) throw refuse('cut', line, 'was cut off, or has a line that is too long');
    const value = jsonOfLine(bytes);
    if (line === 1) {
      yield { kind: 'header', count: headerOf(state, value, refuse) };
    } else if (value?.['end'] === true) {
      if (value['count'] !== count)
        throw refuse('count', line, `says that it has ${String(value['count'])} states, and has ${count}`);
      if (value['crc32'] !== crc32Text(checksum))
        throw refuse('checksum', line, 'is damaged: its checksum is another one');
      hasEnded = true;
    } else {
      const found = foundOf(value);
      if (found === undefined) throw refuse('line', line, 'has something that is no state');
      if (last !== undefined && compareTexts(last, found.id) >= 0)
        throw refuse('order', line, 'is not in the order of ids');
      last = found.id;
      count += 1;
      yield { kind: 'state', state: found };
    }
    checksum = crc32(bytes, checksum);
  }
  if (line === 0) throw refuse('header', 1, 'is empty');
  if (!hasEnded) throw refuse('cut', line, 'was cut off: its end is missing');
  yield { kind: 'end', count };
}

type Refuse = (reason: string, line: number, what: string) => StateFileError;
type Read = Readonly<Record<string, unknown>> | undefined;

function headerOf({ name, version }: Described, header: Read, refuse: Refuse): number {
  if (header?.['daybook'] !== 'states') throw refuse('header', 1, 'does not begin as one does');
  const { format, state, version: written, count } = header;
  if (format !== FORMAT) throw newer(`The file is of format ${String(format)}, and this release reads ${FORMAT}.`);
  if (state !== name) throw refuse('other-state', 1, `has states ${JSON.stringify(state)}`);
  if (!Number.isSafeInteger(written) || !Number.isSafeInteger(count))
    throw refuse('header', 1, 'has no version or count');
  if ((written as number) > version) {
    throw newer(`The file has version ${written as number} of the state ${name}, and this release has ${version}.`);
  }
  return count as number;
}

function newer(message: string): NotSupportedError {
  return new NotSupportedError(`${message} Import it by a newer release. Nothing of it was stored.`);
}

function foundOf(value: Read): FoundState<unknown> | undefined {
  const { id, version, data } = value ?? {};
  const isFound = typeof id === 'string' && Number.isSafeInteger(version) && typeof data === 'object' && data !== null;
  return isFound ? { id, version: version as number, data } : undefined;
}
