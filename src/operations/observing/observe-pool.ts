import type { PostgresClient, PostgresPool } from '../../persistence/postgres/index.js';
import { StatementObserver } from './statement-observer.js';
import type { ObserveOptions } from './statement-observer.js';

/**
 * A pool whose statements are watched: whoever wants to hear of slow ones does, and OpenTelemetry gets spans and durations.
 * Give it to recorders in the place of the pool that it is made of, which may go on being used.
 *
 * @example
 * ```ts
 * const pool = await createPgPool({ connectionString });
 * const recorder = new PostgresProcessRecorder({
 *   pool: observePool(pool, { slowQueryMs: 200, onSlowQuery: ({ durationMs, text }) => console.warn(durationMs, text) }),
 * });
 * ```
 *
 * @returns the pool itself where nobody wants to know
 * @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be
 */
export function observePool<Pool extends PostgresPool>(pool: Pool, options: ObserveOptions): Pool {
  const observer = StatementObserver.of('postgresql', options);
  if (observer === undefined) return pool;
  const methods: PostgresPool = {
    query: (...args) => observer.run(textOf(args[0]), () => pool.query(...args)),
    connect: async (...args) => watchedClient(await pool.connect(...args), observer),
  };
  return watched(pool, methods);
}

function watchedClient(client: PostgresClient, observer: StatementObserver): PostgresClient {
  const queryPrepared = client.queryPrepared?.bind(client);
  const queryPlanned = client.queryPlanned?.bind(client);
  const methods: Partial<PostgresClient> = {
    query: (...args) => observer.run(textOf(args[0]), () => client.query(...args)),
    ...(queryPrepared === undefined
      ? {}
      : { queryPrepared: (...args) => observer.run(args[0], () => queryPrepared(...args)) }),
    ...(queryPlanned === undefined
      ? {}
      : {
          queryPlanned: (statements, last) =>
            observer.run(`${statements};${last.text}`, () => queryPlanned(statements, last)),
        }),
  };
  return watched(client, methods);
}

/** An object with some methods of its own, and all others on the object that it stands for, whatever that has in private. */
function watched<T extends object>(target: T, methods: object): T {
  return new Proxy(target, {
    get(_, property) {
      if (Object.hasOwn(methods, property)) return Reflect.get(methods, property) as unknown;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** `pg` takes a configuration in the place of the text, which query builders use. */
function textOf(query: unknown): unknown {
  return typeof query === 'object' && query !== null ? (query as { text?: unknown }).text : query;
}
