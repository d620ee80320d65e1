/**
 * What a pooler in transaction mode does: each transaction has whichever connection is free, and what is set on it beyond
 * its end is the next one's.
 *
 * @module
 */
import type { PostgresClient, PostgresPool, PostgresResult } from '../../src/persistence/postgres/index.js';

/**
 * A pool whose clients stand for connections to a pooler, with few connections behind it, which take turns.
 *
 * @param behind - lends the connections; as many as are lent stay so until `close`
 */
export async function poolTransactions(
  behind: PostgresPool,
  connections: number,
): Promise<{ readonly pool: PostgresPool; close(): void }> {
  const all = await Promise.all(Array.from({ length: connections }, () => behind.connect()));
  const free = [...all];
  const waiting: ((client: PostgresClient) => void)[] = [];
  const take = async (): Promise<PostgresClient> =>
    free.shift() ?? (await new Promise<PostgresClient>((resolve) => waiting.push(resolve)));
  const give = (client: PostgresClient): void => {
    const next = waiting.shift();
    if (next === undefined) free.push(client);
    else next(client);
  };
  const connect = (): Promise<PostgresClient> => {
    let own: PostgresClient | undefined;
    const query = async (text: string, values?: unknown[]): Promise<PostgresResult> => {
      const client = (own ??= await take());
      const ends = /\b(?:COMMIT|ROLLBACK(?! TO))\s*;?\s*$/i.test(text);
      const begins = /^\s*BEGIN\b/i.test(text);
      isOpen ||= begins;
      try {
        return await client.query(text, values);
      } finally {
        if (ends) isOpen = false;
        if (!isOpen) {
          own = undefined;
          give(client);
        }
      }
    };
    let isOpen = false;
    return Promise.resolve({ query, release: () => undefined });
  };
  const pool: PostgresPool = {
    connect,
    query: async (text, values) => await (await connect()).query(text, values),
    supportsNotifications: false,
  };
  return { pool, close: () => all.forEach((client) => client.release()) };
}
