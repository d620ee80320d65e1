/**
 * What aggregates that are objects stand in: as they were loaded, or since they were saved.
 *
 * @module
 */
import type { DecidedOn } from '../../persistence/past.js';

/** Remembers it for as long as somebody has the object. */
export class ObjectEditions {
  readonly #editions = new WeakMap<object, DecidedOn['edition']>();

  of(aggregate: object): DecidedOn['edition'] | undefined {
    return this.#editions.get(aggregate);
  }

  /** @param edition - undefined where what was recorded stays as it is */
  set(aggregate: object, edition: DecidedOn['edition'] | undefined): void {
    if (edition === undefined) this.#editions.delete(aggregate);
    else this.#editions.set(aggregate, edition);
  }
}
