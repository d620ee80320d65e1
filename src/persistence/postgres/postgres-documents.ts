/**
 * JSONB documents.
 *
 * JSONB has an order of its own, in which texts go by the database's locale. So a field has two keys: its number, and its text
 * in the order of bytes, either of which is null where it is the other.
 *
 * @module
 */
import { sqlText } from '../sql/sql-documents.js';
import type { SqlDocuments } from '../sql/sql-documents.js';

const numberAt = (column: string, field: string): string =>
  `(CASE WHEN jsonb_typeof(${column} -> ${sqlText(field)}) = 'number' THEN (${column} ->> ${sqlText(field)})::numeric END)`;
const textAt = (column: string, field: string): string => `((${column} ->> ${sqlText(field)}) COLLATE "C")`;

/** PostgreSQL's. */
export const POSTGRES_DOCUMENTS: SqlDocuments = {
  type: 'JSONB',
  parameter: (parameter) => `${parameter}::jsonb`,
  text: (column) => `${column}::text`,
  fieldText: (column, field) => `(${column} -> ${sqlText(field)})::text`,
  keys: (column, field) => [numberAt(column, field), textAt(column, field)],
  isNull: (column, field) => `(${numberAt(column, field)} IS NULL AND ${textAt(column, field)} IS NULL)`,
  compares(column, field, { operator, value, parameter }) {
    if (typeof value === 'number') return `${numberAt(column, field)} ${operator} ${parameter}::numeric`;
    return `(${numberAt(column, field)} IS NULL AND ${textAt(column, field)} ${operator} ${parameter}::text)`;
  },
  among(column, field, { value, parameters }) {
    const listed = (type: string): string => parameters.map((parameter) => `${parameter}::${type}`).join(', ');
    if (typeof value === 'number') return `${numberAt(column, field)} IN (${listed('numeric')})`;
    return `(${numberAt(column, field)} IS NULL AND ${textAt(column, field)} IN (${listed('text')}))`;
  },
  has(column, field, { value, parameter }) {
    const type = typeof value === 'number' ? 'numeric' : typeof value === 'boolean' ? 'boolean' : 'text';
    return `${column} -> ${sqlText(field)} @> jsonb_build_array(${parameter}::${type})`;
  },
  listIndexOn: (column, field) => `USING gin ((${column} -> ${sqlText(field)}))`,
  bound: String,
  nulls: { asc: ' NULLS FIRST', desc: ' NULLS LAST' },
};
