/**
 * What became of counts that gave way to others', for the person who made them: a table of the application's own.
 *
 * `onRebased` tells of it once, in the tab that synchronises. Here it waits until somebody has seen it, in every tab, and
 * after a reload. What was set aside is not here: the store keeps that itself.
 *
 * @module
 */
import type { SqlQueryable, SqlRecorder } from 'daybook';
import type { RebasedOutcome, RebasedUnit } from 'daybook/application';
import { entryOf } from './stock-entries.js';
import type { StockEntry, StockEvent } from './stock-entries.js';

/** A count that was decided again. */
export interface DecidedAgain {
  readonly unitId: string;
  readonly outcome: Exclude<RebasedOutcome, 'setAside'>;
  /** What it was. */
  readonly before: StockEntry;
  /** What others have recorded about the item meanwhile, in the order of the books. */
  readonly others: readonly StockEntry[];
  /** What it is now; absent when there was nothing left to do. */
  readonly after?: StockEntry | undefined;
}

// More would be read by nobody at once; the rest comes when these are dismissed.
const READ_MAX = 50;

/** Keeps {@link DecidedAgain}: the last to be decided first, and what was decided at once in its order. */
export class DecidedAgainTable {
  readonly #recorder: SqlRecorder;

  constructor(recorder: SqlRecorder) {
    this.#recorder = recorder;
  }

  /** Creates the table where there is none. */
  async setUp(): Promise<void> {
    await this.#recorder.transaction(async ({ connection }) => {
      await connection.query(
        'CREATE TABLE IF NOT EXISTS decided_again (unit_id TEXT PRIMARY KEY, at TEXT NOT NULL, card TEXT NOT NULL) STRICT',
      );
    });
  }

  /** Keeps what is to be said of units, instead of what was said of them before. */
  async note(units: readonly RebasedUnit[], at: Date): Promise<void> {
    const cards = units.flatMap(decidedAgainOf);
    await this.#recorder.transaction(async ({ connection }) => {
      for (const { id } of units) await connection.query('DELETE FROM decided_again WHERE unit_id = $1', [id]);
      for (const card of cards) {
        const values = [card.unitId, at.toISOString(), JSON.stringify(card)];
        await connection.query('INSERT INTO decided_again (unit_id, at, card) VALUES ($1, $2, $3)', values);
      }
    });
  }

  /** Forgets what somebody has seen. */
  async dismiss(unitIds: readonly string[]): Promise<void> {
    await this.#recorder.transaction(async ({ connection }) => {
      for (const unitId of unitIds) await connection.query('DELETE FROM decided_again WHERE unit_id = $1', [unitId]);
    });
  }

  /** Reads those that nobody has seen. */
  async read({ query }: Pick<SqlQueryable, 'query'>): Promise<readonly DecidedAgain[]> {
    const { rows } = await query('SELECT card FROM decided_again ORDER BY at DESC, rowid LIMIT $1', [READ_MAX]);
    return rows.map(({ card }) => JSON.parse(String(card), revived) as DecidedAgain);
  }
}

/** Of a count. What is decided of recounts is decided by a process, and nobody waits for it. */
function decidedAgainOf({ id: unitId, outcome, before, after, others }: RebasedUnit): readonly DecidedAgain[] {
  const [was] = before.map(asEntry);
  if (outcome === 'setAside' || was === undefined || (was.kind !== 'counted' && was.kind !== 'stepped')) return [];
  return [{ unitId, outcome, before: was, others: others.map(asEntry), after: after.map(asEntry)[0] }];
}

function asEntry(event: RebasedUnit['before'][number]): StockEntry {
  // An event that is decided again has no place of its own yet.
  return entryOf({ ...event, notificationId: 0 } as StockEvent);
}

function revived(key: string, value: unknown): unknown {
  return key === 'at' && typeof value === 'string' ? new Date(value) : value;
}
