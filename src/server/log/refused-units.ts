/**
 * What a log keeps of units that did not come into it, for its operators: what was refused when it was pushed, and what was
 * lost, offered, and did not come back. Devices are told nothing of it.
 *
 * ```text
 * push ──▶ refused ──▶ the reason, for ever: the id is known       what was in it, in the list: up to a size, and for a while
 * heal ──▶ does not fit ──▶ all of it, in the list, until it fits, or somebody takes it out
 *
 * list ──allow────▶ refused: the id is not known any more, and whoever sends the unit is asked about anew
 *      │            lost: taken back, where it fits
 *      └─discard──▶ gone from the list; what was refused stays so
 * ```
 *
 * @module
 */
import type { StoredEvent } from '../../persistence/stored-event.js';
import { checkedMs, validateInteger } from '../../persistence/validation.js';
import type { RefusedPruning, RejectedRow } from './log-storage.js';

const UNIT_BYTES_MAX_DEFAULT = 262_144;
const BYTES_MAX_DEFAULT = 67_108_864;
const KEPT_MS_DEFAULT = 90 * 24 * 3_600_000;
// So much may have come since it was last looked whether it is too much, or for so long.
const PRUNED_PART = 16;
const PRUNED_MS = 3_600_000;

/** What is kept of units that are refused when they are pushed. The reason is kept for ever, of whatever size. */
export interface RefusedUnitsOptions {
  /** Bytes of topics and states of one unit; a larger one is in the list without its events. @defaultValue 262,144 */
  readonly unitBytesMax?: number | undefined;
  /**
   * Likewise of all units of a log together: of the oldest ones the events are let go. Looked after from time to time, so
   * that there may be a sixteenth more for each server of the database. @defaultValue 67,108,864
   */
  readonly bytesMax?: number | undefined;
  /** Milliseconds after which one leaves the list; `Infinity` for never. @defaultValue 90 days */
  readonly keptMs?: number | undefined;
}

/** Keeps to the limits of one log. */
export class RefusedKeeping {
  readonly #unitBytesMax: number;
  readonly #bytesMax: number;
  readonly #keptMs: number;
  #bytes = Infinity;
  #prunedAtMs = 0;

  /** @throws ProgrammingError (`PROGRAMMING_ERROR`) when a limit makes no sense */
  constructor({ unitBytesMax, bytesMax, keptMs }: RefusedUnitsOptions = {}) {
    this.#unitBytesMax = unitBytesMax ?? UNIT_BYTES_MAX_DEFAULT;
    this.#bytesMax = bytesMax ?? BYTES_MAX_DEFAULT;
    validateInteger('refused.unitBytesMax', this.#unitBytesMax, 0);
    validateInteger('refused.bytesMax', this.#bytesMax, 0);
    this.#keptMs = checkedMs('refused.keptMs', keptMs ?? KEPT_MS_DEFAULT, { min: 1 });
  }

  /** What is kept of units that are refused, and whether it is to be looked what may be let go. */
  kept(
    rejected: readonly RejectedRow[],
    nowMs: number,
  ): { readonly rejected: readonly RejectedRow[]; readonly pruning: RefusedPruning | undefined } {
    const rows = rejected.map((row) => {
      const { unit, ...reason } = row;
      const bytes = unit === undefined ? 0 : sizeOfEvents(unit.events);
      this.#bytes += bytes;
      return bytes > this.#unitBytesMax ? reason : row;
    });
    const isDue = this.#bytes * PRUNED_PART >= this.#bytesMax || nowMs - this.#prunedAtMs >= PRUNED_MS;
    if (rejected.length === 0 || !isDue) return { rejected: rows, pruning: undefined };
    this.#bytes = 0;
    this.#prunedAtMs = nowMs;
    const beforeMs = Math.max(0, nowMs - this.#keptMs);
    return { rejected: rows, pruning: { beforeMs, bytesMax: this.#bytesMax } };
  }
}

function sizeOfEvents(events: readonly StoredEvent[]): number {
  return events.reduce((sum, { topic, state }) => sum + topic.length + state.length, 0);
}
