/**
 * Recorders and snapshots on MongoDB, over the official driver.
 *
 * @module
 */
export type { MongoCollectionOptions } from './mongo-collections.js';
export type {
  MongoClientLike,
  MongoCollection,
  MongoCursor,
  MongoDatabase,
  MongoDocument,
  MongoSession,
} from './mongo-driver.js';
export { mongoError } from './mongo-errors.js';
export { MongoApplicationRecorder, MongoProcessRecorder } from './mongo-recorder.js';
export type { MongoRecorderOptions } from './mongo-recorder.js';
export { MongoSnapshotStore } from './mongo-snapshot-store.js';
export type { MongoSnapshotStoreOptions } from './mongo-snapshot-store.js';
export type { MongoConnection } from './mongo-transaction.js';
export type { SubscribeOptions } from '../looking-subscription.js';
