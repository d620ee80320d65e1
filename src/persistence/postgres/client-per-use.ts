import type { PostgresClient, PostgresConnection, PostgresPool, PostgresResult } from './postgres-driver.js';
import { postgresError } from './postgres-errors.js';
import { validateFunction } from '../validation.js';

/**
 * Makes a pool that keeps nothing: each use makes a connection and closes it. For places where a connection cannot
 * outlive a request, and somebody else keeps the connections to the database.
 *
 * Commits wake no listeners, because nothing may happen after a request; subscriptions look by themselves.
 *
 * @example
 * Hyperdrive, in a Cloudflare Worker:
 * ```ts
 * import { Client } from 'pg';
 *
 * export default {
 *   async fetch(request: Request, env: { HYPERDRIVE: { connectionString: string } }): Promise<Response> {
 *     const pool = clientPerUse(async () => {
 *       const client = new Client({ connectionString: env.HYPERDRIVE.connectionString });
 *       await client.connect();
 *       return client;
 *     });
 *     const recorder = new PostgresProcessRecorder({ pool, applicationName: 'warehouse' });
 *     return Response.json(await recorder.maxNotificationId());
 *   },
 * };
 * ```
 *
 * @param connect - gives a connection that is connected; it is closed after its use
 */
export function clientPerUse(connect: () => Promise<PostgresConnection>): PostgresPool {
  validateFunction('connect', connect);
  return new ClientPerUse(connect);
}

class ClientPerUse implements PostgresPool {
  readonly supportsNotifications = false;
  readonly #connect: () => Promise<PostgresConnection>;

  constructor(connect: () => Promise<PostgresConnection>) {
    this.#connect = connect;
  }

  async connect(): Promise<PostgresClient> {
    const connection = await this.#connect().catch((error: unknown) => {
      throw postgresError(error);
    });
    connection.on?.('error', () => undefined);
    return {
      query: (...args) => connection.query(...args),
      // Whatever closing says, the connection is of no use any more.
      release: () => void connection.end().catch(() => undefined),
      ...(connection.on === undefined ? {} : { on: (event, listener) => connection.on?.(event, listener) }),
    };
  }

  async query(text: string, values?: unknown[]): Promise<PostgresResult> {
    const client = await this.connect();
    try {
      return await client.query(text, values);
    } finally {
      client.release();
    }
  }
}
