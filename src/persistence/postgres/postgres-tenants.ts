/**
 * Tables that many tenants share: each transaction says whose it is, and PostgreSQL itself lets it see and write nothing
 * else, whatever its statements say.
 *
 * ```text
 * message      SET LOCAL ROLE …; SET LOCAL daybook.tenant = …; the statements       ends with the transaction, so that the
 *                                                                                  next one on the connection has none
 * policy       tenant_id = current_setting('daybook.tenant', true)                  of each table and each of its parts, for
 *                                                                                  reading and for writing, of its owner too
 * column       tenant_id, by default of that setting, first in every key            statements need not know of it
 * turn         the tenant's row of <name>_tenants, locked by who writes events      ids count up from 1 without gaps
 * ```
 *
 * Only roles that may pass policies over (superusers, `BYPASSRLS`) would see everything, so those are refused.
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';
import type { ShareOptions, SqlTenants } from '../sql/sql-tenants.js';
import { isStorableText } from '../validation.js';
import type { PostgresPool } from './postgres-driver.js';
import { quoteIdentifier, withEnding } from './postgres-identifiers.js';
import { plainLiteral } from './postgres-literals.js';
import { PoolSession } from './postgres-session.js';

const SETTING = 'daybook.tenant';
const COLUMN = 'tenant_id';
const TENANT_LENGTH_MAX = 200;
const PARTITIONS_MAX = 1_024;
const OWN = `${COLUMN} = current_setting('${SETTING}', true)`;

/** How a recorder shares its tables with those of other tenants. */
export interface PostgresSharing {
  /** Whose events are recorded and read: 1 to 200 characters. */
  readonly tenant: string;
  /**
   * Parts that the tables of events and units are created in, by a hash of the tenant, 0 to 1,024; 0 for tables that are
   * not split. Tables that exist are used as they are.
   *
   * @defaultValue 0
   */
  readonly partitions?: number;
  /**
   * The role that transactions take (`SET LOCAL ROLE`); the pool's own must be a member of it. It is granted what it needs
   * of tables that are created, and must not be a superuser nor have `BYPASSRLS`.
   *
   * @defaultValue the pool's own, which must be neither
   */
  readonly role?: string;
}

/** The SQL of sharing. */
export interface TenantSql {
  readonly tenants: SqlTenants;
  /** The statements that each transaction begins with. */
  readonly opening: readonly string[];
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be */
export function tenantSql({ tenant, partitions = 0, role }: PostgresSharing): TenantSql {
  if (typeof (tenant as unknown) !== 'string' || tenant === '' || tenant.length > TENANT_LENGTH_MAX) {
    throw new ProgrammingError(`shared.tenant must be a text of 1 to ${TENANT_LENGTH_MAX} characters.`);
  }
  if (!isStorableText(tenant)) {
    throw new ProgrammingError('shared.tenant must be a text without a zero character and without half a character.');
  }
  if (!Number.isSafeInteger(partitions) || partitions < 0 || partitions > PARTITIONS_MAX) {
    throw new ProgrammingError(`shared.partitions must be a whole number from 0 to ${PARTITIONS_MAX}.`);
  }
  const roleSql = role === undefined ? [] : [`SET LOCAL ROLE ${quoteIdentifier(role)}`];
  return {
    opening: [...roleSql, `SET LOCAL ${SETTING} = ${plainLiteral(tenant)}`],
    tenants: {
      tenant,
      column: COLUMN,
      columnSql: `${COLUMN} text COLLATE "C" NOT NULL DEFAULT current_setting('${SETTING}') CHECK (${COLUMN} <> '')`,
      partitions,
      partitionSql: partitions === 0 ? '' : `PARTITION BY HASH (${COLUMN})`,
      shareSql: ({ name, schema }, options) => shareSql({ name, schema, partitions, role }, options),
    },
  };
}

interface SharedTable {
  readonly name: string;
  readonly schema: string | undefined;
  readonly partitions: number;
  readonly role: string | undefined;
}

function shareSql({ name, schema, partitions, role }: SharedTable, { isLarge, storageSql = '' }: ShareOptions): string {
  const qualified = (table: string): string =>
    `${schema === undefined ? '' : `${quoteIdentifier(schema)}.`}${quoteIdentifier(table)}`;
  const table = qualified(name);
  const parts = Array.from({ length: isLarge ? partitions : 0 }, (_, part) => {
    const own = qualified(withEnding(name, `_p${part}`));
    return [
      `CREATE TABLE IF NOT EXISTS ${own} PARTITION OF ${table} FOR VALUES WITH (MODULUS ${partitions}, REMAINDER ${part}) ${storageSql}`,
      // Who reads a part by its own name meets its own policy only.
      ...protectSql(own),
    ];
  });
  const grants = role === undefined ? [] : grantSql(table, schema, quoteIdentifier(role));
  return [...parts.flat(), ...protectSql(table), ...grants].join(';\n');
}

function grantSql(table: string, schema: string | undefined, role: string): readonly string[] {
  const usage = schema === undefined ? [] : [`GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${role}`];
  // Not of the parts: what is read by way of the table needs none.
  return [...usage, `GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO ${role}`];
}

function protectSql(table: string): readonly string[] {
  return [
    `ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY`,
    // Or its owner, as whom small servers connect, would see all rows.
    `ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`,
    // Two that create at once both say so.
    `DROP POLICY IF EXISTS daybook_tenant ON ${table}`,
    `CREATE POLICY daybook_tenant ON ${table} USING (${OWN}) WITH CHECK (${OWN})`,
  ];
}

// Once for all tenants of a pool.
const checksOf = new WeakMap<PostgresPool, Map<string, Promise<void>>>();

/** A pool that lends nothing before it is certain that policies hold for who works on it. */
export function guardedPool(pool: PostgresPool, { role }: PostgresSharing, table: string): PostgresPool {
  const key = JSON.stringify([role, table]);
  const check = async (): Promise<void> => {
    const checks = checksOf.get(pool) ?? new Map<string, Promise<void>>();
    checksOf.set(pool, checks);
    const checked = checks.get(key) ?? checkPolicies(pool, role, table);
    checks.set(key, checked);
    await checked.catch((error: unknown) => {
      // It may have been the connection, or somebody corrects it.
      checks.delete(key);
      throw error;
    });
  };
  const { supportsNotifications } = pool;
  return {
    connect: async () => {
      await check();
      return await pool.connect();
    },
    query: async (text, values) => {
      await check();
      return await pool.query(text, values);
    },
    ...(supportsNotifications === undefined ? {} : { supportsNotifications }),
    ...(pool.listen === undefined
      ? {}
      : { listen: async (channel, onNotification) => await listenOn(pool, channel, onNotification) }),
  };
}

async function listenOn(pool: PostgresPool, channel: string, onNotification: () => void): Promise<() => Promise<void>> {
  return (await pool.listen?.(channel, onNotification)) ?? (() => Promise.resolve());
}

async function checkPolicies(pool: PostgresPool, role: string | undefined, table: string): Promise<void> {
  const rows = await new PoolSession(pool).read(
    `SELECT r.rolname AS role, r.rolsuper OR r.rolbypassrls AS bypasses,
       c.oid IS NULL OR (c.relrowsecurity AND c.relforcerowsecurity) AS is_forced
     FROM pg_catalog.pg_roles r LEFT JOIN pg_catalog.pg_class c ON c.oid = to_regclass($2::text)
     WHERE r.rolname = coalesce($1::text, current_user::text)`,
    [role ?? null, table],
  );
  const [row] = rows;
  if (row === undefined)
    throw new ProgrammingError(`There is no role ${JSON.stringify(role ?? '')}: shared.role names one.`);
  if (row['bypasses'] === true) {
    throw new ProgrammingError(
      `The role ${JSON.stringify(row['role'])} is a superuser or has BYPASSRLS: it would see the rows of all tenants. Nothing was read. Connect as another one, or name one by shared.role.`,
      { details: { role: String(row['role']) } },
    );
  }
  if (row['is_forced'] !== true) {
    throw new ProgrammingError(
      `Row-level security of ${table} is not forced: whoever owns it would see the rows of all tenants. Nothing was read. ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY.`,
      { details: { table } },
    );
  }
}
