/**
 * Many tenants on one host: which there are, and where each has its log.
 *
 * @module
 */
import type { PgPool } from '../../persistence/postgres/index.js';
import { sqlStateOf } from '../../persistence/postgres/postgres-errors.js';
import { checkFunction, optionRefused } from '../operator/option-checks.js';
import type { UnitLogOptions } from '../log/stored-unit-log.js';
import { PostgresTenants, tenantSchema } from '../tenants/postgres-tenants.js';
import type { PostgresTenantsOptions, TenantPlace } from '../tenants/postgres-tenants.js';

// Of an embedded PostgreSQL, whose only user is a superuser.
const OWN_ROLE = 'daybook_tenant';
const DUPLICATE_OBJECT = '42710';

/** Which tenants a host has, and where. Tokens say who may use which: `jwt.tenantClaim`, `verifyToken`. */
export interface HostTenantsOptions extends Pick<
  PostgresTenantsOptions,
  'serverConnectionsMax' | 'databaseConnectionsMax' | 'openMax' | 'idleMs'
> {
  /**
   * Where a tenant is: `schema`, in one of its own in the host's database; `shared`, in tables that all of them share, in the
   * schema `daybook_tenants` of that database, or `<schema>_tenants` with the option `schema`; or a function, as in
   * `PostgresTenantsOptions`, for several databases and servers.
   */
  readonly place: 'schema' | 'shared' | PostgresTenantsOptions['place'];
  /**
   * Whether there is such a tenant: tables are made for it when it is first asked for. Needed, unless `place` is a function,
   * which says so itself.
   */
  readonly isTenant?: (tenant: string) => boolean | Promise<boolean>;
  /** With `shared`: parts that tables are created in, as in `PostgresSharing`. @defaultValue 0 */
  readonly partitions?: number;
  /**
   * With `shared`: the role that transactions take, as in `PostgresSharing`.
   *
   * @defaultValue of an embedded PostgreSQL `daybook_tenant`, which is made; otherwise the user's own
   */
  readonly role?: string;
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be */
export function checkHostTenants(tenants: HostTenantsOptions | undefined): void {
  if (tenants === undefined) return;
  const { place, isTenant, partitions, role } = tenants;
  if (typeof place !== 'function' && !['schema', 'shared'].includes(place)) {
    throw optionRefused('tenants.place', 'schema, shared or a function', place);
  }
  checkFunction('tenants.isTenant', isTenant);
  if ((typeof place === 'function') === (isTenant !== undefined)) {
    throw optionRefused(
      'tenants.isTenant',
      'a function that says which tenants there are, and left out where tenants.place is one',
    );
  }
  if (place !== 'shared' && (partitions !== undefined || role !== undefined)) {
    throw optionRefused('tenants.partitions and tenants.role', 'left out, unless tenants.place is shared');
  }
}

/** What the logs of tenants are opened with. */
export interface HostTenantsContext extends Omit<UnitLogOptions, 'tenant'> {
  readonly databaseUrl: string;
  readonly pool: PgPool;
  readonly isEmbedded: boolean;
  readonly applicationName: string | undefined;
  readonly schema: string | undefined;
  /** Of the tables of units. */
  readonly name: string;
}

/** Opens the logs of tenants. */
export async function openHostTenants(
  { place, isTenant, partitions, role, ...options }: HostTenantsOptions,
  { databaseUrl, pool, isEmbedded, applicationName, schema, ...log }: HostTenantsContext,
): Promise<PostgresTenants> {
  const ownRole = role ?? (place === 'shared' && isEmbedded ? await makeOwnRole(pool) : undefined);
  const shared = {
    ...(partitions === undefined ? {} : { partitions }),
    ...(ownRole === undefined ? {} : { role: ownRole }),
  };
  const placed = async (tenant: string): Promise<TenantPlace | undefined> => {
    if (typeof place === 'function') return await place(tenant);
    if ((await isTenant?.(tenant)) !== true) return undefined;
    if (place === 'schema') return { databaseUrl, schema: tenantSchema(tenant) };
    // Beside the host's own tables, which have the same names.
    return { databaseUrl, schema: `${schema ?? 'daybook'}_tenants`, shared };
  };
  const named = applicationName === undefined ? {} : { applicationName };
  return new PostgresTenants({ ...options, ...log, ...named, place: placed });
}

async function makeOwnRole(pool: PgPool): Promise<string> {
  await pool.query(`CREATE ROLE ${OWN_ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS`).catch((error: unknown) => {
    if (sqlStateOf(error) !== DUPLICATE_OBJECT) throw error;
  });
  return OWN_ROLE;
}
