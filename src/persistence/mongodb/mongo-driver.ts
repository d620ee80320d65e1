/**
 * What is used of MongoDB's driver: a small part of the official one (`mongodb`, 7.9 and later), which fits as it is.
 *
 * Values need no class of the driver's: a `bigint` is sent as a 64-bit integer, a `Uint8Array` as binary data. What is read
 * is asked for as numbers and bytes, whatever the client's own settings are ({@link COLLECTION_OPTIONS}).
 *
 * @module
 */

/** A document, as it is read. */
export type MongoDocument = Readonly<Record<string, unknown>>;

/** What a `find` gives. */
export interface MongoCursor {
  toArray(): Promise<readonly MongoDocument[]>;
}

/** The documents of one name. */
export interface MongoCollection {
  find(filter: object, options?: object): MongoCursor;
  findOne(filter: object, options?: object): Promise<MongoDocument | null>;
  findOneAndUpdate(filter: object, update: object, options: object): Promise<MongoDocument | null>;
  insertMany(documents: readonly object[], options?: object): Promise<unknown>;
  updateOne(
    filter: object,
    update: object,
    options?: object,
  ): Promise<{ readonly matchedCount: number; readonly upsertedCount: number }>;
  replaceOne(filter: object, replacement: object, options?: object): Promise<unknown>;
  deleteOne(filter: object, options?: object): Promise<{ readonly deletedCount: number }>;
  deleteMany(filter: object, options?: object): Promise<unknown>;
  bulkWrite(operations: readonly object[], options?: object): Promise<unknown>;
  countDocuments(filter: object, options?: object): Promise<number>;
  createIndexes(indexes: readonly object[], options?: object): Promise<unknown>;
}

/** One database of a server. */
export interface MongoDatabase {
  collection(name: string, options?: object): MongoCollection;
  createCollection(name: string, options?: object): Promise<unknown>;
  command(command: object, options?: object): Promise<MongoDocument>;
}

/** A session: what a transaction, or what a causal order, hangs on. */
export interface MongoSession {
  readonly operationTime?: object | undefined;
  readonly clusterTime?: object | undefined;
  advanceOperationTime(time: object): void;
  advanceClusterTime(time: object): void;
  inTransaction(): boolean;
  withTransaction<T>(work: () => Promise<T>, options?: object): Promise<T>;
  endSession(): Promise<void>;
}

/** A connected client of one server, replica set or cluster. */
export interface MongoClientLike {
  db(name?: string, options?: object): MongoDatabase;
  startSession(options?: object): MongoSession;
}

/**
 * How collections are used outside of transactions: what is read was committed by a majority, and stays; so does what is
 * written. And in which form values are read.
 */
export const COLLECTION_OPTIONS: Readonly<Record<string, unknown>> = {
  readPreference: 'primary',
  readConcern: { level: 'majority' },
  writeConcern: { w: 'majority' },
  promoteValues: true,
  promoteLongs: true,
  promoteBuffers: true,
  useBigInt64: false,
  raw: false,
};

/** How transactions are: of one state of the data, and committed by a majority. */
export const TRANSACTION_OPTIONS: Readonly<Record<string, unknown>> = {
  readPreference: 'primary',
  readConcern: { level: 'snapshot' },
  writeConcern: { w: 'majority' },
};
