/**
 * Recorders, snapshots and states on MongoDB, over the official driver.
 *
 * @module
 */
export { MongoStateStore } from './mongo-state-store.js';
export type { MongoStateStoreOptions } from './mongo-state-store.js';
export { MongoAggregateRecorder } from '../persistence/mongodb/mongo-aggregate-recorder.js';
export type { MongoAggregateRecorderOptions } from '../persistence/mongodb/mongo-aggregate-recorder.js';
export type { MongoCollectionOptions } from '../persistence/mongodb/mongo-collections.js';
export type {
  MongoClientLike,
  MongoCollection,
  MongoCursor,
  MongoDatabase,
  MongoDocument,
  MongoSession,
} from '../persistence/mongodb/mongo-driver.js';
export { mongoError } from '../persistence/mongodb/mongo-errors.js';
export { MongoFactory } from '../persistence/mongodb/mongo-factory.js';
export { MongoApplicationRecorder, MongoProcessRecorder } from '../persistence/mongodb/mongo-recorder.js';
export type { MongoRecorderOptions } from '../persistence/mongodb/mongo-recorder.js';
export { MongoSnapshotStore } from '../persistence/mongodb/mongo-snapshot-store.js';
export type { MongoSnapshotStoreOptions } from '../persistence/mongodb/mongo-snapshot-store.js';
export type { MongoConnection } from '../persistence/mongodb/mongo-transaction.js';
export type { SubscribeOptions } from '../persistence/looking-subscription.js';
