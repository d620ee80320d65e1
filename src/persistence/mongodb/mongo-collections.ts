/**
 * The collections, and what is in them.
 *
 * ```text
 * <name>_events    _id: position, 64 bits · originatorId: text · originatorVersion: 64 bits · topic: text · state: bytes
 *                  unique index `position` on (originatorId, originatorVersion)
 * <name>_tracking  _id: the application's name · notificationId: 64 bits
 * <name>_head      _id: 'head' · position: the last one that was given, 64 bits · turns: 64 bits, how many writers there were
 * ```
 *
 * The ids of aggregates are texts, also those that are UUIDs: a shell finds what somebody types, text ids need no other
 * layout, and there are two binary forms of UUIDs, which drivers of other languages do not agree about. An index entry is 20
 * bytes longer for it, before the server's compression of prefixes.
 *
 * Numbers are 64-bit integers always: as a JavaScript number the driver would send some as 32 bits and others as doubles.
 *
 * @module
 */
import { ProgrammingError } from '../errors.js';
import { COLLECTION_OPTIONS } from './mongo-driver.js';
import type { MongoClientLike, MongoCollection, MongoDatabase } from './mongo-driver.js';
import { duplicateKeyOf, isThereAlready, mongoError, withoutReplicaSet } from './mongo-errors.js';
import { validateApplicationName } from '../validation.js';

/** The fields of the unique index on events. */
export const POSITION_FIELDS = 'originatorId,originatorVersion';
/** By which a position is taken once. */
export const POSITION_INDEX: object = {
  key: { originatorId: 1, originatorVersion: 1 },
  name: 'position',
  unique: true,
};
/** The id of the one document of `<name>_head`. */
export const HEAD_ID = 'head';
// The server takes 255 bytes for a database and a collection together, of which databases may have 63.
const NAME_BYTES_MAX = 190;
// As servers on every system take it.
const DATABASE_NAME = /^[^/\\. "$*<>:|?\0]{1,63}$/;

/** Which collections a recorder uses. */
export interface MongoCollectionOptions<Client extends MongoClientLike = MongoClientLike> {
  /** Of the official driver, connected or not. Lent: the caller closes it. */
  readonly client: Client;
  /** The name of the database. @defaultValue that of the client's address, or else the driver's own, `test` */
  readonly database?: string;
  /** Lower-cased and put before `_events`, `_tracking` and `_head`. @defaultValue `stored` */
  readonly applicationName?: string;
}

/** The collections of a log. */
export interface LogCollections {
  readonly events: MongoCollection;
  readonly tracking: MongoCollection;
  readonly head: MongoCollection;
  /** Their names. */
  readonly names: { readonly events: string; readonly tracking: string; readonly head: string };
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when collections cannot be called so */
export function logCollections(database: MongoDatabase, applicationName: string | undefined): LogCollections {
  const prefix = prefixOf(applicationName);
  const names = { events: `${prefix}_events`, tracking: `${prefix}_tracking`, head: `${prefix}_head` };
  return {
    events: collectionOf(database, names.events),
    tracking: collectionOf(database, names.tracking),
    head: collectionOf(database, names.head),
    names,
  };
}

/** What the names of an application's collections begin with. @throws ProgrammingError (`PROGRAMMING_ERROR`) when it is none */
export function prefixOf(applicationName: string | undefined): string {
  if (applicationName === undefined || applicationName === '') return 'stored';
  validateApplicationName(applicationName);
  return applicationName.toLowerCase();
}

/** Whether a database can be called so, on servers of every system. */
export function isDatabaseName(name: unknown): name is string {
  return typeof name === 'string' && DATABASE_NAME.test(name);
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a database cannot be called so */
export function databaseOf<Client extends MongoClientLike>(
  client: Client,
  name: string | undefined,
): ReturnType<Client['db']> {
  // The structural type says so of whatever client it is.
  if (name === undefined || isDatabaseName(name)) return client.db(name) as ReturnType<Client['db']>;
  throw new ProgrammingError(
    `A database cannot be named ${JSON.stringify(name)}: 1 to 63 characters are needed, without / \\ . " $ * < > : | ?, spaces and zeros.`,
  );
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a collection cannot be called so */
export function collectionOf(database: MongoDatabase, name: string): MongoCollection {
  const isName =
    typeof name === 'string' &&
    name !== '' &&
    !/[$\0]/.test(name) &&
    name.isWellFormed() &&
    !name.startsWith('system.') &&
    !/^\.|\.$/.test(name);
  if (isName && new TextEncoder().encode(name).length <= NAME_BYTES_MAX) {
    return database.collection(name, COLLECTION_OPTIONS);
  }
  throw new ProgrammingError(
    `A collection cannot be named ${JSON.stringify(name)}: 1 to ${NAME_BYTES_MAX} bytes are needed, without $ and zeros, which do not begin with "system.".`,
  );
}

/**
 * Creates a collection and its indexes where they are missing. Safe to call again, also by several at once.
 *
 * @throws NotSupportedError (`NOT_SUPPORTED`) when the server is no member of a replica set
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when it may not be created, or an index of its name is another one
 */
export async function createCollection(
  database: MongoDatabase,
  name: string,
  indexes: readonly object[] = [],
): Promise<void> {
  try {
    await assertReplicaSet(database);
    await database.createCollection(name).catch((error: unknown) => {
      if (!isThereAlready(error)) throw error;
    });
    if (indexes.length > 0) await collectionOf(database, name).createIndexes(indexes);
  } catch (error) {
    throw mongoError(error);
  }
}

/** Creates the collections of a log, and its head: behind the events that are there already. */
export async function createLog(database: MongoDatabase, { events, head, names }: LogCollections): Promise<void> {
  await createCollection(database, names.events, [POSITION_INDEX]);
  await createCollection(database, names.tracking);
  await createCollection(database, names.head);
  try {
    if ((await head.findOne({ _id: HEAD_ID })) !== null) return;
    // Of events that were restored without their head. A position that was given is not given again.
    const last = await events.findOne({}, { sort: { _id: -1 }, projection: { _id: 1 } });
    const position = BigInt((last?.['_id'] as number | undefined) ?? 0);
    await head.updateOne({ _id: HEAD_ID }, { $setOnInsert: { position, turns: 0n } }, { upsert: true });
  } catch (error) {
    // Somebody else has made it at the same time.
    if (duplicateKeyOf(error) === undefined) throw mongoError(error);
  }
}

async function assertReplicaSet(database: MongoDatabase): Promise<void> {
  const { setName, msg } = await database.command({ hello: 1 });
  // The second is what a router of a sharded cluster says, whose shards are replica sets.
  if (typeof setName !== 'string' && msg !== 'isdbgrid') throw withoutReplicaSet();
}
