/**
 * What a transaction changed in the caller's own tables, as bytes: its net effect, as row images, between changes of the
 * schema as their texts. This file is the specification of the format.
 *
 * ```text
 * u8      format version: 1
 * then operations until the bytes end:
 *   u8 1   schema:    text, a statement that changes tables, indexes or views
 *   u8 2   rows:      text name of the table
 *                     varint count of key columns,   each: text name
 *                     varint count of value columns, each: text name
 *                     varint count of keys that are gone, each: its key columns' values
 *                     varint count of rows as they are now, each: its key columns' values, its value columns' values
 *   u8 3   sequence:  text name of a table with AUTOINCREMENT, value: the largest rowid that it ever gave; all that
 *                     there are stand at the end, and afterwards there are no others
 *
 * value:  u8 kind, then
 *   0 NULL: nothing      1 integer, 0 and more: varint      2 integer below 0: varint of −1 − n
 *   3 integer beyond ±(2^53 − 1): 8 bytes, little endian    4 real: 8 bytes IEEE 754, little endian
 *   5 text: varint length, its bytes as SQLite has them     6 blob: varint length, bytes
 * ```
 *
 * The key columns of a table with rowids are its rowid alone, under a name that no column has; of a table without, its
 * primary key, which is then not among the value columns. Generated columns are left out.
 *
 * Replaying an operation on rows deletes the keys that are gone and those of the rows, then inserts the rows. So neither
 * the order in which the rows were changed matters, nor constraints that held in another order.
 *
 * @module
 */
import { ByteReader } from '../../../util/byte-reader.js';
import { ByteWriter } from '../../../util/byte-writer.js';
import { DataError, NotSupportedError } from '../../errors.js';

const FORMAT_VERSION = 1;
const SCHEMA = 1;
const ROWS = 2;
const SEQUENCE = 3;

const NULL = 0;
const NATURAL = 1;
const NEGATIVE = 2;
const INT64 = 3;
const REAL = 4;
const TEXT = 5;
const BLOB = 6;

/** A value with its type in SQLite, exactly. Texts are their bytes: not every text of SQLite's is one of JavaScript's. */
export type ExactValue =
  | { readonly type: 'null' }
  | { readonly type: 'integer'; readonly value: bigint }
  | { readonly type: 'real'; readonly value: number }
  | { readonly type: 'text' | 'blob'; readonly value: Uint8Array };

/** Values in the order of their columns. */
export type ExactRow = readonly ExactValue[];

/** What changed in the rows of one table. */
export interface RowsChange {
  readonly table: string;
  readonly keyColumns: readonly string[];
  readonly valueColumns: readonly string[];
  /** Keys of rows that are not there any more, or never were. */
  readonly gone: readonly ExactRow[];
  /** Keys and values of rows as they are now. */
  readonly rows: readonly ExactRow[];
}

/** The largest rowid that a table with AUTOINCREMENT ever gave. All that there are stand in every change. */
export interface SequenceChange {
  readonly kind: 'sequence';
  readonly table: string;
  readonly value: ExactValue;
}

/** A step of a replay. */
export type TableChange =
  { readonly kind: 'schema'; readonly sql: string } | ({ readonly kind: 'rows' } & RowsChange) | SequenceChange;

/** Packs operations, without the version before them: parts can be put one after the other. */
export function encodeTableChanges(changes: readonly TableChange[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  for (const change of changes) writeChange(writer, change);
  return writer.finish();
}

/** Puts parts together to what {@link decodeTableChanges} reads. */
export function joinTableChanges(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(parts.reduce((sum, part) => sum + part.length, 1));
  writer.u8(FORMAT_VERSION);
  for (const part of parts) writer.raw(part);
  return writer.finish();
}

/**
 * Reads what {@link joinTableChanges} made. Texts and blobs are views into `bytes`, not copies.
 *
 * @throws NotSupportedError (`NOT_SUPPORTED`) when a newer version of Daybook wrote them
 * @throws DataError (`DATA_ERROR`) when the bytes are not changes of tables
 */
export function decodeTableChanges(bytes: Uint8Array): TableChange[] {
  const version = bytes[0];
  if (version !== undefined && version > FORMAT_VERSION) {
    throw new NotSupportedError(
      `A record changes tables of your own in format ${version}; this version of Daybook reads format ${FORMAT_VERSION}. Load the newer version of the application. Nothing was changed.`,
      { details: { formatVersion: version } },
    );
  }
  try {
    if (version !== FORMAT_VERSION) throw new RangeError('there is no version');
    const reader = new ByteReader(bytes, 1);
    const changes: TableChange[] = [];
    while (reader.remaining > 0) changes.push(readChange(reader));
    return changes;
  } catch (cause) {
    throw new DataError('These bytes are not changes of tables.', { cause });
  }
}

/**
 * The tables whose rows are changed; `undefined` where the schema is, and any may be another one.
 *
 * @throws as {@link decodeTableChanges}
 */
export function tablesChanged(bytes: Uint8Array): readonly string[] | undefined {
  const changes = decodeTableChanges(bytes);
  if (changes.some(({ kind }) => kind === 'schema')) return undefined;
  return changes.flatMap((change) => (change.kind === 'rows' ? [change.table] : []));
}

function writeChange(writer: ByteWriter, change: TableChange): void {
  if (change.kind === 'schema') {
    writer.u8(SCHEMA);
    writer.text(change.sql);
  } else if (change.kind === 'sequence') {
    writer.u8(SEQUENCE);
    writer.text(change.table);
    writeValue(writer, change.value);
  } else {
    writer.u8(ROWS);
    writer.text(change.table);
    writeNames(writer, change.keyColumns);
    writeNames(writer, change.valueColumns);
    writeRows(writer, change.gone);
    writeRows(writer, change.rows);
  }
}

function readChange(reader: ByteReader): TableChange {
  const kind = reader.u8();
  if (kind === SCHEMA) return { kind: 'schema', sql: reader.text() };
  if (kind === SEQUENCE) return { kind: 'sequence', table: reader.text(), value: readValue(reader) };
  if (kind !== ROWS) throw new RangeError(`operation ${kind} is unknown`);
  const table = reader.text();
  const keyColumns = readNames(reader);
  const valueColumns = readNames(reader);
  const gone = readRows(reader, keyColumns.length);
  const rows = readRows(reader, keyColumns.length + valueColumns.length);
  return { kind: 'rows', table, keyColumns, valueColumns, gone, rows };
}

function writeNames(writer: ByteWriter, names: readonly string[]): void {
  writer.varint(names.length);
  for (const name of names) writer.text(name);
}

function readNames(reader: ByteReader): string[] {
  return Array.from({ length: reader.count() }, () => reader.text());
}

function writeRows(writer: ByteWriter, rows: readonly ExactRow[]): void {
  writer.varint(rows.length);
  for (const row of rows) for (const value of row) writeValue(writer, value);
}

function readRows(reader: ByteReader, width: number): ExactRow[] {
  const row = (): ExactRow => Array.from({ length: width }, () => readValue(reader));
  return Array.from({ length: reader.count() }, row);
}

function writeValue(writer: ByteWriter, exact: ExactValue): void {
  if (exact.type === 'null') writer.u8(NULL);
  else if (exact.type === 'integer') writeInteger(writer, exact.value);
  else if (exact.type === 'real') {
    writer.u8(REAL);
    writer.raw(eightBytes((view) => view.setFloat64(0, exact.value, true)));
  } else {
    writer.u8(exact.type === 'text' ? TEXT : BLOB);
    writer.sized(exact.value);
  }
}

function writeInteger(writer: ByteWriter, value: bigint): void {
  const rest = value < 0n ? -1n - value : value;
  if (rest > BigInt(Number.MAX_SAFE_INTEGER)) {
    writer.u8(INT64);
    writer.raw(eightBytes((view) => view.setBigInt64(0, value, true)));
  } else {
    writer.u8(value < 0n ? NEGATIVE : NATURAL);
    writer.varint(Number(rest));
  }
}

function readValue(reader: ByteReader): ExactValue {
  const kind = reader.u8();
  if (kind === NULL) return { type: 'null' };
  if (kind === NATURAL) return { type: 'integer', value: BigInt(reader.varint()) };
  if (kind === NEGATIVE) return { type: 'integer', value: -1n - BigInt(reader.varint()) };
  if (kind === INT64) return { type: 'integer', value: viewOf(reader.raw(8)).getBigInt64(0, true) };
  if (kind === REAL) return { type: 'real', value: viewOf(reader.raw(8)).getFloat64(0, true) };
  if (kind === TEXT) return { type: 'text', value: reader.sized() };
  if (kind === BLOB) return { type: 'blob', value: reader.sized() };
  throw new RangeError(`kind ${kind} of value is unknown`);
}

function eightBytes(set: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(8);
  set(viewOf(bytes));
  return bytes;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
