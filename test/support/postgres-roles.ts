/**
 * Roles that may not pass policies over, as a server has them.
 *
 * @module
 */
import { createPgPool } from '../../src/persistence/postgres/index.js';
import type { PgPool, PgPoolOptions, PostgresPool } from '../../src/persistence/postgres/index.js';
import { uniqueName } from './postgres-fixture.js';

/** Makes a role that transactions can take. */
export async function makeTenantRole(pool: PostgresPool): Promise<string> {
  const role = uniqueName();
  await pool.query(`CREATE ROLE ${role} NOLOGIN NOSUPERUSER NOBYPASSRLS`);
  return role;
}

/** A pool that connects as a new role, which may create tables, and owns them. */
export async function openPoolOfRole(
  url: string,
  options: Omit<PgPoolOptions, 'connectionString'> = {},
): Promise<{ readonly pool: PgPool; readonly role: string; close(): Promise<void> }> {
  const [role, password] = [uniqueName(), uniqueName()];
  const admin = await createPgPool({ connectionString: url });
  await admin.query(
    `CREATE ROLE ${role} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD '${password}'; GRANT CREATE ON SCHEMA public TO ${role}`,
  );
  await admin.end();
  const address = new URL(url);
  address.username = role;
  address.password = password;
  const pool = await createPgPool({ connectionString: address.href, ...options });
  return { pool, role, close: () => pool.end() };
}
