/** Options that would be passed over without a word where they stand: each is refused, and by its name. */
import { describe, expect, test } from 'vitest';
import { createEventSourcing } from '../../src/configuration/event-sourcing.js';
import { JSONTranscoder } from '../../src/persistence/mapping/json-transcoder.js';
import { Mapper } from '../../src/persistence/mapping/mapper.js';
import { createPgPool } from '../../src/persistence/postgres/index.js';
import { startNodeHost } from '../../src/server/hosts/node-host.js';
import { cloudEvents } from '../../src/publishing/cloud-events.js';

const transcoder = new JSONTranscoder();
const databaseUrl = 'postgres://nobody@127.0.0.1:1/nowhere';
const connect = (): Promise<never> => Promise.reject(new Error('nobody connects'));

const USELESS: readonly (readonly [where: string, option: string, use: () => unknown])[] = [
  ...[
    { connectionString: databaseUrl },
    { host: 'h' },
    { port: 1 },
    { database: 'd' },
    { user: 'u' },
    { password: 'p' },
    { ssl: true },
    { statementTimeoutMs: 1 },
    { queryTimeoutMs: 1 },
    { idleInTransactionTimeoutMs: 1 },
  ].map(
    (given) =>
      [
        'createPgPool with connect',
        Object.keys(given)[0] as string,
        () => createPgPool({ connect, ...given }),
      ] as const,
  ),
  [
    'startNodeHost with databaseUrl',
    'databaseDir',
    () => startNodeHost({ allowAnonymous: true, databaseUrl, databaseDir: 'books' }),
  ],
  [
    'startNodeHost with databaseUrl',
    'embedded',
    () => startNodeHost({ allowAnonymous: true, databaseUrl, embedded: { port: 5433 } }),
  ],
  [
    'createEventSourcing without a publisher',
    'format',
    () => createEventSourcing({ enabled: true }, { format: cloudEvents }),
  ],
  [
    'createEventSourcing without a publisher',
    'worker',
    () => createEventSourcing({ enabled: true }, { worker: { batch: 1 } }),
  ],
  ['a mapper without topics', 'unknownTopic', () => new Mapper({ transcoder, unknownTopic: 'throw' })],
];

describe('an option that is of no use', () => {
  test.each(USELESS)('%s refuses %s', async (_where, option, use) => {
    const refused = await Promise.resolve()
      .then(use)
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'PROGRAMMING_ERROR', message: expect.stringContaining(option) as string });
  });

  test('is used where there is what it is for', async () => {
    await using made = await createPgPool({ connect, poolSize: 1, prePing: true, preparedStatements: true });
    expect(made.stats().size).toBe(1);
    expect(() => new Mapper({ transcoder, topics: [], unknownTopic: 'throw' })).not.toThrow();
    await expect(
      createEventSourcing({ enabled: true }, { publisher: async () => undefined, format: cloudEvents }),
    ).resolves.toMatchObject({ recorder: expect.anything() as object });
  });
});
