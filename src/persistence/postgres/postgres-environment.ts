/**
 * The PostgreSQL settings of the environment, under the names of the Python library.
 *
 * ```text
 * POSTGRES_DBNAME, _HOST, _USER, _PASSWORD        required, unless there is a DATABASE_URL and no POSTGRES_DBNAME
 * POSTGRES_PORT                                   5432
 * POSTGRES_CONNECTION_CREATOR_TOPIC, or SQLALCHEMY_CONNECTION_CREATOR_TOPIC   none: of a connector, instead of the above
 * POSTGRES_CONNECT_TIMEOUT                        5        seconds, an integer
 * POSTGRES_IDLE_IN_TRANSACTION_SESSION_TIMEOUT    5        seconds, an integer; 0 is never
 * POSTGRES_POOL_SIZE                              5
 * POSTGRES_POOL_MAX_OVERFLOW, or POSTGRES_MAX_OVERFLOW   10
 * POSTGRES_POOL_TIMEOUT                           30       seconds
 * POSTGRES_CONN_MAX_AGE                           no limit seconds; 0 uses each connection once
 * POSTGRES_PRE_PING                               no
 * POSTGRES_LOCK_TIMEOUT                           0        seconds, an integer; 0 waits for ever
 * POSTGRES_SCHEMA                                 the connection's
 * ORIGINATOR_ID_TYPE                              uuid     or text
 * SINGLE_ROW_TRACKING, or POSTGRES_SINGLE_ROW_TRACKING   no
 * ```
 *
 * @module
 */
import type { Environment } from '../../environment/environment.js';
import { namedByTopic } from '../../environment/topics.js';
import type { ByTopic } from '../../environment/topics.js';
import type { OriginatorIdType } from '../validation.js';
import type { PgAddress, PgPoolOptions } from './pg-pool-options.js';
import type { PostgresConnector } from './postgres-driver.js';
import type { PostgresProcessRecorderOptions } from './postgres-recorder-options.js';

const PORT = 5432;
const PORT_MAX = 65_535;
const CONNECT_TIMEOUT_S = 5;
const IDLE_IN_TRANSACTION_TIMEOUT_S = 5;
const POOL_SIZE = 5;
const MAX_OVERFLOW = 10;
const POOL_TIMEOUT_S = 30;
const LOCK_TIMEOUT_S = 0;
// PostgreSQL keeps its timeouts as 32 bits of milliseconds.
const TIMEOUT_S_MAX = 2_147_483;

/** The settings of the environment as options. */
export interface PostgresSettings {
  /** For `createPgPool`. */
  readonly pool: PgPoolOptions;
  /** For the recorders, beside the pool. The tables are named after the environment's application. */
  readonly recorder: Omit<PostgresProcessRecorderOptions, 'pool'>;
}

/**
 * Reads the settings of an application.
 *
 * @param connectors - by the topics that `POSTGRES_CONNECTION_CREATOR_TOPIC` may name: it makes the connections then
 * @throws EnvironmentError (`ENVIRONMENT_ERROR`) when a setting is missing, or is not what it should be
 */
export function postgresOptionsFromEnvironment(
  environment: Environment,
  connectors: ByTopic<PostgresConnector> = {},
): PostgresSettings {
  const idleInTransactionTimeoutMs = seconds(environment, 'POSTGRES_IDLE_IN_TRANSACTION_SESSION_TIMEOUT', {
    isWhole: true,
    byDefault: IDLE_IN_TRANSACTION_TIMEOUT_S,
  });
  return {
    pool: { ...poolOptions(environment), ...connectionOptions(environment, connectors, idleInTransactionTimeoutMs) },
    recorder: { ...recorderOptions(environment), idleInTransactionTimeoutMs },
  };
}

function poolOptions(environment: Environment): PgPoolOptions {
  const maxAge = 'POSTGRES_CONN_MAX_AGE';
  return {
    connectTimeoutMs: seconds(environment, 'POSTGRES_CONNECT_TIMEOUT', { isWhole: true, byDefault: CONNECT_TIMEOUT_S }),
    poolSize: count(environment, 'POSTGRES_POOL_SIZE', POOL_SIZE),
    maxOverflow: count(
      environment,
      // Its name in the releases up to 9.3, and in its documentation and later releases.
      firstSet(environment, 'POSTGRES_POOL_MAX_OVERFLOW', 'POSTGRES_MAX_OVERFLOW'),
      MAX_OVERFLOW,
    ),
    poolTimeoutMs: seconds(environment, 'POSTGRES_POOL_TIMEOUT', { isWhole: false, byDefault: POOL_TIMEOUT_S }),
    ...(environment.getText(maxAge) === undefined
      ? {}
      : { maxAgeMs: seconds(environment, maxAge, { isWhole: false, byDefault: 0 }) }),
    prePing: environment.getBoolean('POSTGRES_PRE_PING', false),
  };
}

/** How connections are made, and what the server is told of them: by the connector, where there is one. */
function connectionOptions(
  environment: Environment,
  connectors: ByTopic<PostgresConnector>,
  idleInTransactionTimeoutMs: number,
): PgPoolOptions {
  const key = firstSet(environment, 'POSTGRES_CONNECTION_CREATOR_TOPIC', 'SQLALCHEMY_CONNECTION_CREATOR_TOPIC');
  const connector = namedByTopic(environment, key, connectors);
  if (connector === undefined) return { ...addressOptions(environment), idleInTransactionTimeoutMs };
  return { connect: () => connector(environment) };
}

function addressOptions(environment: Environment): PgAddress {
  const url = environment.getText('DATABASE_URL');
  if (url !== undefined && environment.getText('POSTGRES_DBNAME') === undefined) return { connectionString: url };
  const database = environment.required('POSTGRES_DBNAME', 'the name of a database');
  const host = environment.required('POSTGRES_HOST', 'the host of a PostgreSQL server');
  const port = environment.getInteger('POSTGRES_PORT', PORT);
  if (port < 1 || port > PORT_MAX) throw environment.refusal('POSTGRES_PORT', `a port from 1 to ${PORT_MAX}`);
  const user = environment.required('POSTGRES_USER', 'the name of a user of the database');
  environment.required('POSTGRES_PASSWORD', 'the password of the user');
  // As it was given: blanks around a password can belong to it.
  return { database, host, port, user, password: environment.get('POSTGRES_PASSWORD') ?? '' };
}

function recorderOptions(environment: Environment): Omit<PostgresProcessRecorderOptions, 'pool'> {
  const schema = environment.getText('POSTGRES_SCHEMA');
  const singleRow = firstSet(environment, 'SINGLE_ROW_TRACKING', 'POSTGRES_SINGLE_ROW_TRACKING');
  return {
    applicationName: environment.name,
    ...(schema === undefined ? {} : { schema }),
    lockTimeoutMs: seconds(environment, 'POSTGRES_LOCK_TIMEOUT', { isWhole: true, byDefault: LOCK_TIMEOUT_S }),
    originatorIdType: originatorIdType(environment),
    singleRowTracking: environment.getBoolean(singleRow, false),
  };
}

function originatorIdType(environment: Environment): OriginatorIdType {
  const key = 'ORIGINATOR_ID_TYPE';
  const value = environment.getText(key)?.toLowerCase() ?? 'uuid';
  if (value === 'uuid' || value === 'text') return value;
  throw environment.refusal(key, 'uuid or text');
}

/** Seconds as milliseconds. */
function seconds(
  environment: Environment,
  key: string,
  { isWhole, byDefault }: { readonly isWhole: boolean; readonly byDefault: number },
): number {
  const value = isWhole ? environment.getInteger(key, byDefault) : environment.getNumber(key, byDefault);
  if (value < 0 || value > TIMEOUT_S_MAX) throw environment.refusal(key, `0 to ${TIMEOUT_S_MAX} seconds`);
  return value * 1_000;
}

function count(environment: Environment, key: string, byDefault: number): number {
  const value = environment.getInteger(key, byDefault);
  if (value < 0) throw environment.refusal(key, 'an integer, 0 or more');
  return value;
}

function firstSet(environment: Environment, first: string, second: string): string {
  return environment.getText(first) === undefined && environment.getText(second) !== undefined ? second : first;
}
