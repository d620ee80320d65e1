/**
 * Pages of a server's log, to test who stores them.
 *
 * @module
 */
import { v4 as uuidV4 } from 'uuid';
import type { StoredEvent } from '../../persistence/stored-event.js';
import type { ConfirmedUnit, Cursor, Unit, UnitPage } from '../../persistence/unit.js';
import type { UnitRecorder } from '../../persistence/unit-recorder.js';

/** What is said of a unit where it matters. */
export type SampleUnit = Pick<Unit, 'events'> & Partial<ConfirmedUnit>;

/** The log that a store follows, from where the store stands. */
export class LogPages {
  #cursor: Cursor;
  #position: number;

  constructor(cursor: Cursor, position: number) {
    this.#cursor = cursor;
    this.#position = position;
  }

  /** Goes on from where a store stands. */
  static async after(recorder: UnitRecorder): Promise<LogPages> {
    const { cursor, position } = await recorder.syncProgress();
    return new LogPages(cursor, position);
  }

  get cursor(): Cursor {
    return this.#cursor;
  }

  /** The next page, of these units. */
  next(...units: readonly SampleUnit[]): UnitPage {
    const from = this.#cursor;
    const confirmed = units.map((unit) => this.#confirmed(unit));
    this.#cursor = `${this.#position}-${uuidV4()}`;
    return { from, to: this.#cursor, position: this.#position, head: this.#position, units: confirmed };
  }

  #confirmed(unit: SampleUnit): ConfirmedUnit {
    // No more than a unit has: it may be one of the store's own, with its place there.
    const {
      events,
      id = uuidV4(),
      edition,
      isCommutative = false,
      scopes = [],
      total = events.length,
      position,
    } = unit;
    this.#position = position ?? this.#position + total;
    const origin = { author: 'somebody', recordedAtMs: 1_700_000_000_000 + this.#position, seal: sealOf(events) };
    const named = edition === undefined ? { id } : { id, edition };
    return { ...named, events, isCommutative, scopes, position: this.#position, total, origin: unit.origin ?? origin };
  }
}

function sealOf(events: readonly StoredEvent[]): Uint8Array {
  return Uint8Array.from(events, ({ originatorVersion }) => originatorVersion & 255);
}
