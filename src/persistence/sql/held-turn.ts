/**
 * A turn for work that cannot be done in a transaction, such as statements that refuse to be in one.
 *
 * The turn is that of a transaction which does nothing else. So it ends with its process, however that ends, and needs no
 * session of its own: behind a pooler a transaction has its connection to itself, and a session has not.
 *
 * `CREATE INDEX CONCURRENTLY`, for one, waits for every transaction that has a snapshot, though it be of nothing: it would wait
 * for its own turn for ever. So nobody waits in the database for a turn, and who has it sends nothing that takes a snapshot.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import type { TriedTurns } from './sql-dialect.js';
import type { SqlQueryable } from './sql-queryable.js';
import type { SqlRecorder } from './sql-recorder.js';

// Servers end transactions that do nothing, after 5 seconds unless told otherwise.
const SIGN_OF_LIFE_MS = 500;

/** Which turn, and how it is taken. */
export interface HeldTurn {
  readonly name: string;
  readonly turns: TriedTurns;
  readonly clock: Clock;
}

/**
 * Runs work while nobody else has the turn. It takes another connection than the work.
 *
 * @param work - gets the connection of the transaction: what it writes there is committed when it resolves
 * @returns what it resolved with; `undefined` where somebody else has the turn, and the work was not run
 * @throws OperationalError (`OPERATIONAL_ERROR`) when the turn was lost meanwhile; what the work did outside of it, it did
 */
export async function whileTurnIsHeld<T>(
  recorder: SqlRecorder,
  { name, turns, clock }: HeldTurn,
  work: (connection: SqlQueryable) => Promise<T>,
): Promise<{ readonly result: T } | undefined> {
  return await recorder.transaction(async ({ connection }) => {
    const { rows } = await connection.query(turns.trySql, [name]);
    if (rows[0]?.['taken'] !== true) return undefined;
    // At once, too: what had parameters keeps its snapshot until the next statement.
    await connection.query(turns.signOfLifeSql);
    const stop = showLife(connection, turns.signOfLifeSql, clock);
    try {
      return { result: await work(connection) };
    } finally {
      await stop();
    }
  });
}

function showLife(connection: SqlQueryable, sql: string, clock: Clock): () => Promise<void> {
  let last: Promise<unknown> = Promise.resolve();
  let callOff = (): void => undefined;
  const again = (): void => {
    callOff = clock.schedule(() => {
      // What is wrong with the connection shows when the work is done.
      last = connection.query(sql).catch(() => undefined);
      again();
    }, SIGN_OF_LIFE_MS);
  };
  again();
  return async () => {
    callOff();
    await last;
  };
}
