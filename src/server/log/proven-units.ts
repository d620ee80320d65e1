/**
 * Units whose seals were found sound a moment ago. After a server was set back, everybody offers the same ones: to compare
 * one with what was proven costs a tenth of a MAC over all that it says.
 *
 * @module
 */
import type { StoredEvent } from '../../persistence/stored-event.js';
import type { LostUnit, UnitId } from '../../persistence/unit.js';

// What devices are at that go through the same log at about the same pace, each in requests of a megabyte.
const UNITS_MAX = 10_000;
const BYTES_MAX = 8_388_608;

/** Remembers the last ones. */
export class ProvenUnits {
  readonly #units = new Map<UnitId, LostUnit>();
  #bytes = 0;

  /** Whether just this was proven: all that a seal covers, and the seal. */
  has(unit: LostUnit): boolean {
    const proven = this.#units.get(unit.id);
    return proven !== undefined && isSame(unit, proven);
  }

  /** Takes that a unit is sealed. Others give way to it, the oldest first. */
  add(unit: LostUnit): void {
    this.#forget(unit.id);
    this.#units.set(unit.id, unit);
    this.#bytes += bytesOf(unit);
    for (const id of this.#units.keys()) {
      if (this.#units.size <= UNITS_MAX && this.#bytes <= BYTES_MAX) break;
      this.#forget(id);
    }
  }

  #forget(id: UnitId): void {
    const unit = this.#units.get(id);
    if (unit === undefined) return;
    this.#units.delete(id);
    this.#bytes -= bytesOf(unit);
  }
}

function bytesOf({ events }: LostUnit): number {
  return events.reduce((sum, { topic, state }) => sum + topic.length + state.length, 0);
}

function isSame(one: LostUnit, other: LostUnit): boolean {
  return (
    one.edition === other.edition &&
    one.isCommutative === other.isCommutative &&
    one.position === other.position &&
    one.total === other.total &&
    one.origin.author === other.origin.author &&
    one.origin.recordedAtMs === other.origin.recordedAtMs &&
    isEqual(one.origin.seal, other.origin.seal) &&
    isEqual(one.scopes, other.scopes) &&
    isEqual(one.after, other.after) &&
    one.events.length === other.events.length &&
    one.events.every((event, index) => isSameEvent(event, other.events[index] as StoredEvent))
  );
}

function isSameEvent(one: StoredEvent, other: StoredEvent): boolean {
  return (
    one.originatorId === other.originatorId &&
    one.originatorVersion === other.originatorVersion &&
    one.topic === other.topic &&
    isEqual(one.state, other.state)
  );
}

function isEqual<T>(one: ArrayLike<T>, other: ArrayLike<T>): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false;
  return true;
}
