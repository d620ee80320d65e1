import { ProgrammingError } from '../errors.js';
import { EVENT_TABLES_TURN } from '../sql/sql-names.js';
import type { Creation, Creations } from '../sql/sql-names.js';
import type { PostgresPool } from './postgres-driver.js';
import { sqlStateOf } from './postgres-errors.js';
import { quoteIdentifier } from './postgres-identifiers.js';
import { textLiteral } from './postgres-literals.js';
import { CREATE_LOCK_SQL } from './postgres-schema.js';
import { PoolSession } from './postgres-session.js';

const NO_SUCH_SCHEMA = '3F000';

/** What is to be there. */
export interface TableCreation {
  /** Quoted, with the schema if there is one. */
  readonly table: string;
  /** A column that an index begins with, quoted. @defaultValue none is needed */
  readonly indexed?: string;
  /** Creates both, where they are missing: statements that are to be run in one transaction. */
  readonly sql: string;
}

/** Names, and what creates them: what tables are made of, for who prints them and for who asks which are there. */
export function creationsOf(schema: string | undefined, ...parts: readonly Creation[]): Creations {
  // The turn is for those who create at once, and not for a file.
  const creations = parts.map(({ name, sql }) => ({ name, sql: sql.replace(`${CREATE_LOCK_SQL};\n`, '') }));
  return { schema, lock: EVENT_TABLES_TURN, creations };
}

/**
 * Creates the tables that are missing, in one transaction. Schemas are not created: who may use them is for their owner
 * to say.
 *
 * What is there is left alone: even `CREATE INDEX IF NOT EXISTS` waits until nobody writes to the table, and makes all
 * others wait behind it; and `CREATE TABLE IF NOT EXISTS` is refused to a role that may only use the tables. An index that
 * a table with rows lacks is not made either. Who writes events has the table locked in a mode that goes together with no
 * way to create one, so that all of them would wait for the whole of it.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the schema does not exist or may not be written; with
 *   `details.reason: 'index-missing'` when a table with rows lacks an index
 */
export async function createTables(pool: PostgresPool, creations: readonly TableCreation[]): Promise<void> {
  const session = new PoolSession(pool);
  const found = creations.map((creation, index) => `${isThereSql(creation)} AS found_${index}`);
  const [row = {}] = await session.read(`SELECT ${found.join(', ')}`, []);
  const missing = creations.filter((_, index) => row[`found_${index}`] !== true);
  if (missing.length === 0) return;
  for (const creation of missing) await refuseIndexLater(session, creation);
  await session.ensure(missing.map(({ sql }) => sql).join(';\n')).catch((error: unknown) => {
    const { cause } = error as { cause?: unknown };
    if (sqlStateOf(cause) !== NO_SUCH_SCHEMA) throw error;
    throw new ProgrammingError(
      `${(cause as Error).message}. Create it first, with CREATE SCHEMA, and let this user create tables in it.`,
      { cause, details: { sqlState: NO_SUCH_SCHEMA } },
    );
  });
}

async function refuseIndexLater(session: PoolSession, { table, indexed }: TableCreation): Promise<void> {
  if (indexed === undefined) return;
  const [there] = await session.read(`SELECT to_regclass(${textLiteral(table)}) IS NOT NULL AS found`, []);
  if (there?.['found'] !== true) return;
  const [filled] = await session.read(`SELECT FROM ${table} LIMIT 1`, []);
  if (filled === undefined) return;
  throw new ProgrammingError(
    `${table} has rows, and no index that begins with ${indexed}: reading in order would read all of it each time. Nothing was created, because all who record events would wait for it, and CONCURRENTLY is no help with that. Do it at a quiet hour: CREATE UNIQUE INDEX ON ${table} (${indexed}).`,
    { details: { reason: 'index-missing', table, column: indexed } },
  );
}

/**
 * Creates a schema, if it is missing. Safe to call by several at once, and by a role that may not create where it is there.
 *
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it cannot have this name, or may not be created
 */
export async function createPostgresSchema(pool: PostgresPool, schema: string): Promise<void> {
  const session = new PoolSession(pool);
  const name = quoteIdentifier(schema);
  const [found] = await session.read('SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1', [schema]);
  // Two that create at once would both find nothing, and one of them fail.
  if (found === undefined) await session.ensure(`${CREATE_LOCK_SQL};\nCREATE SCHEMA IF NOT EXISTS ${name}`);
}

function isThereSql({ table, indexed }: TableCreation): string {
  const relation = `to_regclass(${textLiteral(table)})`;
  if (indexed === undefined) return `${relation} IS NOT NULL`;
  // Under whatever name: other libraries, and who administers the database, have names of their own.
  return `EXISTS (
    SELECT FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indrelid = ${relation} AND a.attname::text = (parse_ident(${textLiteral(indexed)}))[1])`;
}
