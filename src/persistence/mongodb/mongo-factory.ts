/// <reference lib="esnext.disposable" preserve="true" />
/**
 * MongoDB as a persistence module.
 *
 * @module
 */
import type { Environment } from '../../environment/environment.js';
import { InterfaceError, NotSupportedError } from '../errors.js';
import { createsTables } from '../recorder-factory.js';
import type { RecorderFactory } from '../recorder-factory.js';
import { MongoAggregateRecorder } from './mongo-aggregate-recorder.js';
import type { MongoClientLike } from './mongo-driver.js';
import { mongoOptionsFromEnvironment } from './mongo-environment.js';
import type { MongoSettings } from './mongo-environment.js';
import { mongoError } from './mongo-errors.js';
import { MongoApplicationRecorder, MongoProcessRecorder } from './mongo-recorder.js';
import { MongoSnapshotStore } from './mongo-snapshot-store.js';

const EVENTS = 'events';

/** A client that was made here. */
interface OwnClient extends MongoClientLike {
  close(): Promise<void>;
}

/**
 * Makes the recorders of an application from the environment's settings, over one client of the package `mongodb`.
 *
 * @example
 * ```ts
 * InfrastructureFactory.register('mongodb', MongoFactory);
 * ```
 */
export class MongoFactory implements RecorderFactory, AsyncDisposable {
  readonly #settings: MongoSettings;
  readonly #createsTables: boolean;
  #client: Promise<OwnClient> | undefined;
  #isClosed = false;

  /** Keeps Vue from making a proxy of it, which would have no private members. @internal */
  get __v_skip(): boolean {
    return true;
  }

  /** @throws EnvironmentError (`ENVIRONMENT_ERROR`) when a setting is missing, or is not what it should be */
  constructor(environment: Environment) {
    this.#settings = mongoOptionsFromEnvironment(environment);
    this.#createsTables = createsTables(environment);
  }

  /**
   * As in `RecorderFactory`. Aggregate recorders of `events` give notification ids as well, because the collection is the
   * application's.
   */
  async aggregateRecorder(purpose: string): Promise<MongoAggregateRecorder | MongoApplicationRecorder> {
    if (purpose === EVENTS) return await this.applicationRecorder();
    const recorder = new MongoAggregateRecorder({ client: await this.client(), ...this.#settings.recorder, purpose });
    if (this.#createsTables) await recorder.createTable();
    return recorder;
  }

  async applicationRecorder(): Promise<MongoApplicationRecorder> {
    const recorder = new MongoApplicationRecorder({ client: await this.client(), ...this.#settings.recorder });
    if (this.#createsTables) await recorder.createTable();
    return recorder;
  }

  async processRecorder(): Promise<MongoProcessRecorder> {
    const recorder = new MongoProcessRecorder({ client: await this.client(), ...this.#settings.recorder });
    if (this.#createsTables) await recorder.createTable();
    return recorder;
  }

  /**
   * Snapshots in a collection, which `createTables` of it creates.
   *
   * @param collection - its name. @defaultValue `snapshots`
   */
  async snapshotStore(collection?: string): Promise<MongoSnapshotStore> {
    const { database } = this.#settings.recorder;
    const options = {
      ...(database === undefined ? {} : { database }),
      ...(collection === undefined ? {} : { collection }),
    };
    return new MongoSnapshotStore({ client: await this.client(), ...options });
  }

  /**
   * The client that the recorders share, of the package `mongodb`. Lent: it is closed with the factory.
   *
   * @throws InterfaceError (`INTERFACE_ERROR`) after the factory was closed
   * @throws NotSupportedError (`NOT_SUPPORTED`) when the package `mongodb` is not installed
   * @throws ProgrammingError (`PROGRAMMING_ERROR`) when the driver knows no such address, or option in it
   * @throws OperationalError (`OPERATIONAL_ERROR`) when no server is found
   */
  async client(): Promise<MongoClientLike> {
    if (this.#isClosed) throw new InterfaceError('The factory was closed.');
    this.#client ??= connected(this.#settings).catch((error: unknown) => {
      // What stood in the way may be gone the next time.
      this.#client = undefined;
      throw error;
    });
    return await this.#client;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // What could not be opened was reported to who asked for it.
    const client = await this.#client?.catch(() => undefined);
    await client?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function connected({ url, connectTimeoutMs }: MongoSettings): Promise<OwnClient> {
  const { MongoClient } = await import('mongodb').catch((cause: unknown) => {
    throw new NotSupportedError('Connecting to MongoDB needs the package mongodb: npm install mongodb', { cause });
  });
  try {
    const client = new MongoClient(url, {
      serverSelectionTimeoutMS: connectTimeoutMs,
      connectTimeoutMS: connectTimeoutMs,
    });
    return await client.connect().catch(async (error: unknown) => {
      await client.close().catch(() => undefined);
      throw error;
    });
  } catch (error) {
    throw mongoError(error);
  }
}
