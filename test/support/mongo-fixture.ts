/**
 * The MongoDB that tests use: the one that `MONGODB_URL` names, a replica set. No registry has its server, so that it is not
 * started here.
 *
 * @module
 */
import { MongoClient } from 'mongodb';
import { MongoProcessRecorder } from '../../src/mongodb/index.js';
import type { MongoRecorderOptions } from '../../src/mongodb/index.js';

const url = process.env['MONGODB_URL'] ?? '';

/** Why tests that need a server are not run; `undefined` where they are. */
export const MONGODB_MISSING: string | undefined =
  url === '' ? 'MONGODB_URL names no server, and no registry has one' : undefined;

let names = 0;

/** A recorder on collections of its own. */
export interface OpenedMongo {
  readonly client: MongoClient;
  readonly recorder: MongoProcessRecorder<MongoClient>;
  /** Another name of collections. */
  readonly uniqueName: () => string;
  close(): Promise<void>;
}

/** @param address - of another server than that of `MONGODB_URL` */
export async function openMongo(
  options: Partial<MongoRecorderOptions<MongoClient>> = {},
  address: string = url,
): Promise<OpenedMongo> {
  const client = await new MongoClient(address).connect();
  const recorder = new MongoProcessRecorder({ client, applicationName: uniqueName(), ...options });
  await recorder.createTable();
  return { client, recorder, uniqueName, close: () => client.close() };
}

/** A name that no other test has, of this run or another. */
export function uniqueName(): string {
  return `test_${process.pid.toString(36)}_${Date.now().toString(36)}_${++names}`;
}
