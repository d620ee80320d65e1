/**
 * What a database does for a statement, and what it must not do for one that is run again and again: read a whole table.
 *
 * @module
 */
import type { PostgresClient, PostgresPool } from '../../src/persistence/postgres/index.js';
import type { SqliteDatabase } from '../../src/persistence/sqlite/sqlite-driver.js';

/** A statement as it was run. */
export interface RunStatement {
  readonly text: string;
  readonly values: readonly unknown[];
}

const SHOWN_MAX = 300;
// Whose rows they are, and no condition beside it.
const OF_TENANT = /^\(tenant_id = current_setting\('daybook\.tenant'::text, true\)\)$/;
const PLANNED = /^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b/i;

/** A pool that notes what is run by it. */
export function notingPool(pool: PostgresPool, noted: RunStatement[]): PostgresPool {
  const note = (text: string, values: readonly unknown[] = []): void => {
    // Several statements in one message have no parameters, and no semicolon in a literal: texts are in base64.
    for (const part of values.length > 0 ? [text] : text.split(';')) noted.push({ text: part, values });
  };
  return {
    query: (text, values) => pool.query(text, values),
    connect: async (): Promise<PostgresClient> => {
      const client = await pool.connect();
      return {
        query: async (text, values) => {
          note(text, values);
          return await client.query(text, values);
        },
        release: (error) => client.release(error),
      };
    },
  };
}

/** A database that notes what is prepared. */
export function notingDatabase(database: SqliteDatabase, noted: RunStatement[]): SqliteDatabase {
  return new Proxy(database, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      const method = value.bind(target) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        if (property === 'prepare') noted.push({ text: String(args[0]), values: [] });
        return method(...args);
      };
    },
  });
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly PlanNode[];
}

/**
 * What in PostgreSQL's plan reads a whole table, or all that a tenant has in it: one line for each, empty where nothing does.
 *
 * @param openingSql - what the transaction begins with, without a semicolon at the end
 */
export async function postgresFaults(
  pool: PostgresPool,
  { text, values }: RunStatement,
  openingSql = 'SELECT 1',
): Promise<readonly string[]> {
  if (!PLANNED.test(text)) return [];
  const client = await pool.connect();
  try {
    // The plan of these values, where a table of few rows would be read as a whole however it is indexed.
    await client.query(
      `BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = 'force_custom_plan'; ${openingSql}`,
    );
    const { rows } = await client.query(`EXPLAIN (FORMAT JSON) ${text}`, [...values]);
    const plans = rows[0]?.['QUERY PLAN'] as readonly { readonly Plan: PlanNode }[];
    return plans.flatMap(({ Plan }) => faultsOf(Plan, false)).map((fault) => `${fault}: ${text.slice(0, SHOWN_MAX)}`);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

function faultsOf(node: PlanNode, isLimited: boolean): readonly string[] {
  const { 'Node Type': type, 'Relation Name': relation = '', 'Index Name': index = relation } = node;
  const isScan = /^(?:Index Scan|Index Only Scan|Bitmap Index Scan)$/.test(type);
  const walks = isScan && (node['Index Cond'] ?? '').replace(OF_TENANT, '') === '';
  const own = type === 'Seq Scan' ? [`reads all of ${relation}`] : walks && !isLimited ? [`walks all of ${index}`] : [];
  // A limit ends a walk, unless something in between wants to see everything first.
  const isStillLimited = type === 'Limit' || (isLimited && !/Sort|Aggregate|Hash/.test(type));
  return [...own, ...(node.Plans ?? []).flatMap((plan) => faultsOf(plan, isStillLimited))];
}

/** The same of SQLite's plan. */
export function sqliteFaults(database: SqliteDatabase, { text }: RunStatement): readonly string[] {
  if (!PLANNED.test(text) || /\bsqlite_(?:master|schema)\b/.test(text)) return [];
  const statement = database.prepare(`EXPLAIN QUERY PLAN ${text}`);
  const details = statement.all([]).map((row) => String(row[3]));
  statement.free();
  // Rows that were made a moment ago: what they are made of has lines of its own.
  const made = new Set(details.flatMap((detail) => /^(?:CO-ROUTINE|MATERIALIZE) (\w+)$/.exec(detail)?.[1] ?? []));
  const isLimited = /\bLIMIT\b/i.test(text) && !details.some((detail) => detail.includes('USE TEMP B-TREE'));
  return details
    .filter((detail) => /^SCAN (?!CONSTANT ROW|\d+-ROW VALUES CLAUSE|\(|\w+ VIRTUAL TABLE)/.test(detail))
    .filter((detail) => !(isLimited && detail.includes(' USING ')) && !made.has(detail.slice('SCAN '.length)))
    .map((detail) => `${detail}: ${text.slice(0, SHOWN_MAX)}`);
}
