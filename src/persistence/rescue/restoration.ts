/**
 * Brings the units of stores that were lost into the store that has taken their place.
 *
 * @module
 */
import type { DurableUnits } from '../journal/durable-units.js';
import type { OriginatorId } from '../stored-event.js';
import { planRestore } from './restore-plan.js';
import type { UnitToRestore } from './restore-plan.js';

// In one record, and so in one piece of work that a commit waits for.
const RECORD_EVENTS_MAX = 500;
const RECORD_BYTES_MAX = 1024 * 1024;

/** What may be restored now. */
export interface RestoreWhen {
  /** Whether the server's log has nothing more to say: what does not fit is set aside then. */
  readonly isAtHead: boolean;
  /** Those of which something has come. @defaultValue all */
  readonly originatorIds?: ReadonlySet<OriginatorId>;
}

/** Units that wait for what they stand on. Tabs that do the same at once do no harm: a unit comes back once. */
export class Restoration {
  readonly #recorder: Pick<DurableUnits, 'change'>;
  #waiting: readonly UnitToRestore[];

  /**
   * @param recorder - of the store that they come into
   * @param units - in the order in which they were recorded
   */
  constructor(recorder: Pick<DurableUnits, 'change'>, units: readonly UnitToRestore[]) {
    this.#recorder = recorder;
    this.#waiting = units;
  }

  /** Units that are in no store yet. */
  get waitingUnits(): number {
    return this.#waiting.length;
  }

  /** Their events. */
  get waitingEvents(): number {
    return this.#waiting.reduce((sum, { events }) => sum + events.length, 0);
  }

  /** Brings back what has its place now. */
  async run({ isAtHead, originatorIds }: RestoreWhen): Promise<void> {
    const isConcerned = ({ events }: UnitToRestore): boolean =>
      isAtHead || originatorIds === undefined || events.some(({ originatorId }) => originatorIds.has(originatorId));
    for (const units of slices(this.#waiting.filter(isConcerned))) {
      const here = await this.#recorder.change((tables, nowMs, replica) =>
        planRestore({ replica, units: tables, nowMs }, units, isAtHead),
      );
      this.#waiting = this.#waiting.filter(({ id }) => !here.has(id));
    }
  }
}

function slices(units: readonly UnitToRestore[]): UnitToRestore[][] {
  const result: UnitToRestore[][] = [];
  let [eventsLeft, bytesLeft] = [0, 0];
  for (const unit of units) {
    const bytes = unit.events.reduce((sum, { state }) => sum + state.length, 0);
    eventsLeft -= unit.events.length;
    bytesLeft -= bytes;
    if (result.length === 0 || eventsLeft < 0 || bytesLeft < 0) {
      result.push([]);
      [eventsLeft, bytesLeft] = [RECORD_EVENTS_MAX - unit.events.length, RECORD_BYTES_MAX - bytes];
    }
    result.at(-1)?.push(unit);
  }
  return result;
}
