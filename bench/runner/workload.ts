/**
 * The work that every benchmark does: events of about 200 bytes of JSON state, ten to an aggregate, random ids.
 *
 * @module
 */
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import type { Random } from './random.js';

const EVENTS_PER_AGGREGATE = 10;
const TOPICS = ['stock:Item.Counted', 'stock:Item.Moved', 'stock:Item.Renamed'] as const;
const encoder = new TextEncoder();

/** Makes events one after another: aggregate by aggregate, versions 1 to 10. */
export class EventSource {
  readonly #random: Random;
  #originatorId = '';
  #originatorVersion = EVENTS_PER_AGGREGATE;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The next `count` events. */
  take(count: number): StoredEvent[] {
    return Array.from({ length: count }, () => this.#next());
  }

  #next(): StoredEvent {
    if (this.#originatorVersion === EVENTS_PER_AGGREGATE) {
      this.#originatorId = this.#random.uuid();
      this.#originatorVersion = 0;
    }
    this.#originatorVersion++;
    return {
      originatorId: this.#originatorId,
      originatorVersion: this.#originatorVersion,
      topic: TOPICS[this.#random.below(TOPICS.length)] as string,
      state: encoder.encode(this.#state()),
    };
  }

  #state(): string {
    const random = this.#random;
    return JSON.stringify({
      item: random.uuid(),
      place: `aisle-${random.below(40)}/shelf-${random.below(8)}`,
      counted: random.below(10_000),
      by: random.uuid(),
      at: new Date(1_700_000_000_000 + random.u32()).toISOString(),
      note: `pass ${random.below(9)}, by hand`,
    });
  }
}
