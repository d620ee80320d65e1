/**
 * A personal value as it stands in an event's data: a text, so that the data stays JSON that anybody reads.
 *
 * ```text
 * daybook-sealed:1:<id of the key>:<base64 of nonce, tag and ciphertext>
 * ```
 *
 * The plaintext is what the transcoder makes of the value. The tag covers the aggregate, the topic and the path of the field as
 * well, so that nobody moves it elsewhere.
 *
 * @module
 */
import type { EventData } from '../../domain/event-versions.js';
import { DataError } from '../../persistence/errors.js';
import { fromBase64, toBase64 } from '../../util/base64.js';
import type { SealedPlace } from '../events/data-sealer.js';

const PREFIX = 'daybook-sealed:';
const SEALED = /^daybook-sealed:1:([0-9a-f-]{36}):([A-Za-z0-9+/]+=*)$/;

const textEncoder = new TextEncoder();

/** Keys of objects, and places in lists, from the outside in. */
export type FieldPath = readonly (string | number)[];

/** A sealed value, and where it is. */
export interface SealedValue {
  readonly path: FieldPath;
  readonly keyId: string;
  readonly bytes: Uint8Array;
}

/** Writes a sealed value. */
export function sealedText(keyId: string, bytes: Uint8Array): string {
  return `${PREFIX}1:${keyId}:${toBase64(bytes)}`;
}

/** What the tag of a value covers. */
export function boundToField({ originatorId, topic }: SealedPlace, path: FieldPath): Uint8Array {
  return textEncoder.encode(JSON.stringify([originatorId, topic, ...path]));
}

/** Finds what is sealed in data, or in a state that has metadata beside them. @throws DataError (`DATA_ERROR`) when a text is called so, and is none that this version reads */
export function sealedValues(data: unknown): readonly SealedValue[] {
  const found: SealedValue[] = [];
  visitTexts(data, [], (text, path) => {
    // Metadata are the caller's own, and nothing in them is sealed.
    if (!text.startsWith(PREFIX) || path[0] === 'metadata_') return;
    const [, keyId, base64] = SEALED.exec(text) ?? [];
    if (keyId === undefined || base64 === undefined) {
      throw new DataError(`What is sealed in ${path.join('.')} has another form than this version reads.`);
    }
    found.push({ path, keyId, bytes: fromBase64(base64) });
  });
  return found;
}

/**
 * @throws DataError (`DATA_ERROR`) when a text of the data looks like a sealed value: it would be taken for one, or for a
 *   damaged one, by whoever reads it
 */
export function assertNothingSealed(data: EventData): void {
  visitTexts(data, [], (text, path) => {
    if (text.startsWith(PREFIX)) {
      throw new DataError(
        `The text of ${path.join('.')} begins with "${PREFIX}", as sealed values do. Nothing was stored.`,
      );
    }
  });
}

function visitTexts(value: unknown, path: FieldPath, visit: (text: string, path: FieldPath) => void): void {
  if (typeof value === 'string') visit(value, path);
  else if (Array.isArray(value)) value.forEach((item: unknown, index) => visitTexts(item, [...path, index], visit));
  else if (isPlainObject(value)) {
    for (const [key, item] of Object.entries(value)) visitTexts(item, [...path, key], visit);
  }
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
