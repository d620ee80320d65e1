/**
 * Changes of units, with what an application keeps in line with its events.
 *
 * @module
 */
import type { InlineParticipant, UnitsChanged } from '../events/inline-participant.js';
import type { NotifiedEvent } from '../events/notified-event.js';
import { OperationalError, STATEMENT_REASON } from '../../persistence/errors.js';
import type { TransactionalRecorder } from '../../persistence/recorder-transaction.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import type { SqlQueryable } from '../../persistence/sql/sql-queryable.js';
import type { UnitChanges } from '../../persistence/unit-recorder.js';
import { callListener, reportFailure } from '../../util/listeners.js';

/** What a participant rejected with. */
class ParticipantFailure extends Error {}

/** Changes units together with what participants make of that. */
export class InlineUnitChanges {
  readonly #recorder: ProcessRecorder;
  readonly #inline: readonly InlineParticipant[];
  readonly #changed: UnitsChanged;

  /** @param recorder - the application's; has transactions, where a participant takes part in them */
  constructor(recorder: ProcessRecorder, inline: readonly InlineParticipant[], decode: UnitsChanged['decode']) {
    this.#recorder = recorder;
    this.#inline = inline;
    this.#changed = { decode };
  }

  /**
   * Makes a change in one transaction with what participants put right because of it. Where one of them fails, that is
   * reported, and the change is made without them.
   *
   * @param units - changes units without anybody
   * @throws what the change throws
   */
  async run<T>(units: UnitChanges, change: (units: UnitChanges) => Promise<T>): Promise<T> {
    const recorder = this.#recorder as TransactionalRecorder<SqlQueryable | undefined>;
    const participants = this.#inline.filter((participant) => typeof participant.onUnitsChanged === 'function');
    if (participants.length === 0 || recorder.supports?.units !== true) return await change(units);
    try {
      return await recorder.transaction(async (transaction) => {
        const outcome = await change(transaction.rebase ?? units);
        for (const participant of participants) {
          await participant.onUnitsChanged?.(transaction, this.#changed).catch((cause: unknown) => {
            throw isOfStore(cause) ? cause : new ParticipantFailure('', { cause });
          });
        }
        return outcome;
      });
    } catch (error) {
      if (!(error instanceof ParticipantFailure)) throw error;
      reportFailure(error.cause);
      return await change(units);
    }
  }

  /** Whether somebody hears of events that change. */
  get isHeard(): boolean {
    return this.#inline.some((participant) => typeof participant.onEventsChanged === 'function');
  }

  /** Tells who hears of commits that events have come or gone, or are others. */
  tell(events: readonly NotifiedEvent[]): void {
    for (const participant of this.#inline) callListener(() => participant.onEventsChanged?.(events));
  }
}

/** Whether the store has failed, and not what was asked of it. */
function isOfStore(error: unknown): boolean {
  return error instanceof OperationalError && error.details['reason'] !== STATEMENT_REASON;
}
