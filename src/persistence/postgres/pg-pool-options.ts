/**
 * The settings of a pool of `pg`, and what `pg` is told of them.
 *
 * ```text
 * setting                      default   of pg
 * poolSize                     5         min
 * maxOverflow                  10        max = poolSize + maxOverflow
 * overflowIdleMs               10,000    idleTimeoutMillis, of connections above min; 0 is 1: `pg` takes 0 for never
 * poolTimeoutMs                30,000    connectionTimeoutMillis of the pool: waiting for a free connection
 * connectTimeoutMs             5,000     connectionTimeoutMillis of a client: making a new one
 * maxAgeMs                     none      maxLifetimeSeconds; 0 is maxUses = 1
 * prePing                      false     none: SELECT 1 before a connection is lent
 * idleInTransactionTimeoutMs   5,000     idle_in_transaction_session_timeout
 * statementTimeoutMs           0, none   statement_timeout
 * queryTimeoutMs               0, none   query_timeout
 * endTimeoutMs                 10,000    none: `end` breaks the connections that are still lent then
 * ```
 *
 * @module
 */
import type { PoolConfig } from 'pg';
import { ProgrammingError } from '../errors.js';
import { checkedMs, FOREIGN_MS_MAX } from '../validation.js';
import { checkedAddress } from './pg-address.js';
import type { PostgresConnection } from './postgres-driver.js';

const CONNECT_TIMEOUT_MS = 5_000;
const POOL_TIMEOUT_MS = 30_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 5_000;
// Longer than the pauses of a busy program: to make a connection takes the server more than most statements.
const OVERFLOW_IDLE_MS = 10_000;
const END_TIMEOUT_MS = 10_000;

/** How many connections there are. */
export interface PoolSizes {
  /** Connections that are kept open once they were needed; 0 makes a new one for each use. @defaultValue 5 */
  readonly poolSize?: number;
  /** Connections above that, at most, which are closed when nobody needed them for some time. @defaultValue 10 */
  readonly maxOverflow?: number;
}

/** Sizes for some workloads: little, the default, and much; a machine of a developer, and one server that has the database for itself. */
export const POOL_PRESETS: Readonly<
  Record<'light' | 'medium' | 'heavy' | 'development' | 'production', Required<PoolSizes>>
> = {
  light: { poolSize: 2, maxOverflow: 3 },
  medium: { poolSize: 5, maxOverflow: 10 },
  heavy: { poolSize: 10, maxOverflow: 20 },
  development: { poolSize: 5, maxOverflow: 10 },
  production: { poolSize: 20, maxOverflow: 40 },
};

/** How a pool stands. */
export interface PoolStats {
  /** Connections that are kept open at most: the setting. */
  readonly size: number;
  /** Connections that are lent, or being made. */
  readonly inUse: number;
  /** Connections that are open and free. */
  readonly idle: number;
  /** Requests that wait for a connection. */
  readonly waiting: number;
  /** Connections above `size` at the moment. */
  readonly overflow: number;
}

/** Where the database is, and who asks: what `connectionString` does not say, or instead of it. */
export interface PgAddress {
  /** For example `postgres://user:password@host:5432/database?sslmode=verify-full`. */
  readonly connectionString?: string;
  readonly host?: string;
  /** @defaultValue 5432 */
  readonly port?: number;
  readonly database?: string;
  readonly user?: string;
  /** A function is asked for each new connection: for passwords that expire. */
  readonly password?: string | (() => string | Promise<string>);
  /**
   * TLS, as Node's `tls.connect` takes it, for example `{ ca }`; `true` checks the server's certificate against the
   * system's. A server without TLS is refused then.
   *
   * @defaultValue what `sslmode` in the connection string says, or none
   */
  readonly ssl?: boolean | Readonly<Record<string, unknown>>;
}

/** Options of `createPgPool`. */
export interface PgPoolOptions extends PgAddress, PoolSizes {
  /** Milliseconds to wait for a connection to be given back, when all are in use; 0 does not wait. @defaultValue 30,000 */
  readonly poolTimeoutMs?: number;
  /** Milliseconds that making a connection may take, at most `poolTimeoutMs`. @defaultValue 5,000 */
  readonly connectTimeoutMs?: number;
  /** Milliseconds that a connection above `poolSize` is kept while nobody needs it. @defaultValue 10,000 */
  readonly overflowIdleMs?: number;
  /**
   * Milliseconds that `end` waits for connections that are lent. After that they are broken, and what they carry rejects:
   * on a network that is silent, nobody would give them back. @defaultValue 10,000
   */
  readonly endTimeoutMs?: number;
  /** Milliseconds after which a connection is replaced, once it is not in use; 0 uses each once. @defaultValue no limit */
  readonly maxAgeMs?: number;
  /** Whether connections are tried before they are lent, which takes a round trip. @defaultValue false */
  readonly prePing?: boolean;
  /**
   * Milliseconds after which the server ends a session that does nothing in a transaction; 0 is never. A pooler that
   * refuses it, as pgbouncer does by default, is asked without: recorders set their own in each transaction.
   *
   * @defaultValue 5,000
   */
  readonly idleInTransactionTimeoutMs?: number;
  /** Milliseconds after which the server ends a statement; 0 is never. @defaultValue 0 */
  readonly statementTimeoutMs?: number;
  /** Milliseconds after which this side gives a statement up, for connections that died without a word; 0 is never. @defaultValue 0 */
  readonly queryTimeoutMs?: number;
  /**
   * Whether connections keep the plans of what recorders read and insert. Where a proxy gives each transaction another
   * connection and does not keep them itself, the first one that is missing ends it.
   *
   * @defaultValue true, and false for connections that `connect` makes
   */
  readonly preparedStatements?: boolean;
  /**
   * Makes each connection, instead of the pool: for connectors that know how to reach a database and who may. It must
   * be connected, and is the pool's from then on. What is a matter of a connection (its address, who asks, the server's
   * limits, `queryTimeoutMs`) is set there, and refused here.
   */
  readonly connect?: () => Promise<PostgresConnection>;
  /**
   * Told of connections that broke. They are replaced by themselves, and the statements that they carried reject.
   *
   * @defaultValue ignored
   */
  readonly onConnectionError?: (error: Error) => void;
  /** Told when a request must wait because all connections are in use. @defaultValue ignored */
  readonly onExhausted?: (stats: PoolStats) => void;
}

/** Options with their defaults, checked. */
export interface PgPoolSettings {
  readonly poolSize: number;
  readonly connectionsMax: number;
  readonly poolTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly overflowIdleMs: number;
  readonly endTimeoutMs: number;
}

const KNOWN: Readonly<Record<keyof PgPoolOptions, true>> = {
  connectionString: true,
  host: true,
  port: true,
  database: true,
  user: true,
  password: true,
  ssl: true,
  poolSize: true,
  maxOverflow: true,
  poolTimeoutMs: true,
  connectTimeoutMs: true,
  maxAgeMs: true,
  overflowIdleMs: true,
  endTimeoutMs: true,
  prePing: true,
  idleInTransactionTimeoutMs: true,
  statementTimeoutMs: true,
  queryTimeoutMs: true,
  preparedStatements: true,
  connect: true,
  onConnectionError: true,
  onExhausted: true,
};

// What the same is called by others, `pg` itself among them.
const OTHER_NAMES: Readonly<Record<string, string>> = {
  connection_string: 'connectionString',
  pool_size: 'poolSize',
  min: 'poolSize',
  max: 'poolSize and maxOverflow',
  max_overflow: 'maxOverflow',
  pool_timeout: 'poolTimeoutMs, in milliseconds',
  connectionTimeoutMillis: 'poolTimeoutMs',
  pool_recycle: 'maxAgeMs, in milliseconds',
  maxLifetimeSeconds: 'maxAgeMs, in milliseconds',
  conn_max_age: 'maxAgeMs, in milliseconds',
  pool_pre_ping: 'prePing',
  pre_ping: 'prePing',
};

/** What is not known would be passed over without a word, and the pool would have another size than was asked for. */
function refuseUnknown(options: PgPoolOptions): void {
  const option = Object.keys(options).find((key) => !Object.hasOwn(KNOWN, key));
  if (option === undefined) return;
  const known = OTHER_NAMES[option];
  throw new ProgrammingError(
    `createPgPool has no option ${option}: ${known === undefined ? `they are ${Object.keys(KNOWN).join(', ')}` : `it is called ${known}`}.`,
    { details: { option } },
  );
}

// Where the database is, and what the server is told when a connection is made.
const OF_CONNECTIONS = [
  ...(['connectionString', 'host', 'port', 'database', 'user', 'password', 'ssl'] as const),
  ...(['idleInTransactionTimeoutMs', 'statementTimeoutMs', 'queryTimeoutMs'] as const),
] as const satisfies readonly (keyof PgPoolOptions)[];

// `pg` takes what the string says, and its own defaults for what that leaves out.
const OF_STRINGS = ['host', 'port', 'database', 'user', 'password'] as const satisfies readonly (keyof PgPoolOptions)[];

function refuseBesideString(options: PgPoolOptions): void {
  if (options.connectionString === undefined) return;
  const option = OF_STRINGS.find((name) => options[name] !== undefined);
  if (option === undefined) return;
  throw new ProgrammingError(
    `${option} would be passed over beside connectionString: put it into that, or leave that out.`,
    {
      details: { option },
    },
  );
}

/** Whoever makes the connections decides about these, and the pool could only pass them over. */
function refuseBesideConnect(options: PgPoolOptions): void {
  if (options.connect === undefined) return;
  const option = OF_CONNECTIONS.find((name) => options[name] !== undefined);
  if (option === undefined) return;
  throw new ProgrammingError(`${option} is a matter of the connections that connect makes: set it there.`, {
    details: { option },
  });
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a number is not what it should be, an option is none, or none beside `connect` */
export function pgPoolSettings(options: PgPoolOptions): PgPoolSettings {
  refuseUnknown(options);
  refuseBesideConnect(options);
  refuseBesideString(options);
  const { poolSize, maxOverflow } = { ...POOL_PRESETS.medium, ...definedSizes(options) };
  checkWhole('poolSize', poolSize);
  checkWhole('maxOverflow', maxOverflow);
  if (poolSize + maxOverflow === 0) throw refused('poolSize and maxOverflow', 'at least 1 together', 0);
  const { poolTimeoutMs = POOL_TIMEOUT_MS, connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
  const { overflowIdleMs = OVERFLOW_IDLE_MS, endTimeoutMs = END_TIMEOUT_MS } = options;
  const { maxAgeMs = 0, idleInTransactionTimeoutMs = 0, statementTimeoutMs = 0, queryTimeoutMs = 0 } = options;
  const waits = { poolTimeoutMs, connectTimeoutMs, overflowIdleMs, endTimeoutMs };
  const limits = { maxAgeMs, idleInTransactionTimeoutMs, statementTimeoutMs, queryTimeoutMs };
  const times = Object.entries({ ...waits, ...limits });
  for (const [option, value] of times) checkedMs(option, value, { max: FOREIGN_MS_MAX });
  return { poolSize, connectionsMax: poolSize + maxOverflow, ...waits };
}

/** What `pg.Pool` is told. */
export function pgPoolConfig(options: PgPoolOptions, settings: PgPoolSettings): PoolConfig {
  const { connectionString, host, port, database, user, password, ssl, maxAgeMs } = options;
  const address = { connectionString: checkedAddress(connectionString), host, port, database, user, password, ssl };
  const isUsedOnce = maxAgeMs === 0 || settings.poolSize === 0;
  return {
    // Left out where it is undefined: a key that is there hides what the connection string says.
    ...(Object.fromEntries(Object.entries(address).filter(([, value]) => value !== undefined)) as PgAddress),
    min: settings.poolSize,
    max: settings.connectionsMax,
    idleTimeoutMillis: Math.ceil(settings.overflowIdleMs) || 1,
    // Without waiting, the pool lends only what is free, and this is the time for making a connection.
    connectionTimeoutMillis: Math.ceil(settings.poolTimeoutMs) || settings.connectTimeoutMs,
    ...(isUsedOnce ? { maxUses: 1 } : {}),
    ...(maxAgeMs === undefined || isUsedOnce ? {} : { maxLifetimeSeconds: maxAgeMs / 1_000 }),
    // Rounded up: 0 would mean the opposite of a very short time.
    idle_in_transaction_session_timeout: Math.ceil(
      options.idleInTransactionTimeoutMs ?? IDLE_IN_TRANSACTION_TIMEOUT_MS,
    ),
    statement_timeout: Math.ceil(options.statementTimeoutMs ?? 0),
    query_timeout: Math.ceil(options.queryTimeoutMs ?? 0),
    keepAlive: true,
    // Connections that nobody uses do not keep a process running that has nothing else to do.
    allowExitOnIdle: true,
    application_name: 'daybook',
  };
}

function definedSizes({ poolSize, maxOverflow }: PoolSizes): PoolSizes {
  return { ...(poolSize === undefined ? {} : { poolSize }), ...(maxOverflow === undefined ? {} : { maxOverflow }) };
}

function checkWhole(option: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw refused(option, 'a whole number, 0 or more', value);
}

function refused(option: string, expected: string, actual: number): ProgrammingError {
  return new ProgrammingError(`${option} must be ${expected}, but is ${String(actual)}.`, {
    details: { option, expected },
  });
}
