/**
 * JSON documents in a column, and what is asked of their fields: where engines differ most. SQLite's is the default.
 *
 * A field holds values of one kind, or null; of a field with several kinds the order among these is the engine's own.
 *
 * @module
 */

/** What can be compared with a field. */
export type DocumentValue = string | number | boolean;

/** A comparison by an operator of SQL. */
export interface DocumentComparison {
  readonly operator: '=' | '<' | '<=' | '>' | '>=';
  readonly value: DocumentValue;
  /** Of the value, as SQL: `$1`. */
  readonly parameter: string;
}

/** Values of one kind. */
export interface DocumentValues {
  /** One of them. */
  readonly value: DocumentValue;
  /** Of each, as SQL. */
  readonly parameters: readonly string[];
}

/**
 * SQL for documents in a column. Names of fields have neither quotes nor backslashes nor U+0000 in them; names of columns are
 * SQL already.
 */
export interface SqlDocuments {
  /** The type of the column. */
  readonly type: string;
  /** A parameter, which is a text of JSON, as a document. */
  readonly parameter: (parameter: string) => string;
  /** A document as the text of its JSON. */
  readonly text: (column: string) => string;
  /** A field as the text of its JSON, null where it is not there. */
  readonly fieldText: (column: string, field: string) => string;
  /** What an index on a field has, and what is ordered by, nulls first. Comparisons of the field are served by it. */
  readonly keys: (column: string, field: string) => readonly string[];
  /** Whether a field is null or not there. */
  readonly isNull: (column: string, field: string) => string;
  /** Whether a field has a value of the same kind that compares so. */
  readonly compares: (column: string, field: string, comparison: DocumentComparison) => string;
  /** Whether a field has one of several values, all of one kind. */
  readonly among: (column: string, field: string, wanted: DocumentValues) => string;
  /** Whether a field is a list that has one value. */
  readonly has: (column: string, field: string, wanted: Omit<DocumentComparison, 'operator'>) => string;
  /** What an index on such a field is `ON`, after the table. @defaultValue none would be of use */
  readonly listIndexOn?: (column: string, field: string) => string;
  /** What is bound for a value. */
  readonly bound: (value: DocumentValue) => string | number;
  /** Follows a key in an index or an order, so that null is the first one, or descending the last. */
  readonly nulls: Readonly<Record<'asc' | 'desc', string>>;
}

/** A name as a literal of SQL. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

const valueAt = (column: string, field: string): string => `json_extract(${column}, ${sqlText(`$."${field}"`)})`;

/**
 * SQLite's, whose JSON is text. `json_extract` gives numbers, texts, and 1 and 0 for booleans. It compares any number as less
 * than any text: so the other side of a range is closed, too.
 */
export const SQLITE_DOCUMENTS: SqlDocuments = {
  type: 'TEXT',
  parameter: (parameter) => parameter,
  text: (column) => column,
  fieldText: (column, field) => `${column} -> ${sqlText(`$."${field}"`)}`,
  keys: (column, field) => [valueAt(column, field)],
  isNull: (column, field) => `${valueAt(column, field)} IS NULL`,
  compares(column, field, { operator, value, parameter }) {
    const found = valueAt(column, field);
    const comparison = `${found} ${operator} ${parameter}`;
    if (operator.startsWith('>') && typeof value !== 'string') return `(${comparison} AND ${found} < '')`;
    if (operator.startsWith('<') && typeof value === 'string') return `(${comparison} AND ${found} >= '')`;
    return comparison;
  },
  among: (column, field, { parameters }) => `${valueAt(column, field)} IN (${parameters.join(', ')})`,
  has(column, field, { value, parameter }) {
    const path = sqlText(`$."${field}"`);
    // Booleans are numbers there, but for their type.
    const kind =
      typeof value === 'boolean' ? ` AND one.type IN ('true', 'false')` : ` AND one.type NOT IN ('true', 'false')`;
    return `(json_type(${column}, ${path}) = 'array' AND EXISTS (SELECT 1 FROM json_each(${column}, ${path}) AS one WHERE one.value = ${parameter}${kind}))`;
  },
  bound: (value) => (typeof value === 'boolean' ? Number(value) : value),
  nulls: { asc: '', desc: '' },
};
