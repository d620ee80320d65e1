/**
 * Values written into a statement's text.
 *
 * Statements with parameters go one by one, each with a round trip; several in one message can have none. So that no
 * value can end its literal, texts and bytes are written in base64, whose alphabet means nothing to SQL or to the
 * syntax of arrays, and are decoded by the server: whatever its settings say about backslashes and encodings.
 *
 * @module
 */
import { toBase64 } from '../../util/base64.js';
import { toHex } from '../sha256.js';

const textEncoder = new TextEncoder();

/** A text as an expression. */
export function textLiteral(text: string): string {
  return decodedText(`'${toBase64(textEncoder.encode(text))}'`);
}

// What is not one of these is written by its number, so that nothing can end the literal, or an escape in it.
const UNESCAPED = /^[A-Za-z0-9_]$/;

/**
 * A text that is compared with a column. An expression would have the collation of its arguments, and no index of the
 * column's own would be used.
 */
export function comparedLiteral(text: string): string {
  const escaped = Array.from(text, (character) => {
    if (UNESCAPED.test(character)) return character;
    return `\\U${(character.codePointAt(0) as number).toString(16).padStart(8, '0')}`;
  });
  return `E'${escaped.join('')}'`;
}

// Nothing of these ends a literal, or begins an escape in it.
const PLAIN = /^[A-Za-z0-9_ \-{},.:()[\]+/=@]*$/;

/** A text as a literal of no certain type, as a parameter is: where an expression is not allowed, or its type is open. */
export function plainLiteral(text: string): string {
  // Ids by the hundred.
  if (PLAIN.test(text)) return `'${text}'`;
  const escaped = Array.from(text, (character) => {
    if (PLAIN.test(character)) return character;
    return `\\U${(character.codePointAt(0) as number).toString(16).padStart(8, '0')}`;
  });
  return `E'${escaped.join('')}'`;
}

/**
 * A value of a parameter as a literal of no certain type.
 *
 * @returns `undefined` for what has another form with each client library
 */
export function parameterLiteral(value: unknown): string | undefined {
  if (value === null || value === undefined) return 'NULL';
  if (typeof value === 'string') return plainLiteral(value);
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return `'${String(value)}'`;
  if (value instanceof Uint8Array) return `E'\\\\x${toHex(value)}'`;
  if (!Array.isArray(value)) return undefined;
  const items = value.map(arrayItem);
  return items.includes(undefined) ? undefined : plainLiteral(`{${items.join(',')}}`);
}

function arrayItem(value: unknown): string | undefined {
  if (value === null || value === undefined) return 'NULL';
  if (typeof value === 'string') return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  return undefined;
}

/** Bytes as an expression. */
export function bytesLiteral(bytes: Uint8Array): string {
  return decodedBytes(`'${toBase64(bytes)}'`);
}

/** A UUID as an expression. It must have been validated. */
export function uuidLiteral(uuid: string): string {
  return `'${uuid}'::uuid`;
}

/** Texts as an array of base64, for {@link decodedText}. */
export function encodedTexts(texts: readonly string[]): string {
  // Without quotes, the empty text would be nothing at all, and the bytes that are NULL in base64 would be none.
  const quoted = texts.map((text) => `"${toBase64(textEncoder.encode(text))}"`);
  return arrayLiteral(quoted, 'text');
}

/** Byte arrays one after the other as one text in base64, for {@link decodedBytes}. */
export function joinedBytes(values: readonly Uint8Array[]): string {
  const joined = new Uint8Array(values.reduce((length, value) => length + value.length, 0));
  let at = 0;
  for (const value of values) {
    joined.set(value, at);
    at += value.length;
  }
  return `'${toBase64(joined)}'`;
}

/** UUIDs as an array. They must have been validated. */
export function uuidArray(uuids: readonly string[]): string {
  return arrayLiteral(uuids, 'uuid');
}

/** Safe integers as an array. */
export function bigintArray(integers: readonly number[]): string {
  return arrayLiteral(integers.map(String), 'bigint');
}

/** Integers of 32 bits as an array. */
export function integerArray(integers: readonly number[]): string {
  return arrayLiteral(integers.map(String), 'integer');
}

/** The text that an expression has in base64. */
export function decodedText(expression: string): string {
  return `convert_from(${decodedBytes(expression)}, 'UTF8')`;
}

/** The bytes that an expression has in base64. */
export function decodedBytes(expression: string): string {
  return `decode(${expression}, 'base64')`;
}

function arrayLiteral(items: readonly string[], type: string): string {
  return `'{${items.join(',')}}'::${type}[]`;
}
