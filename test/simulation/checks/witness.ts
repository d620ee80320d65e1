/**
 * What somebody who sees everything remembers of a run, to be compared with what is there.
 *
 * @module
 */
import type { UnitId } from '../../../src/persistence/unit.js';
import { IDLE_COMMANDS } from '../world/stock.js';

/** A wish that was recorded, and acknowledged to whoever had it. */
export interface Acknowledged {
  readonly unit: UnitId | undefined;
  /** The device, or `beside`. */
  readonly by: string;
  /** Whether it may turn out that there is nothing to do any more. */
  readonly mayBeIdle: boolean;
  /** Nobody holds it any more, and nobody has promised that: a storage was thrown away, or two faults came together. */
  isForgiven: boolean;
  isDiscarded: boolean;
}

/** Remembers. */
export class Witness {
  readonly acknowledged = new Map<string, Acknowledged>();
  readonly #problems: string[] = [];

  /** The first thing that should not be. */
  get problem(): string | undefined {
    return this.#problems[0];
  }

  fail(problem: string): void {
    this.#problems.push(problem);
  }

  acknowledge(intent: string, by: string, type: string, unit?: UnitId): void {
    const mayBeIdle = IDLE_COMMANDS.has(type);
    this.acknowledged.set(intent, { by, unit, mayBeIdle, isForgiven: false, isDiscarded: false });
  }

  discard(intents: Iterable<string>): void {
    for (const intent of intents) {
      const acknowledged = this.acknowledged.get(intent);
      if (acknowledged !== undefined) acknowledged.isDiscarded = true;
    }
  }

  /** Wishes whose fate is owed. */
  *owed(): Generator<readonly [intent: string, acknowledged: Acknowledged]> {
    for (const [intent, acknowledged] of this.acknowledged) {
      if (!acknowledged.isForgiven && !acknowledged.isDiscarded) yield [intent, acknowledged];
    }
  }
}
