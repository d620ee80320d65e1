/**
 * The MongoDB settings of the environment.
 *
 * ```text
 * MONGODB_URL               required   mongodb://…, or mongodb+srv://…, with the driver's own options in it
 * MONGODB_DBNAME            that of the address, or else the driver's own, `test`
 * MONGODB_CONNECT_TIMEOUT   5          seconds, an integer from 1 up: that a server may take to be found
 * MONGODB_LOCK_TIMEOUT      5          seconds, an integer: for which a commit is begun again while others are first
 * ORIGINATOR_ID_TYPE        uuid       or text
 * ```
 *
 * @module
 */
import type { Environment } from '../../environment/environment.js';
import type { OriginatorIdType } from '../validation.js';
import { isDatabaseName } from './mongo-collections.js';
import type { MongoRecorderOptions } from './mongo-recorder.js';

const TIMEOUT_S_DEFAULT = 5;
const TIMEOUT_S_MAX = 2_147_483;
const ADDRESS = /^mongodb(?:\+srv)?:\/\/[^/]+/;

/** The settings of the environment as options. */
export interface MongoSettings {
  readonly url: string;
  /** For the driver. */
  readonly connectTimeoutMs: number;
  /** For the recorders, beside the client. */
  readonly recorder: Omit<MongoRecorderOptions, 'client'>;
}

/** @throws EnvironmentError (`ENVIRONMENT_ERROR`) when a setting is missing, or is not what it should be */
export function mongoOptionsFromEnvironment(environment: Environment): MongoSettings {
  const url = environment.required('MONGODB_URL', 'the address of a replica set of MongoDB');
  if (!ADDRESS.test(url)) throw environment.refusal('MONGODB_URL', 'an address: mongodb://… or mongodb+srv://…');
  const database = environment.getText('MONGODB_DBNAME');
  if (database !== undefined && !isDatabaseName(database)) {
    throw environment.refusal('MONGODB_DBNAME', '1 to 63 characters without / \\ . " $ * < > : | ? and spaces');
  }
  return {
    url,
    connectTimeoutMs: milliseconds(environment, 'MONGODB_CONNECT_TIMEOUT', 1),
    recorder: {
      applicationName: environment.name,
      ...(database === undefined ? {} : { database }),
      lockTimeoutMs: milliseconds(environment, 'MONGODB_LOCK_TIMEOUT', 0),
      originatorIdType: originatorIdType(environment),
    },
  };
}

function milliseconds(environment: Environment, key: string, min: number): number {
  const seconds = environment.getInteger(key, TIMEOUT_S_DEFAULT);
  if (seconds < min || seconds > TIMEOUT_S_MAX) {
    throw environment.refusal(key, `${min} to ${TIMEOUT_S_MAX} whole seconds`);
  }
  return seconds * 1_000;
}

function originatorIdType(environment: Environment): OriginatorIdType {
  const key = 'ORIGINATOR_ID_TYPE';
  const value = environment.getText(key)?.toLowerCase() ?? 'uuid';
  if (value === 'uuid' || value === 'text') return value;
  throw environment.refusal(key, 'uuid or text');
}
