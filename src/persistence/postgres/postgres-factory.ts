/// <reference lib="esnext.disposable" preserve="true" />
/**
 * PostgreSQL as a persistence module.
 *
 * @module
 */
import type { Environment } from '../../environment/environment.js';
import { createsTables } from '../recorder-factory.js';
import type { RecorderFactory } from '../recorder-factory.js';
import type { ByTopic } from '../../environment/topics.js';
import type { PostgresConnector } from './postgres-driver.js';
import { createPgPool } from './pg-pool.js';
import type { PgPool } from './pg-pool.js';
import { ConnectionPoolClosedError } from '../pool-errors.js';
import { postgresOptionsFromEnvironment } from './postgres-environment.js';
import type { PostgresSettings } from './postgres-environment.js';
import {
  PostgresAggregateRecorder,
  PostgresApplicationRecorder,
  PostgresProcessRecorder,
} from './postgres-recorder.js';

const EVENTS = 'events';

/**
 * Makes the recorders of an application from the environment's settings, over one pool.
 *
 * @example
 * ```ts
 * InfrastructureFactory.register('postgres', PostgresFactory);
 * ```
 */
export class PostgresFactory implements RecorderFactory, AsyncDisposable {
  readonly #settings: PostgresSettings;
  readonly #createsTables: boolean;
  #pool: Promise<PgPool> | undefined;
  #isClosed = false;

  /**
   * @param parts - the connectors that `POSTGRES_CONNECTION_CREATOR_TOPIC` may name
   * @throws EnvironmentError (`ENVIRONMENT_ERROR`) when a setting is missing, or is not what it should be
   */
  constructor(environment: Environment, parts: { readonly connectors?: ByTopic<PostgresConnector> } = {}) {
    this.#settings = postgresOptionsFromEnvironment(environment, parts.connectors);
    this.#createsTables = createsTables(environment);
  }

  /**
   * As in `RecorderFactory`. Aggregate recorders of `events` give notification ids as well, because the table is the
   * application's.
   */
  async aggregateRecorder(purpose: string): Promise<PostgresAggregateRecorder | PostgresApplicationRecorder> {
    if (purpose === EVENTS) return await this.applicationRecorder();
    const { singleRowTracking: _, ...options } = this.#settings.recorder;
    return await this.#ready(new PostgresAggregateRecorder({ pool: await this.pool(), ...options, purpose }));
  }

  async applicationRecorder(): Promise<PostgresApplicationRecorder> {
    return await this.#ready(new PostgresApplicationRecorder({ pool: await this.pool(), ...this.#settings.recorder }));
  }

  async processRecorder(): Promise<PostgresProcessRecorder> {
    return await this.#ready(new PostgresProcessRecorder({ pool: await this.pool(), ...this.#settings.recorder }));
  }

  /**
   * The pool that the recorders share. Lent: it is closed with the factory.
   *
   * @throws ConnectionPoolClosedError (`CONNECTION_POOL_CLOSED`) after the factory was closed
   */
  async pool(): Promise<PgPool> {
    if (this.#isClosed) throw new ConnectionPoolClosedError('The factory was closed.');
    this.#pool ??= createPgPool(this.#settings.pool).catch((error: unknown) => {
      // What stood in the way may be gone the next time.
      this.#pool = undefined;
      throw error;
    });
    return await this.#pool;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // What could not be opened was reported to who asked for it.
    const pool = await this.#pool?.catch(() => undefined);
    await pool?.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #ready<R extends { createTable(): Promise<void> }>(recorder: R): Promise<R> {
    if (this.#createsTables) await recorder.createTable();
    return recorder;
  }
}
