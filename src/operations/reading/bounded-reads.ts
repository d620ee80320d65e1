/**
 * Reading for an operator, beside the work of those for whom the database is there: each statement is short, none outlives
 * a limit, and between two of them others take their turn.
 *
 * @module
 */
import { OperationalError } from '../../persistence/errors.js';
import { isEventSourcingError } from '../../domain/errors.js';
import type { InspectionStatement, SqlInspection } from '../../persistence/sql/sql-inspection.js';
import { SQLITE_INSPECTION } from '../../persistence/sql/sql-inspection.js';
import type { SqlRow } from '../../persistence/sql/sql-queryable.js';
import type { SqlRecorder } from '../../persistence/sql/sql-recorder.js';
import type { Clock } from '../../util/clock.js';
import { throwIfAborted } from '../../persistence/heed-signal.js';

/** `details.reason` of what was broken off. */
export const TOO_LONG = 'too-long';

/** Limits of what is read. */
export interface ReadLimits {
  /** All that is read, in milliseconds. */
  readonly timeoutMs: number;
  /** Ends the reading between two statements. */
  readonly signal?: AbortSignal | undefined;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** Runs statements one by one. */
export class BoundedReads {
  readonly #recorder: SqlRecorder;
  readonly #limits: ReadLimits;
  readonly #endsAtMs: number;
  readonly inspection: SqlInspection;

  constructor(recorder: SqlRecorder, limits: ReadLimits) {
    this.#recorder = recorder;
    this.#limits = limits;
    this.#endsAtMs = limits.clock.monotonicMs() + limits.timeoutMs;
    this.inspection = recorder.dialect.inspection ?? SQLITE_INSPECTION;
  }

  /**
   * The rows of one statement.
   *
   * @throws OperationalError (`OPERATIONAL_ERROR`) with `details.reason: 'too-long'` when the time is over
   * @throws the signal's reason when it was aborted
   */
  async rows({ text, values }: InspectionStatement): Promise<readonly SqlRow[]> {
    throwIfAborted(this.#limits.signal);
    const leftMs = this.#endsAtMs - this.#limits.clock.monotonicMs();
    if (leftMs <= 0) throw this.#tooLong();
    const { openingSql, timeoutState } = this.inspection;
    if (openingSql === undefined) return (await this.#recorder.query(text, values)).rows;
    try {
      return await this.#recorder.transaction(async ({ connection }) => {
        await connection.query(openingSql(leftMs));
        return (await connection.query(text, values)).rows;
      });
    } catch (error) {
      if (timeoutState === undefined || detailOf(error, 'sqlState') !== timeoutState) throw error;
      throw this.#tooLong(error);
    }
  }

  #tooLong(cause?: unknown): OperationalError {
    const { timeoutMs } = this.#limits;
    return new OperationalError(
      `What was asked took longer than ${timeoutMs} ms, and was broken off. Nothing was changed. Allow more with timeoutMs, or ask at a quieter time.`,
      { ...(cause === undefined ? {} : { cause }), details: { reason: TOO_LONG, timeoutMs } },
    );
  }
}

/** What an error of ours says of itself: its `reason`, its `sqlState`. */
export function detailOf(error: unknown, name: 'reason' | 'sqlState'): unknown {
  return isEventSourcingError(error) ? error.details[name] : undefined;
}
