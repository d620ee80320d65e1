/**
 * Inserting again after a session that ended before it had answered, as all do when a server restarts.
 *
 * Whether the first attempt counts, nobody says; but its positions do. The same events are sent again: of both attempts at
 * most one can be recorded, because a position is taken once. When the second one is refused because of a position, what
 * is stored there tells: something else was not recorded by the first attempt, which records all or nothing. The same may
 * have been, or somebody else recorded an event with the same bytes.
 *
 * @module
 */
import { IntegrityError } from '../errors.js';
import type { StoredEvent } from '../stored-event.js';
import type { PostgresEventsTable } from './postgres-events-table.js';
import { isSessionEnded, isUnknownOutcome } from './postgres-errors.js';
import type { PostgresSession } from './postgres-session.js';

// As many as a pool may hold connections that the server ended.
const ATTEMPTS_MAX = 20;

/** What is inserted, and where. */
export interface Insertion<T> {
  readonly session: PostgresSession;
  readonly table: PostgresEventsTable;
  readonly events: readonly StoredEvent[];
  /** Rejects with an `IntegrityError` when a position is taken. */
  insert(): Promise<T>;
}

/**
 * Inserts, and again as long as sessions end by a word of the server's own.
 *
 * @throws what the insert threw, when it is certain that nothing was stored
 * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.outcome: 'unknown'` otherwise
 */
export async function insertProven<T>(insertion: Insertion<T>): Promise<T> {
  let doubt: Error | undefined;
  for (let attempts = 1; ; attempts++) {
    try {
      return await insertion.insert();
    } catch (error) {
      if (isUnknownOutcome(error)) {
        doubt ??= error as Error;
        if (attempts >= ATTEMPTS_MAX || !isSessionEnded((error as Error).cause)) throw doubt;
      } else if (doubt === undefined || (await isOfOthers(insertion, error))) throw error;
      else throw doubt;
    }
  }
}

/** Whether an attempt was refused because of what is certainly not of an earlier one. */
async function isOfOthers({ session, table, events }: Insertion<unknown>, error: unknown): Promise<boolean> {
  if (!(error instanceof IntegrityError) || error.details.constraint === undefined) return false;
  const { originatorId, originatorVersion } = error.details;
  // All or nothing: where tracking is in the way, any of the events tells as much.
  const sent =
    events.find((event) => event.originatorId === originatorId && event.originatorVersion === originatorVersion) ??
    events[0];
  if (sent === undefined) return false;
  const version = sent.originatorVersion;
  const [stored] = await table
    .select(session, sent.originatorId, { gt: version - 1, lte: version })
    .catch(() => [sent]);
  return stored === undefined || !isSame(sent, stored);
}

function isSame(sent: StoredEvent, stored: StoredEvent): boolean {
  return (
    sent.topic === stored.topic &&
    sent.state.length === stored.state.length &&
    sent.state.every((byte, index) => byte === stored.state[index])
  );
}
