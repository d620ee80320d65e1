import type { RecorderTransaction } from '../../src/persistence/recorder-transaction.js';
import type { SqlQueryable } from '../../src/persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { DecoratedSqlRecorder } from './decorated-sql-recorder.js';

type Gate = (transaction: RecorderTransaction<SqlQueryable>) => Promise<void>;

/** Does something at the beginning and at the end of every transaction. */
class GatedRecorder extends DecoratedSqlRecorder {
  readonly #begun: Gate;
  readonly #ending: Gate;

  constructor(recorder: SqlRecorder, gates: { readonly begun?: Gate; readonly ending?: Gate }) {
    super(recorder, (queryable) => queryable);
    this.#begun = gates.begun ?? (async () => undefined);
    this.#ending = gates.ending ?? (async () => undefined);
  }

  override transaction<T>(work: (transaction: RecorderTransaction<SqlQueryable>) => Promise<T>): Promise<T> {
    return super.transaction(async (transaction) => {
      await this.#begun(transaction);
      const result = await work(transaction);
      await this.#ending(transaction);
      return result;
    });
  }
}

/**
 * Has two work on one PostgreSQL, each on a connection of its own: the first is held at the end of its first transaction
 * until the second has run into it, or is over.
 *
 * @returns what becomes of both
 */
export function oneWhileOther<One, Other>(
  recorder: SqlRecorder,
  first: (recorder: SqlRecorder) => Promise<One>,
  second: (recorder: SqlRecorder) => Promise<Other>,
): readonly [Promise<One>, Promise<Other>] {
  const release = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const one = new GatedRecorder(recorder, {
    ending: async () => {
      held.resolve();
      await release.promise;
    },
  });
  let pid: number | undefined;
  const other = new GatedRecorder(recorder, {
    begun: async ({ connection }) => {
      pid = Number((await connection.query('SELECT pg_backend_pid() AS pid')).rows[0]?.['pid']);
    },
  });
  const done = first(one);
  const alsoDone = (async () => {
    await Promise.race([held.promise, done]);
    return await second(other);
  })();
  let isOver = false;
  const over = (): void => void (isOver = true);
  alsoDone.then(over, over);
  void untilBlocked(
    recorder,
    () => pid,
    () => isOver,
  ).then(release.resolve, release.reject);
  return [done, alsoDone];
}

/** Waits until a connection waits for another one, or the work on it is over. */
async function untilBlocked(
  recorder: SqlRecorder,
  pid: () => number | undefined,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    const [row] = (await recorder.query('SELECT cardinality(pg_blocking_pids($1)) AS n', [pid() ?? 0])).rows;
    if (Number(row?.['n']) > 0) return;
  }
}
